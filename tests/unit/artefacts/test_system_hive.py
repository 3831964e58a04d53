"""What the SYSTEM hive says, on built keys."""

from __future__ import annotations

import struct

import pytest

from pipeline.artefacts import Action, Event
from tests.builders import regf
from tests.builders.evtx import filetime
from tests.unit.artefacts.hives import DAMAGES, WHEN, Keys, audit, binary, built, events, read, wide

CONTROL = "ControlSet001"
HOUSING = "{7eae7d43-884c-55bb-ad73-5e376022bee7}"
DISK = "{53f56307-b6bf-11d0-94f2-00a0c91efb8b}"
SELECT: Keys = {"Select": [regf.number("Current", 1), regf.number("LastKnownGood", 2)]}


def of(keys: Keys) -> list[Event]:
    return events("system-hive", SELECT | keys)


def with_action(keys: Keys, action: Action) -> list[Event]:
    return [event for event in of(keys) if event.action is action]


def test_a_portable_volume_gives_label_and_serial_of_its_stick() -> None:
    name = f"_??_USBSTOR#Disk&Ven_ACME&Prod_Flash&Rev_1.00#AB12CD34&0#{DISK}"
    (event,) = of({f"{CONTROL}\\Enum\\SWD\\WPDBUSENUM\\{name}": [regf.text("FriendlyName", "KYUFU")]})[:1]
    assert (event.device, event.detail["volume_label"], event.time) == ("AB12CD34", "KYUFU", WHEN)


def test_a_letter_is_no_label() -> None:
    name = f"_??_USBSTOR#Disk&Ven_ACME&Prod_Flash&Rev_1.00#AB12CD34&0#{DISK}"
    (event,) = of({f"{CONTROL}\\Enum\\SWD\\WPDBUSENUM\\{name}": [regf.text("FriendlyName", "E:\\")]})[:1]
    assert "volume_label" not in event.detail


def test_an_attached_scsi_disk_has_the_serial_of_the_usb_device_in_its_housing() -> None:
    times = "Properties\\{83da6326-97a6-4088-9453-a1923f573b29}\\0066"
    disk = f"{CONTROL}\\Enum\\SCSI\\Disk&Ven_ACME&Prod_T5\\4&1a2b&0&000000"
    usb = f"{CONTROL}\\Enum\\USB\\VID_04E8&PID_61F5\\S49WNV0M"
    found = of({
        usb: [regf.text("ContainerID", HOUSING), regf.text("Service", "UASPStor")],
        disk: [regf.text("ContainerID", HOUSING)],
        f"{disk}\\{times}": [regf.Value("", regf.FILETIME_PROPERTY, struct.pack("<Q", filetime(WHEN)))],
    })  # fmt: skip
    (arrival,) = [event for event in found if event.time_meaning == "last arrival"]
    assert (arrival.action, arrival.device) == (Action.DEVICE_CONNECTED, "S49WNV0M")


def test_an_internal_disk_is_no_connection() -> None:
    times = "Properties\\{83da6326-97a6-4088-9453-a1923f573b29}\\0066"
    disk = f"{CONTROL}\\Enum\\SCSI\\Disk&Ven_NVMe\\5&1&0&0"
    stamp = regf.Value("", regf.FILETIME_PROPERTY, struct.pack("<Q", filetime(WHEN)))
    assert with_action({f"{disk}\\{times}": [stamp]}, Action.DEVICE_CONNECTED) == []


def test_an_older_control_set_adds_only_what_the_current_one_no_longer_holds() -> None:
    device = "Enum\\USBSTOR\\Disk&Ven_ACME&Prod_Flash&Rev_1.00"
    found = of({
        f"ControlSet001\\{device}\\AB12CD34&0": [], f"ControlSet002\\{device}\\AB12CD34&0": [],
        f"ControlSet002\\{device}\\GONE0001&0": [],
    })  # fmt: skip
    devices = [(event.device, event.place[:13]) for event in found if event.device]
    assert devices == [("AB12CD34", "ControlSet001"), ("GONE0001", "ControlSet002")]


def test_a_link_to_a_stick_without_its_key_is_told() -> None:
    links = f"{CONTROL}\\Control\\DeviceClasses\\{DISK}\\##?#USBSTOR#Disk&Ven_ACME&Prod_Flash&Rev_1.00"
    found = of({
        f"{links}#AB12CD34&0#{DISK}": [], f"{links}#GONE0001&0#{DISK}": [],
        f"{CONTROL}\\Enum\\USBSTOR\\Disk&Ven_ACME&Prod_Flash&Rev_1.00\\AB12CD34&0": [],
    })  # fmt: skip
    assert {event.device: event.detail["device_key"] for event in found if "device_key" in event.detail} == {
        "AB12CD34": "present", "GONE0001": "missing",
    }  # fmt: skip


