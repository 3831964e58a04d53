"""Whose clusters were whose, when: what may be said of the clusters of deleted FAT and exFAT files.

A deleted file leaves its first cluster, its size and its times, but no chain. Files are written into the next free
clusters, so its own lie there, around what others held at that time. Whoever was created by the last time that the file
was written to held his clusters beside it: they are a gap in the file. Whoever was created later got its clusters: they
are overwritten. Of deleted files that claim one cluster, the newest has it.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.access.fat_chain import joined
from pipeline.records import Certainty

__all__ = ["NEVER", "Guess", "Lease", "Tenants"]

NEVER: Final = -(1 << 62)
_UNKNOWN: Final = 1 << 62
_COARSE: Final = 2_000_000
"""Microseconds that a time of last writing may be too early by: FAT keeps it to 2 s (specification 1.03, §6.1)."""
_MOST_PIECES: Final = 4096
_CLAIMED_PIECES: Final = 64


class Lease(NamedTuple):
    """A deleted file's claim: first cluster, how many, when created and last written (microseconds; NEVER: unknown).

    ``whole``: known to lie in one piece.
    """

    first: int
    need: int
    born: int
    last: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Guess:
    """What may be said: clusters, certainty, and remarks for the entry's flags."""

    clusters: list[tuple[int, int]]
    certainty: str
    flags: tuple[str, ...] = ()


class _Kind(Enum):
    FREE = auto()
    GAP = auto()
    DOUBT = auto()
    TAKEN = auto()


class Tenants:
    """The clusters of a volume with their tenants; first all are told, then :meth:`guess` answers."""

    def __init__(self, used: NDArray[np.bool_], bad: list[tuple[int, int]]) -> None:
        self._used = used
        self._live = array("q")
        self._leases = array("q")
        self._pieces = array("q")
        for first, count in bad:
            self._live.extend((first, first + count, NEVER, 0, 0))
        self._walls = _Walls(self._live)
        self._newest = _Newest(())
        self._edges: NDArray[np.int64] = np.zeros(0, np.int64)

    def hold(self, clusters: list[tuple[int, int]], born: int, last: int) -> None:
        """Note the clusters of a live file or directory."""
        for number, (first, count) in enumerate(clusters):
            self._live.extend((first, first + count, born, last, int(number == 0)))

    def leave(self, lease: Lease, clusters: list[tuple[int, int]] | None = None) -> None:
        """Note a deleted file's claim; ``clusters`` are those that its own chain still names."""
        if clusters is None:
            self._leases.extend(lease)
            return
        for first, count in clusters[:_CLAIMED_PIECES]:
            self._pieces.extend((first, first + count, lease.born, lease.first))

    def settle(self) -> None:
        """Work out who is the newest claimant of each deleted stretch, when all claims are told."""
        self._edges = np.flatnonzero(self._used[1:] != self._used[:-1]) + 1
        self._walls = _Walls(self._live)
        table = np.frombuffer(self._leases, np.int64).reshape(-1, 5)
        for first, need, born, last, whole in table.tolist():
            lease = Lease(first, need, born, last, bool(whole))
            if self.moved(lease) is not None:
                continue
            for start, count in self._pieces_of(lease)[0][:_CLAIMED_PIECES]:
                self._pieces.extend((start, start + count, born, first))
        self._newest = _Newest(np.frombuffer(self._pieces, np.int64).reshape(-1, 4).tolist())
        self._leases, self._pieces = array("q"), array("q")

    def moved(self, lease: Lease) -> bool | None:
        """Tell whether a live file is this one under another name: True unchanged, False changed since, None no."""
        wall = self._walls.at(lease.first)
        if wall is None or not wall.head or wall.start != lease.first or wall.born != lease.born or lease.born == NEVER:
            return None
        return wall.last == lease.last

    def guess(self, lease: Lease) -> Guess:
        """Return what may be said of a deleted file."""
        if lease.need == 0 or not 2 <= lease.first < len(self._used):
            return Guess([], Certainty.NO_CONTENT)
        clusters, lost, seen, doubt = self._pieces_of(lease)
        held = sum(count for _, count in clusters)
        certainty = Certainty.CONTIGUITY_ASSUMED
        if lost and lost >= held:
            certainty = Certainty.OVERWRITTEN
        elif lost or doubt or held < lease.need:
            certainty = Certainty.PARTLY_OVERWRITTEN
        return Guess(clusters, certainty, ("gaps-assumed",) if seen else ())

    def judged(self, lease: Lease, clusters: list[tuple[int, int]]) -> str:
        """Return the certainty of clusters that a chain still names: a newer claimant may have overwritten some."""
        whole, lost = sum(count for _, count in clusters), 0
        for first, count in clusters[:_MOST_PIECES]:
            known = Lease(first, count, lease.born, lease.last, True)
            lost += self._pieces_of(known, owner=lease.first)[1]
        if not lost:
            return Certainty.CONTIGUITY_ASSUMED
        return Certainty.OVERWRITTEN if lost >= whole else Certainty.PARTLY_OVERWRITTEN

    def _pieces_of(self, lease: Lease, owner: int = 0) -> tuple[list[tuple[int, int]], int, bool, bool]:
        """Return clusters, how many are overwritten, whether there are gaps, and whether a deleted file made one."""
        found: list[tuple[int, int]] = []
        lost, gaps, doubt, left = 0, False, False, lease.need
        for first, end, kind in self._stretches(lease, owner or lease.first):
            if kind in (_Kind.GAP, _Kind.DOUBT):
                gaps, doubt = True, doubt or kind is _Kind.DOUBT
                continue
            count = min(left, end - first)
            found.append((first, count))
            lost += count if kind is _Kind.TAKEN else 0
            left -= count
            if left <= 0:
                break
        return joined(found), lost, gaps, doubt

    def _stretches(self, lease: Lease, owner: int) -> Iterator[tuple[int, int, _Kind]]:
        """Yield (first, end, kind) of stretches from a file's first cluster on, up to the volume's end."""
        at = lease.first
        if not 2 <= at < len(self._used):
            return
        for _ in range(_MOST_PIECES):
            edge = int(np.searchsorted(self._edges, at, side="right"))
            end = int(self._edges[edge]) if edge < len(self._edges) else len(self._used)
            end, kind = self._kind(at, end, lease, owner)
            if at == lease.first and kind in (_Kind.GAP, _Kind.DOUBT):
                kind, end = (_Kind.TAKEN, end) if kind is _Kind.GAP else (_Kind.FREE, at + 1)
            yield at, end, kind
            at = end
            if at >= len(self._used):
                return

    def _kind(self, at: int, end: int, lease: Lease, owner: int) -> tuple[int, _Kind]:
        """Return the end of a stretch that begins at ``at``, and what it was to a file."""
        if self._used[at]:
            wall = self._walls.at(at)
            stop = min(end, wall.end if wall else self._walls.after(at))
            born = wall.born if wall else _UNKNOWN
            return stop, _Kind.GAP if born <= lease.last + _COARSE and not lease.whole else _Kind.TAKEN
        claim = self._newest.at(at)
        stop = min(end, claim.end if claim else self._newest.after(at))
        if claim is None or (claim.born, claim.first) <= (lease.born, owner):
            return stop, _Kind.FREE
        beside = claim.born <= lease.last + _COARSE and claim.first != owner and not lease.whole
        return stop, _Kind.DOUBT if beside else _Kind.TAKEN


