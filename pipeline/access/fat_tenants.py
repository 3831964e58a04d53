"""Whose clusters were whose, when: what may be said of the clusters of deleted FAT and exFAT files.

A deleted file leaves its first cluster, its size and its times, but no chain. Files are written into the next free
clusters, so its own lie there, around what others held at that time. Whoever was created by the last time that the file
was written to held his clusters beside it: they are a gap in the file. Whoever was created later got its clusters: they
are overwritten. Of deleted files that claim one cluster, the newest has it; where it cannot be told which is that, or
whether the older one was a gap in it, the file is contested (``fat_claims``).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.access.fat_chain import joined
from pipeline.access.fat_claims import COARSE, Claimants
from pipeline.records import Certainty

__all__ = ["NEVER", "Guess", "Lease", "Tenants"]

NEVER: Final = -(1 << 62)
_UNKNOWN: Final = 1 << 62
_MOST_PIECES: Final = 4096
_CLAIMED_PIECES: Final = 64


class Lease(NamedTuple):
    """A deleted file's claim: first cluster, how many, when created and last written (microseconds; NEVER: unknown).

    ``whole``: known to lie in one piece; ``size`` in bytes.
    """

    first: int
    need: int
    born: int
    last: int
    whole: bool
    size: int = -1


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
    """A gap, or what another wrote here later."""
    SHARED = auto()
    """The file's, or what another wrote here later."""
    TAKEN = auto()


class Tenants:
    """The clusters of a volume with their tenants; first all are told, then :meth:`guess` answers."""

    def __init__(self, used: NDArray[np.bool_], bad: list[tuple[int, int]]) -> None:
        self._used = used
        self._live = array("q")
        self._leases = array("q")
        self._pieces = array("q")
        for first, count in bad:
            self._live.extend((first, first + count, NEVER, 0, 0, -1))
        self._walls = _Walls(self._live)
        self._newest = Claimants(np.zeros((0, 7), np.int64))
        self._edges: NDArray[np.int64] = np.zeros(0, np.int64)

    def hold(self, clusters: list[tuple[int, int]], born: int, last: int, size: int = -1) -> None:
        """Note the clusters of a live file or directory."""
        for number, (first, count) in enumerate(clusters):
            self._live.extend((first, first + count, born, last, int(number == 0), size))

    def leave(self, lease: Lease, clusters: list[tuple[int, int]] | None = None) -> None:
        """Note a deleted file's claim; ``clusters`` are those that its own chain still names."""
        if clusters is None:
            self._leases.extend(lease)
            return
        self._claim(lease._replace(whole=True), clusters)

    def settle(self) -> None:
        """Work out who is the newest claimant of each deleted stretch, when all claims are told."""
        self._edges = np.flatnonzero(self._used[1:] != self._used[:-1]) + 1
        self._walls = _Walls(self._live)
        width = len(Lease._fields)
        for at in range(0, len(self._leases), width):
            first, need, born, last, whole, size = self._leases[at : at + width]
            lease = Lease(first, need, born, last, bool(whole), size)
            if self.moved(lease) is not None:
                continue
            self._claim(lease, self._pieces_of(lease)[0])
        self._newest = Claimants(np.frombuffer(self._pieces, np.int64).reshape(-1, 7))
        self._leases, self._pieces = array("q"), array("q")

    def _claim(self, lease: Lease, clusters: list[tuple[int, int]]) -> None:
        for start, count in clusters[:_CLAIMED_PIECES]:
            times = lease.born, lease.first, lease.last
            self._pieces.extend((start, start + count, *times, int(lease.whole), lease.size))

    def moved(self, lease: Lease) -> bool | None:
        """Tell whether a live file is this one under another name: True unchanged, False changed since, None no."""
        wall = self._walls.at(lease.first)
        if wall is None or not wall.head or wall.start != lease.first or wall.born != lease.born or lease.born == NEVER:
            return None
        return wall.last == lease.last and wall.size == lease.size

    def guess(self, lease: Lease) -> Guess:
        """Return what may be said of a deleted file."""
        if lease.need == 0 or not 2 <= lease.first < len(self._used):
            return Guess([], Certainty.NO_CONTENT)
        clusters, lost, seen, doubt = self._pieces_of(lease)
        held = sum(count for _, count in clusters)
        certainty = Certainty.CONTIGUITY_ASSUMED
        if lost and lost >= held:
            certainty = Certainty.OVERWRITTEN
        elif lost or held < lease.need:
            certainty = Certainty.PARTLY_OVERWRITTEN
        elif doubt:
            certainty = Certainty.CONTESTED
        return Guess(clusters, certainty, ("gaps-assumed",) if seen else ())

    def judged(self, lease: Lease, clusters: list[tuple[int, int]]) -> str:
        """Return the certainty of clusters that a chain still names: a newer claimant may have overwritten some."""
        whole, lost, doubt = sum(count for _, count in clusters), 0, False
        for first, count in clusters[:_MOST_PIECES]:
            known = Lease(first, count, lease.born, lease.last, True)
            _, gone, _, unsure = self._pieces_of(known, owner=lease.first)
            lost, doubt = lost + gone, doubt or unsure
        if not lost:
            return Certainty.CONTESTED if doubt else Certainty.CONTIGUITY_ASSUMED
        return Certainty.OVERWRITTEN if lost >= whole else Certainty.PARTLY_OVERWRITTEN

    def _pieces_of(self, lease: Lease, owner: int = 0) -> tuple[list[tuple[int, int]], int, bool, bool]:
        """Return clusters, how many are overwritten, whether there are gaps, and whether any of it is in doubt."""
        found: list[tuple[int, int]] = []
        lost, gaps, doubt, left = 0, False, False, lease.need
        for first, end, kind in self._stretches(lease, owner or lease.first):
            doubt = doubt or kind in (_Kind.DOUBT, _Kind.SHARED)
            if kind in (_Kind.GAP, _Kind.DOUBT):
                gaps = True
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
                kind, end = (_Kind.TAKEN, end) if self._used[at] else (_Kind.SHARED, at + 1)
            yield at, end, kind
            at = end
            if at >= len(self._used):
                return

    def _kind(self, at: int, end: int, lease: Lease, owner: int) -> tuple[int, _Kind]:
        """Return the end of a stretch that begins at ``at``, and what it was to a file."""
        if self._used[at]:
            wall = self._walls.at(at)
            stop = min(end, wall.end if wall else self._walls.after(at))
            return stop, _Kind.TAKEN if lease.whole else _beside(wall, lease.last + COARSE)
        claim = self._newest.at(at)
        stop = min(end, claim.end if claim else self._newest.after(at))
        if claim is None:
            return stop, _Kind.FREE
        if (claim.born, claim.first) <= (lease.born, owner):
            return stop, _Kind.SHARED if claim.contested or claim.first != owner else _Kind.FREE
        if claim.born > lease.last + COARSE or claim.first == owner:
            return stop, _Kind.TAKEN
        return stop, _Kind.SHARED if lease.whole else _Kind.DOUBT