def test_mounted_devices_name_signature_partition_and_serial() -> None:
    path = f"\\??\\USBSTOR#Disk&Ven_ACME&Prod_Flash&Rev_1.00#AB12CD34&0#{DISK}"
    found = with_action({"MountedDevices": [
        binary("\\DosDevices\\C:", struct.pack("<IQ", 0xCAFEF00D, 1 << 20)),
        binary("\\DosDevices\\D:", b"DMIO:ID:" + bytes(range(16))),
        binary("\\DosDevices\\E:", path.encode("utf-16-le")),
    ]}, Action.VOLUME_MOUNTED)  # fmt: skip
    assert found[0].detail["disk_signature"] == "CAFEF00D"
    assert found[1].detail["partition_guid"] == "03020100-0504-0706-0809-0a0b0c0d0e0f"
    assert (found[2].device, found[2].detail["drive_type"], found[2].time) == ("AB12CD34", "removable", None)


def test_settings_say_whether_a_source_was_written_and_since_when() -> None:
    memory = f"{CONTROL}\\Control\\Session Manager\\Memory Management\\PrefetchParameters"
    found = with_action({
        f"{CONTROL}\\Control\\FileSystem": [regf.number("NtfsDisableLastAccessUpdate", 0x80000003)],
        memory: [regf.number("EnablePrefetcher", 0)],
        f"{CONTROL}\\Services\\eventlog": [regf.number("Start", 4)],
        f"{CONTROL}\\Services\\WSearch": [regf.number("Start", 2)],
    }, Action.SETTING)  # fmt: skip
    states = {str(event.detail["governs"]): event.detail.get("state") for event in found}
    assert states == {
        "control-set": None, "last-access-times": "off", "prefetch": "off", "event logs": "off", "windows-search": "on",
    }  # fmt: skip
    assert {event.detail["unchanged_since"] for event in found} == {WHEN.isoformat()}
    assert {event.time for event in found} == {None}


def test_shares_zone_shutdown_and_address_are_read() -> None:
    multi = "Path=C:\\kyufu\0Permissions=0\0\0".encode("utf-16-le")
    interface = f"{CONTROL}\\Services\\Tcpip\\Parameters\\Interfaces\\{{a}}"
    found = of({
        f"{CONTROL}\\Services\\LanmanServer\\Shares": [regf.Value("data", regf.MULTI_SZ, multi)],
        f"{CONTROL}\\Control\\TimeZoneInformation": [
            regf.text("TimeZoneKeyName", "Tokyo Standard Time"), regf.number("Bias", 0x100000000 - 540)],
        f"{CONTROL}\\Control\\Windows": [binary("ShutdownTime", struct.pack("<Q", filetime(WHEN)))],
        interface: [regf.text("DhcpIPAddress", "10.11.11.129"), regf.number("LeaseObtainedTime", 1655773200)],
    })  # fmt: skip
    by_subject = {event.subject: event for event in found}
    assert by_subject["data"].detail["path"] == "C:\\kyufu"
    assert by_subject["Tokyo Standard Time"].detail["bias_minutes"] == -540
    assert by_subject["the host was shut down"].time == WHEN
    assert (by_subject["10.11.11.129"].time, by_subject["10.11.11.129"].action) == (WHEN, Action.NETWORK_JOINED)


def test_the_moderator_gives_the_last_run_per_user() -> None:
    place = f"{CONTROL}\\Services\\bam\\State\\UserSettings\\S-1-5-21-1-2-3-1001"
    run = binary("\\Device\\HarddiskVolume3\\Tools\\7z.exe", struct.pack("<QQQ", filetime(WHEN), 0, 0))
    (event,) = with_action({place: [run, regf.number("Version", 1)]}, Action.PROGRAM_RUN)
    assert (event.time, event.actor) == (WHEN, "S-1-5-21-1-2-3-1001")


def ten(path: str) -> bytes:
    """Return an entry of Windows 10: signature, 4 bytes, size; length and path, time, size and data."""
    name = path.encode("utf-16-le")
    body = struct.pack("<H", len(name)) + name + struct.pack("<QI", filetime(WHEN), 0)
    return b"10ts" + bytes(4) + struct.pack("<I", len(body)) + body


def eight(path: str) -> bytes:
    """Return an entry of Windows 8.1: path, package, insertion and shim flags, time, data."""
    name = path.encode("utf-16-le")
    body = struct.pack("<H", len(name)) + name + struct.pack("<HIIQI", 0, 2, 0, filetime(WHEN), 0)
    return b"10ts" + bytes(4) + struct.pack("<I", len(body)) + body


