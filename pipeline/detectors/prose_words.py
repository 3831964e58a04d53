"""The words that reading names in prose rests on: name lists, other words, titles, and the weight of each sign.

Lists and weights are data of the rule set (``rules/lists/README.md`` says where each comes from).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pipeline.rules import RuleSet
from pipeline.rules_values import canonical, modern

__all__ = ["KANJI", "ProseWords"]

KANJI: Final = "一-龠々〆ヶヵ㐀-䶿\uf900-\ufaff𠀀-𪛟"
_LONGEST_WORD: Final = 4
_LONGEST_TITLE: Final = 5
_BOUND: Final = 3.0
_KANJI: Final = re.compile(f"[{KANJI}]")


@dataclass(frozen=True)
class ProseWords:
    """The lists of a rule set; a list that is not there is empty."""

    ruleset: RuleSet

    def weights(self, model: str) -> Mapping[str, float]:
        """Return the weight of each sign of a model (``kanji``, ``lone``, ``katakana``)."""
        return self._weights.get(model, {})

    def population(self, surname: str) -> int:
        """Return how many people bear a common surname, or 0."""
        return self._common.get(surname) or self._common.get(modern(surname), 0)

    def is_surname(self, text: str) -> bool:
        """Return whether the text, or its modern form, is a surname."""
        return text in self._surnames or modern(text) in self._surnames

    def is_given(self, text: str) -> bool:
        """Return whether the text, or its modern form, is a given name."""
        return text in self._given or modern(text) in self._given

    def is_common_given(self, text: str) -> bool:
        """Return whether a given name is one of the list of given names proper."""
        return text in self._common_given

    def is_word(self, text: str) -> bool:
        """Return whether the text is a word or a place of two to four kanji."""
        return text in self._words

    def word_ends(self, text: str, place: int) -> bool:
        """Return whether a word ends at a place."""
        return any(text[place - size : place] in self._words for size in range(2, min(_LONGEST_WORD, place) + 1))

    def word_starts(self, text: str, place: int) -> bool:
        """Return whether a word starts at a place."""
        return any(text[place : place + size] in self._words for size in range(2, _LONGEST_WORD + 1))

    def word_crosses(self, text: str, place: int) -> bool:
        """Return whether a word starts before a place and ends behind it."""
        return any(
            text[start : start + size] in self._words
            for size in range(2, _LONGEST_WORD + 1)
            for start in range(max(0, place - size + 1), place)
        )

    def title_ends(self, text: str, place: int) -> bool:
        """Return whether a title ends at a place."""
        return any(text[place - size : place] in self._titles for size in range(1, min(_LONGEST_TITLE, place) + 1))

    def title_starts(self, text: str, place: int) -> bool:
        """Return whether a title or an honorific starts at a place."""
        return any(text[place : place + size] in self._titles for size in range(1, _LONGEST_TITLE + 1))

    def personal_title_starts(self, text: str, place: int) -> bool:
        """Return whether a title that makes a lone surname a person starts at a place and ends a word there.

        A post of a place is none: 山口市長 is the mayor of Yamaguchi.
        """
        for size in range(1, _LONGEST_TITLE + 1):
            title = text[place : place + size]
            if title in self._personal and not _KANJI.match(text, place + size):
                return True
        return False

    def looks_given(self, text: str) -> bool:
        """Return whether two characters stand where they stand in given names more often than in other words."""
        first, last = self._places_in_names
        return first.get(text[0], -_BOUND) > 0 and last.get(text[1], -_BOUND) > 0 and text not in self._words

    def municipality_starts(self, text: str, place: int, beyond: int) -> bool:
        """Return whether a municipality starts at a place and ends behind another."""
        sizes = range(max(beyond - place + 1, 2), _LONGEST_TITLE + 1)
        return any(text[place : place + size] in self._municipalities for size in sizes)

    @cached_property
    def foreign(self) -> frozenset[str]:
        """Names of people in katakana, part by part."""
        return frozenset(self.lines("names-katakana.txt"))

    @cached_property
    def loanwords(self) -> frozenset[str]:
        """Words, places and companies in katakana."""
        return frozenset(line.split("\t")[0] for line in self.lines("words-katakana.txt"))

    @cached_property
    def nouns(self) -> frozenset[str]:
        """Common nouns in katakana."""
        return frozenset(line.split("\t")[0] for line in self.lines("words-katakana.txt") if line.endswith("\tnoun"))

    @cached_property
    def last_kana(self) -> Mapping[str, float]:
        """How much more often two katakana end names than words, as a logarithm."""
        return _odds([name[-2:] for name in self.foreign], [word[-2:] for word in self.loanwords])

    def lines(self, name: str) -> tuple[str, ...]:
        """Return the lines of a list."""
        return self.ruleset.lists.get(name, ())

    @cached_property
    def _common(self) -> dict[str, int]:
        rows = (line.split("\t") for line in self.lines("surnames.txt"))
        return {spelling: int(row[1]) for row in rows for spelling in (canonical("name", row[0]), row[0])}

    @cached_property
    def _surnames(self) -> frozenset[str]:
        return frozenset((*self._common, *self.lines("surnames-rare.txt")))

    @cached_property
    def _common_given(self) -> frozenset[str]:
        return frozenset(self.lines("given-names.txt"))

    @cached_property
    def _given(self) -> frozenset[str]:
        return self._common_given | frozenset(self.lines("given-rare.txt"))

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(self.lines("words-kanji.txt"))

    @cached_property
    def _municipalities(self) -> frozenset[str]:
        names = [line.rpartition("\t")[2] for line in self.lines("municipalities.txt")]
        return frozenset((*names, *(re.sub("^.+?郡(?=.)", "", name) for name in names)))

    @cached_property
    def _places_in_names(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        names = [name for name in self._common_given if len(name) == 2]
        words = [word for word in self._words if len(word) == 2]
        first, last = ([name[at] for name in names] for at in (0, 1))
        return _odds(first, [word[0] for word in words]), _odds(last, [word[1] for word in words])

    @cached_property
    def _titles(self) -> frozenset[str]:
        return frozenset(line.split("\t")[0] for line in self.lines("titles.txt"))

    @cached_property
    def _personal(self) -> frozenset[str]:
        return frozenset(line.split("\t")[0] for line in self.lines("titles.txt") if line.endswith("\tperson"))

    @cached_property
    def _weights(self) -> Mapping[str, Mapping[str, float]]:
        found: dict[str, dict[str, float]] = {}
        for line in self.lines("prose-weights.txt"):
            model, sign, weight = line.split("\t")
            found.setdefault(model, {})[sign] = float(weight)
        return found


def _odds(names: Collection[str], words: Collection[str]) -> dict[str, float]:
    in_names, in_words = Counter(names), Counter(words)
    found = {}
    for ending in sorted({*in_names, *in_words}):
        ratio = (in_names[ending] + 0.5) / (len(names) + 1) / ((in_words[ending] + 0.5) / (len(words) + 1))
        found[ending] = max(-_BOUND, min(_BOUND, math.log(ratio)))
    return found
