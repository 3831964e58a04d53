"""Which of many short texts may hold a value: one pass over all of them, so that most need not be scanned one by one.

Every rule's expression is turned into a wider one without look-around, which Arrow's engine (RE2) runs over a column;
names and addresses by dictionary are looked for in all texts as lines of one. What is let through is scanned; what is
held back cannot be a candidate of any rule. Texts with characters outside ASCII, kana, kanji and their wide forms are
always let through: character classes of the two engines may differ there.

Sources: RE2 syntax, https://github.com/google/re2/wiki/Syntax; Python's ``re`` documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.detectors.addresses import AddressDictionary
from pipeline.detectors.names import NameDictionary
from pipeline.rules import RuleSet
from pipeline.rules_values import normalise

__all__ = ["SEPARATOR", "Sieve", "widened"]

SEPARATOR: Final = re.compile("[_＿.+]")
"""What may stand between the parts of a name in a file's name."""

_KNOWN: Final = r"^[ -~\x{3000}-\x{30ff}\x{3400}-\x{4dbf}\x{4e00}-\x{9fff}\x{ff01}-\x{ff9f}]*$"
_ANYTHING: Final = r"[\s\S]"
_CATEGORIES: Final = {
    sre.CATEGORY_DIGIT: "0-9", sre.CATEGORY_WORD: r"0-9A-Za-z_\x{80}-\x{10ffff}", sre.CATEGORY_SPACE: r"\s\x{3000}",
}  # fmt: skip


@dataclass(frozen=True)
class Sieve:
    """The rules of a set, widened."""

    ruleset: RuleSet

    def suspects(self, texts: pa.Array) -> NDArray[np.int64]:
        """Return the indexes of texts that may hold a value, ascending."""
        known = pc.match_substring_regex(texts, _KNOWN)
        plain = pc.string_is_ascii(texts)
        found = np.asarray(pc.or_(pc.invert(known), pc.match_substring_regex(texts, self._wide)))
        wide = np.flatnonzero(~np.asarray(plain) & ~found)
        lines = [normalise(text) for text in texts.take(pa.array(wide)).to_pylist()]
        if lines:
            again = np.asarray(pc.match_substring_regex(pa.array(lines, pa.string()), self._wide))
            again[sorted(_touched(lines, self._spans("\n".join(lines))))] = True
            found[wide[again]] = True
        return np.flatnonzero(found)

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        loose = SEPARATOR.sub(" ", text)
        for source in (loose, text):
            yield from ((span.start, span.end) for span in self._names.kanji_names(source))
            yield from ((span.start, span.end) for span in self._names.kana_names(source))
        yield from ((span.start, span.end) for span in self._addresses.addresses(text))

    @cached_property
    def _wide(self) -> str:
        sources = [rule.match.regex for rule in self.ruleset.rules if rule.match.regex]
        sources += [re.escape(term) for rule in self.ruleset.rules for term in rule.match.terms]
        joined = "|".join(f"(?:{widened(source)})" for source in sources) or _ANYTHING
        try:
            pc.match_substring_regex(pa.array([""]), joined)
        except pa.ArrowInvalid:  # too large for the engine: everything is scanned
            return ""
        return joined

    @cached_property
    def _names(self) -> NameDictionary:
        return NameDictionary(self.ruleset)

    @cached_property
    def _addresses(self) -> AddressDictionary:
        return AddressDictionary(self.ruleset)


def _touched(lines: list[str], spans: Iterable[tuple[int, int]]) -> set[int]:
    """Return the lines that spans of the joined text lie in."""
    starts = np.cumsum([0, *(len(line) + 1 for line in lines)])
    found: set[int] = set()
    for start, end in spans:
        low, high = np.searchsorted(starts, [start, max(end - 1, start)], "right") - 1
        found.update(range(int(low), int(high) + 1))
    return found


def widened(source: str) -> str:
    """Return an expression for RE2 that matches wherever one of Python's does, and perhaps elsewhere."""
    tree = parser.parse(source)
    return _ANYTHING if tree.state.flags & ~int(re.UNICODE) else _widened(tree)


def _widened(tree: Any) -> str:
    return "".join(_wider(kind, value) for kind, value in tree)


def _wider(kind: Any, value: Any) -> str:
    wider = _ANYTHING if kind in {sre.NOT_LITERAL, sre.ANY, sre.CATEGORY} else f"{_ANYTHING}*"
    if kind in {sre.AT, sre.ASSERT, sre.ASSERT_NOT}:
        wider = ""
    elif kind is sre.LITERAL:
        wider = f"\\x{{{value:x}}}"
    elif kind is sre.IN:
        wider = _class(value)
    elif kind is sre.BRANCH:
        wider = "(?:" + "|".join(_widened(branch) for branch in value[1]) + ")"
    elif kind is sre.SUBPATTERN and not value[1] and not value[2]:
        wider = f"(?:{_widened(value[3])})"
    elif kind in {sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT}:
        wider = _repeated(*value)
    return wider


def _repeated(least: int, most: Any, tree: Any) -> str:
    inner = _widened(tree)
    if not inner:
        return ""
    if least > 100 or (most is not sre.MAXREPEAT and int(most) > 100):
        return f"(?:{inner})" + ("+" if least else "*")
    return f"(?:{inner}){{{least},{'' if most is sre.MAXREPEAT else int(most)}}}"


def _class(items: Any) -> str:
    """Return a character class; a negated one, or one with a negated category, is any character."""
    parts = []
    for kind, value in items:
        if kind is sre.LITERAL:
            parts.append(f"\\x{{{value:x}}}")
        elif kind is sre.RANGE:
            parts.append(f"\\x{{{value[0]:x}}}-\\x{{{value[1]:x}}}")
        elif kind is sre.CATEGORY and value in _CATEGORIES:
            parts.append(_CATEGORIES[value])
        else:
            return _ANYTHING
    return f"[{''.join(parts)}]"
