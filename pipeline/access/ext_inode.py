"""ext inodes as bytes: times, size, and the blocks that extents or block pointers map.

Source: the kernel's ``Documentation/filesystems/ext4`` ("Index Nodes", "The Contents of inode.i_block").
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pipeline.access.ext_layout import ExtLayout, Group, read_groups, read_layout
from pipeline.access.found import Moment, Stream, moment
from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError

__all__ = ["ExtInode", "InodeTables", "mapped", "parse_inode", "stream_of_inode"]

_EXTENTS: Final = 0x80000
_INLINE: Final = 0x10000000
_HUGE: Final = 0x40000
_KINDS: Final = {0x4000: "directory", 0x8000: "file", 0xA000: "link"}
_MAGIC: Final = 0xF30A
_MAX_DEPTH: Final = 5
_MAX_RUNS: Final = 1_000_000
_FAST_LINK: Final = 60
_UNWRITTEN: Final = 32768
Load = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class ExtInode:
    """An inode; ``raw`` are its own bytes."""

    number: int
    mode: int
    links: int
    size: int
    deleted: int
    flags: int
    generation: int
    raw: bytes

    @property
    def kind(self) -> str:
        """file, directory, link or other."""
        return _KINDS.get(self.mode & 0xF000, "other")

    @property
    def live(self) -> bool:
        """Whether it was in use when these bytes were written."""
        return bool(self.mode and self.links and not self.deleted)

    @property
    def times(self) -> dict[str, Moment | None]:
        """When it was read, written, changed and, where it has room for that, made."""
        accessed, changed, modified = struct.unpack_from("<III", self.raw, 8)
        extra = struct.unpack_from("<H", self.raw, 128)[0] if len(self.raw) >= 160 else 0
        times = {
            "accessed": _time(self.raw, accessed, 140, extra), "modified": _time(self.raw, modified, 136, extra),
            "changed": _time(self.raw, changed, 132, extra),
        }  # fmt: skip
        if extra >= 24:
            times["created"] = _time(self.raw, struct.unpack_from("<I", self.raw, 144)[0], 148, extra)
        return times

    def blocks(self, size: int) -> int:
        """Return how many blocks it says it has, those that map others with them: in sectors, or in blocks if huge."""
        count = int.from_bytes(self.raw[28:32] + self.raw[116:118], "little")
        return count if self.flags & _HUGE else count * 512 // size


class InodeTables:
    """The inodes of a volume where its groups' tables keep them, and its blocks.

    Raises:
        ParseError: the super block or a group's descriptor is damaged.
    """

    def __init__(self, data: Readable) -> None:
        self.data = data
        self.layout: ExtLayout = read_layout(data)
        self.groups: list[Group] = list(read_groups(data, self.layout))

        self._last: tuple[int, bytes] = (-1, b"")

    def inode(self, number: int) -> ExtInode:
        """Return an inode as its table holds it; UnreadableError where there is none."""
        return parse_inode(self._raw(number), number)

    def flags(self, number: int) -> int:
        """Return an inode's flags; UnreadableError where there is none."""
        return int.from_bytes(self._raw(number)[32:36], "little")

    def _raw(self, number: int) -> bytes:
        group, index = divmod(number - 1, self.layout.inodes_per_group)
        if not 0 <= group < len(self.groups):
            raise ParseError(f"no inode {number}")
        place, at = divmod(index * self.layout.inode_size, self.layout.block)
        place += self.groups[group].inodes
        if self._last[0] != place:
            self._last = place, self.block(place)
        return self._last[1][at : at + self.layout.inode_size]

    def block(self, number: int) -> bytes:
        """Return a block; UnreadableError where it is outside the volume or cannot be read."""
        size = self.layout.block
        raw = self.data.read(number * size, size) if 0 <= number < self.layout.blocks else b""
        if len(raw) < size:
            raise ParseError(f"block {number} lies outside the volume")
        return raw


def parse_inode(raw: bytes, number: int) -> ExtInode:
    """Return an inode of at least 128 bytes; ParseError where there are fewer."""
    if len(raw) < 128:
        raise ParseError(f"inode {number} is cut off")
    mode, _, low, _, _, _, deleted, _, links = struct.unpack_from("<HHIIIIIHH", raw)
    (flags,), (generation,), (high,) = (struct.unpack_from("<I", raw, at) for at in (32, 100, 108))
    size = low | (high << 32 if mode & 0xF000 in {0x8000, 0x4000} else 0)
    return ExtInode(number, mode, links, size, deleted, flags, generation, raw)


