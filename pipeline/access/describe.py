"""Name, block size, serial and label of FAT and exFAT volumes, from their boot sectors.

Sources: Microsoft FAT specification 1.03, section 3 (count of clusters decides the type; BS_VolID, BS_VolLab); exFAT
specification, section 3 (BytesPerSectorShift 108, SectorsPerClusterShift 109, VolumeSerialNumber 100).
"""

from __future__ import annotations

from typing import Any, Final

from pipeline.access.interfaces import Readable

__all__ = ["describe_exfat", "describe_fat"]

_FAT12_CLUSTERS: Final = 4085


def describe_fat(data: Readable) -> dict[str, Any]:
    """Return file system, block size (bytes), serial and label of a FAT volume."""
    boot = data.read(0, 512).ljust(512, b"\0")
    sector, per_cluster = _le(boot, 11, 2), boot[13]
    table = _le(boot, 22, 2) or _le(boot, 36, 4)
    total = _le(boot, 19, 2) or _le(boot, 32, 4)
    root = -(-_le(boot, 17, 2) * 32 // max(sector, 1))
    clusters = (total - _le(boot, 14, 2) - boot[16] * table - root) // max(per_cluster, 1)
    wide = not _le(boot, 22, 2)
    name = "FAT32" if wide else "FAT12" if clusters < _FAT12_CLUSTERS else "FAT16"
    at = 67 if wide else 39
    label = boot[at + 4 : at + 15].decode("cp932", "replace").rstrip()
    return {
        "file_system": name, "block_size": sector * per_cluster, "serial": boot[at : at + 4][::-1].hex().upper(),
        "label": "" if label == "NO NAME" else label,
    }  # fmt: skip


def describe_exfat(data: Readable) -> dict[str, Any]:
    """Return file system, block size (bytes) and serial of an exFAT volume; its label is an entry, not in the boot."""
    boot = data.read(0, 512).ljust(512, b"\0")
    return {
        "file_system": "exFAT", "block_size": 1 << min(boot[108] + boot[109], 25),
        "serial": boot[100:104][::-1].hex().upper(), "label": "",
    }  # fmt: skip


def _le(raw: bytes, at: int, size: int) -> int:
    return int.from_bytes(raw[at : at + size], "little")
