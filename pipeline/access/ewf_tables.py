"""Chunk tables of E01 images: where each chunk lies in its segment file.

A table entry holds a chunk's offset in 31 bits; its top bit says that the chunk is compressed (*Expert Witness
Compression Format* specification, table section). A chunk ends where the next one begins, the last one with the
sectors section. ``table2`` repeats ``table``. Tables are loaded when a chunk of theirs is asked for, and a few are
kept: the tables of a medium of 8 TB would take a gigabyte.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from pipeline.access.ewf_segments import CHECKSUM, Section, Segment
from pipeline.errors import UnreadableError

__all__ = ["ChunkTables", "Place", "Table", "TablePlace", "overflow", "table_places"]

_HEADER: Final = struct.Struct("<I4xQ4xI")
_OFFSET: Final = 0x7FFFFFFF
_MAX_ENTRIES: Final = 1 << 20
_KEPT: Final = 64

Place = tuple[int, int, bool]
"""A chunk's offset in its segment, its stored length, and whether it is compressed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlace:
    """Where a table of ``count`` entries lies: ``copies`` is the table and, where there is one, its double."""

    segment: int
    copies: tuple[Section, ...]
    count: int
    base: int
    end: int


def table_places(number: int, segment: Segment, sections: Iterable[Section]) -> list[TablePlace]:
    """Return the tables of a segment, in order; a table whose header is damaged has its double.

    Raises:
        UnreadableError: both headers are damaged.
    """
    data_end = 0
    groups: list[tuple[int, list[Section]]] = []
    for section in sections:
        if section.kind == "sectors":
            data_end = section.start + section.size
        elif section.kind == "table":
            groups.append((data_end or section.start + section.size, [section]))
        elif section.kind == "table2" and groups and len(groups[-1][1]) == 1:
            groups[-1][1].append(section)
        elif section.kind == "table2":
            groups.append((data_end or section.start + section.size, [section]))
    return [_place(number, segment, end, copies) for end, copies in groups]


def _place(number: int, segment: Segment, end: int, copies: Sequence[Section]) -> TablePlace:
    sound = [(header, copy) for copy in copies if (header := _header(segment, copy)) is not None]
    if not sound:
        where = f"{segment.path}: chunk table at byte {copies[0].start}"
        raise UnreadableError(f"{where} is damaged and has no sound double; copy the segment again")
    count, base = sound[0][0]
    same = tuple(copy for header, copy in sound if header == (count, base))
    return TablePlace(segment=number, copies=same, count=count, base=base, end=end)


def _header(segment: Segment, section: Section) -> tuple[int, int] | None:
    raw = segment.data(section, 0, _HEADER.size)
    if len(raw) < _HEADER.size:
        return None
    count, base, checksum = _HEADER.unpack(raw)
    fits = count <= _MAX_ENTRIES and _HEADER.size + count * 4 + CHECKSUM <= section.size
    return (count, base) if fits and zlib.adler32(raw[:-CHECKSUM]) == checksum else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The entries of one table; from the entry ``over`` on they are offsets of 32 bits."""

    entries: array[int]
    over: int
    base: int
    end: int

    def places(self, first: int, stop: int) -> list[Place]:
        """Return the places of the entries from ``first`` to before ``stop``."""
        window = self.entries[first : stop + 1]
        plain = max(min(self.over - first, len(window)), 0)
        starts = [self.base + (entry & _OFFSET) for entry in window[:plain]]
        starts += [self.base + entry for entry in window[plain:]]
        packed = [entry > _OFFSET for entry in window[:plain]] + [False] * (len(window) - plain)
        if stop >= len(self.entries):
            starts.append(self.end)
        return [
            (start, following - start, compressed)
            for start, following, compressed in zip(starts, starts[1:], packed, strict=False)
        ]


def overflow(entries: Sequence[int], longest: int) -> int:
    """Return the first entry that is an offset of 32 bits; the number of entries where none is.

    EnCase 6.7.1 lets offsets in segments over 2 GiB run into bit 31: from there on all 32 bits are the offset and the
    chunks are stored as they are (specification, table section). That is so where an entry falls behind the one before
    it, and read as 32 bits follows it within the ``longest`` a chunk can be; any other fall is damage.
    """
    for number, (entry, following) in enumerate(pairwise(entries), 1):
        before = entry & _OFFSET
        if following & _OFFSET < before < following <= before + longest:
            return number
    return len(entries)


class ChunkTables:
    """All tables of an image, laid end to end."""

    def __init__(self, segments: Sequence[Segment], places: Sequence[TablePlace], longest: int) -> None:
        self._segments = segments
        self._places = places
        self._longest = longest
        self._starts = (0, *accumulate(place.count for place in places))
        self._loaded: OrderedDict[int, Table] = OrderedDict()

    @property
    def count(self) -> int:
        """Number of chunks in all tables."""
        return self._starts[-1]

    def run(self, index: int, stop: int) -> tuple[Segment, list[Place]]:
        """Return the segment of a chunk, and the places of the chunks from it on that one table holds, before ``stop``.

        Raises:
            UnreadableError: neither copy of the table is sound.
        """
        number = bisect_right(self._starts, index) - 1
        first = self._starts[number]
        segment = self._segments[self._places[number].segment]
        return segment, self._table(number, segment).places(index - first, min(stop, self._starts[number + 1]) - first)

    def _table(self, number: int, segment: Segment) -> Table:
        table = self._loaded.get(number)
        if table is None:
            table = self._load(self._places[number], segment)
            self._loaded[number] = table
            if len(self._loaded) > _KEPT:
                self._loaded.popitem(last=False)
        return table

    def _load(self, place: TablePlace, segment: Segment) -> Table:
        entries = _entries(segment, place)
        over = overflow(entries, self._longest) if place.end > _OFFSET else len(entries)
        return Table(entries=entries, over=over, base=place.base, end=place.end)


def _entries(segment: Segment, place: TablePlace) -> array[int]:
    """Return a table's entries, from the first copy whose checksum agrees."""
    for section in place.copies:
        raw = segment.data(section, _HEADER.size, place.count * 4 + CHECKSUM)
        if zlib.adler32(raw[: place.count * 4]) == int.from_bytes(raw[place.count * 4 :], "little"):
            entries = array("I", raw[: place.count * 4])
            if sys.byteorder == "big":
                entries.byteswap()
            return entries
    where = f"{segment.path}: chunk table at byte {place.copies[0].start}"
    raise UnreadableError(f"{where}: its entries fail their checksum, those of its double, too; copy the segment again")
