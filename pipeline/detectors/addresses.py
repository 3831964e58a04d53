"""Addresses by dictionary: a municipality, with or without its prefecture, a town of it, and a number in any form.

Where the town is one of the municipality's, a bare number ends an address (甲府市高室町155). Where it is not, the
number must say what it is (丁目, 番地, 番, 号, or a hyphen). Numbering: 住居表示に関する法律 第2条; streets of Kyoto
(上る, 下る, 東入, 西入) may stand between.
"""

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
_KANJI_NUMBER: Final = "[一二三四五六七八九十]{1,3}"
_NUMBER: Final = rf"(?:\d{{1,5}}|{_KANJI_NUMBER}(?=丁目|番|号))"
_PLAIN: Final = r"[^\d\s,、。:;\"'<>()「」一二三四五六七八九十]"
_ROOM: Final = r"(?: ?[^\d\s,、。:;\"'<>「」]{1,20}\d{1,4}(?:号室|号|室|棟)?)?"
_TAIL: Final = re.compile(
    rf"{_PLAIN}{{0,16}}(?:[一二三四五六七八九十](?!丁目|番|号){_PLAIN}{{0,12}}?)?"
    rf"{_NUMBER}(?:丁目|番地の?|番|号|-)(?:{_NUMBER}(?:丁目|番地の?|番|号|-)?){{0,4}}" + _ROOM
)
_STREETS: Final = re.compile("(?:[^\\d\\s,、。]{1,14}?(?:上る|下る|上ル|下ル|東入る?|西入る?|東入ル|西入ル)){1,3}")
_SECTION: Final = re.compile("(?:大?字[^\\d\\s,、。はがをにで]{1,6})?")
_BLOCK: Final = re.compile(
    rf"[甲乙丙丁第]?(?:\d{{1,5}}|{_KANJI_NUMBER}(?=丁目|番|号|-))"
    rf"(?:(?:丁目|番地の?|番の?|号|の|-)[東西南北甲乙丙]?(?:\d{{1,5}}|{_KANJI_NUMBER}(?=丁目|番|号)))"
    r"{0,4}(?:丁目|番地|番|号)?(?![\d.]|[年月日時分秒人円件点名歳%個回組世台本年度ヵか]|k?m(?![a-z]))" + _ROOM
)
_ALIKE: Final = str.maketrans("ヶヵがノ之竜", "ケケケのの龍")
_LONGEST: Final = 12
_LONGEST_TOWN: Final = 12
_BEYOND: Final = 5


@dataclass(frozen=True)
class AddressDictionary:
    """The municipalities of a rule set and their towns."""

    ruleset: RuleSet

    def addresses(self, text: str) -> Iterator[Span]:
        """Yield addresses down to a number; a municipality alone is none."""
        reached = 0
        for match in _END.finditer(text):
            if match.end() <= reached:
                continue
            place = self._place(text, match.end(), reached)
            end = self._number(text, *place) if place is not None else None
            if place is not None and end is not None:
                yield Span(self._with_prefecture(text, place[0], reached), end, 0.0)
                reached = end

    def _place(self, text: str, end: int, low: int) -> tuple[int, int] | None:
        """Return where the municipality that ends here starts and ends; a longer one around it goes before it."""
        start = self._municipality(text, end, low)
        if start is None:
            return None
        for longer in _END.finditer(text, end, end + _BEYOND):
            around = self._municipality(text, longer.end(), low)
            if around is not None and around <= start:
                return around, longer.end()
        return start, end

    def _number(self, text: str, start: int, end: int) -> int | None:
        """Return where the address ends, or None where no number follows."""
        tail = _TAIL.match(text, end)
        ends = [tail.end()] if tail else []
        for town in self._towns_at(text, start, end):
            section = _SECTION.match(text, town)
            block = _BLOCK.match(text, section.end() if section else town)
            ends += [block.end()] if block else []
        return max(ends, default=None)

    def _towns_at(self, text: str, start: int, end: int) -> Iterator[int]:
        towns = self._towns.get(text[start:end])
        streets = _STREETS.match(text, end)
        for place in (end, *([streets.end()] if streets else ())):
            begin = place + (2 if text.startswith("大字", place) else 1 if text.startswith("字", place) else 0)
            folded = text[begin : begin + _LONGEST_TOWN].translate(_ALIKE)
            for size in range(len(folded) if towns else 0, 0, -1):
                if towns and folded[:size] in towns:
                    yield begin + size
                    break

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
            names.update(_forms(line.split("\t")[1]))
        return frozenset(names)

    @cached_property
    def _towns(self) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for line in self.ruleset.lists.get("towns.txt", ()):
            name, _, towns = line.partition("\t")
            folded = frozenset(towns.translate(_ALIKE).split(" "))
            for form in _forms(name):
                found[form] = found.get(form, frozenset()) | folded
        return found


def _forms(name: str) -> tuple[str, ...]:
    """Return a municipality as written with and without its county, and its city without the ward."""
    return name, re.sub("^.+?郡(?=.)", "", name), re.sub("(?<=市).+区$", "", name)
