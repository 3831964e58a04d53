"""Many records against a register at once: what :meth:`Register.match_tags` says of each, in arrays.

A row can only fit a record if it agrees with each decisive value of it, so the rows of its rarest decisive value are
all that need be looked at; a record without one needs one of the telling kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.rules_values import IDENTIFIER_KINDS

__all__ = ["DECISIVE", "GROUPS", "MANY", "TELLING", "Matches", "TagTable", "match_many"]

GROUPS: Final = {"name-kana": "name", "postal-code": "address"}
"""Kinds that say no more than another one."""
TELLING: Final = frozenset({"name", "phone", "email", "bank-account", *IDENTIFIER_KINDS})
DECISIVE: Final = ("name", "birth-date", *IDENTIFIER_KINDS)
MANY: Final = 5000
"""A value that more rows have tells nothing."""
_CHUNK: Final = 1 << 20  # pairs of a record and a row in memory

_Ints = npt.NDArray[np.int64]
_Tags = npt.NDArray[np.uint64]
_Index = Mapping[str, tuple[_Tags, npt.NDArray[np.uint32]]]


@dataclass(frozen=True, slots=True)
class TagTable:
    """The distinct values of records, ordered by record: for each its record, the number of its kind, its short tag."""

    kinds: Sequence[str]
    records: _Ints
    kind: _Ints
    tags: _Tags


@dataclass(frozen=True, slots=True)
class Matches:
    """For each record its row, or -1, and the kinds that the match rests on as bits of their numbers."""

    rows: _Ints
    kinds: _Ints


@dataclass(frozen=True, slots=True)
class _Spans:
    """Where the rows of each value lie in the index; a value with none, or with too many, spans nothing."""

    low: _Ints
    count: _Ints


def match_many(index: _Index, table: TagTable, records: int) -> Matches:
    """Return the one row that each record fits best, of records numbered from 0."""
    rows, kinds = np.full(records, -1, np.int64), np.zeros(records, np.int64)
    spans = _spans(index, table)
    sources = _sources(index, table, spans, records)
    for chosen in _chunks(spans.count, sources, table.records):
        pairs = _pairs(index, table, spans, chosen)
        found = _judged(index, table, spans, *pairs)
        rows[found[0]], kinds[found[0]] = found[1], found[2]
    return Matches(rows, kinds)


def _spans(index: _Index, table: TagTable) -> _Spans:
    low, count = np.zeros(len(table.tags), np.int64), np.zeros(len(table.tags), np.int64)
    for number, kind in enumerate(table.kinds):
        own = np.flatnonzero(table.kind == number)
        if kind in index and len(own):
            own = own[np.argsort(table.tags[own])]  # neighbours are looked up in the same memory
            tags = index[kind][0]
            first = np.searchsorted(tags, table.tags[own], "left")
            size = np.searchsorted(tags, table.tags[own], "right") - first
            low[own], count[own] = first, np.where(size > MANY, 0, size)
    return _Spans(low, count)


def _sources(index: _Index, table: TagTable, spans: _Spans, records: int) -> _Ints:
    """Return the values whose rows are to be looked at: the rarest decisive kind of each record, or all telling."""
    decisive = [number for number, kind in enumerate(table.kinds) if kind in DECISIVE and kind in index]
    fewest, best = np.full(records, np.iinfo(np.int64).max), np.full(records, -1, np.int64)
    for number in decisive:
        own = table.kind == number
        rows = np.bincount(table.records[own], spans.count[own], records).astype(np.int64)
        better = (np.bincount(table.records[own], minlength=records) > 0) & (rows < fewest)
        fewest[better], best[better] = rows[better], number
    telling = np.isin(table.kind, [number for number, kind in enumerate(table.kinds) if _tells(kind)])
    chosen = best[table.records]
    return np.flatnonzero((chosen == table.kind) | ((chosen < 0) & telling))


def _tells(kind: str) -> bool:
    return _group(kind) in TELLING


def _chunks(counts: _Ints, sources: _Ints, records: _Ints) -> Iterator[_Ints]:
    """Cut values, ordered by record, into groups of a bounded number of rows; those of one record stay together."""
    sums = np.cumsum(counts[sources])
    cuts = np.searchsorted(sums, np.arange(_CHUNK, int(sums[-1]), _CHUNK)) if len(sums) else np.empty(0, np.int64)
    owners = records[sources]
    borders = np.unique(np.searchsorted(owners, owners[cuts], "left"))
    yield from (part for part in np.split(sources, borders) if len(part))


def _pairs(index: _Index, table: TagTable, spans: _Spans, chosen: _Ints) -> tuple[_Ints, _Ints]:
    """Return the distinct pairs of a record and a row that the chosen values name, ordered."""
    keys = []
    for number, kind in enumerate(table.kinds):
        own = chosen[table.kind[chosen] == number]
        if kind in index and len(own):
            places = _ranges(spans.low[own], spans.count[own])
            owners = np.repeat(table.records[own], spans.count[own])
            keys.append(owners << 32 | index[kind][1][places].astype(np.int64))
    joined = np.unique(np.concatenate(keys)) if keys else np.empty(0, np.int64)
    return joined >> 32, joined & 0xFFFF_FFFF


def _ranges(low: _Ints, count: _Ints) -> _Ints:
    """Return the numbers of many ranges, one after the other."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(low - (ends - count), count) + np.arange(total)


