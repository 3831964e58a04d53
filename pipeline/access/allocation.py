"""Which blocks a file system holds allocated: NTFS's $Bitmap, ext's block bitmaps; in runs, never block by block.

Sources: [MS-FSCC]; Carrier, *File System Forensic Analysis*, chapters 12-15; the kernel's
``Documentation/filesystems/ext4`` ("Block and inode Bitmaps").
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from pipeline.access.ext_layout import read_groups, read_layout
from pipeline.access.interfaces import Readable
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, ExtentClass, Region, Severity, Volume, diagnose

if TYPE_CHECKING:
    from pipeline.access.tsk import TskFileSystem

__all__ = ["Blocks", "allocated_blocks", "blocks_of_bitmap", "regions_of", "runs_of_bits"]

_NTFS_BITMAP_INODE: Final = 6
_NTFS_BOOT: Final = 8192
_SECTOR: Final = 512
_MAX_BITMAP: Final = 1 << 31
_PIECE: Final = 1 << 20
_MAX_CHANGES: Final = 1 << 24  # eight million stretches; each takes sixteen bytes


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

    def overlaps(self, start: npt.NDArray[np.int64], length: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return how many bytes of each range are allocated."""
        held = np.concatenate(([0], np.cumsum(self.ends - self.starts)))
        return self._below(start + length, held) - self._below(start, held)

    def _below(self, place: npt.NDArray[np.int64], held: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return how many bytes before each place are allocated; ``held`` sums the ranges up."""
        index = np.searchsorted(self.starts, place, side="right")
        inside = np.zeros(len(place), np.int64)
        if len(self.starts):
            last = np.maximum(index - 1, 0)
            inside = np.where(index > 0, np.maximum(self.ends[last] - place, 0), 0)
        below: npt.NDArray[np.int64] = held[index] - inside
        return below

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


def blocks_of_bitmap(pieces: Iterable[bytes], count: int, block: int) -> Blocks:
    """Return what a bitmap of ``count`` blocks says, lowest bit first, piece by piece: its bits are never held at once.

    Raises:
        UnreadableError: it changes more often than any volume's does.
    """
    edges: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)]
    last, at, changes = np.uint8(0), 0, 0
    for raw in pieces:
        bits = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")[: count - at]
        if not len(bits):
            break
        edges.append(np.flatnonzero(np.diff(bits, prepend=last)) + at)
        last, at, changes = bits[-1], at + len(bits), changes + len(edges[-1])
        if changes > _MAX_CHANGES:
            raise UnreadableError(f"it changes more than {_MAX_CHANGES} times")
    if last:
        edges.append(np.array([at]))
    every = np.concatenate(edges) * block
    return Blocks(every[::2], every[1::2], at * block)


def allocated_blocks(data: Readable, fs: TskFileSystem, volume: Volume) -> Blocks:
    """Return a volume's allocated space; where its bitmap cannot be read, all of it.

    To call everything allocated is the careful answer: unlisted space is scanned all the same, and no deleted entry is
    called intact.
    """
    try:
        if volume.file_system == "NTFS":
            return _ntfs(data, fs, volume)
        return _ext(data)[0]
    except (UnreadableError, struct.error, ValueError, IndexError):
        return Blocks(np.array([0], dtype=np.int64), np.array([data.size], dtype=np.int64), data.size)


def regions_of(data: Readable, fs: TskFileSystem, volume: Volume) -> Iterator[Region | Diagnostic]:
    """Yield unallocated space and structures of a direct volume, in image offsets."""
    try:
        if volume.file_system == "NTFS":
            blocks = _ntfs(data, fs, volume)
            structures = _ntfs_structures(data, blocks.size)
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


def _ntfs_structures(data: Readable, clusters_end: int) -> list[tuple[int, int, str]]:
    """Return the boot region, and its copy in the volume's last sector where that lies behind the clusters."""
    last = (data.size // _SECTOR - 1) * _SECTOR
    behind = last >= clusters_end and data.read(last + 3, 8) == b"NTFS    "
    return [(0, _NTFS_BOOT, "boot"), (last, _SECTOR, "boot copy")] if behind else [(0, _NTFS_BOOT, "boot")]


def _ntfs(data: Readable, fs: TskFileSystem, volume: Volume) -> Blocks:
    """Return the clusters that $Bitmap holds; the boot sector states the sectors, one fewer than the volume has."""
    boot = data.read(0, 512)
    sectors, sector = int.from_bytes(boot[40:48], "little"), int.from_bytes(boot[11:13], "little")
    clusters = min(sectors * sector, data.size) // volume.block_size
    raw = fs.whole(_NTFS_BITMAP_INODE, _MAX_BITMAP)
    if len(raw) * 8 < clusters:
        raise UnreadableError("$Bitmap is shorter than the volume")
    pieces = (raw[at : at + _PIECE] for at in range(0, len(raw), _PIECE))
    return blocks_of_bitmap(pieces, clusters, volume.block_size)


def _ext(data: Readable) -> tuple[Blocks, list[tuple[int, int, str]]]:
    """Return allocated space and (start, length, name) of ext's own structures, in bytes from the volume's start."""
    layout = read_layout(data)
    used = np.zeros(layout.first_block + layout.groups * layout.per_group, dtype=np.uint8)
    structures: list[tuple[int, int, str]] = [(0, 1, "boot block")] if layout.first_block else []
    for number, group in enumerate(read_groups(data, layout)):
        first = layout.start(number)
        if not group.unset:
            raw = np.frombuffer(data.read(group.bitmap * layout.block, layout.block), dtype=np.uint8)
            bits = np.unpackbits(raw, bitorder="little")[: layout.per_group]
            used[first : first + len(bits)] = bits
        structures.append((first, layout.head(number), "super block and descriptors"))
        structures.append((group.bitmap, 1, "block bitmap"))
        structures.append((group.inode_bitmap, 1, "inode bitmap"))
        structures.append((group.inodes, layout.inode_blocks, "inode table"))
    used = used[: layout.blocks]
    for start, count, _ in structures:
        used[start : start + count] = 1
    starts, ends = runs_of_bits(used, layout.block)
    placed = [(start * layout.block, count * layout.block, name) for start, count, name in structures if count]
    return Blocks(starts, ends, layout.blocks * layout.block), placed
