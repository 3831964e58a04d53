r"""SOFTWARE: what Windows remembers of volumes: ReadyBoost, the search index, portable devices.

SOURCE: field use. ``EMDMgmt`` keys end in ``{class}LABEL_serial``, the volume's serial in decimal, ``LastTestedTime``
is a FILETIME; ``VolumeInfoCache\E:`` holds ``VolumeLabel`` and ``DriveType`` (GetDriveType, fileapi.h);
``Windows Portable Devices\Devices\<id>`` holds ``FriendlyName``, the volume's label or letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, data_of, keys, number_of, text_of, when
from pipeline.artefacts.hive_artefact import STATE, Scene
from pipeline.artefacts.setupapi import serial_of
from pipeline.artefacts.times import from_filetime

__all__ = ["DRIVE_TYPES", "portable_devices", "search_volumes", "tested_volumes"]

DRIVE_TYPES: Final = {2: "removable", 3: "fixed", 4: "network", 5: "optical"}
_TESTED: Final = re.compile(r"(?P<device>.*\})?(?P<label>[^{}]*)_(?P<serial>\d{1,10})", re.DOTALL)
_LETTER: Final = re.compile(r"[A-Za-z]:\\?")


def device_in(name: str) -> str:
    """Return the serial of the device that a name like ``_??_USBSTOR#Disk&…#serial&0#{class}`` holds."""
    parts = [part for part in name.split("#") if part and not part.startswith("{")]
    return serial_of(parts[-1])[0] if len(parts) > 1 and "USB" in name.upper() else ""


def tested_volumes(scene: Scene) -> Iterator[Event]:
    """Yield the volumes that were tested for ReadyBoost: they bind device, serial and label."""
    place = "Microsoft\\Windows NT\\CurrentVersion\\EMDMgmt"
    for key in keys(at(scene.root, place)):
        name = key.get_name() or ""
        found = _TESTED.fullmatch(name)
        if found is None or int(found["serial"]) >= 1 << 32:
            continue
        device = device_in(found["device"] or "")
        detail: dict[str, str | int] = {"volume_serial": f"{int(found['serial']):08X}", "volume_label": found["label"]}
        if device:
            detail["drive_type"] = "removable"
        time = from_filetime(int.from_bytes(data_of(key, "LastTestedTime")[:8], "little"))
        yield Event(
            time=time, time_meaning="last tested as a cache" if time else STATE, action=Action.VOLUME_MOUNTED,
            subject=found["label"] or str(detail["volume_serial"]), place=f"{place}\\{name}", device=device,
            precision_us=1, detail=detail,
        )  # fmt: skip


def search_volumes(scene: Scene) -> Iterator[Event]:
    """Yield the last label of each letter that the search service saw."""
    place = "Microsoft\\Windows Search\\VolumeInfoCache"
    for key in keys(at(scene.root, place)):
        letter, label = key.get_name() or "", text_of(key, "VolumeLabel")
        kind = DRIVE_TYPES.get(number_of(key, "DriveType") or 0, "unknown")
        yield Event(
            time=when(key), time_meaning="label of the letter last changed", action=Action.VOLUME_MOUNTED,
            subject=f"{letter} {label}".strip(), place=f"{place}\\{letter}", precision_us=1,
            detail={"volume_label": label, "drive_type": kind, "letter": letter},
        )  # fmt: skip


def portable_devices(scene: Scene) -> Iterator[Event]:
    """Yield devices that were shown as portable: sticks, phones, cameras."""
    place = "Microsoft\\Windows Portable Devices\\Devices"
    for key in keys(at(scene.root, place)):
        name, shown = key.get_name() or "", text_of(key, "FriendlyName")
        detail: dict[str, str | int] = {"drive_type": "removable"}
        if shown:
            detail |= {"letter" if _LETTER.fullmatch(shown) else "volume_label": shown}
        yield Event(
            time=when(key), time_meaning="key last changed", action=Action.DEVICE_CONFIGURED, subject=shown or name,
            device=device_in(name), place=f"{place}\\{name}", precision_us=1, detail=detail,
        )  # fmt: skip