def eight_zero(path: str) -> bytes:
    """Return an entry of Windows 8: path, insertion and shim flags, time, size of data."""
    name = path.encode("utf-16-le")
    body = struct.pack("<H", len(name)) + name + struct.pack("<IIQI", 2, 0, filetime(WHEN), 0)
    return b"00ts" + bytes(4) + struct.pack("<I", len(body)) + body


def seven(path: str, *, wide_: bool) -> bytes:
    """Return a cache of Windows 7 with two entries of one path, for 32 or 64 bits."""
    name, size = path.encode("utf-16-le"), 48 if wide_ else 32
    place = 128 + 2 * size
    layout = "<HHxxxxQQIIQQ" if wide_ else "<HHIQIIII"
    entry = struct.pack(layout, len(name), len(name) + 2, place, filetime(WHEN), 2, 0, 0, 0)
    return struct.pack("<II", 0xBADC0FEE, 2).ljust(128, b"\0") + entry * 2 + name + b"\0\0"


def vista(path: str, *, wide_: bool) -> bytes:
    """Return a cache of 2003 or Vista with two entries of one path, for 32 or 64 bits."""
    name, size = path.encode("utf-16-le"), 32 if wide_ else 24
    layout = "<HHxxxxQQQ" if wide_ else "<HHIQQ"
    entry = struct.pack(layout, len(name), len(name) + 2, 8 + 2 * size, filetime(WHEN), 77824)
    return struct.pack("<II", 0xBADC0FFE, 2) + entry * 2 + name + b"\0\0"


def xp(path: str) -> bytes:
    """Return a cache of Windows XP with one entry."""
    entry = wide(path).ljust(528, b"\0") + struct.pack("<QQQ", filetime(WHEN), 5, filetime(WHEN))
    return struct.pack("<II", 0xDEADBEEF, 1).ljust(400, b"\0") + entry


@pytest.mark.parametrize(
    ("cache", "flag"),
    [
        (struct.pack("<I", 0x34).ljust(0x34, b"\0") + ten("C:\\a\\sdelete.exe"), None),
        (struct.pack("<I", 0x30).ljust(0x30, b"\0") + ten("C:\\a\\sdelete.exe"), None),
        (struct.pack("<I", 0x80).ljust(0x80, b"\0") + eight("C:\\a\\sdelete.exe"), "yes"),
        (struct.pack("<I", 0x80).ljust(0x80, b"\0") + eight_zero("C:\\a\\sdelete.exe"), "yes"),
        (seven("C:\\a\\sdelete.exe", wide_=True), "yes"),
        (seven("C:\\a\\sdelete.exe", wide_=False), "yes"),
        (vista("C:\\a\\sdelete.exe", wide_=True), None),
        (vista("C:\\a\\sdelete.exe", wide_=False), None),
        (xp("C:\\a\\sdelete.exe"), None),
    ],
    ids=["11", "10", "8.1", "8", "7 of 64 bits", "7 of 32 bits", "Vista of 64 bits", "Vista of 32 bits", "XP"],
)
def test_every_layout_of_the_program_cache_gives_path_and_time_of_the_file(cache: bytes, flag: str | None) -> None:
    place = f"{CONTROL}\\Control\\Session Manager\\AppCompatCache"
    found = with_action({place: [binary("AppCompatCache", cache)]}, Action.PROGRAM_PRESENT)
    assert {event.subject for event in found} == {"C:\\a\\sdelete.exe"}
    assert {(event.time, event.detail.get("executed_flag")) for event in found} == {(WHEN, flag)}


@pytest.mark.parametrize("cut", [0x34 + 20, 0x34 + 60])
def test_a_cut_program_cache_is_a_gap_and_the_rest_is_read(cut: int) -> None:
    cache = struct.pack("<I", 0x34).ljust(0x34, b"\0") + ten("C:\\a.exe") + ten("C:\\b.exe")
    place = f"{CONTROL}\\Control\\Session Manager\\AppCompatCache"
    facts = read("system-hive", built(SELECT | {place: [binary("AppCompatCache", cache[:cut])]}))
    assert audit(facts).status == "damaged"
    assert audit(facts).gaps[0].reason.startswith("shim cache: ")
    assert any(isinstance(fact, Event) and fact.subject == "control set 1" for fact in facts)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_no_damage_is_silent(damage: object) -> None:
    data = built(SELECT | {"MountedDevices": [binary(f"\\??\\Volume{number}", bytes(12)) for number in range(200)]})
    facts = read("system-hive", damage(data))  # type: ignore[operator]
    assert audit(facts).gaps
    assert audit(facts).status in {"damaged", "unreadable"}
