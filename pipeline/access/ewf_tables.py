"""Chunk tables of E01 images: where each chunk lies in its segment file.

A table entry holds a chunk's offset in 31 bits; its top bit says that the chunk is compressed (*Expert Witness
Compression Format* specification, table section). A chunk ends where the next one begins, the last one with the
sectors section. ``table2`` repeats ``table``. Tables are loaded when a chunk of theirs is asked for, and a few are
kept: the tables of a medium of 8 TB would take a gigabyte.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.access.ewf_segments import CHECKSUM, Section, Segment
from pipeline.errors import UnreadableError

__all__ = ["ChunkTables", "Place", "TablePlace", "chunk_places", "table_places"]

_HEADER: Final = struct.Struct("<I4xQ4xI")
_COMPRESSED: Final = 0x80000000
_KEPT: Final = 16

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
        raise UnreadableError(f"{where} fails its checksum; copy the segment again")
    count, base = sound[0][0]
    same = tuple(copy for header, copy in sound if header == (count, base))
    return TablePlace(segment=number, copies=same, count=count, base=base, end=end)


def _header(segment: Segment, section: Section) -> tuple[int, int] | None:
    raw = segment.data(section, 0, _HEADER.size)
    if len(raw) < _HEADER.size:
        return None
    count, base, checksum = _HEADER.unpack(raw)
    sound = zlib.adler32(raw[:-CHECKSUM]) == checksum and _HEADER.size + count * 4 <= section.size
    return (count, base) if sound else None


def _entries(segment: Segment, place: TablePlace) -> npt.NDArray[np.uint32]:
    """Return a table's entries, from the first copy whose checksum agrees."""
    for section in place.copies:
        raw = segment.data(section, _HEADER.size, place.count * 4 + CHECKSUM)
        entries = raw[: place.count * 4]
        if zlib.adler32(entries) == int.from_bytes(raw[place.count * 4 :], "little"):
            return np.frombuffer(entries, dtype="<u4")
    where = f"{segment.path}: chunk table at byte {place.copies[0].start}"
    raise UnreadableError(f"{where}: its entries fail their checksum; copy the segment again")


def chunk_places(
    entries: npt.NDArray[np.uint32], base: int, longest: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return file offsets and compression of a table's chunks.

    EnCase 6.7.1 lets offsets in segments over 2 GiB run into bit 31: from there on all 32 bits are the offset and the
    chunks are stored as they are (specification, table section). That is so where an entry falls behind the one before
    it, and read as 32 bits follows it within the ``longest`` a chunk can be; any other fall is damage.
    """
    whole = entries.astype(np.int64)
    offsets, compressed = whole & (_COMPRESSED - 1), whole >= _COMPRESSED
    step = whole[1:] - offsets[:-1]
    over = np.flatnonzero((offsets[1:] < offsets[:-1]) & (step > 0) & (step <= longest))
    if len(over):
        first = int(over[0]) + 1
        offsets[first:], compressed[first:] = whole[first:], False
    return offsets + base, compressed


class ChunkTables:
    """All tables of an image, laid end to end."""

    def __init__(self, segments: Sequence[Segment], places: Sequence[TablePlace], longest: int) -> None:
        self._segments = segments
        self._places = places
        self._longest = longest
        self._starts = (0, *accumulate(place.count for place in places))
        self._loaded: OrderedDict[int, list[Place]] = OrderedDict()

    @property
    def count(self) -> int:
        """Number of chunks in all tables."""
        return self._starts[-1]

    def at(self, index: int) -> tuple[int, int, int]:
        """Return the table of a chunk: its number, its first chunk and the chunk after its last."""
        table = bisect_right(self._starts, index) - 1
        return table, self._starts[table], self._starts[table + 1]

    def segment_of(self, table: int) -> Segment:
        """Return the segment that holds a table and its chunks."""
        return self._segments[self._places[table].segment]

    def places(self, table: int) -> list[Place]:
        """Return a table's chunks in order; UnreadableError where neither copy is sound."""
        known = self._loaded.get(table)
        if known is None:
            known = self._load(table)
            self._loaded[table] = known
            if len(self._loaded) > _KEPT:
                self._loaded.popitem(last=False)
        return known

    def _load(self, table: int) -> list[Place]:
        place = self._places[table]
        offsets, compressed = chunk_places(_entries(self.segment_of(table), place), place.base, self._longest)
        lengths = np.diff(offsets, append=place.end)
        return list(zip(offsets.tolist(), lengths.tolist(), compressed.tolist(), strict=True))
