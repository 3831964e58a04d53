"""What says of a byte what it is: claims of volumes, regions, listed streams and lost sectors, as columns.

A claim is a stretch of the image with a key; the smallest key wins. A key is the claim's rank, turned round, above the
number of who claims: a label (class, volume, name) first, an entry's row behind the labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.access.mapping import place_of
from pipeline.records import Certainty, ExtentClass, Origin, Region, Volume, VolumeState
from pipeline.spans import Ints, expand

__all__ = [
    "COLUMNS", "DELETED", "GAP", "LIVE", "METADATA", "SLACK", "UNALLOCATED", "UNREADABLE", "VOLUME", "Claims", "Label",
    "Labels", "Listing", "claims_of", "entry_claims", "key_of", "owner_of", "places_of", "rank_of",
]  # fmt: skip

GAP: Final = 0
VOLUME: Final = 10
UNALLOCATED: Final = 400
DELETED: Final = 500
SLACK: Final = 600
LIVE: Final = 700
METADATA: Final = 800
LOCKED: Final = 900
UNREADABLE: Final = 1_000
"""Who wins where claims overlap: the higher rank. A volume inside a volume wins over it by its depth."""

_TOP: Final = 1_023
_OWNER_BITS: Final = 40
_OWNERS: Final = 1 << _OWNER_BITS
_LONGEST: Final = 1 << 48
"""Longer runs are cut to this: no medium is longer, and sums of them stay in 64 bits."""

_REMAINS: Final = {Certainty.INTACT: 3, Certainty.CONTIGUITY_ASSUMED: 2, Certainty.PARTLY_OVERWRITTEN: 1}
"""Among deleted entries the surer one holds what several claim."""
_READ_KINDS: Final = ("file", "stream", "link")

COLUMNS: Final = (
    "id", "volume", "path", "stream", "kind", "origin", "meta", "size", "initialised_size", "certainty", "reader",
    "runs",
)  # fmt: skip
"""The columns of ``entries`` that an account needs."""

Label = tuple[str, str, str]
"""Class, volume and name of a structure."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Stretches of an image and their keys."""

    start: Ints
    end: Ints
    key: Ints

    @classmethod
    def joined(cls, parts: Sequence[Claims]) -> Claims:
        """Return all claims of several as one."""
        if not parts:
            nothing = np.zeros(0, dtype=np.int64)
            return cls(nothing, nothing, nothing)
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("start", "end", "key")))

    def within(self, low: Ints | int, high: Ints | int) -> Claims:
        """Return the claims cut to what lies between two bounds; empty ones go."""
        start, end = np.maximum(self.start, low), np.minimum(self.end, high)
        kept = start < end
        return Claims(start[kept], end[kept], self.key[kept])


def key_of(rank: Any, owner: Any) -> Any:
    """Return the key of a rank and the number of who claims; works on numbers and on columns."""
    return (_TOP - rank) * _OWNERS + owner


def rank_of(keys: Ints) -> Ints:
    """Return the ranks of keys."""
    return _TOP - (keys >> _OWNER_BITS)


def owner_of(keys: Ints) -> Ints:
    """Return who claims, of keys."""
    return keys & (_OWNERS - 1)


@dataclass(slots=True)
class Labels:
    """The labels of claims that no entry makes, numbered in the order they are asked for."""

    known: dict[Label, int] = field(default_factory=dict)

    def number(self, class_: str, volume: str, name: str) -> int:
        """Return the number of a label."""
        return self.known.setdefault((str(class_), volume, name), len(self.known))


@dataclass(frozen=True, slots=True)
class Listing:
    """Entries of an exhibit as columns; ``of`` is the row that speaks for all names of a stream with the same runs.

    ``plain`` are the addresses of the volumes whose bytes are not enciphered.
    """

    table: pa.Table
    offsets: Ints
    start: Ints
    length: Ints
    of: Ints
    plain: tuple[str, ...]

    @classmethod
    def read(cls, table: pa.Table, volumes: Sequence[Volume]) -> Listing:
        """Take the columns of ``entries`` apart."""
        runs = table.column("runs").combine_chunks()
        if isinstance(runs, pa.ChunkedArray):
            runs = pa.concat_arrays(runs.chunks) if runs.num_chunks else pa.array([], type=runs.type)
        offsets = np.asarray(runs.offsets, dtype=np.int64)
        fields = runs.values
        start = np.asarray(pc.struct_field(fields, "start"), dtype=np.int64)
        length = np.minimum(np.asarray(pc.struct_field(fields, "length"), dtype=np.int64), _LONGEST)
        plain = tuple(volume.address for volume in volumes if not volume.encryption)
        return cls(table, offsets, start, length, _speakers(table, offsets, start, length), plain)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def numbers(self, column: str) -> Ints:
        """Return a column of numbers."""
        return np.asarray(self.table.column(column), dtype=np.int64)

    def being(self, column: str, *values: str) -> npt.NDArray[np.bool_]:
        """Return where a column of text is one of some values."""
        found = pc.is_in(self.table.column(column), pa.array([str(value) for value in values]))
        return np.asarray(found.combine_chunks(), dtype=bool) if len(self) else np.zeros(0, dtype=bool)


def _codes(table: pa.Table, column: str) -> Ints:
    """Return a column of text as numbers, equal where the text is."""
    encoded = table.column(column).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    indices = encoded.indices if isinstance(encoded, pa.DictionaryArray) else pa.array([], type=pa.int32())
    return np.asarray(indices, dtype=np.int64)


