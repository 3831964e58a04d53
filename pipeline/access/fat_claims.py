"""Which of the deleted FAT and exFAT files that claim one cluster has it, and whether that can be told.

The newest has it. It is contested, though, where another claimant may have been written to after the newest was
created, and, where nothing says how the newest went on, where another claims what it is taken to have: that one may
still have been there, and a gap. Only who had its very first cluster was gone for certain.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["COARSE", "Claim", "ClaimRow", "Claimants"]

COARSE: Final = 2_000_000
"""Microseconds that a time of last writing may be too early by: FAT keeps it to 2 s (specification 1.03, §6.1)."""
_NEVER: Final = 1 << 62
_MOST_NAMES: Final = 64
"""Entries of one file that are told from its rivals; a file of more is contested by itself."""


class ClaimRow(NamedTuple):
    """A stretch of clusters that a deleted file claims; ``whole``: it is known to.

    Entries of the same first cluster, times and ``size`` are names of one file.
    """

    start: int
    end: int
    born: int
    first: int
    last: int
    whole: int
    size: int


class Claim(NamedTuple):
    """The newest claim on a stretch up to ``end``."""

    end: int
    born: int
    first: int
    contested: bool


class Claimants:
    """The newest claimant of each stretch that deleted files claim."""

    def __init__(self, table: NDArray[np.int64]) -> None:
        """Take claims as rows of the columns of :class:`ClaimRow`."""
        table = table[np.lexsort(table.T[::-1])]
        alone, crowds = _crowds(table)
        parts = [value for crowd in crowds for piece in _newest(_rows_of(table[crowd])) for value in piece]
        single = np.column_stack((table[alone, :4], np.zeros(len(alone), np.int64)))
        rows = np.concatenate((single, np.array(parts, np.int64).reshape(-1, 5)))
        self._rows = rows[np.argsort(rows[:, 0], kind="stable")]
        self._starts = self._rows[:, 0].copy()

    def at(self, cluster: int) -> Claim | None:
        """Return the newest claim on a cluster."""
        number = int(np.searchsorted(self._starts, cluster, side="right")) - 1
        if number < 0 or self._rows[number, 1] <= cluster:
            return None
        _, end, born, first, contested = self._rows[number].tolist()
        return Claim(end, born, first, bool(contested))

    def after(self, cluster: int) -> int:
        """Return where the next claim begins."""
        number = int(np.searchsorted(self._starts, cluster, side="right"))
        return int(self._starts[number]) if number < len(self._starts) else _NEVER


def _crowds(table: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[slice]]:
    """Return the rows of sorted claims that overlap no other, and the slices of those that overlap each other."""
    reach = np.maximum.accumulate(table[:, 1])
    begins = np.flatnonzero(np.concatenate(([True], table[1:, 0] >= reach[:-1]))) if len(table) else np.zeros(0, int)
    sizes = np.diff(np.append(begins, len(table)))
    many = sizes > 1
    pairs = zip(begins[many].tolist(), sizes[many].tolist(), strict=True)
    return begins[~many], [slice(first, first + count) for first, count in pairs]


def _rows_of(table: NDArray[np.int64]) -> list[ClaimRow]:
    return [ClaimRow(*row) for row in table.tolist()]


def _newest(rows: list[ClaimRow]) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield disjoint (start, end, born, first, contested) of the newest claim; of equally old ones, the last to begin.

    What the newest holds without a break is one stretch, contested where any of it is.
    """
    held = (0, 0, 0, 0, 0)
    for start, end, row, contested in _pieces(rows):
        if (held[1], *held[2:4]) == (start, row.born, row.first):
            held = (held[0], end, row.born, row.first, held[4] | contested)
            continue
        if held[1]:
            yield held
        held = (start, end, row.born, row.first, contested)
    yield held


def _pieces(rows: list[ClaimRow]) -> Iterator[tuple[int, int, ClaimRow, int]]:
    """Yield (start, end, newest claim, contested) between all bounds of overlapping claims."""
    newest: list[tuple[int, int, int]] = []
    latest: list[tuple[int, int, int]] = []
    ends: list[tuple[int, int]] = []
    here: Counter[int] = Counter()
    number = 0
    for at, stop in pairwise(sorted({row.start for row in rows} | {row.end for row in rows})):
        while ends and ends[0][0] <= at:
            _, first = heapq.heappop(ends)
            here[first] -= 1
            if not here[first]:
                del here[first]
        while number < len(rows) and rows[number].start <= at:
            row = rows[number]
            heapq.heappush(newest, (-row.born, -row.first, number))
            heapq.heappush(latest, (-row.last, -row.first, number))
            heapq.heappush(ends, (row.end, row.first))
            here[row.first] += 1
            number += 1
        _expire(newest, rows, at)
        _expire(latest, rows, at)
        if newest:
            row = rows[newest[0][2]]
            beside = not row.whole and len(here) > 1
            yield at, stop, row, int(beside or _later(latest, rows, row, at) >= row.born - COARSE)


def _expire(heap: list[tuple[int, int, int]], rows: list[ClaimRow], at: int) -> None:
    while heap and rows[heap[0][2]].end <= at:
        heapq.heappop(heap)


def _later(latest: list[tuple[int, int, int]], rows: list[ClaimRow], row: ClaimRow, at: int) -> int:
    """Return when another claimant than ``row``'s was last written to, as far as it is known."""
    aside = []
    while latest and rows[latest[0][2]][2:] == row[2:]:
        aside.append(heapq.heappop(latest))
        _expire(latest, rows, at)
        if len(aside) > _MOST_NAMES:
            break
    found = -latest[0][0] if latest else -_NEVER
    for one in aside:
        heapq.heappush(latest, one)
    return found
