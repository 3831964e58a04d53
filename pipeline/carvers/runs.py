"""Where long runs of possible bytes or units begin, in one pass over many bytes that mostly are not text.

Runs are looked for in blocks: a run of two blocks or more has one whole block inside it. Blocks that cannot be inside
one are left out by what costs little (a word of them, a sample of the units) before all their bytes are looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["narrow_runs", "wide_runs"]

_Places = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]

_EACH: Final = np.uint64(0x0101010101010101)
_FOUR: Final = np.uint32(0x01010101)
_HIGH: Final = np.uint64(0x8080808080808080)
_SAMPLED: Final = 3
"""Words of a block of bytes that are looked at before the others."""
_ESCAPE: Final = 0x1B
_WIDE_BLOCK: Final = 32
"""Units of a block of a run of units; a word of four samples tells of it."""


def narrow_runs(raw: npt.NDArray[np.uint8], classes: bytes, shortest: int) -> list[int]:
    """Return where runs of ``shortest`` possible bytes begin, or shorter ones that ``raw`` ends in.

    ``classes``: bit 0 of a possible byte. A run is told only if it has a byte above seven bits, or an escape, near it.
    """
    block = shortest // 2
    count = len(raw) // block
    grid = raw[: count * block].reshape(count, block)
    if not count:
        return []
    words = raw[: count * block].view(np.uint64).reshape(count, block // 8)
    low = np.arange(count)
    for word in range(_SAMPLED):
        sample = words[:, word] if not word else words[:, word].take(low)
        low = low[np.frombuffer(sample.tobytes().translate(classes), np.uint64) & _EACH == _EACH]
    maybe, rich = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    maybe[low] = True
    rich[low] = _telling(words.take(low, axis=0))
    good = np.zeros(count, np.bool_)

    def prove(blocks: _Places) -> None:
        every = np.bitwise_and.reduce(_classed(words.take(blocks, axis=0)[:, _SAMPLED:], classes), axis=1)
        good[blocks] = every & _EACH == _EACH

    prove(np.flatnonzero(maybe & rich))
    plain = maybe & ~rich
    near = np.flatnonzero(good | plain)
    near = near[_beside(near, good)]
    prove(near[plain[near]])
    blocks = np.flatnonzero(good)
    chosen = blocks[_beside(blocks, rich)]
    tail = raw[count * block :]
    return _begins(chosen, grid, tail, lambda units: _zero(units, classes), shortest)


def wide_runs(
    units: npt.NDArray[np.uint16], high: int, classes: bytes, bad: _Flags, shortest: int
) -> list[int]:  # fmt: skip
    """Return where runs of ``shortest`` possible units begin, or shorter ones that ``units`` end in.

    ``high`` is which byte of a unit is the high one; ``classes`` are those of high bytes: bit 0 of a possible one,
    bit 1 of one without which no run is told. ``bad`` tells of each unit; the unit 0 is no text.
    """
    count = len(units) // _WIDE_BLOCK
    grid = units[: count * _WIDE_BLOCK].reshape(count, _WIDE_BLOCK)
    if not count:
        return []
    octets = units[: count * _WIDE_BLOCK].view(np.uint8)
    sample = np.frombuffer(octets[high::16].tobytes().translate(classes), np.uint32)
    filled = octets.view(np.uint64)[:: _WIDE_BLOCK // 4] != 0
    blocks = np.flatnonzero((sample & _FOUR == _FOUR) & filled)
    for places in (slice(2, None, 8), slice(6, None, 8), slice(None)):
        blocks = blocks[~bad[grid.take(blocks, axis=0)[:, places]].any(axis=1)]
    tops = _classed(grid.take(blocks, axis=0).view(np.uint8)[:, high::2], classes)
    rich = np.zeros(count, np.bool_)
    rich[blocks] = np.bitwise_or.reduce(tops, axis=1) & (_EACH << np.uint64(1)) != 0
    chosen = blocks[_beside(blocks, rich)]
    return _begins(chosen, grid, units[count * _WIDE_BLOCK :], lambda values: bad[values], shortest)


def _telling(rows: npt.NDArray[np.uint64]) -> _Flags:
    """Tell of each row, of a power of two of words, whether it has a byte of eight bits or an escape."""
    words = (rows & _HIGH | (rows.view(np.uint8) == _ESCAPE).view(np.uint64)).reshape(-1)
    while len(words) > len(rows):
        words = words[0::2] | words[1::2]
    flags: _Flags = words != 0
    return flags


def _classed(rows: npt.NDArray[Any], classes: bytes) -> npt.NDArray[np.uint64]:
    """Return the classes of the bytes of rows, eight to a word."""
    return np.frombuffer(rows.tobytes().translate(classes), np.uint64).reshape(len(rows), rows[0:1].nbytes // 8)


def _zero(units: npt.NDArray[Any], classes: bytes) -> _Flags:
    flags: _Flags = np.frombuffer(units.tobytes().translate(classes), np.uint8) == 0
    return flags


def _beside(blocks: _Places, flags: _Flags) -> _Flags:
    """Tell of each block whether it, or one that it touches through others of them, has a flag."""
    if not len(blocks):
        return np.zeros(0, np.bool_)
    firsts = np.flatnonzero(np.diff(blocks, prepend=-2) > 1)
    told = np.logical_or.reduceat(flags[blocks], firsts)
    found: _Flags = np.repeat(told, np.diff(np.append(firsts, len(blocks))))
    return found


def _begins(
    chosen: _Places,
    grid: npt.NDArray[Any],
    tail: npt.NDArray[Any],
    bad_of: Callable[[npt.NDArray[Any]], _Flags],
    shortest: int,
) -> list[int]:  # fmt: skip
    """Return where long runs without bad units begin behind a bad one, in the chosen blocks and those beside them."""
    if not len(chosen):
        return []
    count, block = grid.shape
    wanted = np.zeros(count + 3, np.bool_)
    for step in (0, 1, 2):
        wanted[chosen + step] = True
    blocks = np.flatnonzero(wanted[1 : count + 2])
    ends = bool(len(tail)) and bool(blocks[-1] == count)
    blocks = blocks if ends else blocks[blocks < count]
    bad = bad_of(np.concatenate((grid[blocks[blocks < count]].ravel(), tail if ends else tail[:0])))
    stop = bad.copy()
    stop[np.flatnonzero(np.diff(blocks, prepend=-2) > 1) * block] = True
    starts = np.flatnonzero(bad[:-1] & ~stop[1:]) + 1
    stops = np.append(np.flatnonzero(stop), len(bad))
    behind = stops[np.searchsorted(stops, starts)]
    last = ends or (not len(tail) and bool(blocks[-1] == count - 1))
    long = behind - starts >= shortest
    long |= last & (behind == len(bad))
    starts = starts[long]
    found: list[int] = (blocks[starts // block] * block + starts % block).tolist()
    return found