class _Wall(NamedTuple):
    start: int
    end: int
    born: int
    last: int
    head: bool
    size: int


def _beside(wall: _Wall | None, last: int) -> _Kind:
    """Return what a live file's run was to one last written to by ``last``.

    It was there if the live file was; one that was written to later may have come to all but its first cluster then.
    """
    if wall is None or wall.born > last:
        return _Kind.TAKEN
    return _Kind.GAP if wall.last <= last or (wall.head and wall.end - wall.start == 1) else _Kind.DOUBT


class _Walls:
    """Runs of live files by their first cluster."""

    def __init__(self, rows: array[int]) -> None:
        table = np.frombuffer(rows, np.int64).reshape(-1, 6)
        self._rows = table[np.argsort(table[:, 0], kind="stable")]
        self._starts = self._rows[:, 0].copy()

    def at(self, cluster: int) -> _Wall | None:
        """Return the run that holds a cluster, cut where the next one begins."""
        number = int(np.searchsorted(self._starts, cluster, side="right")) - 1
        if number < 0 or self._rows[number, 1] <= cluster:
            return None
        start, end, born, last, head, size = self._rows[number].tolist()
        return _Wall(start, min(end, self.after(cluster)), born, last, bool(head), size)

    def after(self, cluster: int) -> int:
        """Return where the next run begins."""
        number = int(np.searchsorted(self._starts, cluster, side="right"))
        return int(self._starts[number]) if number < len(self._starts) else _UNKNOWN
