"""Run lists of many attributes at once: all lists step by step together, the few very long ones alone.

Source: Linux-NTFS project documentation, "Data Runs".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.ntfs_runs import MAX_CLUSTERS, decode_runs

__all__ = ["RunColumns", "decode_many"]

_FEW: Final = 64
_FAR: Final = 1 << 61  # a larger step leaves every volume; smaller ones add up without overflow


@dataclass(frozen=True, slots=True)
class RunColumns:
    """Runs in clusters (-1: a hole), those of list *n* from ``bounds[n]`` to ``bounds[n + 1]``."""

    start: NDArray[np.int64]
    count: NDArray[np.int64]
    bounds: NDArray[np.int64]
    sound: NDArray[np.bool_]


def decode_many(raw: bytes | bytearray, start: NDArray[np.int64], end: NDArray[np.int64], clusters: int) -> RunColumns:
    """Decode the run lists between byte offsets as :func:`decode_runs` does; ``raw`` has 64 bytes behind the last."""
    sound = np.zeros(len(start), np.bool_)
    found: list[tuple[NDArray[Any], ...]] = []
    who, at, stop = np.arange(len(start)), start.astype(np.int64), end.astype(np.int64)
    place = np.zeros(len(start), np.int64)
    octets = np.frombuffer(raw, np.uint8)
    words = np.ndarray((max(len(raw) - 7, 0),), "<u8", raw, 0, (1,))
    while len(who) > _FEW:
        inside = at < stop
        head = octets[np.where(inside, at, 0)]
        ended = inside & (head == 0)
        sound[who[ended]] = True
        go = inside & ~ended
        who, at, stop, place, head = who[go], at[go], stop[go], place[go], head[go].astype(np.int64)
        low, high = head & 15, head >> 4
        count = _number(words, at + 1, low)
        step = _signed(_number(words, at + 1 + low, high), high)
        after = at + 1 + low + high
        good = (count > 0) & (count < MAX_CLUSTERS) & (low > 0) & (low <= 8) & (high <= 8) & (after <= stop)
        hole = high == 0
        good &= hole | (np.abs(step) < _FAR)
        place = place + np.where(good & ~hole, step, 0)
        good &= hole | ((place >= 0) & (place + np.where(good, count, 0) <= clusters))
        who, at, stop, place, count, hole = who[good], after[good], stop[good], place[good], count[good], hole[good]
        found.append((who, np.where(hole, -1, place), count))
    for index, first, last, base in zip(who.tolist(), at.tolist(), stop.tolist(), place.tolist(), strict=True):
        runs, sound[index] = decode_runs(raw[first:last], clusters, base)
        found.append((np.full(len(runs), index), *np.array(runs, np.int64).reshape(-1, 2).T))
    return _by_list(found, sound)


def _by_list(found: list[tuple[NDArray[Any], ...]], sound: NDArray[np.bool_]) -> RunColumns:
    """Put the runs of each list together, in their order."""
    none = np.zeros(0, np.int64)
    owner, start, count = (
        (np.concatenate([none, *column]) for column in zip(*found, strict=True)) if found else (none,) * 3
    )
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(len(sound) + 1))
    return RunColumns(start[order], count[order], bounds, sound)


def _number(words: NDArray[np.uint64], at: NDArray[np.int64], width: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return little-endian numbers of 0 to 8 bytes; what is wider than 8 is as 8."""
    shift = (8 * (8 - np.clip(width, 0, 8))).astype(np.uint64)
    value = np.where(shift < 64, words[at] << np.minimum(shift, 63), 0).astype(np.uint64)
    number: NDArray[np.int64] = (value >> np.minimum(shift, np.uint64(63))).astype(np.int64)
    return number


def _signed(number: NDArray[np.int64], width: NDArray[np.int64]) -> NDArray[np.int64]:
    """Read numbers of ``width`` bytes as signed ones."""
    bits = 8 * np.clip(width, 1, 7)  # eight bytes are signed as they are
    negative = (width < 8) & ((number >> (bits - 1)) & 1 == 1)
    signed: NDArray[np.int64] = np.where(negative, number - (np.int64(1) << bits), number)
    return signed
