"""Text in UTF-32 (Unicode Standard §3.10), which has no other trace in bytes: runs of four-byte characters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["wide_bytes", "wide_runs"]

SHORTEST: Final = 8
"""Characters that make a run."""
_FORMS: Final = ("utf-32-le", "utf-32-be")
_BLOCK: Final = 1 << 16


def wide_runs(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield (form, start, length) of runs; of two that overlap, the longer."""
    if b"\0\0" not in data:
        return
    found = [
        (start, -length, form) for form in _FORMS for phase in range(4) for start, length in _runs(data, phase, form)
    ]
    for start, length, form in _longest(found):
        yield form, start, -length


def _longest(found: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Return the runs that overlap none that is longer."""
    kept: list[tuple[int, int, str]] = []
    for start, length, form in sorted(found):
        if kept and start < kept[-1][0] - kept[-1][1]:
            if length < kept[-1][1]:
                kept[-1] = (start, length, form)
        else:
            kept.append((start, length, form))
    return kept


def _runs(data: bytes, phase: int, form: str) -> Iterator[tuple[int, int]]:
    """Yield (start, length) of the runs of one order that begin at a phase."""
    total = max(len(data) - phase, 0) // 4
    blocks = [
        first + _characters(data, phase + 4 * first, min(_BLOCK, total - first), form)
        for first in range(0, total, _BLOCK)
    ]
    places = np.concatenate([np.zeros(0, dtype=np.int64), *blocks])
    breaks = np.flatnonzero(np.diff(places) != 1) + 1
    for low, high in pairwise([0, *breaks.tolist(), len(places)]):
        if high - low >= SHORTEST:
            yield phase + 4 * int(places[low]), 4 * (high - low)


def _characters(data: bytes, offset: int, count: int, form: str) -> NDArray[np.int64]:
    """Return which words of a block are characters; most are ruled out by one look at their high bytes."""
    before = min(SHORTEST, offset // 4)
    behind = min(SHORTEST, (len(data) - offset) // 4 - count)
    words = np.frombuffer(data, dtype="<u4", count=before + count + behind, offset=offset - 4 * before)
    little = form == "utf-32-le"
    likely = ((words & (0xFFFC0000 if little else 0xFCFF)) == 0) & (words != 0)
    places = np.flatnonzero(_in_runs(likely)[before : before + count])
    codes = words[before : before + count][places]
    return places[_is_character(codes if little else codes.byteswap())]


def _in_runs(likely: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what holds eight times in a row or more."""
    pairs = likely[1:] & likely[:-1]
    fours = pairs[2:] & pairs[:-2]
    runs = np.zeros_like(likely)
    runs[: max(len(likely) - 7, 0)] = fours[4:] & fours[:-4]
    if runs.any():
        for step in (1, 2, 4):
            runs[step:] = runs[step:] | runs[:-step]
    return runs


def _is_character(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Tell which codes are ASCII text, kana, ideographs and marks, or ideographs of plane 2."""
    ascii_text = ((codes >= 0x20) & (codes < 0x7F)) | ((codes >= 9) & (codes <= 13))
    japanese = ((codes >= 0x2000) & (codes < 0xA000)) | ((codes >= 0xF900) & (codes <= 0xFFFF))
    return ascii_text | japanese | ((codes >= 0x20000) & (codes < 0x30000))


def wide_bytes(encoding: str) -> Callable[[bytes, int], bytes]:
    """Return what opens runs of an encoding, as UTF-8."""

    def opened(run: bytes, cap: int) -> bytes:
        return run[: len(run) & ~3].decode(encoding, "replace").encode("utf-8", "replace")[:cap]

    return opened
