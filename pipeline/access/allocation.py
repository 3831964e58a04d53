"""Which blocks a file system holds allocated: NTFS's $Bitmap, ext's block bitmaps; in runs, never block by block.

Sources: [MS-FSCC]; Carrier, *File System Forensic Analysis*, chapters 12-15; the kernel's
``Documentation/filesystems/ext4`` (super block, group descriptors, ``BLOCK_UNINIT``, ``flex_bg``, ``64bit``, ``meta_bg``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from pipeline.access.interfaces import Readable
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, ExtentClass, Region, Severity, Volume, diagnose

if TYPE_CHECKING:
    from pipeline.access.tsk import TskFileSystem

__all__ = ["Blocks", "allocated_blocks", "regions_of", "runs_of_bits"]

_NTFS_BITMAP_INODE: Final = 6
_MAX_BITMAP: Final = 1 << 31
_MAX_GROUPS: Final = 1 << 22
_BLOCK_UNINIT: Final = 2
_64BIT: Final = 0x80
_META_BG: Final = 0x10
_FLEX_BG: Final = 0x200


@dataclass(frozen=True, slots=True)
class Blocks:
    """Allocated space of a volume as byte ranges from its start: ``starts`` and ``ends``, ascending and disjoint."""

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    size: int

    def overlap(self, start: int, length: int) -> int:
        """Return how many bytes of a range are allocated."""
        first = int(np.searchsorted(self.ends, start, side="right"))
        last = int(np.searchsorted(self.starts, start + length, side="left"))
        low = np.maximum(self.starts[first:last], start)
        high = np.minimum(self.ends[first:last], start + length)
        return int(np.maximum(high - low, 0).sum())

    def free(self) -> Iterator[tuple[int, int]]:
        """Yield (start, length) of what is not allocated."""
        position = 0
        for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True):
            if start > position:
                yield position, start - position
            position = end
        if position < self.size:
            yield position, self.size - position


def runs_of_bits(bits: npt.NDArray[np.uint8], block: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return byte ranges of the ones in a sequence of 0/1 values, a value per block."""
    padded = np.concatenate(([0], bits.astype(np.int8), [0]))
    edges = np.flatnonzero(np.diff(padded))
    return edges[::2] * block, edges[1::2] * block


def allocated_blocks(data: Readable, fs: TskFileSystem, volume: Volume) -> Blocks:
    """Return a volume's allocated space; where its bitmap cannot be read, all of it.

    To call everything allocated is the careful answer: unlisted space is scanned all the same, and no deleted entry is
    called intact.
    """
    try:
        if volume.file_system == "NTFS":
            return _ntfs(fs, volume)
        return _ext(data)[0]
    except (UnreadableError, struct.error, ValueError, IndexError):
        return Blocks(np.array([0], dtype=np.int64), np.array([data.size], dtype=np.int64), data.size)


def regions_of(data: Readable, fs: TskFileSystem, volume: Volume) -> Iterator[Region | Diagnostic]:
    """Yield unallocated space and structures of a direct volume, in image offsets."""
    try:
        if volume.file_system == "NTFS":
            blocks, structures = _ntfs(fs, volume), [(0, 8192, "boot")]
        else:
            blocks, structures = _ext(data)
    except (UnreadableError, struct.error, ValueError, IndexError) as error:
        message = f"{volume.address}: its allocation bitmap cannot be read ({error}); all its space counts as allocated"
        yield diagnose("entries", volume.address, "bitmap-damaged", message, Severity.WARNING)
        return
    for start, length in blocks.free():
        yield _region(volume, start, length, ExtentClass.UNALLOCATED, "free")
    for start, length, name in structures:
        yield _region(volume, start, length, ExtentClass.FILE_SYSTEM_METADATA, name)


def _region(volume: Volume, start: int, length: int, class_: str, name: str) -> Region:
    return Region(
        exhibit=volume.exhibit, volume=volume.address, start=volume.start + start,
        length=min(length, volume.length - start), class_=class_, name=name,
    )  # fmt: skip


