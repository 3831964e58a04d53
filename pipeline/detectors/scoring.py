"""Context: words near a match, the column it stands in, other fields of a person in its row."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Final

from pipeline.detectors.candidates import Candidate, Matcher
from pipeline.detectors.forms import forms_in
from pipeline.detectors.hits import Table
from pipeline.rules import Context, Rule, RuleSet

__all__ = ["Judge", "Text"]

_PERSON: Final = frozenset({"name", "name-kana", "address", "my-number", "citizen-code"})
_PLACES: Final = frozenset({"address"})
"""What says where and not who: a marker beside it is about a house or an office, not about a person."""


@dataclass(frozen=True, slots=True)
class Text:
    """Lines of text in one string; ``adjacent`` says whether a line follows the one before it without a gap.

    ``silent`` lines are context of the line behind them: nothing is looked for in them. ``rows`` numbers the record
    that each line is of, where several may be of one. ``linked`` says whether a line follows without a blank line.
    """

    text: str
    starts: Sequence[int]
    adjacent: Sequence[bool]
    silent: frozenset[int] = frozenset()
    rows: Sequence[int] = ()
    linked: Sequence[bool] = ()

    def row_of(self, place: int) -> int:
        """Return the number of the record that holds a character: its line's."""
        line = self.line_of(place)
        return self.rows[line] if self.rows else line

    def line_of(self, place: int) -> int:
        """Return the index of the line that holds a character."""
        return bisect_right(self.starts, place) - 1

    def end_of(self, line: int) -> int:
        """Return where a line ends, before its break."""
        return self.starts[line + 1] - 1 if line + 1 < len(self.starts) else len(self.text)

    def before(self, place: int, within: int) -> str:
        """Return up to so many characters before a place, from its line and the adjacent line before."""
        line = self.line_of(place)
        low = self.starts[line - 1] if line and self.adjacent[line] else self.starts[line]
        return self.text[max(low, place - within) : place]

    def after(self, place: int, within: int) -> str:
        """Return up to so many characters after a place, from its line."""
        return self.text[place : min(place + within, self.end_of(self.line_of(max(place - 1, 0))))]


@dataclass(frozen=True)
class Judge:
    """Decides which candidates are hits."""

    ruleset: RuleSet

    def hits(self, text: Text, table: Table | None) -> list[Candidate]:
        """Return the hits of a text: reported, disjoint for each kind, in order."""
        typed, covered = self._typed(text, table)
        free = list(self.matcher.free(_blank(text.text, covered)))
        for candidate in free:
            self._words(candidate, text)
        everyone = [*typed, *free]
        self._rows(everyone, free, text, in_table=table is not None)
        _frame(everyone, [] if table is not None else list(forms_in(text, self.ruleset.headers)))
        return _disjoint(one for one in everyone if one.score >= one.rule.score.report)

    def candidates(self, text: str) -> Iterator[Candidate]:
        """Yield what the rules match in a text whatever stands around it."""
        return self.matcher.free(text)

    def _typed(self, text: Text, table: Table | None) -> tuple[list[Candidate], list[tuple[int, int]]]:
        typed: list[Candidate] = []
        covered: list[tuple[int, int]] = []
        for line, start in enumerate(text.starts):
            if line in text.silent:
                covered.append((start, text.end_of(line)))
            elif table is not None:
                for low, high, candidate in self.matcher.row(text.text[start : text.end_of(line)], start, table):
                    covered.append((low, high))
                    if candidate is not None:
                        typed.append(candidate)
        return typed, covered

    def _words(self, candidate: Candidate, text: Text) -> None:
        positive, negative = self._contexts[candidate.rule.id]
        context, against = candidate.rule.context, candidate.rule.negative
        if positive is not None and (
            positive.search(text.before(candidate.start, context.within))
            or positive.search(text.after(candidate.end, context.within))
        ):
            candidate.by_word = True
            candidate.score += context.weight
        if negative is None:
            return
        near = text.before(candidate.start, against.within)
        near += "\n" + text.after(candidate.end, against.within) if candidate.rule.match.shape else ""
        candidate.score += against.weight if negative.search(near) else 0.0

    def _rows(self, everyone: list[Candidate], free: list[Candidate], text: Text, *, in_table: bool) -> None:
        people: dict[int, set[str]] = {}
        for one in everyone:
            if one.rule.kind in _PERSON and one.score >= one.rule.score.report:
                people.setdefault(text.row_of(one.start), set()).add(one.rule.kind)
        for one in free:
            wanted = one.rule.context.row and not (in_table and one.rule.kind != "sensitive-marker")
            beside = people.get(text.row_of(one.start), set()) - {one.rule.kind}
            if wanted and (beside - _PLACES if one.rule.kind == "sensitive-marker" else beside):
                one.by_row = True
                one.score += one.rule.context.row

    @cached_property
    def matcher(self) -> Matcher:
        """The rules, ready to run on text."""
        return Matcher(self.ruleset)

    @cached_property
    def _contexts(self) -> Mapping[str, tuple[re.Pattern[str] | None, re.Pattern[str] | None]]:
        return {rule.id: _patterns(rule) for rule in self.ruleset.rules}


def _frame(everyone: Sequence[Candidate], forms: Sequence[tuple[int, int]]) -> None:
    """Give what lies inside a record that a rule has made out, or in a form, that record.

    A line may hold many records of fixed width, and a form has many lines.
    """
    records = sorted({one.record for one in everyone if one.record is not None}.union(forms))
    for one in everyone if records else ():
        start, end = records[max(bisect_right(records, one.start, key=itemgetter(0)) - 1, 0)]
        one.record = (start, end) if start <= one.start < end else None


def _patterns(rule: Rule) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    return _pattern(rule.context), _pattern(rule.negative)


def _pattern(context: Context) -> re.Pattern[str] | None:
    words = sorted(context.words, key=lambda word: (-len(word), word))
    return re.compile("|".join(map(re.escape, words))) if words else None


def _blank(text: str, covered: Sequence[tuple[int, int]]) -> str:
    """Return the text with typed cells blanked: what stands there is decided by its column.

    To the rules a typed cell is a line break: what stands between two of them is matched by itself.
    """
    parts, reached = [], 0
    for low, high in covered:
        parts += [text[reached:low], "\n" * (high - low)]
        reached = high
    return "".join([*parts, text[reached:]])


def _disjoint(candidates: Iterable[Candidate]) -> list[Candidate]:
    kept: list[Candidate] = []
    reached: dict[str, int] = {}
    for one in sorted(candidates, key=lambda one: (one.start, -one.end, -one.score, one.rule.id)):
        if one.start >= reached.get(one.rule.kind, 0):
            kept.append(one)
            reached[one.rule.kind] = one.end
    return kept
