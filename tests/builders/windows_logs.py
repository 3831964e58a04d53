"""What a Windows laptop records about itself: event logs, the SYSTEM hive and setupapi.dev.log of given devices.

SOURCE: Microsoft event references for 12, 13, 104, 1102, 4624, 4634, 6005, 6006, 6013, 7036; devpkey.h for the device
times 0064–0067 of {83da6326-97a6-4088-9453-a1923f573b29}; field use of Partition/Diagnostic 1006.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tests.builders import regf
from tests.builders.evtx import Binary, Event, evtx, filetime
from tests.builders.tree import JST

__all__ = ["Device", "partition_log", "security_log", "setupapi", "system_hive", "system_log"]

COMPUTER: Final = "KYUFU-PC01"
PARTITION_GUID: Final = "{412bdff2-a8c4-470d-8f33-63fe0d8c20e2}"
EVENTLOG_GUID: Final = "{fc65ddd8-d6ef-4962-83d5-6e5cfe9ce148}"
SECURITY_GUID: Final = "{54849625-5478-4994-a5ba-3e3b0328c30d}"
KERNEL_GUID: Final = "{a68ca8b7-004f-d7b6-a698-07e2de0f1f5d}"
DEVICE_TIMES: Final = "{83da6326-97a6-4088-9453-a1923f573b29}"
INTERNAL_DISK: Final = ("NVMe", "SAMPLE NVME 256", "S0000000000000001", 256_060_514_304)
USB_BUS, NVME_BUS = 7, 17
"""STORAGE_BUS_TYPE (ntddstor.h)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A USB stick as a laptop knows it, with the pairs of times it was put in and taken out."""

    vendor: str
    product: str
    revision: str
    serial: str
    capacity: int
    mbr: bytes
    vbr: bytes
    stays: tuple[tuple[datetime, datetime], ...]

    @property
    def key(self) -> str:
        """Name of the device's key below USBSTOR."""
        return f"Disk&Ven_{self.vendor}&Prod_{self.product}&Rev_{self.revision}"


def _days(first: datetime, last: datetime) -> Iterator[datetime]:
    day = first
    while day <= last:
        yield day
        day += timedelta(days=1)


def _between(events: Sequence[Event], first: datetime, last: datetime) -> list[Event]:
    return sorted((event for event in events if first <= event.time <= last), key=lambda event: event.time)


def _kernel(when: datetime, number: int) -> Event:
    data = (("StopTime" if number == 13 else "StartTime", when.isoformat()),)
    return Event(
        time=when,
        event_id=number,
        provider="Microsoft-Windows-Kernel-General",
        guid=KERNEL_GUID,
        channel="System",
        computer=COMPUTER,
        data=data,
    )


def _eventlog(when: datetime, number: int) -> Event:
    return Event(
        time=when,
        event_id=number,
        provider="EventLog",
        channel="System",
        computer=COMPUTER,
        keywords=0x80000000000000,
        data=(("Data", str(when.date())),),
    )


def _service(when: datetime, name: str, state: str) -> Event:
    return Event(
        time=when,
        event_id=7036,
        provider="Service Control Manager",
        channel="System",
        computer=COMPUTER,
        guid="{555908d1-a6d7-4695-8e1e-26931d2012f4}",
        keywords=0x8080000000000000,
        data=(("param1", name), ("param2", state)),
    )


def cleared(when: datetime, channel: str) -> Event:
    """Return 1102 (Security) or 104 (any other log): the log was cleared."""
    number = 1102 if channel == "Security" else 104
    data = (
        ("SubjectUserSid", "S-1-5-21-1004336348-1177238915-682003330-1001"),
        ("SubjectUserName", "kyufu"),
        ("SubjectDomainName", COMPUTER),
        *(() if number == 1102 else (("Channel", channel), ("BackupPath", ""))),
    )
    return Event(
        time=when,
        event_id=number,
        provider="Microsoft-Windows-Eventlog",
        guid=EVENTLOG_GUID,
        channel=channel,
        computer=COMPUTER,
        user_data="LogFileCleared",
        data=data,
    )