def _ntfs(fs: TskFileSystem, volume: Volume) -> Blocks:
    raw = fs.whole(_NTFS_BITMAP_INODE, _MAX_BITMAP)
    clusters = volume.length // volume.block_size
    bits = np.unpackbits(np.frombuffer(raw, dtype=np.uint8), bitorder="little")[:clusters]
    starts, ends = runs_of_bits(bits, volume.block_size)
    return Blocks(starts, ends, len(bits) * volume.block_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Super:
    """What of ext's super block allocation needs; sizes in bytes where not said otherwise."""

    blocks: int
    block: int
    first_block: int
    per_group: int
    inodes_per_group: int
    inode_size: int
    incompatible: int
    descriptor: int

    @property
    def groups(self) -> int:
        return -(-(self.blocks - self.first_block) // self.per_group)


def _super(data: Readable) -> _Super:
    raw = data.read(1024, 1024)
    if len(raw) < 1024 or raw[56:58] != b"\x53\xef":
        raise UnreadableError("no ext super block")
    (low,) = struct.unpack_from("<I", raw, 4)
    first, log_block = struct.unpack_from("<II", raw, 20)
    per_group, _, inodes_per_group = struct.unpack_from("<III", raw, 32)
    (inode_size,) = struct.unpack_from("<H", raw, 88)
    (incompatible,) = struct.unpack_from("<I", raw, 96)
    (descriptor,) = struct.unpack_from("<H", raw, 254)
    (high,) = struct.unpack_from("<I", raw, 336)
    wide = bool(incompatible & _64BIT)
    if log_block > 6 or not per_group or not inodes_per_group:
        raise UnreadableError("impossible values in the ext super block")
    result = _Super(
        blocks=low | (high << 32 if wide else 0), block=1024 << log_block, first_block=first, per_group=per_group,
        inodes_per_group=inodes_per_group, inode_size=inode_size or 128, incompatible=incompatible,
        descriptor=max(descriptor, 32) if wide else 32,
    )  # fmt: skip
    if result.blocks * result.block > data.size + result.block or result.groups > _MAX_GROUPS:
        raise UnreadableError("the ext super block claims more than the volume holds")
    return result


def _ext(data: Readable) -> tuple[Blocks, list[tuple[int, int, str]]]:
    head = _super(data)
    if head.incompatible & _META_BG:
        raise UnreadableError("meta_bg descriptors are not read")
    table_at = (head.first_block + 1) * head.block
    table = data.read(table_at, head.groups * head.descriptor)
    bits = np.zeros(head.groups * head.per_group, dtype=np.uint8)
    inode_table = -(-head.inodes_per_group * head.inode_size // head.block) * head.block
    structures = [(0, table_at, "super block"), (table_at, -(-len(table) // head.block) * head.block, "descriptors")]
    for group in range(head.groups):
        raw = table[group * head.descriptor : (group + 1) * head.descriptor]
        bitmap, inode_bitmap, inodes, flags = _descriptor(raw)
        places = [(bitmap, head.block, "block bitmap"), (inode_bitmap, head.block, "inode bitmap")]
        places.append((inodes, inode_table, "inode table"))
        for block, length, name in places:
            if block * head.block + length > data.size:
                raise UnreadableError(f"group {group}: its {name} lies outside the volume")
            structures.append((block * head.block, length, name))
        if not flags & _BLOCK_UNINIT:
            one = np.frombuffer(data.read(bitmap * head.block, head.block), dtype=np.uint8)
            start = group * head.per_group
            values = np.unpackbits(one, bitorder="little")[: head.per_group]
            bits[start : start + len(values)] = values
    used = np.concatenate((np.ones(head.first_block, np.uint8), bits))[: head.blocks]
    for start, length, _ in structures:
        used[start // head.block : -(-(start + length) // head.block)] = 1
    starts, ends = runs_of_bits(used, head.block)
    return Blocks(starts, ends, head.blocks * head.block), structures


def _descriptor(raw: bytes) -> tuple[int, int, int, int]:
    """Return blocks of block bitmap, inode bitmap and inode table, and the flags, of a group descriptor."""
    low = struct.unpack_from("<III", raw)
    (flags,) = struct.unpack_from("<H", raw, 18)
    high = struct.unpack_from("<III", raw, 32) if len(raw) >= 64 else (0, 0, 0)
    bitmap, inode_bitmap, inodes = (value | above << 32 for value, above in zip(low, high, strict=True))
    return bitmap, inode_bitmap, inodes, flags
