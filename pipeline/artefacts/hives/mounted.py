r"""SYSTEM: MountedDevices, which letter or volume belonged last to which device.

SOURCE: field use; 12 bytes are the disk signature of the MBR (offset 440) and the partition's start in bytes,
``DMIO:ID:`` goes before the GUID of a GPT partition, anything else is a device path in UTF-16.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, values
from pipeline.artefacts.hive_artefact import Scene, state
from pipeline.artefacts.setupapi import serial_of

__all__ = ["mounted_devices"]

_SHOWS = "the last device that had this letter or volume; no time is kept"


def mounted_devices(scene: Scene) -> Iterator[Event]:
    """Yield one event per letter and volume."""
    for name, data in values(at(scene.root, "MountedDevices")):
        detail: dict[str, str | int] = {"shows": _SHOWS}
        serial = ""
        if len(data) == 12:
            signature, start = struct.unpack("<IQ", data)
            detail |= {"disk_signature": f"{signature:08X}", "partition_start": start}
        elif data[:8] == b"DMIO:ID:" and len(data) == 24:
            detail |= {"partition_guid": str(uuid.UUID(bytes_le=data[8:]))}
        else:
            text = data[:2000].decode("utf-16-le", "replace")
            parts = text.split("#")
            serial = serial_of(parts[2])[0] if len(parts) > 2 else ""
            detail |= {"device_path": text}
            if serial and "USBSTOR" in parts[0].upper():
                detail |= {"drive_type": "removable"}
        yield state(Action.VOLUME_MOUNTED, name, f"MountedDevices\\{name}", detail, device=serial)