def system_log(first: datetime, last: datetime, *, clear: datetime | None = None) -> bytes:
    """Return a System log that runs day and night; ``clear`` makes it begin with 104 at that time."""
    events: list[Event] = []
    for day in _days(first, last):
        morning = day.replace(hour=3, minute=2, second=11)
        events += [_eventlog(morning, 6006), _kernel(morning + timedelta(seconds=8), 13)]
        events += [_kernel(morning + timedelta(seconds=61), 12), _eventlog(morning + timedelta(seconds=75), 6005)]
        events += [_eventlog(day.replace(hour=12, minute=0, second=0), 6013)]
        for hour in range(1, 24, 2):
            when = day.replace(hour=hour, minute=17, second=hour)
            events.append(
                _service(
                    when,
                    "Windows Update" if hour % 4 == 1 else "Background Intelligent Transfer Service",
                    "running" if hour % 4 == 1 else "stopped",
                )
            )
    if clear is not None:
        return evtx([cleared(clear, "System"), *_between(events, clear, last)], first_record=1)
    return evtx(_between(events, first, last), first_record=10_421)


def security_log(first: datetime, last: datetime, *, clear: datetime | None = None) -> bytes:
    """Return a Security log with logons every second hour; ``clear`` makes it begin with 1102 at that time."""
    events = []
    for day in _days(first, last):
        for hour in range(0, 24, 2):
            when = day.replace(hour=hour, minute=31, second=5)
            for number, later in ((4624, 0), (4634, 40)):
                data = (
                    ("TargetUserSid", "S-1-5-18"),
                    ("TargetUserName", "SYSTEM"),
                    ("TargetDomainName", "NT AUTHORITY"),
                    ("TargetLogonId", 999),
                    ("LogonType", 5),
                )
                events.append(
                    Event(
                        time=when + timedelta(seconds=later),
                        event_id=number,
                        guid=SECURITY_GUID,
                        data=data,
                        provider="Microsoft-Windows-Security-Auditing",
                        channel="Security",
                        computer=COMPUTER,
                        keywords=0x8020000000000000,
                        level=0,
                    )
                )
    if clear is not None:
        return evtx([cleared(clear, "Security"), *_between(events, clear, last)], first_record=1)
    return evtx(_between(events, first, last), first_record=55_007)


def partition_log(first: datetime, last: datetime, devices: Sequence[Device]) -> bytes:
    """Return Partition/Diagnostic: 1006 of the internal disk at every boot, of each stick when it comes and goes."""
    events = []
    for day in _days(first, last):
        bus, model, serial, size = INTERNAL_DISK
        events.append(
            _disk(day.replace(hour=3, minute=3, second=20), NVME_BUS, (bus, model, "1.0", serial), size, b"", b"")
        )
    for device in devices:
        names = (device.vendor, device.product.replace("_", " "), device.revision, device.serial)
        for came, went in device.stays:
            events.append(_disk(came, USB_BUS, names, device.capacity, device.mbr, device.vbr))
            events.append(_disk(went, USB_BUS, names, 0, b"", b""))
    return evtx(_between(events, first, last), first_record=301)


def _disk(when: datetime, bus: int, names: tuple[str, str, str, str], size: int, mbr: bytes, vbr: bytes) -> Event:
    vendor, product, revision, serial = names
    data = (
        ("Version", 1),
        ("DiskNumber", 0 if bus == NVME_BUS else 1),
        ("Flags", 0),
        ("Characteristics", 256),
        ("BusType", bus),
        ("Manufacturer", vendor),
        ("Model", product),
        ("Revision", revision),
        ("SerialNumber", serial),
        ("ParentId", f"USB\\VID_04BB&PID_0C99\\{serial}" if bus == USB_BUS else "PCI\\VEN_144D&DEV_A808"),
        ("Capacity", size),
        ("BytesPerSector", 512 if size else 0),
        ("PartitionStyle", 0),
        ("PartitionCount", 1 if mbr else 0),
        ("MbrBytes", len(mbr)),
        ("Mbr", Binary(mbr)),
        ("Vbr0Bytes", len(vbr)),
        ("Vbr0", Binary(vbr)),
    )
    return Event(
        time=when,
        event_id=1006,
        provider="Microsoft-Windows-Partition",
        guid=PARTITION_GUID,
        data=data,
        channel="Microsoft-Windows-Partition/Diagnostic",
        computer=COMPUTER,
    )


