"""Addresses by dictionary: a municipality, with or without its prefecture, then a town and a number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pipeline.detectors.names import Span
from pipeline.rules import RuleSet

__all__ = ["AddressDictionary"]

_END: Final = re.compile("[市区町村]")
_NUMBER: Final = r"(?:\d{1,5}|[一二三四五六七八九十]{1,3}(?=丁目|番|号))"
_TAIL: Final = re.compile(
    rf"[^\d\s,、。:;\"'<>()「」一二三四五六七八九十]{{0,16}}(?:[一二三四五六七八九十](?!丁目|番|号)[^\d\s,、。:;\"'<>()「」]{{0,12}}?)?"
    rf"{_NUMBER}(?:丁目|番地の?|番|号|-)(?:{_NUMBER}(?:丁目|番地の?|番|号|-)?){{0,4}}"
    r"(?: ?[^\d\s,、。:;\"'<>「」]{1,20}\d{1,4}(?:号室|号|室|棟)?)?"
)
_LONGEST: Final = 12


@dataclass(frozen=True)
class AddressDictionary:
    """The municipalities of a rule set."""

    ruleset: RuleSet

    def addresses(self, text: str) -> Iterator[Span]:
        """Yield addresses down to a number; a municipality alone is none."""
        reached = 0
        for match in _END.finditer(text):
            if match.end() <= reached:
                continue
            start = self._municipality(text, match.end(), reached)
            tail = _TAIL.match(text, match.end()) if start is not None else None
            if start is not None and tail is not None:
                yield Span(self._with_prefecture(text, start, reached), tail.end(), 0.0)
                reached = tail.end()

    def _municipality(self, text: str, end: int, low: int) -> int | None:
        for start in range(max(low, end - _LONGEST), end - 1):
            if text[start:end] in self._names:
                return start
        return None

    def _with_prefecture(self, text: str, start: int, low: int) -> int:
        for length in (3, 4):
            if start - length >= low and text[start - length : start] in self._prefectures:
                return start - length
        return start

    @cached_property
    def _prefectures(self) -> frozenset[str]:
        return frozenset(line.split("\t")[0] for line in self.ruleset.lists["municipalities.txt"])

    @cached_property
    def _names(self) -> frozenset[str]:
        names: set[str] = set()
        for line in self.ruleset.lists["municipalities.txt"]:
            name = line.split("\t")[1]
            names.update((name, re.sub("^.+?郡(?=.)", "", name), re.sub("(?<=市).+区$", "", name)))
        return frozenset(names)
