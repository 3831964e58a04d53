r"""SYSTEM: USB storage devices in both layouts, USB, SCSI and portable devices, and the links of their classes.

SOURCE: DEVPKEY_Device_InstallDate (0x64), FirstInstallDate (0x65), LastArrivalDate (0x66), LastRemovalDate (0x67) of
{83da6326-97a6-4088-9453-a1923f573b29}, devpkey.h. Windows 7 keeps ``Properties\{…}\00000065\00000000``, ``Data``,
Windows 8 and later ``Properties\{…}\0065`` with an unnamed value of type 0xFFFF0010. GUID_DEVINTERFACE_DISK
{53f56307-…}, _VOLUME {53f5630d-…} (ntddstor.h), _USB_DEVICE {a5dcbf10-…} (usbiodef.h), _WPD {6ac27878-…}
(wpdapi.h); the keys of DeviceClasses are named ``##?#BUS#id#serial#{class}``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, keys, text_of, values, when
from pipeline.artefacts.hive_artefact import Scene, state
from pipeline.artefacts.setupapi import serial_of
from pipeline.artefacts.times import from_filetime

__all__ = ["STORAGE_SERVICES", "device_classes", "device_containers", "devices", "serial_in"]

_TIMES: Final = "{83da6326-97a6-4088-9453-a1923f573b29}"
_KINDS: Final = (
    (0x64, Action.DEVICE_CONFIGURED, "last installation"),
    (0x65, Action.DEVICE_FIRST_CONNECTED, "first installation"),
    (0x66, Action.DEVICE_CONNECTED, "last arrival"),
    (0x67, Action.DEVICE_REMOVED, "last removal"),
)
STORAGE_SERVICES: Final = frozenset({"usbstor", "uaspstor", "wudfrd", "wudfwpdmtp"})
"""Drivers of USB mass storage, attached SCSI and portable devices; hubs, cameras and keyboards have others."""
_BUSES: Final = ("USBSTOR", "USB", "SCSI", "SWD\\WPDBUSENUM", "WpdBusEnumRoot\\UMB", "STORAGE\\Volume")
_CLASSES: Final = {
    "{53f56307-b6bf-11d0-94f2-00a0c91efb8b}": "disk",
    "{53f5630d-b6bf-11d0-94f2-00a0c91efb8b}": "volume",
    "{a5dcbf10-6530-11d2-901f-00c04fb951ed}": "usb",
    "{6ac27878-a6fa-4155-ba85-f98f491d4f33}": "portable",
    "{10497b1b-ba51-44e5-8318-a65c837b6661}": "portable",
}
_HOST: Final = "{00000000-0000-0000-ffff-ffffffffffff}"
"""The housing of what is built into the host."""
_LETTER: Final = re.compile(r"[A-Z]:\\?")
"""What a portable volume without a label is called."""
_SET: Final = re.compile(r"ControlSet\d{3}")
_MEMBERS: Final = ("USBSTOR\\", "SWD\\WPDBUSENUM\\", "STORAGE\\VOLUME\\_??_USBSTOR")
_STORAGE_LINK: Final = re.compile(r"USBSTOR#([^#]+#[^#]+)")
_MOVABLE: Final = ("USBSTOR", "USB#", "WPDBUSENUM", "UASP", "SD#", "SBP2")


@dataclass(slots=True)
class _Device:
    path: str
    bus: str
    serial: str
    detail: dict[str, str | int] = field(default_factory=dict)


def devices(scene: Scene) -> Iterator[Event]:
    """Yield the devices of the current control set, then what older sets say besides."""
    known: set[tuple[str, str, datetime | None]] = set()
    others = sorted(name for key in keys(scene.root) if _SET.fullmatch(name := key.get_name() or ""))
    for control in [scene.control, *(name for name in others if name != scene.control)]:
        for event in _of(scene.root, control):
            same = (event.place.partition("\\")[2], event.time_meaning, event.time)
            if same not in known:
                known.add(same)
                yield event


def _of(root: Any, control: str) -> Iterator[Event]:
    housings = _housings(root, control)
    for bus, place, instance in _instances(root, control):
        if bus != "USB" or text_of(instance, "Service").lower() in STORAGE_SERVICES:
            yield from _device(place, bus, instance, housings)


def _instances(root: Any, control: str) -> Iterator[tuple[str, str, Any]]:
    for bus in _BUSES:
        place = f"{control}\\Enum\\{bus}"
        for device in keys(at(root, place)):
            name = f"{place}\\{device.get_name()}"
            if bus in {"USBSTOR", "USB", "SCSI"}:
                yield from ((bus, f"{name}\\{instance.get_name()}", instance) for instance in keys(device))
            elif bus != "STORAGE\\Volume" or "USBSTOR" in name.upper():
                yield bus, name, device


def _housings(root: Any, control: str) -> dict[str, str]:
    """Return the serials of USB devices by the housing they are in; disks and volumes in it need not repeat them."""
    found: dict[str, str] = {}
    for bus, _, instance in _instances(root, control):
        housing = text_of(instance, "ContainerID") if bus == "USB" else ""
        serial, origin = serial_in(instance.get_name() or "") if housing not in {"", _HOST} else ("", "")
        if origin == "device":
            found[housing] = serial
    return found


def _device(place: str, bus: str, instance: Any, housings: dict[str, str]) -> Iterator[Event]:
    serial, origin = serial_in(instance.get_name() or "")
    housing = text_of(instance, "ContainerID")
    origin = "generated" if bus == "SCSI" else origin  # bus, target and unit, never the device's own number
    if origin != "device" and housing in housings:
        serial, origin = housings[housing], "housing"
    short = bus.rpartition("\\")[2]
    device = _Device(place, short, serial, {"serial_origin": origin, "bus": short})
    for value in ("FriendlyName", "ContainerID", "Service", "ParentIdPrefix", "DeviceDesc"):
        text = text_of(instance, value).rpartition(";")[2]
        device.detail |= {value.lower(): text} if text else {}
    label = device.detail.get("friendlyname", "")
    if short in {"WPDBUSENUM", "UMB"} and label and not _LETTER.fullmatch(str(label)):
        device.detail["volume_label"] = label
    known = list(_device_times(device, instance))
    if not known and bus not in {"USB", "SCSI"}:
        known = [_event(device, when(instance), Action.DEVICE_CONFIGURED, "key last changed")]
    yield from known


def serial_in(name: str) -> tuple[str, str]:
    """Return the serial in an instance id; of volumes and links that name a device, the device's."""
    parts = name.split("#")
    if parts[0].startswith("{"):
        return "", "none"  # a volume of a partition table: its identifier and place, no device
    while len(parts) > 1 and parts[-1].startswith("{"):
        parts.pop()
    return serial_of(parts[-1])


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
                inside = device.bus == "SCSI" and device.detail["serial_origin"] != "housing"
                shown = Action.DEVICE_CONFIGURED if inside else action
                yield _event(device, from_filetime(struct.unpack("<Q", data)[0]), shown, meaning)
                break