def _judged(index: _Index, table: TagTable, spans: _Spans, records: _Ints, rows: _Ints) -> tuple[_Ints, _Ints, _Ints]:
    """Return the records that one row fits best, that row, and the kinds it rests on."""
    bits, present = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    for number, kind in enumerate(table.kinds):
        own = np.flatnonzero(table.kind == number)
        first = np.searchsorted(table.records[own], records, "left")
        last = np.searchsorted(table.records[own], records, "right")
        if kind in index:
            present |= (last > first).astype(np.int64) << number
            bits |= _shared(index[kind][1], spans, own, (first, last), rows).astype(np.int64) << number
    decisive = _mask(table.kinds, lambda kind: kind in DECISIVE)
    groups = sum((bits & _mask(table.kinds, _in_group(name))) != 0 for name in sorted(set(map(_group, table.kinds))))
    named = (bits & _mask(table.kinds, lambda kind: kind in IDENTIFIER_KINDS)) != 0
    telling = (bits & _mask(table.kinds, _tells)) != 0
    fits = (named | ((groups > 1) & telling)) & (present & decisive & ~bits == 0)
    return _best(records[fits], rows[fits], bits[fits], np.asarray(groups, np.int64)[fits])


def _shared(
    rows: npt.NDArray[np.uint32], spans: _Spans, own: _Ints, values: tuple[_Ints, _Ints], wanted: _Ints
) -> npt.NDArray[np.bool_]:
    """Return, for each pair, whether its row is one of those that a value of its record has; rows are sorted inside."""
    place, last = values
    found = np.zeros(len(wanted), dtype=bool)
    active = np.flatnonzero(place < last)
    place = place.copy()
    while len(active):
        value = own[place[active]]
        low, high = spans.low[value], spans.low[value] + spans.count[value]
        end = high.copy()
        while (open_ := low < high).any():
            middle = (low + high) >> 1
            below = rows[np.minimum(middle, len(rows) - 1)] < wanted[active]
            low, high = np.where(open_ & below, middle + 1, low), np.where(open_ & ~below, middle, high)
        hit = (low < end) & (rows[np.minimum(low, len(rows) - 1)] == wanted[active])
        found[active] |= hit
        place[active] += 1
        active = active[~hit & (place[active] < last[active])]
    return found


def _best(records: _Ints, rows: _Ints, bits: _Ints, groups: _Ints) -> tuple[_Ints, _Ints, _Ints]:
    """Return the strongest pair of each record that has one; equally strong rows leave it without any."""
    if not len(records):
        return records, rows, bits
    strength = groups << 8 | np.bitwise_count(bits).astype(np.int64)
    owners, first = np.unique(records, return_index=True)
    most = np.maximum.reduceat(strength, first)
    wins = strength == np.repeat(most, np.diff(np.append(first, len(records))))
    single = np.add.reduceat(wins.astype(np.int64), first) == 1
    chosen = np.flatnonzero(wins & np.repeat(single, np.diff(np.append(first, len(records)))))
    return owners[single], rows[chosen], bits[chosen]


def _group(kind: str) -> str:
    return GROUPS.get(kind, kind)


def _in_group(name: str) -> Callable[[str], bool]:
    return lambda kind: _group(kind) == name


def _mask(kinds: Sequence[str], wanted: Callable[[str], bool]) -> int:
    return sum(1 << number for number, kind in enumerate(kinds) if wanted(kind))
