"""Cells of a typed column that hold no value: empty ones, placeholders, headers. Most are told by two bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.detectors.expressions import Expression
from pipeline.detectors.texts import Texts
from pipeline.rules import RuleSet, fold_header

__all__ = ["HOLLOW", "ClosedCells", "is_placeholder"]

PLACEHOLDERS: Final = "*xX×＊〇○-"
"""Characters that only stand for a value."""
HOLLOW: Final = Expression(rf"[\s{PLACEHOLDERS}]*")
_PLANE: Final = 1 << 16
_SURROGATES: Final = range(0xD800, 0xE000)


def is_placeholder(text: str) -> bool:
    """Return whether a cell only stands for a value: asterisks, dashes, circles."""
    return HOLLOW.pattern.fullmatch(text) is not None


@dataclass(frozen=True)
class ClosedCells:
    """The cells that the headers of a rule set, and placeholders, close."""

    ruleset: RuleSet

    def among(self, texts: pa.Array) -> NDArray[np.bool_]:
        """Return which cells, folded and without white space at their ends, hold no value."""
        borders = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * 4)
        data = np.append(np.frombuffer(texts.buffers()[2] or b"", np.uint8), np.zeros(2, np.uint8)).astype(np.uint16)
        closed: NDArray[np.bool_] = borders[1:] == borders[:-1]
        starts = borders[:-1]
        doubtful = np.flatnonzero(~closed & self._openings[data[starts] << 8 | data[starts + 1]])
        if len(doubtful):
            closed[doubtful] = self._closed(texts.take(pa.array(doubtful)))
        return closed

    def _closed(self, texts: pa.Array) -> NDArray[np.bool_]:
        closed = HOLLOW.fits(texts)
        folded = Texts(fold_header(Texts.of_array(texts).joined), len(texts)).array()
        for number in np.flatnonzero(np.asarray(pc.is_in(folded, self._headers))).tolist():
            closed[number] |= not texts[number].as_py()[:1].isdigit()  # what begins with a digit is no header
        return closed

    @cached_property
    def _headers(self) -> pa.Array:
        return pa.array(sorted(self.ruleset.headers), pa.string())

    @cached_property
    def _openings(self) -> NDArray[np.bool_]:
        """For each pair of bytes, whether a closed cell may begin with it."""
        firsts = {header[:1] for header in self.ruleset.headers}
        every = [chr(code) for code in range(1, _PLANE) if code not in _SURROGATES]
        folded = fold_header("\0".join(every)).split("\0")
        found = np.zeros(_PLANE, dtype=bool)
        for one, header in zip(every, folded, strict=True):
            if not header or header[:1] in firsts or one in PLACEHOLDERS:
                found[_pairs(one)] = True
        found[0xF000:0xF500] = any(one > "\uffff" for one in firsts)
        return found


def _pairs(character: str) -> slice:
    """Return the pairs of bytes that a cell which begins with a character begins with."""
    code = character.encode()
    low = code[0] << 8 | (code[1] if len(code) > 1 else 0)
    return slice(low, low + (1 if len(code) > 1 else 256))
