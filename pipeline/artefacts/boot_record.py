"""What a volume boot record says of its volume: serial, label, kind.

SOURCE: Microsoft FAT specification 1.03 (BS_VolID, BS_VolLab), Microsoft exFAT specification 3.1.11, NTFS boot sector.
"""

from __future__ import annotations

import struct

__all__ = ["describe_boot_record"]


def describe_boot_record(raw: bytes) -> dict[str, str]:
    """Return ``volume_serial`` (8 upper-case hex digits), ``volume_label`` and ``file_system``; empty if unknown."""
    if len(raw) < 128:
        return {}
    if raw[3:11] == b"EXFAT   ":
        return _described("exfat", raw, 100)
    if raw[3:11] == b"NTFS    ":
        return _described("ntfs", raw, 72)
    if raw[82:87] == b"FAT32":
        return _described("fat32", raw, 67, 71)
    if raw[54:57] == b"FAT":
        return _described("fat", raw, 39, 43)
    return {}


def _described(kind: str, raw: bytes, serial: int, label: int = 0) -> dict[str, str]:
    (number,) = struct.unpack_from("<I", raw, serial)
    found = {"file_system": kind, "volume_serial": f"{number:08X}"}
    name = raw[label : label + 11].rstrip(b" \0").decode("cp932", "replace") if label else ""
    return found | ({"volume_label": name} if name and name != "NO NAME" else {})