class _Wall(NamedTuple):
    start: int
    end: int
    born: int
    last: int
    head: bool


class _Walls:
    """Runs of live files by their first cluster."""

    def __init__(self, rows: array[int]) -> None:
        table = np.frombuffer(rows, np.int64).reshape(-1, 5)
        self._rows = table[np.argsort(table[:, 0], kind="stable")]
        self._starts = self._rows[:, 0].copy()

    def at(self, cluster: int) -> _Wall | None:
        """Return the run that holds a cluster, cut where the next one begins."""
        number = int(np.searchsorted(self._starts, cluster, side="right")) - 1
        if number < 0 or self._rows[number, 1] <= cluster:
            return None
        start, end, born, last, head = self._rows[number].tolist()
        return _Wall(start, min(end, self.after(cluster)), born, last, bool(head))

    def after(self, cluster: int) -> int:
        """Return where the next run begins."""
        number = int(np.searchsorted(self._starts, cluster, side="right"))
        return int(self._starts[number]) if number < len(self._starts) else _UNKNOWN


class _Claim(NamedTuple):
    end: int
    born: int
    first: int


class _Newest:
    """The newest claimant of each stretch that deleted files claim, from rows of (start, end, born, first cluster)."""

    def __init__(self, rows: list[list[int]] | tuple[()]) -> None:
        parts = [value for piece in _newest(sorted(rows)) for value in piece]
        self._rows = np.array(parts, np.int64).reshape(-1, 4)
        self._starts = self._rows[:, 0].copy()

    def at(self, cluster: int) -> _Claim | None:
        """Return the newest claim on a cluster."""
        number = int(np.searchsorted(self._starts, cluster, side="right")) - 1
        if number < 0 or self._rows[number, 1] <= cluster:
            return None
        _, end, born, first = self._rows[number].tolist()
        return _Claim(end, born, first)

    def after(self, cluster: int) -> int:
        """Return where the next claim begins."""
        number = int(np.searchsorted(self._starts, cluster, side="right"))
        return int(self._starts[number]) if number < len(self._starts) else _UNKNOWN


def _newest(rows: list[list[int]]) -> Iterator[tuple[int, int, int, int]]:
    """Yield disjoint (start, end, born, first) of the newest claim; of equally old ones, that which begins last."""
    heap: list[tuple[int, int, int]] = []
    number, at = 0, 0
    while number < len(rows) or heap:
        at = at if heap else max(at, rows[number][0])
        while number < len(rows) and rows[number][0] <= at:
            _, end, born, first = rows[number]
            heapq.heappush(heap, (-born, -first, end))
            number += 1
        while heap and heap[0][2] <= at:
            heapq.heappop(heap)
        if heap:
            born, first, end = heap[0]
            stop = min(end, rows[number][0]) if number < len(rows) else end
            yield at, stop, -born, -first
            at = stop
