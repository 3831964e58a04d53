"""XFS inodes and their forks: times, sizes, extents, b-trees of extents; what a freed inode still says.

Source: *XFS Algorithms & Data Structures*, "On-disk Inode", "Data Extents"; ``xfs_format.h`` (``xfs_dinode``,
``xfs_bmbt_rec``, ``xfs_bmdr_block``, big timestamps, ``XFS_DIFLAG2_NREXT64``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.found import Moment, Stream, moment
from pipeline.access.interfaces import Readable
from pipeline.access.xfs_layout import Layout
from pipeline.errors import ParseError

__all__ = ["Fork", "Inode", "extents_of", "freed_stream", "parse_inode", "stream_of_fork"]

LOCAL: Final = 1
EXTENTS: Final = 2
BTREE: Final = 3
_BIG_TIME: Final = 8  # flags2
_BIG_COUNTS: Final = 16  # flags2
_BIG_EPOCH: Final = 1 << 31
_MAX_LEVEL: Final = 16
_MAX_EXTENTS: Final = 4_000_000
_UNWRITTEN: Final = 1 << 63
_KINDS: Final = {0x4000: "directory", 0x8000: "file", 0xA000: "link"}
_LINK_MAGIC: Final = b"XSLM"
_LINK_HEAD: Final = 56

Extent = tuple[int, int, int, bool]
"""First block in the file, block of the volume, count, whether it was never written."""


@dataclass(frozen=True, slots=True)
class Fork:
    """A fork as it stands in the inode: its format, its bytes, its number of extents."""

    format: int
    raw: bytes
    extents: int


@dataclass(frozen=True, slots=True)
class Inode:
    """An inode; ``mode`` is 0 where it is free."""

    number: int
    mode: int
    links: int
    size: int
    generation: int
    times: dict[str, Moment | None]
    data: Fork
    attributes: Fork | None

    @property
    def kind(self) -> str:
        """file, directory, link or other."""
        return _KINDS.get(self.mode & 0xF000, "other")


def parse_inode(raw: bytes, number: int) -> Inode:
    """Return an inode.

    Raises:
        ParseError: the bytes are none.
    """
    if len(raw) < 176 or raw[:2] != b"IN" or raw[4] not in {1, 2, 3}:
        raise ParseError(f"inode {number} is damaged")
    mode, version, form = struct.unpack_from(">HBB", raw, 2)
    (size,), (extents, attribute_extents) = struct.unpack_from(">q", raw, 56), struct.unpack_from(">IH", raw, 76)
    offset, attribute_form = raw[82] * 8, raw[83]
    flags = struct.unpack_from(">Q", raw, 120)[0] if version == 3 else 0
    if flags & _BIG_COUNTS:
        (extents,), (attribute_extents,) = struct.unpack_from(">Q", raw, 24), struct.unpack_from(">I", raw, 76)
    head = 176 if version == 3 else 100
    end = head + offset if 0 < offset < len(raw) - head else len(raw)
    data = Fork(form, raw[head:end], extents)
    attributes = Fork(attribute_form, raw[end:], attribute_extents) if end < len(raw) else None
    links = struct.unpack_from(">H", raw, 6)[0] if version == 1 else struct.unpack_from(">I", raw, 16)[0]
    if size < 0:
        raise ParseError(f"inode {number} claims a negative size")
    return Inode(
        number, mode, links, size, struct.unpack_from(">I", raw, 92)[0], _times(raw, version, flags), data, attributes
    )


def _times(raw: bytes, version: int, flags: int) -> dict[str, Moment | None]:
    places = {"accessed": 32, "modified": 40, "changed": 48} | ({"created": 144} if version == 3 else {})
    return {name: _time(raw, at, big=bool(flags & _BIG_TIME)) for name, at in places.items()}


def _time(raw: bytes, at: int, *, big: bool) -> Moment | None:
    if big:
        seconds, rest = divmod(struct.unpack_from(">Q", raw, at)[0], 1_000_000_000)
        return moment(seconds - _BIG_EPOCH, rest)
    seconds, rest = struct.unpack_from(">ii", raw, at)
    return moment(seconds, rest)


def _unpack(raw: bytes) -> Extent:
    high, low = struct.unpack(">QQ", raw)
    return high >> 9 & (1 << 54) - 1, (high & 0x1FF) << 43 | low >> 21, low & 0x1FFFFF, bool(high & _UNWRITTEN)


def extents_of(data: Readable, layout: Layout, fork: Fork) -> tuple[list[Extent], list[int]]:
    """Return a fork's extents in file order, and the blocks of its b-tree.

    Raises:
        ParseError: the fork is damaged; UnreadableError: a block of it cannot be read.
    """
    if fork.format == EXTENTS:
        count = min(fork.extents, len(fork.raw) // 16)
        if count < fork.extents:
            raise ParseError("an inode claims more extents than it has room for")
        return [_unpack(fork.raw[at : at + 16]) for at in range(0, count * 16, 16)], []
    if fork.format != BTREE:
        return [], []
    found, blocks = [], []
    for number, records in _tree(data, layout, fork.raw):
        blocks.append(number)
        found += [_unpack(record) for record in records]
        if len(found) > _MAX_EXTENTS:
            raise ParseError(f"a file of more than {_MAX_EXTENTS} extents")
    return sorted(found), blocks


def _tree(data: Readable, layout: Layout, root: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the blocks of an extent tree whose root stands in the inode, with their records."""
    level, count = struct.unpack_from(">HH", root)
    room = (len(root) - 4) // 16
    if not 0 < level <= _MAX_LEVEL or count > room:
        raise ParseError("a damaged root of an extent tree")
    pending = [(n, level - 1) for n in struct.unpack_from(f">{count}Q", root, 4 + room * 8)]
    seen: set[int] = set()
    head = 72 if layout.version == 5 else 24
    while pending:
        number, level = pending.pop()
        raw = data.read(layout.place(number), layout.block)
        count = int.from_bytes(raw[6:8], "big")
        if number in seen or raw[:4] not in {b"BMAP", b"BMA3"} or int.from_bytes(raw[4:6], "big") != level:
            raise ParseError("a damaged block of an extent tree")
        seen.add(number)
        if level == 0:
            yield number, [raw[at : at + 16] for at in range(head, len(raw) - 15, 16)][:count]
            continue
        room = (layout.block - head) // 16
        pending += [(n, level - 1) for n in struct.unpack_from(f">{min(count, room)}Q", raw, head + room * 8)]
        yield number, []


