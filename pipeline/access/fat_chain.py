"""Chains of clusters: live ones by the table, deleted ones by assumption (Microsoft FAT specification 1.03, §4)."""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.records import Certainty

__all__ = ["BAD", "chain", "deleted_run", "joined"]

BAD: Final = 0x0FFFFFF7
_FIRST_LOOK: Final = 64
_LONGEST_LOOK: Final = 1 << 20


def chain(table: NDArray[np.uint32], first: int, most: int) -> tuple[list[tuple[int, int]], str]:
    """Follow a chain for at most ``most`` clusters, a stretch of consecutive links at a time.

    Returns (first, count) of clusters in the file's order, and how the chain broke: empty where it ended well.
    """
    runs: list[tuple[int, int]] = []
    seen: list[tuple[int, int]] = []
    at, left = first, most
    while left > 0:
        fault = _fault(table, at)
        before = bisect_right(seen, (at, len(table)))
        if not fault and before and at < sum(seen[before - 1]):
            fault = "cycle"
        if fault:
            return joined(runs), fault
        count = max(1, _stretch(table, at, left))
        count = min(count, seen[before][0] - at) if before < len(seen) else count
        insort(seen, (at, count))
        runs.append((at, count))
        left -= count
        at = int(table[at + count - 1])
        if at > BAD:
            break
    return joined(runs), ""


def _fault(table: NDArray[np.uint32], at: int) -> str:
    if not 2 <= at < len(table):
        return "cluster out of range"
    return {BAD: "bad cluster", 0: "free cluster in chain"}.get(int(table[at]), "")


def _stretch(table: NDArray[np.uint32], at: int, most: int) -> int:
    """Return how many clusters from ``at`` on link to the very next one."""
    done, look, end = 0, _FIRST_LOOK, min(len(table) - 1, at + most)
    if table[at] != at + 1:
        return 0
    while at + done < end:
        part = table[at + done : min(at + done + look, end)]
        linked = part == np.arange(at + done + 1, at + done + 1 + len(part), dtype=np.uint32)
        if not linked.all():
            return done + int(np.argmin(linked))
        done, look = done + len(part), min(4 * look, _LONGEST_LOOK)
    return done


def joined(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Coalesce (first, count) that follow one another."""
    made: list[tuple[int, int]] = []
    for first, count in runs:
        if made and sum(made[-1]) == first:
            made[-1] = (made[-1][0], made[-1][1] + count)
        else:
            made.append((first, count))
    return made


def deleted_run(used: NDArray[np.bool_], first: int, count: int) -> tuple[list[tuple[int, int]], str]:
    """Return the assumed (first, count) of a deleted file and how sure that is; ``used`` is by cluster number."""
    if count == 0 or not 2 <= first < len(used):
        return [], Certainty.NO_CONTENT
    taken = used[first : first + count]
    certainty = Certainty.CONTIGUITY_ASSUMED
    if taken[0]:
        certainty = Certainty.OVERWRITTEN
    elif len(taken) < count or taken.any():
        certainty = Certainty.PARTLY_OVERWRITTEN
    return [(first, len(taken))], certainty
