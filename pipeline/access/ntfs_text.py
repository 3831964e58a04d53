"""Many UTF-16 names at once, as Arrow text: decoded in one call, cut by offsets that are counted, not searched.

Source: The Unicode Standard, ch. 3.9, table 3-6 (bytes of a code point in UTF-8) and D71-D75 (surrogates).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.address import escape

__all__ = ["bytes_of", "decode_names", "escaped", "text_of", "words"]

_SLASH: Final = 0x2F
_DIVISION: Final = 0x2215
_TWO_BYTES: Final = 0x80
_THREE_BYTES: Final = 0x800
_SURROGATES: Final = 0x1B  # of the upper five bits; a pair takes four bytes, two for each half
_SAFE: Final = (
    r"^[^%!\x00-\x1f\x7f-\x{9f}\x{61c}\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}\x{feff}\x{fffe}\x{ffff}]*$"
)


def decode_names(
    raw: bytes | bytearray, start: NDArray[np.int64], end: NDArray[np.int64], *, separator: bool
) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Return the names between byte offsets, and which of them are sound UTF-16; the others are null.

    With ``separator``, ``/`` is written U+2215, as in a path.
    """
    count = (end - start) // 2
    heads = np.cumsum(count) - count
    place = np.repeat(start - 2 * heads, count)
    place += np.arange(0, 2 * len(place), 2)
    units: NDArray[np.uint16] = np.ndarray((max(len(raw) - 1, 0),), "<u2", raw, 0, (1,))[place]
    if separator:
        units[units == _SLASH] = _DIVISION
    sound, lengths = np.ones(len(start), np.bool_), count
    if units.max(initial=0) < _TWO_BYTES:
        text = units.astype(np.uint8).tobytes()
    else:
        text, sound, lengths = _wide(units, np.repeat(np.arange(len(start)), count), len(start))
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    valid = None if sound.all() else pa.array(sound).buffers()[1]
    return pa.Array.from_buffers(pa.string(), len(start), [valid, pa.py_buffer(offsets), pa.py_buffer(text)]), sound


def _wide(
    units: NDArray[np.uint16], owner: NDArray[np.int64], count: int
) -> tuple[bytes, NDArray[np.bool_], NDArray[np.int64]]:
    """Return the UTF-8 of the sound ones of ``count`` names, which those are, and how long each is in it."""
    sound = _sound(units, owner, count)
    if not sound.all():
        keep = sound[owner]
        units, owner = units[keep], owner[keep]
    widths = 1 + (units >= _TWO_BYTES).astype(np.int64) + ((units >= _THREE_BYTES) & (units >> 11 != _SURROGATES))
    lengths = np.bincount(owner, widths, count).astype(np.int64)
    return units.astype("<u2").tobytes().decode("utf-16-le").encode(), sound, lengths


def _sound(units: NDArray[np.uint16], owner: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Tell which names hold no lone surrogate."""
    sound = np.ones(count, np.bool_)
    high, low = units >> 10 == 0x36, units >> 10 == 0x37
    if not (high.any() or low.any()):
        return sound
    together = np.concatenate((owner[1:] == owner[:-1], [False])) if len(owner) else np.zeros(0, np.bool_)
    paired = high & together & np.concatenate((low[1:], [False]))
    lone = (high & ~paired) | (low & ~np.concatenate(([False], paired[:-1])))
    sound[owner[lone]] = False
    return sound


def escaped(names: pa.Array) -> pa.Array:
    """Return texts as steps of an address hold them; the same array where nothing has to be escaped."""
    safe = pc.match_substring_regex(names, _SAFE)
    if pc.all(safe, min_count=0).as_py():
        return names
    odd = pc.indices_nonzero(pc.invert(safe))
    changed = pa.array([escape(text) for text in names.take(odd).to_pylist()], pa.string())
    return pc.replace_with_mask(names, pc.invert(safe), changed)


def text_of(value: str, count: int) -> pa.Array:
    """Return a column that says the same in every row."""
    return pa.repeat(pa.scalar(value, pa.string()), count)


def words(texts: Sequence[str], index: NDArray[np.int64]) -> pa.Array:
    """Return a column of a few texts, by their index."""
    return pa.array(texts, pa.string()).take(pa.array(index))


def bytes_of(texts: pa.Array) -> tuple[bytes, list[int]]:
    """Return the UTF-8 bytes of a column without nulls, and where each text begins and the last one ends."""
    _, offsets, data = texts.buffers()
    every: NDArray[Any] = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return (data.to_pybytes() if data is not None else b""), every.tolist()
