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

from pipeline.detectors.prose import Found, KanjiProse
from pipeline.detectors.prose_katakana import KatakanaProse
from pipeline.detectors.prose_words import ProseWords
from pipeline.rules import RuleSet
from pipeline.rules_values import canonical

__all__ = ["NameDictionary", "Span"]

_KANA_RUN: Final = re.compile("[ァ-ヴー]{2,14}(?:[ ・][ァ-ヴー]{2,14})?|[ｦ-ﾟ]{2,20}(?: [ｦ-ﾟ]{2,20})?")
_EVEN: Final = 0.0
_SURE: Final = 3.0


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
        """Yield names in kanji and foreign names in katakana, in order; worth 3 and more is a finding by itself."""
        found = [_span(one) for one in self._kanji.names(text)]
        found += [_span(one) for one in self._katakana.names(text)]
        yield from sorted((span for span in found if span.worth > 0), key=lambda span: span.start)

    def kana_names(self, text: str) -> Iterator[Span]:
        """Yield names in katakana, full or half width."""
        for match in _KANA_RUN.finditer(text):
            parts = re.split("[ ・]", match.group())
            folded = [_fold(part) for part in parts]
            if len(folded) == 2 and folded[0] in self._surname_kana and folded[1] in self._given_kana:
                ordinary = all(part in self._words.loanwords for part in parts)
                yield Span(match.start(), match.end(), 0.0 if ordinary else 1.0)
            elif len(folded) == 1 and any(
                folded[0][:cut] in self._surname_kana and folded[0][cut:] in self._given_kana
                for cut in range(2, len(folded[0]) - 1)
            ):
                yield Span(match.start(), match.end(), 0.0)

    @cached_property
    def _words(self) -> ProseWords:
        return ProseWords(self.ruleset)

    @cached_property
    def _kanji(self) -> KanjiProse:
        return KanjiProse(self._words)

    @cached_property
    def _katakana(self) -> KatakanaProse:
        return KatakanaProse(self._words)

    @cached_property
    def _surname_kana(self) -> frozenset[str]:
        return frozenset(_fold(line.split("\t")[2]) for line in self.ruleset.lists["surnames.txt"])

    @cached_property
    def _given_kana(self) -> frozenset[str]:
        return frozenset(map(_fold, self.ruleset.lists["given-kana.txt"]))


def _span(found: Found) -> Span:
    """Return what a name is worth: 3 where its odds are even, at most 4.5, and nothing six units below even."""
    return Span(found.start, found.end, min(_SURE + (found.score - _EVEN) / 2, 4.5))


def _fold(kana: str) -> str:
    return canonical("name-kana", unicodedata.normalize("NFKC", kana))
