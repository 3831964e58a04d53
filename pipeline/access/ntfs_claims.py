"""Who of the deleted files held a cluster last: what several of them claim belongs to the newest.

A record keeps its runs after deletion, and its clusters may have passed to a file that was deleted in its turn. Whoever
held a cluster later was given it later, and being given one sets the time of the record's last change
([MS-FSCC] 2.4.7, ChangeTime), which no ordinary call sets at will: the newer one has the bytes.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.allocation import Blocks
from pipeline.access.ntfs_batch import Batch
from pipeline.access.ntfs_record import DATA, DIRECTORY, IN_USE, INDEX_ALLOCATION, REFERENCE
from pipeline.access.ntfs_runs_batch import decode_many
from pipeline.spans import expand

__all__ = ["NEVER", "Claims"]

Ints = NDArray[np.int64]
NEVER: Final = -(1 << 62)
_NOBODY: Final = -1
_MOST_PAIRS: Final = 1 << 20
"""Runs and the stretches that others held in them are compared one by one up to so many."""


class Claims:
    """What the deleted records of a volume claim, in clusters; first all are told, then :meth:`overtaken` answers."""

    def __init__(self) -> None:
        self._told: list[Ints] = []
        self._times: list[Ints] = []
        self._held: Ints = np.zeros((0, 4), np.int64)
        self._changed: Ints = np.zeros((0, 2), np.int64)

    def tell(self, batch: Batch, clusters: int) -> None:
        """Note what the deleted records of a batch claim, those too that hold parts of others."""
        gone = batch.present & ((batch.flags & IN_USE) == 0)
        if not gone.any():
            return
        self._tell_times(batch, gone)
        streams = batch.streams
        folder = (batch.flags[streams.record] & DIRECTORY) != 0
        kept = gone[streams.record] & ~streams.resident
        kept &= (streams.kind == DATA) | ((streams.kind == INDEX_ALLOCATION) & folder)
        if not kept.any():
            return
        runs = decode_many(batch.raw, streams.start[kept], streams.end[kept], clusters)
        owner = np.repeat(_owners(batch, streams.record[kept]), np.diff(runs.bounds))
        placed = runs.start >= 0
        start, count = runs.start[placed], runs.count[placed]
        self.add(start, start + count, owner[placed])

    def add(self, start: Ints, end: Ints, owner: Ints) -> None:
        """Note claims by cluster numbers and the numbers of their files."""
        self._told.append(np.stack((start, end, owner), axis=1))

    def date(self, owner: Ints, changed: Ints) -> None:
        """Note when files were last changed; of several times of one file the first."""
        self._times.append(np.stack((owner, changed), axis=1))

    def _tell_times(self, batch: Batch, gone: NDArray[np.bool_]) -> None:
        standard = batch.standard
        rows = np.flatnonzero(gone[standard.record])
        self.date(_owners(batch, standard.record[rows]), standard.times[rows, 2])

    def settle(self) -> None:
        """Work out who is the newest claimant of what several claim, when all claims are told."""
        times = np.concatenate([np.zeros((0, 2), np.int64), *self._times])
        self._changed = times[np.unique(times[:, 0], return_index=True)[1]]
        told = np.concatenate([np.zeros((0, 3), np.int64), *self._told])
        self._told, self._times = [], []
        told = told[np.argsort(told[:, 0], kind="stable")]
        if len(told) < 2:
            return
        reach = np.maximum.accumulate(told[:, 1])
        shared = np.zeros(len(told), np.bool_)
        shared[1:] = told[1:, 0] < reach[:-1]
        shared[:-1] |= told[1:, 0] < told[:-1, 1]
        told = told[shared]
        rows = np.column_stack((told[:, :2], self.changed(told[:, 2]), told[:, 2])).tolist()
        self._held = np.array([value for row in _newest(rows) for value in row], np.int64).reshape(-1, 4)

    def changed(self, owner: Ints) -> Ints:
        """Return when deleted files were last changed; NEVER where that is not known."""
        known = self._changed[:, 0]
        if not len(known):
            return np.full(len(owner), NEVER)
        at = np.minimum(np.searchsorted(known, owner), len(known) - 1)
        return np.where(known[at] == owner, self._changed[at, 1], NEVER)

    def overtaken(self, owner: Ints, start: Ints, count: Ints, cluster: int, blocks: Blocks) -> Ints:
        """Return how many free bytes of each run (of a deleted file, in clusters) another one held later.

        What two claim that are equally old is neither's.
        """
        lost = np.zeros(len(owner), np.int64)
        if not len(self._held) or not len(owner):
            return lost
        first = np.searchsorted(self._held[:, 1], start, side="right")
        stop = np.maximum(np.searchsorted(self._held[:, 0], start + count, side="left"), first)
        changed, rows = self.changed(owner), np.arange(len(owner))
        if int((stop - first).sum()) <= _MOST_PAIRS:
            pair, at = np.repeat(rows, stop - first), expand(first, stop - first)
        else:  # whoever claims a volume meets all that others held: only the first and the last are met one by one
            lost += self._between(owner, changed, first + 1, stop - 1, cluster, blocks)
            some, several = stop > first, stop - first > 1
            pair, at = np.concatenate((rows[some], rows[several])), np.concatenate((first[some], stop[several] - 1))
        held = self._held[at]
        newer = (held[:, 3] != owner[pair]) & (held[:, 2] >= changed[pair])
        pair, held = pair[newer], held[newer]
        low = np.maximum(held[:, 0], start[pair]) * cluster
        length = np.minimum(held[:, 1], (start + count)[pair]) * cluster - low
        np.add.at(lost, pair, length - blocks.overlaps(low, length))
        return lost

    def _between(self, owner: Ints, changed: Ints, first: Ints, stop: Ints, cluster: int, blocks: Blocks) -> Ints:
        """Return how many free bytes the held stretches from ``first`` to ``stop`` have that others held later.

        A tree over the stretches: on its level n each node holds 2**n of them, by time, with running sums.
        """
        low, length = self._held[:, 0] * cluster, (self._held[:, 1] - self._held[:, 0]) * cluster
        free = length - blocks.overlaps(low, length)
        stamps, rank = np.unique(self._held[:, 2], return_inverse=True)
        least = np.searchsorted(stamps, changed)
        lost = -_own(self._held[:, 3], free, owner, first, stop)
        node, left, right = np.arange(len(free)), first, stop
        while (left < right).any():
            key = node * len(stamps) + rank
            order = np.argsort(key, kind="stable")
            key, sums = key[order], np.append(0, np.cumsum(free[order]))
            for taken, at in ((left & 1, left), (right & 1, right - 1)):
                row = np.flatnonzero((taken == 1) & (left < right))
                begin, end = at[row] * len(stamps) + least[row], (at[row] + 1) * len(stamps)
                lost[row] += sums[np.searchsorted(key, end)] - sums[np.searchsorted(key, begin)]
            node, left, right = node >> 1, (left + 1) >> 1, right >> 1
        return lost


def _own(holder: Ints, free: Ints, owner: Ints, first: Ints, stop: Ints) -> Ints:
    """Return the bytes of the stretches from ``first`` to ``stop`` that each owner holds."""
    names, name = np.unique(holder, return_inverse=True)
    key = name * len(free) + np.arange(len(free))
    order = np.argsort(key)
    key, sums = key[order], np.append(0, np.cumsum(free[order]))
    at = np.minimum(np.searchsorted(names, owner), len(names) - 1)
    begin, end = (np.searchsorted(key, at * len(free) + np.minimum(place, len(free))) for place in (first, stop))
    own: Ints = np.where((names[at] == owner) & (first < stop), sums[end] - sums[begin], 0)
    return own


def _owners(batch: Batch, record: Ints) -> Ints:
    """Return the numbers of the files that records belong to."""
    base = (batch.base[record] & np.uint64(REFERENCE)).astype(np.int64)
    return np.where(base > 0, base, batch.first + record)


def _newest(rows: list[list[int]]) -> Iterator[tuple[int, int, int, int]]:
    """Yield disjoint (start, end, changed, owner) of the newest claim; of two equally old ones nobody is the owner."""
    heap: list[tuple[int, int, int]] = []
    number, at = 0, 0
    while number < len(rows) or heap:
        at = at if heap else max(at, rows[number][0])
        while number < len(rows) and rows[number][0] <= at:
            _, end, changed, owner = rows[number]
            heapq.heappush(heap, (-changed, owner, end))
            number += 1
        top = _living(heap, at)
        if top is None:
            continue
        heapq.heappop(heap)
        rival = _living(heap, at)
        if rival is not None and rival[:2] == top[:2]:
            continue  # the same file claims more: that one stands for both
        heapq.heappush(heap, top)
        tied = rival is not None and rival[0] == top[0]
        stop = min(top[2], rival[2]) if tied and rival is not None else top[2]
        stop = min(stop, rows[number][0]) if number < len(rows) else stop
        yield at, stop, -top[0], _NOBODY if tied else top[1]
        at = stop


def _living(heap: list[tuple[int, int, int]], at: int) -> tuple[int, int, int] | None:
    """Return the first claim that reaches beyond a place; those that do not go."""
    while heap and heap[0][2] <= at:
        heapq.heappop(heap)
    return heap[0] if heap else None
