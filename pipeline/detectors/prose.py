"""Names in running text: every surname with every given name behind it, weighed by what stands in and around it.

The signs of a name are yes-or-no questions about a few characters on each side (a title before it, a particle behind
it, a word that crosses its edge) and two measures; a logistic model sums their weights. No sign is a particular word:
the weights (``prose-weights.txt``) hold for any text. What a sign looks at is at most five characters away and never
behind a line break, so that pages and lines are judged alike wherever they are cut.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pipeline.detectors.prose_words import KANJI, ProseWords

__all__ = ["Found", "KanjiProse", "edge_class", "first_apart"]

_RUN: Final = re.compile(f"[{KANJI}ノ]+")
_GIVEN: Final = re.compile(f"(?:[{KANJI}ぁ-ん]|[{KANJI}ァ-ヴー]){{1,4}}")
_KANA: Final = re.compile("[ぁ-ん]+")
_KATAKANA: Final = re.compile("[ァ-ヴー]+")
_CLASSES: Final = (
    ("kanji", re.compile(f"[{KANJI}]")), ("hiragana", re.compile("[ぁ-ん]")), ("katakana", re.compile("[ァ-ヴー]")),
    ("digit", re.compile("[0-9]")),
    ("edge", re.compile(r"[\s\x00-\x1f、。，．「」『』()・/：:,.!?〈〉【】―\-=&|;\"'<>[\]{}]")),
)  # fmt: skip
_PARTICLES: Final = frozenset("はがをにのともへやでか")
_PLACE_OR_BODY: Final = re.compile(
    "[市区町村県府都道郡駅校店社課部局係署院館園寺城港線橋員省庁党軍国語人法制山峠岬湖沼]$|.[岳峰]$"
    "|地区|地方|商店|大学|高校|病院|会社|銀行|支店|時代|一族|公園|帝国|王国|学校|中学|平野|中央"
)
_NOISE: Final = re.compile("[\udc80-\udcff\ue000-\uf8ff\x01-\x08\x0e-\x1f\x7f-\xa0ｦ-ﾟ\ufffd]")
_NEAR: Final = 6
_KANJI: Final = re.compile(f"[{KANJI}]")
_HONORIFICS: Final = "様殿氏君"
_LEAST: Final = -3.0


@dataclass(frozen=True, slots=True)
class Found:
    """A name from ``start`` to ``end``; ``score`` is the logarithm of its odds."""

    start: int
    end: int
    score: float


def edge_class(character: str) -> str:
    """Return what kind of character stands beside a name; nothing at all is an edge."""
    if not character:
        return "edge"
    return next((name for name, pattern in _CLASSES if pattern.match(character)), "other")


def first_apart(found: list[Found]) -> list[Found]:
    """Return the names that do not overlap, the better first, in the order of the text."""
    kept: list[Found] = []
    starts: list[int] = []
    for one in sorted(found, key=lambda one: (-one.score, one.start, one.end)):
        place = bisect_left(starts, one.start)
        before, after = kept[max(place - 1, 0) : place], kept[place : place + 1]
        if all(one.end <= other.start or one.start >= other.end for other in (*before, *after)):
            kept.insert(place, one)
            starts.insert(place, one.start)
    return kept


@dataclass(frozen=True)
class KanjiProse:
    """Reads Japanese names in text, by the lists of a rule set."""

    words: ProseWords

    def names(self, text: str) -> Iterator[Found]:
        """Yield surname and given name, and a surname beside its title, where the odds are not far below even."""
        for low, high in self.runs(text):
            found = [
                Found(start, end, score)
                for start, middle, end in self.candidates(text, low, high)
                if (score := self._score(text, start, middle, end)) > _LEAST
            ]
            yield from first_apart(found)

    def runs(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield (start, end) of runs of kanji."""
        return (run.span() for run in _RUN.finditer(text))

    def candidates(self, text: str, low: int, high: int) -> Iterator[tuple[int, int, int]]:
        """Yield (start, end of the surname, end) of what may be names in a run of kanji; lone surnames end twice."""
        words = self.words
        for start in range(low, high):
            if start > low and not (words.title_ends(text, start) or words.word_ends(text, start)):
                continue
            for middle in range(start + 1, min(start + 4, high) + 1):
                if not words.is_surname(text[start:middle]) or words.municipality_starts(text, start, middle):
                    continue
                if middle - start > 1 and words.personal_title_starts(text, middle):
                    yield start, middle, middle
                behind = middle + 1 if text[middle : middle + 1] == " " else middle
                given = _GIVEN.match(text, behind)
                for end in range(behind + 1, given.end() + 1 if given else 0):
                    if self._may_be_given(text, start, behind, end):
                        yield start, middle, end

    def _may_be_given(self, text: str, start: int, behind: int, end: int) -> bool:
        given, words = text[behind:end], self.words
        if given[-1] in _HONORIFICS and words.is_given(given[:-1]):
            return False
        if words.is_given(given):
            return behind - start > 1 or not words.is_word(text[start:end])
        common = words.population(text[start:behind].rstrip(" ")) > 0
        return common and len(given) == 2 and words.looks_given(given) and not _KANJI.match(text, end)

    def signs(self, text: str, start: int, middle: int, end: int) -> Iterator[tuple[str, float]]:
        """Yield the signs of a candidate that hold, with their measure."""
        surname, given, words = text[start:middle], text[middle:end].lstrip(" "), self.words
        yield "bias", 1.0
        people = words.population(surname)
        if people:
            yield "common-surname", math.log10(people) / 5
        if len(surname) != 2:
            yield ("surname-of-1" if len(surname) == 1 else "surname-of-3"), 1.0
        if words.is_word(surname):
            yield "surname-is-word", 1.0
        yield from self._left(text, start)
        yield from self._right(text, end, given)
        if _NOISE.search(text, max(0, start - _NEAR), end + _NEAR):
            yield "beside-noise", 1.0
        if given:
            yield from self._given(text, middle, given)
            if words.is_word(surname + given):
                yield "whole-is-word", 1.0

    def _left(self, text: str, start: int) -> Iterator[tuple[str, float]]:
        words, kind = self.words, edge_class(text[start - 1 : start] if start else "")
        yield f"left-{kind}", 1.0
        if words.title_ends(text, start):
            yield "left-title", 1.0
        elif kind == "kanji" and words.word_ends(text, start):
            yield "left-word", 1.0
        if kind == "kanji" and words.word_crosses(text, start):
            yield "left-crossed", 1.0

    def _right(self, text: str, end: int, given: str) -> Iterator[tuple[str, float]]:
        words, after = self.words, text[end : end + 1]
        kind = edge_class(after)
        if words.title_starts(text, end):
            yield "right-title", 1.0
        else:
            yield f"right-{kind}", 1.0
            if kind == "kanji" and words.word_starts(text, end):
                yield "right-word", 1.0
        if after in _PARTICLES and after:
            yield "right-particle", 1.0
        if kind == "kanji" and words.word_crosses(text, end):
            yield "right-crossed", 1.0
        if (kind == "hiragana" and _KANA.fullmatch(given)) or (kind == "katakana" and _KATAKANA.fullmatch(given)):
            yield "given-goes-on", 1.0

    def _given(self, text: str, middle: int, given: str) -> Iterator[tuple[str, float]]:
        words = self.words
        if not words.is_given(given):
            yield "given-unknown", 1.0
        if text[middle] == " ":
            yield "spaced", 1.0
        elif words.word_crosses(text, middle):
            yield "middle-crossed", 1.0
        if words.is_common_given(given):
            yield "common-given", 1.0
        if len(given) != 2:
            yield ("given-of-1" if len(given) == 1 else "given-of-3"), 1.0
        if words.is_word(given):
            yield "given-is-word", 1.0
        if _KANA.fullmatch(given):
            yield "given-in-hiragana", 1.0
        if _KATAKANA.fullmatch(given):
            yield "given-in-katakana", 1.0
        if _PLACE_OR_BODY.search(given):
            yield "given-names-a-body", 1.0

    def _score(self, text: str, start: int, middle: int, end: int) -> float:
        weights = self._lone if middle == end else self._full
        return sum(weights.get(sign, 0.0) * measure for sign, measure in self.signs(text, start, middle, end))

    @cached_property
    def _full(self) -> dict[str, float]:
        return dict(self.words.weights("kanji"))

    @cached_property
    def _lone(self) -> dict[str, float]:
        return dict(self.words.weights("lone"))
