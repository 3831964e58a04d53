"""Chains of clusters: live ones by the table, deleted ones by assumption."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.fat_boot import clusters_runs
from pipeline.records import Certainty

__all__ = ["BAD", "chain", "deleted_run"]

BAD: Final = 0x0FFFFFF7


def chain(table: NDArray[np.uint32], first: int, most: int) -> tuple[NDArray[np.int64], str]:
    """Follow a chain for at most ``most`` clusters; the text says how it broke, empty where it ended well."""
    clusters: list[int] = []
    seen: set[int] = set()
    at, fault = first, ""
    while len(clusters) < most:
        if at in seen:
            fault = "cycle"
        elif not 2 <= at < len(table):
            fault = "cluster out of range"
        elif table[at] == BAD:
            fault = "bad cluster"
        elif table[at] == 0:
            fault = "free cluster in chain"
        if fault:
            break
        clusters.append(at)
        seen.add(at)
        at = int(table[at])
        if at > BAD:
            break
    return np.array(clusters, np.int64), fault


def deleted_run(used: NDArray[np.bool_], first: int, count: int) -> tuple[list[tuple[int, int]], str]:
    """Return the assumed (first, count) of a deleted file and how sure that is; ``used`` is by cluster number."""
    if count == 0 or not 2 <= first < len(used):
        return [], Certainty.NO_CONTENT
    clusters = np.arange(first, min(first + count, len(used)), dtype=np.int64)
    taken = used[clusters]
    certainty = Certainty.CONTIGUITY_ASSUMED
    if taken[0]:
        certainty = Certainty.OVERWRITTEN
    elif taken.any() or len(clusters) < count:
        certainty = Certainty.PARTLY_OVERWRITTEN
    return clusters_runs(clusters), certainty
