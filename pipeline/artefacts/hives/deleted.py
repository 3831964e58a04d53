"""SYSTEM and NTUSER.DAT: keys of devices and volumes that were deleted and can still be read.

Windows deletes such keys too (devices that were not there for long, upgrades), so their deletion alone is no act.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at
from pipeline.artefacts.hive_artefact import Scene
from pipeline.artefacts.hive_cells import DeletedKey, deleted_keys
from pipeline.artefacts.hives.devices import serial_in

__all__ = ["deleted_devices", "deleted_mounts"]

_DEVICE: Final = re.compile(
    r"(?:.*\\)?(?:Enum\\)?(?:USBSTOR\\[^\\]+|SWD\\WPDBUSENUM|STORAGE\\Volume|\{[0-9a-f-]{36}\})\\([^\\]*)",
    re.IGNORECASE,
)
_NAMES: Final = re.compile(r"(?:_\?\?_USBSTOR#|##\?#(?:STORAGE#VOLUME#_\?\?_)?USBSTOR#|##\?#USB#VID_).*", re.IGNORECASE)
_MOUNT: Final = re.compile(r"(?:.*\\)?MountPoints2\\(\{[0-9a-f-]{36}\}|##[^\\]+)", re.IGNORECASE)
_SHOWS: Final = "the key was deleted, by the system or by a tool"


def deleted_devices(scene: Scene) -> Iterator[Event]:
    """Yield deleted keys of USB storage: instances below USBSTOR, portable volumes, links of classes."""
    for key in _gone(scene):
        found = _DEVICE.fullmatch(key.path)
        name = found[1] if found is not None else key.path.rpartition("\\")[2]
        if "USBSTOR" in key.path.upper() and (found is not None or _NAMES.fullmatch(name)):
            serial, origin = serial_in(name)
            yield _event(scene, key, Action.DEVICE_CONFIGURED, device=serial, detail={"serial_origin": origin})


def deleted_mounts(scene: Scene) -> Iterator[Event]:
    """Yield deleted keys of volumes and shares that a user saw."""
    for key in _gone(scene):
        found = _MOUNT.fullmatch(key.path)
        if found is not None:
            share = found[1].startswith("##")
            detail: dict[str, str | int] = {"host": found[1].strip("#").split("#")[0]} if share else {}
            detail |= {} if share else {"volume_guid": found[1]}
            yield _event(
                scene, key, Action.SHARE_ACCESSED if share else Action.VOLUME_MOUNTED, device="", detail=detail
            )


def _gone(scene: Scene) -> Iterator[DeletedKey]:
    """Yield deleted keys that do not stand elsewhere in the hive, each once."""
    known: set[tuple[str, str]] = set()
    for key in deleted_keys(scene.content) if scene.content is not None else ():
        same = (key.path, str(key.time))
        if same not in known and not (key.whole and at(scene.root, key.path) is not None):
            known.add(same)
            yield key


def _event(scene: Scene, key: DeletedKey, action: Action, *, device: str, detail: dict[str, str | int]) -> Event:
    detail |= {"state": "deleted", "shows": _SHOWS, "path": "whole" if key.whole else "in part"}
    return Event(
        time=key.time, time_meaning="deleted key last changed", action=action, subject=key.path.rpartition("\\")[2],
        place=f"deleted at {key.offset}: {key.path}", precision_us=1, actor="" if device else scene.owner,
        device=device, detail=detail,
    )  # fmt: skip
