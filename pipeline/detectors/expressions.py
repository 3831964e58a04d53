"""Expressions of columns, run on many cells at once where Arrow's engine (RE2) can say exactly what Python's says.

Categories are spelled out from Python's own tables, so that both engines mean the same characters. What stands ahead of
an alternative, ``(?=...)``, becomes a condition of its own. Back references, other look-around, anchors, flags and
large counts are left to Python, cell by cell.

Sources: RE2 syntax, https://github.com/google/re2/wiki/Syntax; Python's ``re`` documentation.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["Expression"]

_MOST: Final = 200
_BRACES: Final = {sre.MAX_REPEAT: "", sre.MIN_REPEAT: "?"}
_Condition = tuple[str, ...]


class _BeyondError(Exception):
    """An expression that the other engine has no words for."""


@dataclass(frozen=True)
class Expression:
    """An expression that whole cells are held against."""

    source: str

    def fits(self, cells: pa.Array) -> NDArray[np.bool_]:
        """Return which cells match from end to end; the cells are text without nulls."""
        found = None
        for condition in self._conditions or ():
            own = None
            for one in condition:
                matched = pc.match_substring_regex(cells, one)
                own = matched if own is None else pc.and_(own, matched)
            found = own if found is None else pc.or_(found, own)
        if found is None:
            fits = self.pattern.fullmatch
            return np.fromiter((fits(cell) is not None for cell in cells.to_pylist()), np.bool_, len(cells))
        return np.asarray(found)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The expression for one cell."""
        return re.compile(self.source)

    @cached_property
    def _conditions(self) -> tuple[_Condition, ...] | None:
        """For each alternative, expressions that must all match; None where Python is asked."""
        try:
            found = tuple(_alternatives(parser.parse(self.source)))
            for one in (one for condition in found for one in condition):
                pc.match_substring_regex(pa.array([""]), one)
        except (_BeyondError, pa.ArrowInvalid):
            return None
        return found


def _alternatives(tree: Any) -> Iterable[_Condition]:
    if tree.state.flags & ~int(re.UNICODE):
        raise _BeyondError
    branches = tree[0][1][1] if len(tree) == 1 and tree[0][0] is sre.BRANCH else [tree]
    for branch in branches:
        ahead = 0
        while ahead < len(branch) and branch[ahead][0] is sre.ASSERT and branch[ahead][1][0] == 1:
            ahead += 1
        yield (*(rf"\A(?:{_same(branch[place][1][1])})" for place in range(ahead)), rf"\A(?:{_same(branch[ahead:])})\z")


def _same(tree: Iterable[Any]) -> str:
    return "".join(_one(kind, value) for kind, value in tree)


def _one(kind: Any, value: Any) -> str:
    same = ""
    if kind in _PLAIN:
        same = _PLAIN[kind](value)
    elif kind is sre.BRANCH:
        same = "(?:" + "|".join(_same(branch) for branch in value[1]) + ")"
    elif kind is sre.SUBPATTERN and not value[1] and not value[2]:
        same = f"(?:{_same(value[3])})"
    elif kind in _BRACES:
        least, most, inner = value
        if least <= _MOST and (most is sre.MAXREPEAT or int(most) <= _MOST):
            same = f"(?:{_same(inner)}){{{least},{'' if most is sre.MAXREPEAT else int(most)}}}{_BRACES[kind]}"
    if not same:
        raise _BeyondError
    return same


def _class(items: Any) -> str:
    negated = "^" if items[0][0] is sre.NEGATE else ""
    parts = []
    for kind, value in items[1:] if negated else items:
        if kind is sre.LITERAL:
            parts.append(f"\\x{{{value:x}}}")
        elif kind is sre.RANGE:
            parts.append(_range(*value))
        elif kind is sre.CATEGORY and value in _TELLS:
            parts.append(_category(value))
        else:
            raise _BeyondError
    return f"[{negated}{''.join(parts)}]"


_TELLS: Final = {sre.CATEGORY_DIGIT: r"\d+", sre.CATEGORY_SPACE: r"\s+"}


@cache
def _category(category: Any) -> str:
    """Return all characters of a category, as Python has it."""
    runs = (match.span() for match in re.finditer(_TELLS[category], _every_character()))
    return "".join(_range(low, high - 1) for low, high in runs)


@cache
def _every_character() -> str:
    """Return all characters, each at the place of its code; those that UTF-8 has no place for are left blank."""
    codes = np.arange(sys.maxunicode + 1)
    found: bytes = np.where((codes >> 11) == _SURROGATES, ord("."), codes).astype("<u4").tobytes()
    return found.decode("utf-32-le")


_SURROGATES: Final = 0xD800 >> 11
_PLAIN: Final = {
    sre.LITERAL: lambda code: f"\\x{{{code:x}}}", sre.NOT_LITERAL: lambda code: f"[^\\x{{{code:x}}}]",
    sre.ANY: lambda _: "[^\\n]", sre.IN: _class,
}  # fmt: skip


def _range(low: int, high: int) -> str:
    return f"\\x{{{low:x}}}-\\x{{{high:x}}}"
