"""The listing of an exhibit as an account needs it: read batch by batch into a few columns of numbers.

Of two million entries with two runs each these take some 200 MB; text that many entries share is held once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.records import Certainty, Origin, Volume
from pipeline.spans import Ints, expand
from pipeline.stages.extents_claims import DELETED, LIVE, METADATA, places_of

__all__ = ["COLUMNS", "PACKED", "PACKED_NAME", "WORST", "Listing"]

COLUMNS: Final = (
    "id", "volume", "path", "stream", "kind", "origin", "meta", "size", "initialised_size", "certainty", "reader",
    "runs",
)  # fmt: skip
"""The columns of ``entries`` that an account needs."""

PACKED: Final = "packed"
"""Name of content that lies on the medium compressed or enciphered: its last clusters hold slack no reader gives."""

WORST: Final = (
    Certainty.NO_CONTENT, Certainty.INTACT, Certainty.CONTIGUITY_ASSUMED, Certainty.CONTESTED,
    Certainty.PARTLY_OVERWRITTEN, Certainty.OVERWRITTEN,
)  # fmt: skip
"""Certainties as an account may lower them, the best first; ``Listing.certainty`` holds their places."""

_WORDS: Final = ("", "directory", PACKED)
PACKED_NAME: Final = _WORDS.index(PACKED)
"""Place of ``PACKED`` in ``Listing.names``: a word, not a file of that name."""
_LONGEST: Final = 1 << 48
"""Longer runs are cut to this: no medium is longer, and sums of them stay in 64 bits."""
_REMAINS: Final = {
    Certainty.INTACT: 3, Certainty.CONTIGUITY_ASSUMED: 2, Certainty.CONTESTED: 1, Certainty.PARTLY_OVERWRITTEN: 1,
}  # fmt: skip
"""Among deleted entries the surer one holds what several claim."""
_READ_KINDS: Final = ("file", "stream", "link")
_SYSTEM: Final = (*_READ_KINDS, "directory")
Numbers = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """Entries of an exhibit as columns, and the runs by which they claim bytes, in the order of the image.

    ``of`` is the row that speaks for all names of a stream with the same runs; only its runs are held. ``rank`` is that
    of what an entry's content claims; ``certainty`` a place in ``WORST``; ``volume`` and ``name`` are places in
    ``volumes`` and ``names``. A run holds content from ``start`` to ``used`` and slack from there to ``end``; ``entry``
    is its row.
    """

    ids: pa.Array
    of: Numbers
    rank: Numbers
    certainty: Numbers
    volume: Numbers
    name: Numbers
    volumes: tuple[str, ...]
    names: tuple[str, ...]
    start: Ints
    used: Ints
    end: Ints
    entry: Numbers

    @classmethod
    def read(cls, batches: Iterable[pa.RecordBatch], volumes: Sequence[Volume]) -> Listing:
        """Take the columns of ``entries`` apart."""
        reading = _Reading(volumes)
        for batch in batches:
            reading.take(batch)
        return reading.listing()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def gone(self) -> npt.NDArray[np.bool_]:
        """Tell which entries are not allocated."""
        return self.rank < LIVE


@dataclass(slots=True)
class _Codes:
    """Texts as numbers, in the order in which they are met."""

    known: dict[str, int] = field(default_factory=dict)

    def of(self, column: pa.Array) -> Numbers:
        encoded = column.dictionary_encode()
        numbers = [self.known.setdefault(text, len(self.known)) for text in encoded.dictionary.to_pylist()]
        coded: Numbers = np.array(numbers or [0], dtype=np.int32)[np.asarray(encoded.indices)]
        return coded


class _Reading:
    """Columns while they are read: a list of arrays each, an array for every batch."""

    def __init__(self, volumes: Sequence[Volume]) -> None:
        self._columns: dict[str, list[Any]] = {}
        self._codes = {name: _Codes() for name in ("volume", "stream", "sort", "name")}
        self._plain = pa.array([one.address for one in volumes if not one.encryption], type=pa.string())
        places = {one.address: places_of(one) for one in volumes}
        self._bounds = {name: (min(low for low, _ in found), max(high for _, high in found))
                        for name, found in places.items() if found}  # fmt: skip
        self._rows = 0

    def take(self, batch: pa.RecordBatch) -> None:
        """Add a batch."""
        if not batch.num_rows:
            return
        live = _being(batch, "origin", Origin.ALLOCATED)
        own = ~_being(batch, "kind", *_READ_KINDS) & live
        rank, certainty = np.where(live, np.where(own, METADATA, LIVE), DELETED), np.ones(len(live), dtype=np.int8)
        for number, one in enumerate(WORST):
            said = _being(batch, "certainty", one)
            certainty[said] = number
            rank += np.where(~live & said, _REMAINS.get(one, 0), 0)
        sort = pc.binary_join_element_wise(batch.column("origin"), batch.column("kind"), "\0")
        self._add(
            ids=batch.column("id"), rank=rank.astype(np.int16), certainty=certainty, name=self._names(batch),
            volume=self._codes["volume"].of(batch.column("volume")), sort=self._codes["sort"].of(sort),
            stream=self._codes["stream"].of(batch.column("stream")), meta=_numbers(batch, "meta"),
            size=_numbers(batch, "size"), initialised=_numbers(batch, "initialised_size"),
        )  # fmt: skip
        self._take_runs(batch, live=live, own=own)
        self._rows += batch.num_rows

    def _add(self, **columns: Any) -> None:
        for name, column in columns.items():
            self._columns.setdefault(name, []).append(column)

    def _names(self, batch: pa.RecordBatch) -> Numbers:
        """Name structures by their file, directories as such, content that is not stored as it reads as packed."""
        packed = _being(batch, "reader", "file-system") & np.asarray(pc.is_in(batch.column("volume"), self._plain))
        names = np.where(_being(batch, "kind", "directory"), 1, np.where(packed, PACKED_NAME, 0)).astype(np.int32)
        others = np.flatnonzero(~_being(batch, "kind", *_SYSTEM))
        if len(others):
            some = batch.take(pa.array(others))
            base = pc.replace_substring_regex(some.column("path"), "(?s)^.*/", "")
            stream = some.column("stream")
            full = pc.if_else(pc.equal(stream, ""), base, pc.binary_join_element_wise(base, stream, ":"))
            names[others] = len(_WORDS) + self._codes["name"].of(full)
        return names

    def _take_runs(self, batch: pa.RecordBatch, *, live: Numbers, own: Numbers) -> None:
        """Add the runs of a batch: content up to the initialised size, and what lies behind it.

        The bytes from the initialised size on, which read as zeros, hold what was there before: they are slack, as are
        those behind the size. Structures (directories, the file system's own files) keep what lies behind theirs only
        where they have a size: FAT directories have none and are metadata to their end. Behind what a deleted entry
        held nothing is claimed, nor behind its initialised size.
        """
        runs = batch.column("runs")
        fields, offsets = runs.flatten(), np.asarray(runs.offsets, dtype=np.int64)
        start = np.asarray(pc.struct_field(fields, "start"), dtype=np.int64)
        length = np.minimum(np.asarray(pc.struct_field(fields, "length"), dtype=np.int64), _LONGEST)
        size, initialised = _numbers(batch, "size"), _numbers(batch, "initialised_size")
        limit = np.where(own & (size <= 0), _LONGEST, np.minimum(size, initialised))
        counts = np.diff(offsets)
        entry = np.repeat(np.arange(len(counts)), counts)
        before = np.cumsum(length) - length
        position = before - np.append(before, 0)[(offsets - offsets[0])[:-1]][entry]
        used = np.clip(limit[entry] - position, 0, length)
        self._add(counts=counts.astype(np.int32), start=start, length=length, used=used,
                  entry=(self._rows + entry).astype(np.int32), live=live[entry])  # fmt: skip

    def listing(self) -> Listing:
        """Return what was read; the columns that only comparing needs are let go."""
        ids = pa.concat_arrays(self._columns.pop("ids", [pa.array([], pa.string())]))
        of = self._speakers()
        volume = self._whole("volume", np.int32)
        start, used, end, entry = self._placed(of, volume)
        return Listing(
            ids=ids, of=of, rank=self._whole("rank", np.int16), certainty=self._whole("certainty", np.int8),
            volume=volume, name=self._whole("name", np.int32), volumes=tuple(self._codes["volume"].known),
            names=(*_WORDS, *self._codes["name"].known), start=start, used=used, end=end, entry=entry,
        )  # fmt: skip

    def _whole(self, name: str, kind: Any) -> Numbers:
        """Return a column, which is let go here."""
        parts = self._columns.pop(name, [])
        return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)

    def _speakers(self) -> Numbers:
        """Return for each entry the first row with its stream (volume, metadata, stream, origin, kind) and runs."""
        of = np.arange(self._rows, dtype=np.int32)
        volume = np.concatenate(self._columns["volume"]) if self._rows else of
        columns = [self._whole("meta", np.int64), volume, *(self._whole(name, np.int32) for name in ("stream", "sort"))]
        columns += [self._whole(name, np.int64) for name in ("size", "initialised")]
        if self._rows < 2:
            self._whole("counts", np.int32)
            return of
        order = np.lexsort(columns[::-1]).astype(np.int32)
        same = np.zeros(self._rows, dtype=bool)
        same[1:] = True
        while columns:
            column = columns.pop()[order]
            same[1:] &= column[1:] == column[:-1]
        del column, volume
        return self._with_runs(of, order, same)

    def _with_runs(self, of: Numbers, order: Numbers, same: Numbers) -> Numbers:
        counts = self._whole("counts", np.int32)
        twins = np.flatnonzero(same)
        if not len(twins):
            return of
        starts = np.flatnonzero(~same)
        heads = order[starts[np.searchsorted(starts, twins, side="right") - 1]]
        twins = order[twins]
        equal = (counts[twins] == counts[heads]) & (counts[twins] > 0)
        twins, heads = twins[equal], heads[equal]
        offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        lengths = counts[twins].astype(np.int64)
        mine, others = expand(offsets[twins], lengths), expand(offsets[heads], lengths)
        differs = np.zeros(len(mine), dtype=bool)
        for name in ("start", "length"):
            column = np.concatenate(self._columns[name])
            differs |= column[mine] != column[others]
        which = np.repeat(np.arange(len(twins)), lengths)
        agree = np.bincount(which, weights=differs, minlength=len(twins)) == 0
        of[twins[agree]] = heads[agree]
        return of

    def _placed(self, of: Numbers, volume: Numbers) -> tuple[Ints, Ints, Ints, Numbers]:
        """Return the runs that claim bytes of their volume, in the order of the image; others claim none."""
        low, high = np.zeros((2, len(self._codes["volume"].known) or 1), dtype=np.int64)
        for name, number in self._codes["volume"].known.items():
            low[number], high[number] = self._bounds.get(name, (0, 0))
        parts: dict[str, list[Numbers]] = {"start": [], "used": [], "end": [], "entry": []}
        given = {name: self._columns.pop(name, [])[::-1] for name in ("start", "length", "used", "entry", "live")}
        while given["start"]:
            start, length, used, entry, live = (given[name].pop() for name in given)
            bottom, top = low[volume[entry]], high[volume[entry]]
            counts = (start >= 0) & (of[entry] == entry)
            middle = np.clip(start + used, bottom, top)
            end = np.where(live, np.minimum(start + length, top), middle)
            begin = np.maximum(start, bottom)
            counts &= begin < end
            for name, column in zip(parts, (begin, middle, end, entry), strict=True):
                parts[name].append(column[counts])
        return self._sorted(parts)

    def _sorted(self, parts: dict[str, list[Numbers]]) -> tuple[Ints, Ints, Ints, Numbers]:
        empty = np.zeros(0, dtype=np.int64)
        start = np.concatenate([empty, *parts.pop("start")])
        order = np.argsort(start, kind="stable").astype(np.int32)
        start = start[order]
        used, end = (np.concatenate([empty, *parts.pop(name)])[order] for name in ("used", "end"))
        return start, used, end, np.concatenate([empty.astype(np.int32), *parts.pop("entry")])[order]


def _being(batch: pa.RecordBatch, column: str, *values: str) -> npt.NDArray[np.bool_]:
    """Return where a column of text is one of some values."""
    return np.asarray(pc.is_in(batch.column(column), pa.array([str(value) for value in values])), dtype=bool)


def _numbers(batch: pa.RecordBatch, column: str) -> Ints:
    return np.asarray(batch.column(column), dtype=np.int64)
