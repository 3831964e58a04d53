"""Volumes whose beginning is wiped, opened by the copy that the file system itself keeps of it.

Sources: Linux-NTFS documentation, "$Boot" (the copy is the volume's last sector, one behind the total it states);
Microsoft FAT specification 1.03, BPB_BkBootSec (sector 6); Microsoft exFAT specification, section 2 (backup boot region
from sector 12); kernel documentation, ext4, "Super Block" (copies at the start of group 1).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.exfat_sets import parse_exfat_boot
from pipeline.access.fat_boot import recognise_fat
from pipeline.access.interfaces import Readable
from pipeline.access.overlay import Forgiving, Overlay
from pipeline.access.signatures import recognise
from pipeline.errors import ParseError

__all__ = ["Backup", "find_backup", "restored"]

_SECTORS: Final = (512, 1024, 2048, 4096)
_FAT_BACKUP: Final = 6
_EXFAT_REGION: Final = 12
_EXT_SUPER: Final = 1024
_EXT_MAGIC: Final = b"\x53\xef"
_EXT_64BIT: Final = 0x80
_EXT_PLACES: Final = 12  # bytes of a descriptor that say where the group's bitmaps and inodes lie
_EXT_FLAGS: Final = 18
_MAX_DESCRIPTORS: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A copy of a volume's beginning: where it lies, in bytes from the volume's start, and what it puts back."""

    file_system: str
    at: int
    patches: tuple[tuple[int, bytes], ...]


def restored(data: Readable) -> Readable:
    """Return a volume's bytes with its beginning put back from the copy, where it is wiped and the copy is good."""
    backup = find_backup(data)
    return data if backup is None else Overlay(data, backup.patches)


def find_backup(data: Readable) -> Backup | None:
    """Return the copy that opens a volume whose beginning is none; None where it needs none, or has none."""
    view = Forgiving(data)
    if _begins(view):
        return None
    return next(iter(_copies(view)), None)


def _begins(data: Readable) -> bool:
    """Tell whether the volume's own beginning is sound."""
    head, known = data.read(0, 512), recognise(data)
    if known is None:
        return recognise_fat(head)
    if known.name == "NTFS":
        return _ntfs_sound(head, data.size)
    return known.name != "exFAT" or _exfat_sound(head, data.size)


def _copies(data: Readable) -> Iterator[Backup]:
    for sector in _SECTORS:
        yield from _ntfs_copy(data, sector)
        yield from _exfat_copy(data, sector)
        yield from _fat_copy(data, sector)
    for log_block in (0, 1, 2):
        yield from _ext_copy(data, 1024 << log_block)


def _ntfs_copy(data: Readable, sector: int) -> Iterator[Backup]:
    at = (data.size // sector - 1) * sector
    raw = data.read(at, sector) if at > 0 else b""
    if not _ntfs_sound(raw, data.size) or raw[510:512] != b"\x55\xaa":
        return
    size, (total,) = int.from_bytes(raw[11:13], "little"), struct.unpack_from("<Q", raw, 40)
    if size == sector and total * sector == at:
        yield Backup(file_system="NTFS", at=at, patches=((0, raw),))


def _ntfs_sound(raw: bytes, size: int) -> bool:
    if len(raw) < 512 or raw[3:11] != b"NTFS    ":
        return False
    sector = int.from_bytes(raw[11:13], "little")
    total, mft = int.from_bytes(raw[40:48], "little"), int.from_bytes(raw[48:56], "little")
    code = raw[13]
    per_cluster = 1 << (256 - code) if code > 128 else code
    if sector not in _SECTORS or not per_cluster or per_cluster & (per_cluster - 1):
        return False
    return 0 < total <= size // sector + 1 and 0 < mft * per_cluster < total


def _exfat_copy(data: Readable, sector: int) -> Iterator[Backup]:
    at = _EXFAT_REGION * sector
    raw = data.read(at, _EXFAT_REGION * sector)
    if _exfat_sound(raw[:512], data.size) and raw[510:512] == b"\x55\xaa" and 1 << raw[108] == sector:
        yield Backup(file_system="exFAT", at=at, patches=((0, raw),))


def _exfat_sound(raw: bytes, size: int) -> bool:
    try:
        parse_exfat_boot(raw, size)
    except ParseError:
        return False
    return True


def _fat_copy(data: Readable, sector: int) -> Iterator[Backup]:
    at = _FAT_BACKUP * sector
    raw = data.read(at, sector)
    if not recognise_fat(raw) or raw[510:512] != b"\x55\xaa":
        return
    size, place = int.from_bytes(raw[11:13], "little"), int.from_bytes(raw[50:52], "little")
    if size == sector and place == _FAT_BACKUP and raw[82:87] == b"FAT32":
        yield Backup(file_system="FAT32", at=at, patches=((0, raw),))


def _ext_copy(data: Readable, block: int) -> Iterator[Backup]:
    """Yield group 1's super block and descriptors: a group has as many blocks as a block has bits."""
    first = 1 if block == 1024 else 0
    at = (first + 8 * block) * block
    raw = bytearray(data.read(at, 1024))
    if len(raw) < 1024 or raw[56:58] != _EXT_MAGIC:
        return
    (blocks,), (stated_first, log_block) = struct.unpack_from("<I", raw, 4), struct.unpack_from("<II", raw, 20)
    (per_group,), (group,) = struct.unpack_from("<I", raw, 32), struct.unpack_from("<H", raw, 90)
    if (stated_first, 1024 << min(log_block, 6), per_group, group) != (first, block, 8 * block, 1):
        return
    (incompatible,), (descriptor,) = struct.unpack_from("<I", raw, 96), struct.unpack_from("<H", raw, 254)
    size = max(descriptor, 32) if incompatible & _EXT_64BIT else 32
    length = min(-(-(blocks - first) // per_group) * size, _MAX_DESCRIPTORS)
    raw[90:92] = bytes(2)
    patches = [(_EXT_SUPER, bytes(raw))]
    own, copy = data.read((first + 1) * block, length), data.read(at + block, length)
    if own[:_EXT_PLACES] != copy[:_EXT_PLACES]:
        patches.append(((first + 1) * block, _without_flags(copy, size)))
    yield Backup(file_system="ext", at=at, patches=tuple(patches))


def _without_flags(table: bytes, size: int) -> bytes:
    """Return group descriptors that call no group unused: the kernel does not keep the flags of the copies current."""
    descriptors = bytearray(table)
    for at in range(_EXT_FLAGS, len(descriptors) - 1, size):
        descriptors[at : at + 2] = bytes(2)
    return bytes(descriptors)
