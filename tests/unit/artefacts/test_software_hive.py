"""What the SOFTWARE hive says, on built keys."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta

import pytest

from pipeline.artefacts import Action, Event
from tests.builders import regf
from tests.builders.evtx import filetime
from tests.unit.artefacts.hives import DAMAGES, WHEN, Keys, audit, binary, built, events, read

NT = "Microsoft\\Windows NT\\CurrentVersion"
DISK = "{53f56307-b6bf-11d0-94f2-00a0c91efb8b}"
STICK = f"_??_USBSTOR#Disk&Ven_ACME&Prod_Flash&Rev_1.00#AB12CD34&0#{DISK}"


def of(keys: Keys) -> list[Event]:
    return events("software-hive", keys)


def system_time(when: datetime) -> bytes:
    return struct.pack("<8H", when.year, when.month, 0, when.day, when.hour, when.minute, when.second, 0)


def test_the_readyboost_key_binds_device_serial_label_and_volume_serial() -> None:
    tested = binary("LastTestedTime", struct.pack("<Q", filetime(WHEN)))
    (event,) = of({f"{NT}\\EMDMgmt\\{STICK}KYUFU_DATA_{0x12345678}": [tested]})
    assert (event.device, event.time, event.action) == ("AB12CD34", WHEN, Action.VOLUME_MOUNTED)
    assert event.detail["volume_serial"] == "12345678"
    assert event.detail["volume_label"] == "KYUFU_DATA"


def test_a_readyboost_key_without_a_test_has_no_time() -> None:
    (event,) = of({f"{NT}\\EMDMgmt\\{STICK}_{0xFFFFFFFF}": []})
    assert (event.time, event.detail["volume_serial"], event.subject) == (None, "FFFFFFFF", "FFFFFFFF")


def test_a_serial_that_is_none_is_left_out() -> None:
    assert of({f"{NT}\\EMDMgmt\\{STICK}_9999999999": [], f"{NT}\\EMDMgmt\\{STICK}": []}) == []


def test_the_search_service_and_portable_devices_give_labels() -> None:
    cache = "Microsoft\\Windows Search\\VolumeInfoCache\\E:"
    portable = f"Microsoft\\Windows Portable Devices\\Devices\\SWD#WPDBUSENUM#{STICK}"
    found = of({
        cache: [regf.text("VolumeLabel", "KYUFU"), regf.number("DriveType", 2)],
        portable: [regf.text("FriendlyName", "KYUFU")],
    })  # fmt: skip
    assert {(event.detail["volume_label"], event.detail["drive_type"]) for event in found} == {("KYUFU", "removable")}
    assert [(event.action, event.device) for event in found] == [
        (Action.VOLUME_MOUNTED, ""), (Action.DEVICE_CONFIGURED, "AB12CD34"),
    ]  # fmt: skip


def test_a_network_is_read_in_local_time_with_its_gateway() -> None:
    local = WHEN + timedelta(hours=9)
    found = of({
        f"{NT}\\NetworkList\\Profiles\\{{A}}": [
            regf.text("ProfileName", "home"), regf.number("NameType", 71),
            binary("DateCreated", system_time(local)), binary("DateLastConnected", system_time(local))],
        f"{NT}\\NetworkList\\Signatures\\Unmanaged\\0103": [
            regf.text("ProfileGuid", "{a}"), binary("DefaultGatewayMac", bytes.fromhex("001122334455"))],
    })  # fmt: skip
    assert [(event.time, event.time_meaning, event.zone) for event in found] == [
        (WHEN, "first joined", "local Asia/Tokyo"), (WHEN, "last joined", "local Asia/Tokyo"),
    ]  # fmt: skip
    assert found[0].detail == {"kind": "wireless", "gateway_mac": "00:11:22:33:44:55"}


def test_an_impossible_system_time_is_no_event() -> None:
    profile = f"{NT}\\NetworkList\\Profiles\\{{A}}"
    assert of({profile: [binary("DateCreated", b"\xff" * 16), binary("DateLastConnected", b"\1")]}) == []


def test_profiles_tell_owner_by_sid_and_last_load() -> None:
    high, low = divmod(filetime(WHEN), 1 << 32)
    place = f"{NT}\\ProfileList\\S-1-5-21-1-2-3-1001"
    values = [regf.text("ProfileImagePath", "C:\\Users\\kyufu"), regf.number("LocalProfileLoadTimeHigh", high),
              regf.number("LocalProfileLoadTimeLow", low)]  # fmt: skip
    known, load = of({place: values})
    assert (known.action, known.time, known.detail["account"]) == (Action.ACCOUNT_KNOWN, None, "kyufu")
    assert (load.action, load.time, load.detail["sid"]) == (Action.LOGON, WHEN, "S-1-5-21-1-2-3-1001")


def test_channels_and_policies_say_what_was_recorded() -> None:
    place = "Microsoft\\Windows\\CurrentVersion\\WINEVT\\Channels"
    found = of({
        f"{place}\\Microsoft-Windows-Partition/Diagnostic": [regf.number("Enabled", 1)],
        f"{place}\\Microsoft-Windows-PrintService/Operational": [regf.number("Enabled", 0)],
        "Policies\\Microsoft\\Windows\\PowerShell\\ScriptBlockLogging": [regf.number("EnableScriptBlockLogging", 1)],
    })  # fmt: skip
    assert {event.detail["governs"]: event.detail["state"] for event in found} == {
        "powershell-scripts": "on", "Microsoft-Windows-Partition/Diagnostic": "on",
        "Microsoft-Windows-PrintService/Operational": "off",
    }  # fmt: skip
    assert {(event.action, event.detail["unchanged_since"]) for event in found} == {(Action.SETTING, WHEN.isoformat())}


def test_version_programs_and_start_commands_are_read() -> None:
    run = "Microsoft\\Windows\\CurrentVersion"
    found = of({
        NT: [regf.text("ProductName", "Windows 10 Pro"), regf.text("CurrentBuild", "19044"),
             regf.number("InstallDate", 1655773200)],
        f"{run}\\Uninstall\\Eraser": [regf.text("DisplayName", "Eraser 6.2"), regf.text("Publisher", "x")],
        f"WOW6432Node\\{run}\\Uninstall\\Drive": [regf.text("DisplayName", "Google Drive")],
        f"{run}\\Run": [regf.text("sync", "C:\\sync.exe /s")],
    })  # fmt: skip
    assert [(event.action, event.subject) for event in found] == [
        (Action.SETTING, "Windows 10 Pro"), (Action.PROGRAM_PRESENT, "Eraser 6.2"),
        (Action.PROGRAM_PRESENT, "Google Drive"), (Action.TASK_SCHEDULED, "C:\\sync.exe /s"),
    ]  # fmt: skip
    assert (found[0].time, found[1].time) == (WHEN, WHEN)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_no_damage_is_silent(damage: object) -> None:
    place = "Microsoft\\Windows\\CurrentVersion\\WINEVT\\Channels"
    data = built({f"{place}\\Channel {number}": [regf.number("Enabled", 1)] for number in range(90)})
    found = audit(read("software-hive", damage(data)))  # type: ignore[operator]
    assert found.gaps
    assert found.status in {"damaged", "unreadable"}