def stream_of_fork(data: Readable, layout: Layout, inode: Inode, fork: Fork, size: int) -> Stream:
    """Return a fork's bytes: extents never written are holes, as they read as zeros."""
    if fork.format == LOCAL:
        return Stream(min(size, len(fork.raw)), (), fork.raw[:size])
    extents, _ = extents_of(data, layout, fork)
    runs, end = [], 0  # what lies behind the size needs no hole before it
    for first, start, count, unwritten in extents:
        if first < end or not count:
            raise ParseError("extents of a file overlap")
        if end < first and first * layout.block < size:
            runs.append((-1, (first - end) * layout.block))
        layout.place(start + count - 1)
        runs.append((-1 if unwritten else layout.place(start), count * layout.block))
        end = first + count
    if end * layout.block < size:
        runs.append((-1, size - end * layout.block))
    stream = Stream(size, tuple(runs))
    return _link(data, layout, stream) if inode.kind == "link" else stream


def _link(data: Readable, layout: Layout, stream: Stream) -> Stream:
    """Return a link's target; on version 5 each of its blocks begins with a header."""
    target = b""
    for start, length in stream.runs:
        for at in range(start, start + length, layout.block):
            if start < 0 or len(target) >= min(stream.size, 1024):
                break
            raw = data.read(at, layout.block)
            target += raw[_LINK_HEAD:] if raw[:4] == _LINK_MAGIC else raw
    return Stream(stream.size, (), target[: stream.size])


def freed_stream(layout: Layout, raw: bytes) -> Stream | None:
    """Return what a freed inode's fork still maps; freeing clears size and count and leaves the extents behind.

    The size is that of the blocks: the true one is gone. Bytes that are no extents in file order give None.
    """
    version = raw[4]
    area = raw[176 if version == 3 else 100 :]
    runs: list[tuple[int, int]] = []
    end = 0
    for at in range(0, len(area) - 15, 16):
        first, start, count, unwritten = _unpack(area[at : at + 16])
        if not count or first < end or (not runs and first) or not _inside(layout, start, count):
            break
        if first > end:
            runs.append((-1, (first - end) * layout.block))
        runs.append((-1 if unwritten else layout.place(start), count * layout.block))
        end = first + count
    return Stream(end * layout.block, tuple(runs)) if any(start >= 0 for start, _ in runs) else None


def _inside(layout: Layout, start: int, count: int) -> bool:
    try:
        first, last = layout.place(start), layout.place(start + count - 1)
    except ParseError:
        return False
    return start != 0 and last - first == (count - 1) * layout.block