def _speakers(table: pa.Table, offsets: Ints, start: Ints, length: Ints) -> Ints:
    """Return for each entry the first row with its stream (volume, metadata number, stream, origin, kind) and runs."""
    count = table.num_rows
    of = np.arange(count, dtype=np.int64)
    if count < 2:
        return of
    columns = [np.asarray(table.column("meta"), dtype=np.int64)]
    columns += [_codes(table, name) for name in ("volume", "stream", "origin", "kind")]
    columns += [np.asarray(table.column(name), dtype=np.int64) for name in ("size", "initialised_size")]
    order = np.lexsort(columns[::-1])
    new = np.ones(count, dtype=bool)
    new[1:] = np.any([column[order[1:]] != column[order[:-1]] for column in columns], axis=0)
    head = order[np.maximum.accumulate(np.where(new, np.arange(count), 0))]
    runs = np.diff(offsets)
    twin = order[(~new) & (runs[order] == runs[head]) & (runs[order] > 0)]
    if not len(twin):
        return of
    of_head = np.empty(count, dtype=np.int64)
    of_head[order] = head
    mine, others = expand(offsets[twin], runs[twin]), expand(offsets[of_head[twin]], runs[twin])
    differs = (start[mine] != start[others]) | (length[mine] != length[others])
    same = np.bincount(np.repeat(np.arange(len(twin)), runs[twin]), weights=differs, minlength=len(twin)) == 0
    of[twin[same]] = of_head[twin[same]]
    return of


def _volume_claims(volumes: Iterable[Volume], labels: Labels) -> Claims:
    rows = []
    for volume in volumes:
        class_ = ExtentClass.LOCKED if volume.state == VolumeState.LOCKED else ExtentClass.UNLISTED
        key = key_of(VOLUME + min(volume.address.count("!"), UNALLOCATED - VOLUME - 1),
                     labels.number(class_, volume.address, ""))  # fmt: skip
        rows += [(start, end, key) for start, end in places_of(volume)]
    return _from_rows(rows)


def places_of(volume: Volume) -> list[tuple[int, int]]:
    """Return the stretches of the image that a volume's bytes are."""
    return [(run.start, run.start + run.length) for run in place_of(volume) if run.start >= 0]


def _from_rows(rows: Sequence[tuple[int, int, int]]) -> Claims:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Claims(columns[:, 0], columns[:, 1], columns[:, 2])


def _region_claims(regions: Iterable[Region], labels: Labels) -> Claims:
    ranks: Mapping[str, int] = {ExtentClass.UNALLOCATED: UNALLOCATED, ExtentClass.LOCKED: LOCKED}
    rows = []
    for region in regions:
        rank = ranks.get(region.class_, METADATA)
        number = labels.number(region.class_, region.volume, "" if rank == UNALLOCATED else region.name)
        rows.append((region.start, region.start + region.length, key_of(rank, number)))
    return _from_rows(rows)


def claims_of(
    volumes: Sequence[Volume], regions: Iterable[Region], unreadable: Iterable[tuple[int, int]], labels: Labels
) -> Claims:
    """Return the claims that no entry makes; ``labels`` learns what they are."""
    lost = labels.number(ExtentClass.UNREADABLE, "", "")
    sectors = [(start, start + length, key_of(UNREADABLE, lost)) for start, length in unreadable]
    return Claims.joined([_volume_claims(volumes, labels), _region_claims(regions, labels), _from_rows(sectors)])


def entry_claims(listing: Listing, volumes: Sequence[Volume], first_owner: int) -> Claims:
    """Return what entries claim of the image: content up to the initialised size, and what lies behind it.

    The bytes from the initialised size on, which read as zeros, hold what was there before: they are slack, as are
    those behind the size. Structures (directories, the file system's own files) keep what lies behind theirs only
    where they have a size: FAT directories have none and are metadata to their end. Behind what a deleted entry held
    nothing is claimed, nor behind its initialised size.
    """
    runs = np.diff(listing.offsets)
    live = listing.being("origin", Origin.ALLOCATED)
    own = ~listing.being("kind", *_READ_KINDS) & live
    size, initialised = listing.numbers("size"), listing.numbers("initialised_size")
    limit = np.where(own & (size <= 0), _LONGEST, np.minimum(size, initialised))
    rank = np.where(live, np.where(own, METADATA, LIVE), DELETED)
    for certainty, more in _REMAINS.items():
        rank = rank + np.where(~live & listing.being("certainty", certainty), more, 0)
    entry = np.repeat(np.arange(len(listing)), runs)
    before = np.cumsum(listing.length) - listing.length
    position = before - np.append(before, 0)[listing.offsets[:-1]][entry]
    used = np.clip(limit[entry] - position, 0, listing.length)
    key = key_of(rank[entry], first_owner + entry)
    counts = (listing.start >= 0) & (listing.of[entry] == entry)
    held = Claims(listing.start[counts], (listing.start + used)[counts], key[counts])
    rest = counts & live[entry]
    slack = key_of(SLACK, first_owner + entry)[rest]
    behind = Claims((listing.start + used)[rest], (listing.start + listing.length)[rest], slack)
    low, high = _bounds(listing, volumes)
    return Claims.joined([held.within(low[entry[counts]], high[entry[counts]]),
                          behind.within(low[entry[rest]], high[entry[rest]])])  # fmt: skip


def _bounds(listing: Listing, volumes: Sequence[Volume]) -> tuple[Ints, Ints]:
    """Return for each entry where its volume's bytes begin and end; what names bytes outside claims none."""
    low, high = np.zeros(len(listing), dtype=np.int64), np.zeros(len(listing), dtype=np.int64)
    for volume in volumes:
        places = places_of(volume)
        if places:
            mine = listing.being("volume", volume.address)
            low[mine], high[mine] = min(start for start, _ in places), max(end for _, end in places)
    return low, high
