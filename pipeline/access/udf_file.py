"""UDF files: entries, allocation descriptors, identifiers in directories, times.

Source: ECMA-167, 3rd edition, part 4 (14.4 file identifier, 14.5 extents of descriptors, 14.6 ICB tag, 14.9 and 14.17
file entries, 14.14 allocation descriptors), part 1 (7.3 timestamp); OSTA UDF 2.60 (2.3.4 file identifiers).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.access.found import Moment
from pipeline.access.udf_volume import characters, tag_of
from pipeline.errors import ParseError

__all__ = ["Extent", "FileRecord", "Identifier", "extents", "identifiers", "parse_record", "timestamp"]

FILE_SET, IDENTIFIER, EXTENT_BLOCK, RECORD, SPACE_ENTRY, BITMAP, WIDE_RECORD = 256, 257, 258, 261, 263, 264, 266
_MAX_EXTENTS: Final = 1_000_000
_MAX_BLOCKS: Final = 65_536  # blocks of allocation descriptors
_SIZES: Final = {0: 8, 1: 16, 2: 20}
_UNSET: Final = -2047  # ECMA-167 1/7.3.1: the offset is not specified
_KINDS: Final = {4: "directory", 5: "file", 12: "link", 13: "directory", 0: "file", 248: "metadata", 249: "file",
                 250: "metadata", 251: "metadata", 252: "metadata"}  # fmt: skip

Extent = tuple[int, int, int, int]
"""Type (0 recorded, 1 allocated only, 2 neither), partition reference, block, length in bytes."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file entry; ``streams`` is the long allocation descriptor of its directory of named streams."""

    kind: str
    size: int
    times: dict[str, Moment | None]
    form: int
    descriptors: bytes
    streams: bytes
    reference: int
    links: int


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name in a directory and where its file entry lies."""

    name: str
    reference: int
    block: int
    length: int
    flags: int

    @property
    def deleted(self) -> bool:
        """Whether the deleted bit is set."""
        return bool(self.flags & 4)

    @property
    def parent(self) -> bool:
        """Whether it leads to the folder above."""
        return bool(self.flags & 8)


def timestamp(raw: bytes, local: str) -> Moment | None:
    """Return a time; its precision is that of the finest field in use, its zone as recorded or else ``local``."""
    kind, year = struct.unpack_from("<Hh", raw)
    month, day, hour, minute, second, centi, hundreds, micro = raw[4:12]
    offset = (kind & 0xFFF) - (0x1000 if kind & 0x800 else 0)
    fields = ((micro, 1), (hundreds, 100), (centi, 10_000), (1, 1_000_000))
    precision = next(size for value, size in fields if value)
    try:
        naive = datetime(year, month, day, hour, minute, min(second, 59))  # noqa: DTZ001 - the zone follows
        naive += timedelta(microseconds=centi * 10_000 + hundreds * 100 + micro)
        if kind >> 12 != 1 or (offset != _UNSET and not -1440 <= offset <= 1440):
            return None
        if offset == _UNSET:
            return Moment(naive.replace(tzinfo=ZoneInfo(local)).astimezone(UTC), f"local {local}", precision)
        aware = naive.replace(tzinfo=timezone(timedelta(minutes=offset))).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    sign, size = ("-" if offset < 0 else "+"), abs(offset)
    return Moment(aware, f"recorded {sign}{size // 60:02d}:{size % 60:02d}", precision)


def parse_record(raw: bytes, reference: int, block: int, local: str) -> FileRecord:
    """Return the file entry in a block; ParseError where it holds none.

    ``block`` is what its tag must state, ``reference`` the partition that short descriptors speak of.
    """
    kind = tag_of(raw, block)
    if kind not in {RECORD, WIDE_RECORD}:
        raise ParseError("no file entry where a directory says")
    wide = kind == WIDE_RECORD
    (size,), flags, (links,) = struct.unpack_from("<Q", raw, 56), raw[34] & 7, struct.unpack_from("<H", raw, 48)
    head = 216 if wide else 176
    attributes, length = struct.unpack_from("<II", raw, head - 8)
    if head + attributes + length > len(raw) or size >= 1 << 63:
        raise ParseError("a file entry that is longer than its block")
    places = {"accessed": 80, "modified": 92, "created": 104, "changed": 116} if wide else _NARROW
    times = {name: timestamp(raw[at : at + 12], local) for name, at in places.items()}
    start = head + attributes
    return FileRecord(
        _KINDS.get(raw[27], "other"), size, times, flags, raw[start : start + length],
        raw[152:168] if wide else b"", reference, links,
    )  # fmt: skip


_NARROW: Final = {"accessed": 72, "modified": 84, "changed": 96}


def extents(record: FileRecord, load: Callable[[int, int], bytes]) -> Iterator[tuple[Extent, bool]]:
    """Yield a file's extents in order; the flag marks a block that only holds further descriptors.

    ``load`` gives the block of a partition reference and a number.

    Raises:
        ParseError: descriptors that do not end, or in a form that is not known.
    """
    size = _SIZES.get(record.form)
    if size is None:
        raise ParseError("an unknown form of allocation descriptors")
    raw, reference, blocks = record.descriptors, record.reference, 0
    at = 0
    for _ in range(_MAX_EXTENTS):
        if at + size > len(raw):
            return
        (packed,), (block,) = struct.unpack_from("<I", raw, at), struct.unpack_from("<I", raw, at + _block_at(size))
        where = struct.unpack_from("<H", raw, at + _block_at(size) + 4)[0] if size > 8 else reference
        kind, length = packed >> 30, packed & 0x3FFFFFFF
        at += size
        if not length:
            return
        if kind != 3:
            yield (kind, where, block, length), False
            continue
        blocks += 1
        held = load(where, block)
        if blocks > _MAX_BLOCKS or tag_of(held, block) != EXTENT_BLOCK:
            raise ParseError("a damaged block of allocation descriptors")
        yield (0, where, block, length), True
        raw, at, reference = held[24 : 24 + struct.unpack_from("<I", held, 20)[0]], 0, where
    raise ParseError(f"a file of more than {_MAX_EXTENTS} extents")


def _block_at(size: int) -> int:
    """Return where an allocation descriptor states its block: an extended one has two more lengths before it."""
    return 12 if size == 20 else 4


def identifiers(raw: bytes) -> Iterator[Identifier | None]:
    """Yield a directory's identifiers; None where bytes are none and the next is looked for."""
    at = 0
    while at + 38 <= len(raw):
        (impl,), name = struct.unpack_from("<H", raw, at + 36), raw[at + 19]
        size = -(-(38 + impl + name) // 4) * 4
        if tag_of(raw[at : at + 16]) != IDENTIFIER or at + size > len(raw):
            if raw[at : at + 38].strip(b"\0"):
                yield None
            at = _next(raw, at + 4)
            continue
        length, block, reference = struct.unpack_from("<IIH", raw, at + 20)
        text = characters(raw[at + 38 + impl : at + 38 + impl + name]).replace("/", "\u2215")
        yield Identifier(text, reference, block, length & 0x3FFFFFFF, raw[at + 18])
        at += size


def _next(raw: bytes, at: int) -> int:
    """Return where the next identifier's tag may begin, on a multiple of four bytes."""
    while True:
        found = raw.find(b"\x01\x01", at)
        if found < 0 or found % 4 == 0:
            return found if found >= 0 else len(raw)
        at = found + 1
