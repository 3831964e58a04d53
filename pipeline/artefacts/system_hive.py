r"""The SYSTEM hive: USB storage devices in both layouts, USB devices, mounted devices, computer name.

SOURCE: DEVPKEY_Device_InstallDate (0x64), FirstInstallDate (0x65), LastArrivalDate (0x66), LastRemovalDate (0x67) of
{83da6326-97a6-4088-9453-a1923f573b29}, devpkey.h. Windows 7 keeps ``Properties\{…}\00000065\00000000``, ``Data``,
Windows 8 and later ``Properties\{…}\0065`` with an unnamed value of type 0xFFFF0010.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.hive import LOGS, at, hive_gaps, keys, opened_hive, text_of, values, written
from pipeline.artefacts.setupapi import serial_of
from pipeline.artefacts.times import Span, from_filetime
from pipeline.errors import ParseError

__all__ = ["SystemHive"]

_TIMES: Final = "{83da6326-97a6-4088-9453-a1923f573b29}"
_KINDS: Final = (
    (0x64, Action.DEVICE_CONFIGURED, "last installation"),
    (0x65, Action.DEVICE_FIRST_CONNECTED, "first installation"),
    (0x66, Action.DEVICE_CONNECTED, "last arrival"),
    (0x67, Action.DEVICE_REMOVED, "last removal"),
)

_STORAGE_SERVICES: Final = frozenset({"usbstor", "uaspstor", "wudfrd", "wudfwpdmtp"})
"""Drivers of USB mass storage, attached SCSI and portable devices; hubs, cameras and keyboards have others."""


@dataclass(slots=True)
class _Device:
    path: str
    serial: str
    detail: dict[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class SystemHive(Artefact):
    """Reads devices of the current control set. It holds last states only."""

    name: str = "system-hive"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = ("/windows/system32/config/system", "/windows/system32/config/regback/system")
    companion_suffixes: ClassVar[tuple[str, ...]] = LOGS

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield events, then the audit."""
        span, gaps, owner, status = Span(step_s=10**9), hive_gaps(candidate), "", "read"
        try:
            with opened_hive(candidate) as root:
                control = _control_set(root)
                owner = text_of(at(root, f"{control}\\Control\\ComputerName\\ComputerName"), "ComputerName")
                for event in _events(root, control):
                    span.add(event.time)
                    yield event
        except ParseError as error:
            status = "damaged" if span.records else "unreadable"
            yield Trouble("hive-damaged", str(error))
        if gaps:
            status = "damaged" if status == "read" else status
            yield Trouble("hive-incomplete", "; ".join(gap.reason for gap in gaps))
        yield Audit(
            system="Windows registry", owner=owner, first=span.first, last=span.last, records=span.records,
            gaps=tuple(gaps), enabled="unknown", state_only=True, status=status,
        )  # fmt: skip


def _control_set(root: Any) -> str:
    for name, data in values(at(root, "Select")):
        if name == "Current" and len(data) == 4:
            return f"ControlSet{struct.unpack('<I', data)[0]:03}"
    return "ControlSet001"


def _events(root: Any, control: str) -> Iterator[Event]:
    for bus in ("USBSTOR", "USB", "SCSI"):
        for device in keys(at(root, f"{control}\\Enum\\{bus}")):
            for instance in keys(device):
                if bus != "USB" or text_of(instance, "Service").lower() in _STORAGE_SERVICES:
                    yield from _device(f"{control}\\Enum\\{bus}\\{device.get_name()}", bus, instance)
    yield from _mounted(root)


def _device(parent: str, bus: str, instance: Any) -> Iterator[Event]:
    name = instance.get_name() or ""
    serial, origin = serial_of(name)
    device = _Device(f"{parent}\\{name}", serial, {"serial_origin": origin, "bus": bus})
    for value in ("FriendlyName", "ContainerID", "Service", "ParentIdPrefix"):
        text = text_of(instance, value)
        device.detail |= {value.lower(): text} if text else {}
    known = list(_device_times(device, instance))
    if not known and bus == "USBSTOR":
        time = from_filetime(written(instance))
        known = [_event(device, time, Action.DEVICE_CONFIGURED, "key last changed")]
    yield from known


def _device_times(device: _Device, instance: Any) -> Iterator[Event]:
    properties = at(instance, f"Properties\\{_TIMES}")
    if properties is None:
        return
    for number, action, meaning in _KINDS:
        modern, old = at(properties, f"{number:04X}"), at(properties, f"{number:08X}\\00000000")
        for key, name in ((modern, ""), (old, "Data")):
            data = next((raw for value, raw in values(key) if value == name and len(raw) == 8), b"")
            if data:
                # Internal disks are on the SCSI bus too, so it alone shows no connection.
                shown = Action.DEVICE_CONFIGURED if device.detail["bus"] == "SCSI" else action
                yield _event(device, from_filetime(struct.unpack("<Q", data)[0]), shown, meaning)
                break


def _event(device: _Device, time: Any, action: Action, meaning: str) -> Event:
    subject = device.detail.get("friendlyname") or device.path.rpartition("\\Enum\\")[2]
    return Event(
        time=time, time_meaning=meaning, action=action, subject=str(subject), device=device.serial,
        place=device.path, precision_us=1, detail=device.detail,
    )  # fmt: skip


def _mounted(root: Any) -> Iterator[Event]:
    for name, data in values(at(root, "MountedDevices")):
        detail: dict[str, str | int] = {"shows": "the last device that had this letter or volume; no time is kept"}
        serial = ""
        if len(data) == 12:
            signature, start = struct.unpack("<IQ", data)
            detail |= {"disk_signature": f"{signature:08X}", "partition_start": start}
        elif data[:8] == b"DMIO:ID:" and len(data) == 24:
            detail |= {"partition_guid": data[8:].hex()}
        else:
            text = data[:2000].decode("utf-16-le", "replace")
            parts = text.split("#")
            serial = serial_of(parts[2])[0] if len(parts) > 2 else ""
            detail |= {"device_path": text}
        yield Event(
            time=None, time_meaning="state without a time", action=Action.VOLUME_MOUNTED, subject=name,
            device=serial, place=f"MountedDevices\\{name}", detail=detail,
        )  # fmt: skip
