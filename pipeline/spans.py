"""Overlapping stretches of numbers, laid over each other without a Python object for any of them.

All arrays are ``int64``. A stretch is ``[start, end)``; a key says who wins where stretches overlap: the smallest.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["NONE", "Ints", "counted", "cuts", "expand", "painted", "smallest"]

Ints = npt.NDArray[np.int64]

NONE: Final = np.iinfo(np.int64).max
"""The key of a piece that no stretch covers."""


def cuts(size: int, *edges: Ints) -> Ints:
    """Return where pieces begin and end: 0, ``size`` and every edge between them, ascending, each once."""
    inside = [edge[(edge > 0) & (edge < size)] for edge in edges]
    return np.unique(np.concatenate([np.array([0, size], dtype=np.int64), *inside]))


def painted(pieces: int, first: Ints, stop: Ints, keys: Ints) -> Ints:
    """Return the smallest key over each piece; stretches are given as piece numbers, ``stop`` exclusive, none empty.

    A stretch is the union of two of the largest power of two that fits: its key is noted at the starts of both, and
    from the longest length down each note is handed on to its two halves (a sparse table filled from the top).
    """
    if not len(first):
        return np.full(pieces, NONE, dtype=np.int64)
    level_of = np.frexp((stop - first).astype(np.float64))[1] - 1
    order = np.argsort(level_of, kind="stable")
    top = int(level_of[order[-1]])
    bounds = np.searchsorted(level_of[order], np.arange(top + 2))
    best = np.full(pieces, NONE, dtype=np.int64)
    for level in range(top, -1, -1):
        half = 1 << level
        if level < top:
            np.minimum(best[half:], best[:-half].copy(), out=best[half:])
        mine = order[bounds[level] : bounds[level + 1]]
        np.minimum.at(best, first[mine], keys[mine])
        np.minimum.at(best, stop[mine] - half, keys[mine])
    return best


def counted(pieces: int, first: Ints, stop: Ints) -> Ints:
    """Return how many stretches cover each piece."""
    steps = np.bincount(first, minlength=pieces + 1) - np.bincount(stop, minlength=pieces + 1)
    return np.cumsum(steps)[:pieces].astype(np.int64)


def smallest(pieces: int, first: Ints, stop: Ints, keys: Ints, *, most: int, block: int = 1 << 16) -> Ints:
    """Return the ``most`` smallest distinct keys over each piece, a row each, filled up with ``NONE``."""
    found = np.full((pieces, most), NONE, dtype=np.int64)
    for start in range(0, pieces, block):
        end = min(start + block, pieces)
        low, high = np.maximum(first, start), np.minimum(stop, end)
        mine = low < high
        if mine.any():
            _fill(found[start:end], low[mine] - start, high[mine] - start, keys[mine])
    return found


def _fill(best: Ints, first: Ints, stop: Ints, keys: Ints) -> None:
    """Do as :func:`painted`, with a sorted row of keys in the place of one."""
    level_of = np.frexp((stop - first).astype(np.float64))[1] - 1
    top = int(level_of.max())
    for level in range(top, -1, -1):
        half = 1 << level
        if level < top:
            handed = np.flatnonzero(best[:-half, 0] != NONE)
            best[handed + half] = _merged(best[handed + half], best[handed].copy())
        mine = level_of == level
        if mine.any():
            _note(best, np.concatenate([first[mine], stop[mine] - half]), np.concatenate([keys[mine], keys[mine]]))


def _note(best: Ints, places: Ints, keys: Ints) -> None:
    """Merge keys into the rows of their places; only the smallest of a place can stay, so only those are handed in."""
    order = np.lexsort((keys, places))
    places, keys = places[order], keys[order]
    new = np.ones(len(keys), dtype=bool)
    new[1:] = (places[1:] != places[:-1]) | (keys[1:] != keys[:-1])
    places, keys = places[new], keys[new]
    rows, heads, row_of = np.unique(places, return_index=True, return_inverse=True)
    rank = np.arange(len(places)) - heads[row_of]
    kept = rank < best.shape[1]
    extra = np.full((len(rows), best.shape[1]), NONE, dtype=np.int64)
    extra[row_of[kept], rank[kept]] = keys[kept]
    best[rows] = _merged(best[rows], extra)


def _merged(left: Ints, right: Ints) -> Ints:
    both = np.concatenate([left, right], axis=1)
    both.sort(axis=1)
    both[:, 1:][both[:, 1:] == both[:, :-1]] = NONE
    both.sort(axis=1)
    return both[:, : left.shape[1]]


def expand(starts: Ints, lengths: Ints) -> Ints:
    """Return the numbers of all stretches, one stretch after the other."""
    total = int(lengths.sum())
    if not total:
        return np.zeros(0, dtype=np.int64)
    ends = np.cumsum(lengths)
    return np.arange(total, dtype=np.int64) - np.repeat(ends - lengths - starts, lengths)