def _time(raw: bytes, low: int, at: int, extra: int) -> Moment | None:
    """Return a time: signed seconds, and two bits of epoch below nanoseconds where the inode has room for them."""
    seconds = low - (1 << 32 if low >> 31 else 0)
    if at + 4 > 128 + extra or at + 4 > len(raw):
        return moment(seconds, precision_us=1_000_000)
    (more,) = struct.unpack_from("<I", raw, at)
    return moment(seconds + ((more & 3) << 32), more >> 2)


def stream_of_inode(inode: ExtInode, layout: ExtLayout, load: Load) -> Stream:
    """Return the bytes that an inode maps; ``load`` gives a block.

    Raises:
        ParseError: its blocks lie outside the volume, or what maps them is damaged.
    """
    return mapped(inode, layout, load)[0]


def mapped(inode: ExtInode, layout: ExtLayout, load: Load) -> tuple[Stream, bool]:
    """Return an inode's bytes, and whether they are all it says it has: its count of blocks tells.

    Raises:
        ParseError: its blocks lie outside the volume, or what maps them is damaged.
    """
    area = inode.raw[40:100]
    if inode.kind == "link" and inode.size < _FAST_LINK:
        return Stream(inode.size, (), area[: inode.size]), True
    if inode.flags & _INLINE:
        return Stream(min(inode.size, 60), (), area[: min(inode.size, 60)]), inode.size <= 60
    loaded: list[int] = []

    def noted(number: int) -> bytes:
        loaded.append(number)
        return load(number)

    found = _extents(area, layout, noted, 0) if inode.flags & _EXTENTS else _pointers(area, layout, noted, inode.size)
    extents = list(islice(found, _MAX_RUNS + 1))
    held = sum(count for _, count, _ in extents) + len(loaded) + bool(inode.raw[104:108].strip(b"\0"))
    return Stream(inode.size, tuple(_runs(inode, layout, extents))), held == inode.blocks(layout.block)


def _runs(inode: ExtInode, layout: ExtLayout, extents: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    block, end = layout.block, 0
    runs: list[tuple[int, int]] = []
    for first, count, start in extents:
        if first < end or start + count > layout.blocks or len(runs) > _MAX_RUNS:
            raise ParseError("a file's blocks overlap or lie outside the volume")
        if first > end:
            runs.append((-1, (first - end) * block))
        if runs and start and runs[-1][0] >= 0 and sum(runs[-1]) == start * block:
            runs[-1] = (runs[-1][0], runs[-1][1] + count * block)
        else:
            runs.append((start * block if start else -1, count * block))
        end = first + count
    if end * block < inode.size:
        runs.append((-1, inode.size - end * block))
    return runs


def _extents(raw: bytes, layout: ExtLayout, load: Load, depth: int) -> Iterator[tuple[int, int, int]]:
    """Yield (first block in the file, count, block or 0 for a hole) of an extent tree's node."""
    magic, count, _, level = struct.unpack_from("<HHHH", raw)
    if magic != _MAGIC or depth > _MAX_DEPTH or level > _MAX_DEPTH or 12 + 12 * count > len(raw):
        raise ParseError("a damaged node of an extent tree")
    if depth and not count:
        raise ParseError("an emptied node of an extent tree")
    for at in range(12, 12 + 12 * count, 12):
        if level:
            _, low, high = struct.unpack_from("<IIH", raw, at)
            yield from _extents(load(low | high << 32), layout, load, depth + 1)
            continue
        first, length, high, low = struct.unpack_from("<IHHI", raw, at)
        unwritten = length > _UNWRITTEN
        yield first, length - _UNWRITTEN if unwritten else length, 0 if unwritten else low | high << 32


def _pointers(area: bytes, layout: ExtLayout, load: Load, size: int) -> Iterator[tuple[int, int, int]]:
    """Yield the same of direct, indirect, doubly and triply indirect block pointers."""
    numbers = struct.unpack("<15I", area)
    left = -(-size // layout.block)
    first = 0
    for number in numbers[:12]:
        if first < left and number:
            yield first, 1, number
        first += 1
    for level, number in enumerate(numbers[12:], 1):
        span = (layout.block // 4) ** level
        if first < left and number:
            yield from _indirect(number, level, first, left, layout, load)
        first += span


def _indirect(
    number: int, level: int, first: int, left: int, layout: ExtLayout, load: Load
) -> Iterator[tuple[int, int, int]]:
    if number >= layout.blocks:
        raise ParseError("a block of pointers lies outside the volume")
    raw, span = load(number), (layout.block // 4) ** (level - 1)
    for index, child in enumerate(struct.unpack_from(f"<{len(raw) // 4}I", raw)):
        at = first + index * span
        if at >= left:
            return
        if child and level == 1:
            yield at, 1, child
        elif child:
            yield from _indirect(child, level - 1, at, left, layout, load)
