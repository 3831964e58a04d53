"""Names of foreigners in katakana: parts joined by a middle dot, or one known name beside a title.

The same kind of model as :mod:`pipeline.detectors.prose`, with its own signs and weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pipeline.detectors.prose import Found, edge_class
from pipeline.detectors.prose_words import ProseWords

__all__ = ["KatakanaProse"]

_RUN: Final = re.compile(r"(?:[A-Z](?:\.?・|\. ?))*[ァ-ヴー]{2,24}(?:[・=·](?:[A-Z]\.?|[ァ-ヴー]{1,24}))*")
_PARTS: Final = re.compile("[・=· ]")
_NEXT: Final = re.compile("[ ・][ァ-ヴー]")
_MOST_PARTS: Final = 8
_LEAST: Final = -3.0


@dataclass(frozen=True)
class KatakanaProse:
    """Reads foreign names in katakana, by the lists of a rule set."""

    words: ProseWords

    def names(self, text: str) -> Iterator[Found]:
        """Yield whole runs of katakana whose odds of being a name are not far below even."""
        for start, end in self.candidates(text):
            score = sum(self._weights.get(sign, 0.0) * measure for sign, measure in self.signs(text, start, end))
            if score > _LEAST:
                yield Found(start, end, score)

    def candidates(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield (start, end) of runs with a known name in them; other words, and readings, only beside a title."""
        words = self.words
        for run in _RUN.finditer(text):
            start, end = run.span()
            parts = _PARTS.split(run.group(), _MOST_PARTS)
            if not any(part in words.foreign for part in parts):
                continue
            ordinary = all(part in words.nouns for part in parts) or _beside_kana(text, start, end)
            if words.personal_title_starts(text, end) or not ordinary:
                yield start, end

    def signs(self, text: str, start: int, end: int) -> Iterator[tuple[str, float]]:
        """Yield the signs of a candidate that hold, with their measure."""
        parts = _PARTS.split(text[start:end])
        ending = self.words.last_kana.get(parts[-1][-2:], 0.0)
        yield "bias", 1.0
        yield "ending", ending
        yield from self._several(parts) if len(parts) > 1 else self._single(parts[0])
        yield from self._around(text, start, end)
        if len(parts) == 1 and not self.words.title_starts(text, end):
            yield "single-untitled", 1.0

    def _single(self, name: str) -> Iterator[tuple[str, float]]:
        yield "single", 1.0
        if name in self.words.loanwords:
            yield "single-is-word", 1.0
        if len(name) == 2 or len(name) >= 7:
            yield ("single-short" if len(name) == 2 else "single-long"), 1.0

    def _several(self, parts: list[str]) -> Iterator[tuple[str, float]]:
        known = [part in self.words.foreign or len(part.rstrip(".")) == 1 for part in parts]
        other = [part in self.words.loanwords for part in parts]
        if all(known):
            yield "all-known", 1.0
        if known[0]:
            yield "first-known", 1.0
        if known[-1]:
            yield "last-known", 1.0
        if all(other):
            yield "all-words", 1.0
        if other[-1] and not known[-1]:
            yield "last-is-word", 1.0
        if other[0] and not known[0]:
            yield "first-is-word", 1.0
        if len(parts) > 2:
            yield ("three-parts" if len(parts) < 5 else "many-parts"), 1.0

    def _around(self, text: str, start: int, end: int) -> Iterator[tuple[str, float]]:
        before, after = text[start - 1 : start] if start else "", text[end : end + 1]
        yield f"left-{edge_class(before)}", 1.0
        yield f"right-{edge_class(after)}", 1.0
        if self.words.title_starts(text, end):
            yield "right-title", 1.0
        if self.words.title_ends(text, start):
            yield "left-title", 1.0
        elif edge_class(before) == "kanji":
            yield "left-word", 1.0
        if after and after in "はがもと":
            yield "right-particle", 1.0
        if before and before in "「『【《〈":
            yield "quoted", 1.0
        if after == "・" or before == "・":
            yield "listed", 1.0

    @cached_property
    def _weights(self) -> dict[str, float]:
        return dict(self.words.weights("katakana"))


def _beside_kana(text: str, start: int, end: int) -> bool:
    """Return whether more katakana stands beside a run without a dot: part of a reading or of a list."""
    if _PARTS.search(text, start, end):
        return False
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return bool(_NEXT.fullmatch(before[::-1]) or _NEXT.fullmatch(after))
