"""Cells of a typed column, many at once: what :meth:`Matcher.row` says of each, at the cost of a text.

Distinct cells are joined by NUL, which no line holds, and folded and made canonical as one text; rules are held
against them as an array.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.detectors.candidates import Matcher
from pipeline.detectors.hits import shape_of
from pipeline.detectors.texts import Texts
from pipeline.detectors.validators import valid_many
from pipeline.rules import Rule
from pipeline.rules_values import canonical, canonical_many, normalise

__all__ = ["Accepted", "accepted", "shapes_of"]

_BMP: Final = 1 << 16
_Marks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The cells of a column that one rule accepts: their numbers, values and shapes.

    ``before`` and ``behind`` hold the white space around a value, by its place, where there is any.
    """

    rule: Rule
    numbers: NDArray[np.int64]
    values: Texts = field(repr=False)
    shapes: Texts
    before: dict[int, str] = field(default_factory=dict)
    behind: dict[int, str] = field(default_factory=dict)


def accepted(matcher: Matcher, kind: str, cells: pa.Array) -> Iterator[Accepted]:
    """Yield, rule by rule, the cells of a column of this kind that are values of it; none of them holds a NUL."""
    raw = Texts.of_array(cells)
    normal = normalise(raw.joined)
    folded = Texts(normal, raw.count)
    texts = cells if normal == raw.joined else folded.array()
    if not folded.trimmed():
        texts = pa.array([text.strip() for text in normal.split("\0")], pa.string())
    open_ = ~matcher.closed.among(texts)
    for rule, expression in matcher.column_rules(kind):
        good = expression.fits(texts) & open_
        if rule.validate and good.any():
            fitting = texts if good.all() else texts.filter(pa.array(good))
            good[good] = valid_many(rule.validate, Texts.of_array(fitting))
        open_ &= ~good
        numbers = np.flatnonzero(good)
        if len(numbers) and rule.score.base + rule.context.column >= rule.score.report:
            plain = folded.trimmed()
            yield _accepted(rule, numbers, raw, cells) if plain else _trimmed(rule, numbers, raw, normal)


def _accepted(rule: Rule, numbers: NDArray[np.int64], raw: Texts, cells: pa.Array) -> Accepted:
    values = raw if len(numbers) == raw.count else Texts.of_array(cells.take(pa.array(numbers)))
    return Accepted(rule, numbers, _canonical(rule.kind, values), shapes_of(values))


def _trimmed(rule: Rule, numbers: NDArray[np.int64], raw: Texts, normal: str) -> Accepted:
    """Return cells of which some have white space around their values."""
    cells, folded = raw.list(), normal.split("\0")
    before: dict[int, str] = {}
    behind: dict[int, str] = {}
    values = []
    for place, number in enumerate(numbers.tolist()):
        cell, text = cells[number], folded[number].strip()
        if len(cell) != len(text):
            lead = len(folded[number]) - len(folded[number].lstrip())
            before[place], behind[place] = cell[:lead], cell[lead + len(text) :]
            cell = cell[lead : lead + len(text)]
        values.append(cell)
    texts = Texts.of(values)
    return Accepted(rule, numbers, _canonical(rule.kind, texts), shapes_of(texts), before, behind)


def _canonical(kind: str, values: Texts) -> Texts:
    if kind == "birth-date":
        return Texts.of(canonical_many(kind, values.list()))
    return Texts(canonical(kind, values.joined), values.count)


def shapes_of(values: Texts) -> Texts:
    """Return the shape of each of many values."""
    try:
        codes = np.frombuffer(values.joined.encode("utf-32-le"), dtype="<u4")
    except UnicodeEncodeError:
        return Texts.of([shape_of(value) for value in values.list()])
    if codes.max(initial=0) >= _BMP:
        return Texts.of([shape_of(value) for value in values.list()])
    return Texts(_shape_table()[codes].tobytes().decode("utf-32-le"), values.count)


@cache
def _shape_table() -> NDArray[np.uint32]:
    table = np.array([ord(shape_of(chr(code))) for code in range(_BMP)], dtype="<u4")
    table[0] = 0  # the separator stays
    return table