def system_hive(installed: datetime, saved: datetime, devices: Sequence[Device]) -> bytes:
    """Return a SYSTEM hive: control set, time zone, computer name, USB sticks (Windows 10 layout), mounted devices."""
    root = regf.Key("ROOT", saved)
    one = struct.pack("<I", 1)
    select = [regf.Value(name, regf.DWORD, one) for name in ("Current", "Default", "LastKnownGood")]
    regf.tree(root, "Select", installed, [*select, regf.Value("Failed", regf.DWORD, bytes(4))])
    control = "ControlSet001\\Control\\"
    regf.tree(root, control + "ComputerName\\ComputerName", installed, [regf.text("ComputerName", COMPUTER)])
    bias = [regf.Value(name, regf.DWORD, struct.pack("<i", -540)) for name in ("Bias", "ActiveTimeBias")]
    zone = regf.text("TimeZoneKeyName", "Tokyo Standard Time")
    regf.tree(root, control + "TimeZoneInformation", installed, [*bias, zone])
    mounted = regf.tree(root, "MountedDevices", saved)
    mounted.values.append(regf.Value("\\DosDevices\\C:", regf.BINARY, struct.pack("<IQ", 0x5AFE0001, 2048 * 512)))
    for device in devices:
        _usb_keys(root, device)
        name = f"_??_USBSTOR#{device.key}#{device.serial}&0#{{53f56307-b6bf-11d0-94f2-00a0c91efb8b}}"
        mounted.values[:] = [item for item in mounted.values if item.name != "\\DosDevices\\E:"]
        mounted.values.append(regf.Value("\\DosDevices\\E:", regf.BINARY, name.encode("utf-16-le")))
    return regf.hive(root, name="\\SystemRoot\\System32\\Config\\SYSTEM")


def _usb_keys(root: regf.Key, device: Device) -> None:
    first, last = device.stays[0][0], device.stays[-1]
    path = f"ControlSet001\\Enum\\USBSTOR\\{device.key}\\{device.serial}&0"
    label = f"{device.vendor} {device.product.replace('_', ' ')} USB Device"
    values = [
        regf.text("DeviceDesc", "@disk.inf,%disk_devdesc%;Disk drive"),
        regf.text("Service", "disk"),
        regf.text("FriendlyName", label),
        regf.text("ClassGUID", "{4d36e967-e325-11ce-bfc1-08002be10318}"),
        regf.text("ContainerID", "{" + f"{sum(device.serial.encode()):08x}" + "-0000-5000-8000-000000000000}"),
    ]
    regf.tree(root, path, last[0], values)
    for number, when in (("0064", first), ("0065", first), ("0066", last[0]), ("0067", last[1])):
        data = struct.pack("<Q", filetime(when))
        regf.tree(
            root, f"{path}\\Properties\\{DEVICE_TIMES}\\{number}", when, [regf.Value("", regf.FILETIME_PROPERTY, data)]
        )
    regf.tree(
        root,
        f"ControlSet001\\Enum\\USB\\VID_04BB&PID_0C99\\{device.serial}",
        last[0],
        [regf.text("Service", "USBSTOR")],
    )


def setupapi(started: datetime, devices: Sequence[Device]) -> bytes:
    """Return setupapi.dev.log (local times): the section of every stick's first connection."""
    lines = ["[Device Install Log]", "     OS Version = 10.0.19044", "     Service Pack = 0.0", "", "[BeginLog]", ""]
    lines += _section("Device Install (DiInstallDriver) - C:\\Windows\\INF\\netrtwlane.inf", started)
    for device in sorted(devices, key=lambda item: item.stays[0][0]):
        name = f"USBSTOR\\{device.key}\\{device.serial}&0"
        lines += _section(f"Device Install (Hardware initiated) - {name}", device.stays[0][0])
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def _section(title: str, when: datetime) -> list[str]:
    local = when.astimezone(JST)
    begin, end = (
        f"{moment:%Y/%m/%d %H:%M:%S}.{number:03}"
        for moment, number in ((local, 214), (local + timedelta(seconds=1), 806))
    )
    return [
        f">>>  [{title}]",
        f">>>  Section start {begin}",
        "     dvi: {Plug and Play Service: Device Install}",
        "<<<  Section end " + end,
        "<<<  [Exit status: SUCCESS]",
        "",
    ]
