"""What records of Windows logs say, and that each damage of a log is a gap of its audit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.artefacts import Action
from pipeline.artefacts.evtx_events import KNOWN, tell
from tests.builders.evtx import CHUNK_SIZE, Event, evtx
from tests.unit.artefacts.damage import read

W = "Microsoft-Windows-"
SECURITY = f"{W}Security-Auditing"
T = datetime(2022, 6, 22, 3, 0, tzinfo=UTC)
INSTANCE = "USBSTOR\\Disk&Ven_A&Prod_B\\AB12CD34&0"
RECORDS: tuple[tuple[str, int, dict[str, str], Action, str], ...] = (
    (f"{W}UserPnp", 20001, {"DeviceInstanceID": INSTANCE}, Action.DEVICE_CONFIGURED, INSTANCE),
    (f"{W}Kernel-PnP", 410, {"DeviceInstanceId": INSTANCE}, Action.DEVICE_CONFIGURED, INSTANCE),
    (f"{W}Kernel-PnP", 1010, {"DeviceInstance": INSTANCE}, Action.DEVICE_REMOVED, INSTANCE),
    (f"{W}Ntfs", 98, {"DriveName": "E:", "DeviceName": "\\Device\\X"}, Action.VOLUME_MOUNTED, "E:"),
    (f"{W}Ntfs", 4, {"VolumeName": "E:", "DeviceSerialNumber": "AB12"}, Action.VOLUME_MOUNTED, "E:"),
    (f"{W}StorageSpaces-Driver", 207, {"DriveModel": "Flash", "DriveSerial": "AB"}, Action.DEVICE_CONNECTED, "Flash"),
    (f"{W}Storage-ClassPnP", 507, {"Model": "Flash", "SerialNumber": "AB"}, Action.DEVICE_CONFIGURED, "Flash"),
    (f"{W}DeviceSetupManager", 112, {"Prop_DeviceName": "Flash"}, Action.DEVICE_CONFIGURED, "Flash"),
    (f"{W}Partition", 1006, {"Model": "Flash", "Capacity": "0"}, Action.DEVICE_REMOVED, "Flash"),
    (f"{W}Partition", 1006, {"Model": "Flash", "Capacity": "9"}, Action.DEVICE_CONNECTED, "Flash"),
    (f"{W}Partition", 1006, {"Model": "NVMe", "Capacity": "9", "BusType": "17"}, Action.DEVICE_CONFIGURED, "NVMe"),
    (f"{W}BitLocker-API", 775, {"VolumeName": "E:"}, Action.DEVICE_CONFIGURED, "E:"),
    (f"{W}Time-Service", 35, {"TimeSource": "ntp.example"}, Action.TIME_CHECKED, "ntp.example"),
    ("User32", 1074, {"param7": "A\\tanto"}, Action.POWER, "was told to stop or restart"),
    (f"{W}Kernel-Power", 507, {}, Action.POWER, "woke"),
    (SECURITY, 4648, {"TargetUserName": "admin", "TargetServerName": "FS01"}, Action.LOGON, "admin"),
    (SECURITY, 4720, {"TargetUserName": "gast"}, Action.ACCOUNT_KNOWN, "gast"),
    (SECURITY, 4698, {"TaskName": "\\copy"}, Action.TASK_SCHEDULED, "\\copy"),
    (SECURITY, 4663, {"ObjectName": "E:\\a", "AccessMask": "0x1"}, Action.ENTRY_ACCESSED, "E:\\a"),
    (SECURITY, 4663, {"ObjectName": "E:\\a", "AccessMask": "0x6"}, Action.ENTRY_MODIFIED, "E:\\a"),
    (SECURITY, 4663, {"ObjectName": "E:\\a", "AccessMask": "0x10000"}, Action.ENTRY_DELETED, "E:\\a"),
    (SECURITY, 4656, {"ObjectName": "E:\\a", "AccessMask": "0x10000"}, Action.ENTRY_ACCESSED, "E:\\a"),
    (SECURITY, 5140, {"ShareName": "\\\\*\\zei"}, Action.SHARE_ACCESSED, "\\\\*\\zei"),
    (SECURITY, 5145, {"ShareName": "\\\\*\\zei", "RelativeTargetName": "a.csv"}, Action.SHARE_ACCESSED,
     "\\\\*\\zei\\a.csv"),
    (SECURITY, 5156, {"DestAddress": "192.0.2.1"}, Action.CONNECTION, "192.0.2.1"),
    (SECURITY, 4778, {"ClientAddress": "192.0.2.9"}, Action.REMOTE_SESSION, "192.0.2.9"),
    (f"{W}TerminalServices-LocalSessionManager", 21, {"User": "A\\b", "Address": "192.0.2.9"}, Action.REMOTE_SESSION,
     "192.0.2.9"),
    (f"{W}TerminalServices-LocalSessionManager", 21, {"User": "A\\b", "Address": "LOCAL"}, Action.LOGON, "A\\b"),
    (f"{W}TerminalServices-LocalSessionManager", 24, {"User": "A\\b", "Address": "LOCAL"}, Action.LOGOFF, "A\\b"),
    (f"{W}TerminalServices-RemoteConnectionManager", 1149, {"Param3": "192.0.2.9"}, Action.REMOTE_SESSION, "192.0.2.9"),
    (f"{W}TerminalServices-ClientActiveXCore", 1102, {"Value": "192.0.2.7"}, Action.REMOTE_SESSION, "192.0.2.7"),
    (f"{W}Eventlog", 1102, {}, Action.LOG_CLEARED, "Security"),
    ("Service Control Manager", 7045, {"ImagePath": "C:\\x.exe"}, Action.PROGRAM_PRESENT, "C:\\x.exe"),
    ("Service Control Manager", 7040, {"param1": "x", "param4": "EventLog"}, Action.AUDIT_CHANGED, "EventLog"),
    (f"{W}WLAN-AutoConfig", 8001, {"SSID": "hotspot"}, Action.NETWORK_JOINED, "hotspot"),
    (f"{W}NetworkProfile", 10000, {"Name": "hotspot"}, Action.NETWORK_JOINED, "hotspot"),
    (f"{W}Bits-Client", 60, {"url": "https://h.example/a?key=secret"}, Action.CONNECTION, "https://h.example/a"),
    (f"{W}DNS-Client", 3008, {"QueryName": "h.example"}, Action.CONNECTION, "h.example"),
    ("PowerShell", 400, {"Data": "Available\nNone\n\tHostApplication=powershell -c ls\n"}, Action.COMMAND_RUN,
     "powershell -c ls"),
    (f"{W}PowerShell", 4103, {"Payload": "CommandInvocation(Copy-Item)"}, Action.COMMAND_RUN,
     "CommandInvocation(Copy-Item)"),
    (f"{W}PrintService", 805, {"JobId": "7"}, Action.PRINTED, "7"),
    (f"{W}Windows Defender", 5001, {"Product Name": "Defender"}, Action.AUDIT_CHANGED, "Defender"),
    ("Microsoft Office 16 Alerts", 300, {"Data": "Microsoft Word\nSave a.docx?"}, Action.FILE_OPENED,
     "Microsoft Word\nSave a.docx?"),
    ("VSS", 8224, {}, Action.PROGRAM_RUN, ""),
)  # fmt: skip


@pytest.mark.parametrize(("provider", "number", "fields", "action", "subject"), RECORDS)
def test_a_record_says(provider: str, number: int, fields: dict[str, str], action: Action, subject: str) -> None:
    told = tell(provider, number, "c", fields)
    assert told is not None
    assert (told.action, told.subject) == (action, subject)


def test_every_meaning_is_told_even_without_fields() -> None:
    silent = {number for provider, number in KNOWN if tell(provider, number, "c", {}) is None}
    assert silent == {7036, 7040}


def test_only_services_that_keep_records_matter_when_they_stop() -> None:
    def stopped(name: str) -> Action | None:
        fields = {"param1": "Ereignis", "Binary": f"{name}\0".encode("utf-16-le").hex()}
        told = tell("Service Control Manager", 7036, "System", fields)
        return told.action if told is not None else None

    assert stopped("EventLog/1") is Action.LOGGING_STOPPED
    assert stopped("EventLog/4") is None
    assert stopped("Spooler/1") is None


def test_access_to_a_key_of_the_registry_is_no_file() -> None:
    assert tell(SECURITY, 4663, "c", {"ObjectName": "\\REGISTRY\\X", "ObjectType": "Key"}) is None


def test_the_removable_storage_audit_names_the_kind_of_drive() -> None:
    told = tell(SECURITY, 4663, "c", {"ObjectName": "E:\\a", "AccessMask": "0x1", "Task": "12812"})
    assert told is not None
    assert told.detail["drive_type"] == "removable"


def log(count: int = 3000) -> bytes:
    return evtx([
        Event(time=T + timedelta(minutes=number), event_id=4720, provider=SECURITY, channel="Security", computer="P",
              data=(("TargetUserName", f"u{number}"), ("TargetSid", "S-1-5-21-1-2-3-1001")))
        for number in range(count)
    ])  # fmt: skip


LOG = log()
DAMAGES: dict[str, Callable[[bytearray], bytes]] = {
    "first chunk header zeroed": lambda data: data[:4096] + bytes(512) + data[4608:],
    "a sector overwritten": lambda data: (
        data[: 4096 + CHUNK_SIZE + 8192] + b"\xaa" * 512 + data[4096 + CHUNK_SIZE + 8704 :]
    ),
    "a chunk zeroed": lambda data: data[: 4096 + CHUNK_SIZE] + bytes(CHUNK_SIZE) + data[4096 + 2 * CHUNK_SIZE :],
    "the last chunk zeroed": lambda data: data[:-CHUNK_SIZE] + bytes(CHUNK_SIZE),
    "cut to a half": lambda data: data[: len(data) // 2],
    "file header zeroed": lambda data: bytes(4096) + data[4096:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_of_a_log_is_a_gap(damage: str) -> None:
    assert len(LOG) > 4096 + 4 * CHUNK_SIZE
    events, audit, troubles = read("windows-event-log", DAMAGES[damage](bytearray(LOG)))
    assert len(events) < 3000 or damage == "file header zeroed"
    assert audit.gaps
    assert (audit.status, troubles) == ("damaged", ["event-log-damaged"])


def test_a_byte_flipped_in_each_chunk_is_a_gap_in_each() -> None:
    data = bytearray(LOG)
    chunks = (len(LOG) - 4096) // CHUNK_SIZE
    for chunk in range(chunks - 1):
        data[4096 + chunk * CHUNK_SIZE + 30000] ^= 0xFF
    _, audit, _ = read("windows-event-log", bytes(data))
    assert len(audit.gaps) == chunks - 1


def test_a_whole_log_has_no_gap() -> None:
    events, audit, troubles = read("windows-event-log", LOG)
    assert (len(events), audit.records, audit.gaps, audit.status, troubles) == (3000, 3000, (), "read", [])
