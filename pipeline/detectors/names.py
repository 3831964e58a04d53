"""Personal names by dictionary: a surname and a given name, kanji or kana, with or without a space between.

A surname alone is never a name: nine of ten common surnames are also place names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pipeline.rules import RuleSet
from pipeline.rules_values import canonical, modern

__all__ = ["NameDictionary", "Span"]

_KANJI: Final = "一-龠々〆ヶ㐀-䶿\uf900-\ufaff𠀀-𪛟"
_GIVEN: Final = f"[{_KANJI}ぁ-んァ-ヴー]"
_RUN: Final = re.compile(f"([{_KANJI}ノ]{{1,12}})(?: ({_GIVEN}{{1,4}})(?!{_GIVEN}))?")
_KANA_RUN: Final = re.compile("[ァ-ヴー]{2,14}(?:[ ・][ァ-ヴー]{2,14})?|[ｦ-ﾟ]{2,20}(?: [ｦ-ﾟ]{2,20})?")
_NOT_GIVEN: Final = re.compile(
    "[市区町村県府都道郡駅校店社課部局係署院館園寺城港線橋谷丘台原宿坂店長員省庁]$|地区|地方|商店|大学|高校|病院|会社|銀行|支店|時代|一族"
)
_HONORIFICS: Final = "様殿氏君"
_PLAIN_ENDING: Final = re.compile("[子美郎夫雄男介恵江香奈也哉太輔斗人代樹平彦一二三治司明志乃希花紀]$")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text that may be a value, and what it is worth by itself."""

    start: int
    end: int
    worth: float


@dataclass(frozen=True)
class NameDictionary:
    """The name lists of a rule set."""

    ruleset: RuleSet

    def kanji_names(self, text: str) -> Iterator[Span]:
        """Yield names in kanji; worth 3 and more is a finding by itself."""
        for match in _RUN.finditer(text):
            run, given = match.groups()
            if given is None:
                run = run.rstrip(_HONORIFICS) if len(run) > 3 else run
            elif not self._is_given(given):
                given = given.rstrip(_HONORIFICS) or given
            if given is not None and (spaced := self._spaced(match, run, given)):
                yield spaced
            elif len(run) >= 2:
                yield from self._joined(match.start(1), run)

    def kana_names(self, text: str) -> Iterator[Span]:
        """Yield names in katakana, full or half width."""
        for match in _KANA_RUN.finditer(text):
            parts = re.split("[ ・]", match.group())
            folded = [_fold(part) for part in parts]
            if len(folded) == 2 and folded[0] in self._surname_kana and folded[1] in self._given_kana:
                yield Span(match.start(), match.end(), 1.0)
            elif len(folded) == 1 and any(
                folded[0][:cut] in self._surname_kana and folded[0][cut:] in self._given_kana
                for cut in range(2, len(folded[0]) - 1)
            ):
                yield Span(match.start(), match.end(), 0.0)

    def _spaced(self, match: re.Match[str], run: str, given: str) -> Span | None:
        for length in range(min(len(run), 4), 0, -1):
            surname = run[-length:]
            if self._rank(surname) and (length == len(run) or length > 1):
                known = self._is_given(given)
                if not known and (_NOT_GIVEN.search(given) or len(given) > 3):
                    return None
                worth = 3.5 if known and length == len(run) else 2.5 if known else 1.5
                return Span(match.end(1) - length, match.start(2) + len(given), worth)
        return None

    def _joined(self, start: int, run: str) -> Iterator[Span]:
        for first in range(max(0, len(run) - 7), len(run) - 1):
            for length in (3, 2, 1, 4):
                surname, given = run[first : first + length], run[first + length :]
                if 0 < len(given) <= 3 and self._is_given(given) and self._rank(surname):
                    worth = self._worth(surname, given, whole=first == 0)
                    if worth > 0:
                        yield Span(start + first, start + len(run), worth)
                        return

    def _worth(self, surname: str, given: str, *, whole: bool) -> float:
        if _NOT_GIVEN.search(given) or (not whole and len(surname) < 2):
            return 0.0
        worth = 2.0 if len(surname) > 1 else 1.0
        worth += 0.5 if self._rank(surname) > 100_000 else 0.0
        worth += 0.5 if len(given) > 1 else -0.5
        worth += 0.5 if _PLAIN_ENDING.search(given) else 0.0
        return worth - (0.0 if whole else 1.0)

    def _rank(self, surname: str) -> int:
        return self._surnames.get(surname) or self._surnames.get(modern(surname), 0)

    def _is_given(self, given: str) -> bool:
        return given in self._given or modern(given) in self._given

    @cached_property
    def _surnames(self) -> dict[str, int]:
        rows = (line.split("\t") for line in self.ruleset.lists["surnames.txt"])
        return {spelling: int(row[1]) for row in rows for spelling in (canonical("name", row[0]), row[0])}

    @cached_property
    def _given(self) -> frozenset[str]:
        return frozenset(self.ruleset.lists["given-names.txt"])

    @cached_property
    def _surname_kana(self) -> frozenset[str]:
        return frozenset(_fold(line.split("\t")[2]) for line in self.ruleset.lists["surnames.txt"])

    @cached_property
    def _given_kana(self) -> frozenset[str]:
        return frozenset(map(_fold, self.ruleset.lists["given-kana.txt"]))


def _fold(kana: str) -> str:
    return canonical("name-kana", unicodedata.normalize("NFKC", kana))
