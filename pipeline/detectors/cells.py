"""Cells of a typed column, many at once: what :meth:`Matcher.row` says of each, at the cost of a text.

Distinct cells are joined by NUL, which no line holds, and folded, searched and made canonical as one text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.detectors.candidates import PLACEHOLDERS, Matcher, is_placeholder
from pipeline.detectors.hits import shape_of
from pipeline.detectors.validators import valid_many
from pipeline.rules import Rule, fold_header
from pipeline.rules_values import canonical_many, normalise

__all__ = ["Accepted", "accepted", "shapes_of"]

_BMP: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Accepted:
    """The cells of a column that one rule accepts: their numbers, values and shapes.

    ``before`` and ``behind`` hold the white space around a value, by its place, where there is any.
    """

    rule: Rule
    numbers: NDArray[np.int64]
    before: dict[int, str]
    behind: dict[int, str]
    values: list[str]
    shapes: list[str]


def accepted(matcher: Matcher, kind: str, cells: Sequence[str]) -> Iterator[Accepted]:
    """Yield, rule by rule, the cells of a column of this kind that are values of it; none of them holds a NUL."""
    normal = normalise("\0".join(cells)).split("\0")
    texts = [text.strip() for text in normal]
    closed = _closed(matcher, texts)
    open_ = [number for number in range(len(texts)) if number not in closed] if closed else list(range(len(texts)))
    for rule, pattern in matcher.column_rules(kind):
        fits = pattern.fullmatch
        found = [number for number in open_ if fits(texts[number])]
        ok = valid_many(rule.validate, [texts[number] for number in found])
        found = found if all(ok) else [number for number, good in zip(found, ok, strict=True) if good]
        taken = set(found)
        open_ = [number for number in open_ if number not in taken] if len(taken) < len(open_) else []
        if found and rule.score.base + rule.context.column >= rule.score.report:
            yield _accepted(rule, found, cells, normal, texts)


def _closed(matcher: Matcher, texts: list[str]) -> set[int]:
    """Return the numbers of cells that are empty, placeholders or headers; what begins with a digit is none of them."""
    if min(texts) >= "0" and max(texts) < ":":
        return set()
    plain = [number for number, text in enumerate(texts) if not text[:1].isdigit()]
    headers = matcher.ruleset.headers
    folded = fold_header("\0".join([texts[number] for number in plain])).split("\0") if plain else []
    closed = {number for number, header in zip(plain, folded, strict=True) if header in headers}
    hollow = {*PLACEHOLDERS, ""}
    closed.update(number for number in plain if texts[number][:1] in hollow and is_placeholder(texts[number]))
    return closed


def _accepted(rule: Rule, found: list[int], cells: Sequence[str], normal: list[str], texts: list[str]) -> Accepted:
    values = list(cells) if len(found) == len(cells) else [cells[number] for number in found]
    before: dict[int, str] = {}
    behind: dict[int, str] = {}
    if normal != texts:
        for place, number in enumerate(found):
            text, cell = texts[number], values[place]
            if len(cell) != len(text):
                lead = len(normal[number]) - len(normal[number].lstrip())
                before[place], behind[place] = cell[:lead], cell[lead + len(text) :]
                values[place] = cell[lead : lead + len(text)]
    canonical = canonical_many(rule.kind, values)
    return Accepted(rule, np.array(found, dtype=np.int64), before, behind, canonical, shapes_of(values))


def shapes_of(values: Sequence[str]) -> list[str]:
    """Return the shape of each of many values without NUL."""
    joined = "\0".join(values)
    try:
        codes = np.frombuffer(joined.encode("utf-32-le"), dtype="<u4")
    except UnicodeEncodeError:
        return [shape_of(value) for value in values]
    if codes.max(initial=0) >= _BMP:
        return [shape_of(value) for value in values]
    shapes: bytes = _shape_table()[codes].astype("<u4").tobytes()
    return shapes.decode("utf-32-le").split("\0")


@cache
def _shape_table() -> NDArray[np.uint32]:
    table = np.array([ord(shape_of(chr(code))) for code in range(_BMP)], dtype=np.uint32)
    table[0] = 0  # the separator stays
    return table