def _event(device: _Device, time: datetime | None, action: Action, meaning: str) -> Event:
    subject = device.detail.get("friendlyname") or device.path.rpartition("\\Enum\\")[2]
    return Event(
        time=time, time_meaning=meaning, action=action, subject=str(subject), device=device.serial,
        place=device.path, precision_us=1, detail=device.detail,
    )  # fmt: skip


def device_classes(scene: Scene) -> Iterator[Event]:
    """Yield the links of removable disks, volumes and portable devices; their keys change when they are prepared.

    ``device_key`` is ``missing`` where the stick that a link names has no key of its own any more: one was removed.
    """
    present = {
        (device.get_name() or "").upper() + "#" + (instance.get_name() or "").upper()
        for device in keys(at(scene.root, f"{scene.control}\\Enum\\USBSTOR")) for instance in keys(device)
    }  # fmt: skip
    for guid, kind in _CLASSES.items():
        place = f"{scene.control}\\Control\\DeviceClasses\\{guid}"
        for link in keys(at(scene.root, place)):
            name = link.get_name() or ""
            if not any(word in name.upper() for word in _MOVABLE):
                continue
            serial, origin = serial_in(name)
            known = _STORAGE_LINK.search(name.upper())
            held = {} if known is None else {"device_key": "present" if known[1] in present else "missing"}
            yield Event(
                time=when(link), time_meaning="device class key last changed", action=Action.DEVICE_CONFIGURED,
                subject=name, device=serial, place=f"{place}\\{name}", precision_us=1,
                detail={"serial_origin": origin, "device_class": kind, **held},
            )  # fmt: skip


def device_containers(scene: Scene) -> Iterator[Event]:
    """Yield the members of each housing: they join a stick's disk, volumes and portable view."""
    place = f"{scene.control}\\Control\\DeviceContainers"
    for container in keys(at(scene.root, place)):
        guid = container.get_name() or ""
        for name, _ in values(at(container, f"BaseContainers\\{guid}")):
            if name.upper().startswith(_MEMBERS):
                serial, origin = serial_in(name)
                detail: dict[str, str | int] = {"serial_origin": origin, "containerid": guid}
                yield state(Action.DEVICE_CONFIGURED, name, f"{place}\\{guid}\\{name}", detail, device=serial)
