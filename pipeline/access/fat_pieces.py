"""Clusters of lost FAT directories that no dot entry begins: those behind the first (Microsoft FAT specification, §6).

A directory that was formatted over, or that lay in pieces, leaves clusters of nothing but slots. Such a cluster is told
by its first two slots, and by all of them up to the end mark.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.fat_names import checksum

__all__ = ["is_piece", "like_pieces"]

_LONG: Final = 0x0F
_MOST_PARTS: Final = 20
_SHORT_TEXT: Final = slice(1, 11)


def like_pieces(heads: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell which rows, the first 64 bytes of clusters, begin with two slots, or with one and the end mark."""
    first, second = heads[:, :32], heads[:, 32:64]
    found: NDArray[np.bool_] = _slots(first) & (_slots(second) | (second[:, 0] == 0))
    return found


def _slots(rows: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return _long(rows) | _short(rows)


def _long(rows: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell which rows are long-name slots (§7.1: type and first cluster are 0)."""
    order = rows[:, 0] & 0x3F
    known: NDArray[np.bool_] = (rows[:, 0] == 0xE5) | ((order >= 1) & (order <= _MOST_PARTS) & (rows[:, 0] < 0x80))
    known &= (rows[:, 11] == _LONG) & (rows[:, 12] == 0) & (rows[:, 26] == 0) & (rows[:, 27] == 0)
    return known


def _short(rows: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell which rows are short entries: allowed attributes and characters, and a date and time of writing."""
    date = rows[:, 24].astype(np.uint16) | rows[:, 25].astype(np.uint16) << 8
    time = rows[:, 22].astype(np.uint16) | rows[:, 23].astype(np.uint16) << 8
    month = date >> 5 & 15
    dated: NDArray[np.bool_] = (month >= 1) & (month <= 12) & (date & 31 >= 1)
    timed = (time >> 11 < 24) & ((time >> 5 & 63) < 60) & (time & 31 < 30)
    named = (rows[:, 0] > 0x20) & (rows[:, _SHORT_TEXT] >= 0x20).all(axis=1) & (rows[:, 8] != 0x2E)
    dated &= timed & named & (rows[:, 11] & 0xC8 == 0) & (rows[:, 12] & 0xE7 == 0) & (rows[:, 13] < 200)
    return dated


def is_piece(content: bytes, last: int, bits: int) -> bool:
    """Tell whether a cluster holds slots alone up to its end mark, and a name that proves it or two short entries.

    ``last`` is the highest cluster number that an entry may begin at.
    """
    rows = np.frombuffer(content, np.uint8, len(content) // 32 * 32).reshape(-1, 32)
    ended = np.flatnonzero(rows[:, 0] == 0)
    rows = rows[: ended[0]] if len(ended) else rows
    if not len(rows) or not _slots(rows).all():
        return False
    short = np.flatnonzero(_short(rows))
    starts = rows[:, 26].astype(np.uint32) | rows[:, 27].astype(np.uint32) << 8
    if bits == 32:
        starts |= rows[:, 20].astype(np.uint32) << 16 | rows[:, 21].astype(np.uint32) << 24
    if (starts[short] > last).any() or (starts[short] == 1).any():
        return False
    proven = any(
        rows[at - 1, 11] == _LONG and rows[at - 1, 13] == checksum(rows[at, :11].tobytes()) for at in short if at
    )
    return proven or len(short) > 1
