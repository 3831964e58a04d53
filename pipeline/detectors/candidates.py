"""Candidates: what the rules match in decoded text, before context decides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pipeline.detectors.addresses import AddressDictionary
from pipeline.detectors.closed import ClosedCells, is_placeholder
from pipeline.detectors.expressions import Expression
from pipeline.detectors.hits import Table
from pipeline.detectors.names import NameDictionary, Span
from pipeline.detectors.tables import cells
from pipeline.detectors.validators import VALIDATORS
from pipeline.rules import Rule, RuleSet, fold_header

__all__ = ["Candidate", "Matcher"]


@dataclass(slots=True)
class Candidate:
    """A match in text that may become a hit; ``record`` is where the record that holds it starts and ends, if known."""

    rule: Rule
    start: int
    end: int
    score: float
    by_word: bool = False
    by_column: bool = False
    by_row: bool = False
    record: tuple[int, int] | None = None


@dataclass(frozen=True)
class Matcher:
    """The rules of a set, ready to run on text."""

    ruleset: RuleSet

    def free(self, text: str) -> Iterator[Candidate]:
        """Yield what the rules match anywhere in a text, rule by rule."""
        for rule, pattern in self._patterns:
            yield from _regex(rule, pattern, text)
        for rule in self.ruleset.rules:
            if rule.match.shape:
                for span in self._shapes(rule.match.shape, text):
                    yield Candidate(rule, span.start, span.end, rule.score.base + span.worth)

    def row(self, line: str, place: int, table: Table) -> Iterator[tuple[int, int, Candidate | None]]:
        """Yield the typed cells of a row with their quotes as (start, end, candidate or None), in text at ``place``."""
        if line.count(table.delimiter) + 1 < len(table.columns):
            return
        for kind, (start, end, _) in zip(table.columns, cells(line, table.delimiter), strict=False):
            if kind is None:
                continue
            quoted = start and line[start - 1] == '"'
            low, high = (start - 1, end + 1) if quoted else (start, end)
            found = self._cell(kind, line[start:end])
            lead = len(line[start:end]) - len(line[start:end].lstrip())
            tail = len(line[start:end].rstrip())
            if found is None or tail <= lead:
                yield place + low, place + high, None
                continue
            score = found.score.base + found.context.column
            candidate = Candidate(found, place + start + lead, place + start + tail, score, by_column=True)
            yield place + low, place + high, candidate

    def column_rules(self, kind: str) -> tuple[tuple[Rule, Expression], ...]:
        """Return the rules of a column of this kind, the first that accepts a cell wins."""
        return self._columns.get(kind, ())

    @cached_property
    def closed(self) -> ClosedCells:
        """The cells that hold no value."""
        return ClosedCells(self.ruleset)

    def _cell(self, kind: str, cell: str) -> Rule | None:
        text = cell.strip()
        if not text or is_placeholder(text):
            return None
        if not text[0].isdigit() and fold_header(text) in self.ruleset.headers:
            return None
        for rule, column in self.column_rules(kind):
            if column.pattern.fullmatch(text) and is_valid(rule, text):
                return rule
        return None

    def _shapes(self, shape: str, text: str) -> Iterator[Span]:
        if shape == "address":
            return self._addresses.addresses(text)
        return self._names.kana_names(text) if shape == "person-kana" else self._names.kanji_names(text)

    @cached_property
    def _patterns(self) -> tuple[tuple[Rule, re.Pattern[str]], ...]:
        found = []
        for rule in self.ruleset.rules:
            terms = "|".join(map(re.escape, sorted(rule.match.terms, key=len, reverse=True)))
            source = rule.match.regex or terms
            if source:
                found.append((rule, re.compile(source)))
        return tuple(found)

    @cached_property
    def _columns(self) -> dict[str, tuple[tuple[Rule, Expression], ...]]:
        found: dict[str, tuple[tuple[Rule, Expression], ...]] = {}
        for rule in self.ruleset.rules:
            if rule.match.column:
                found[rule.kind] = (*found.get(rule.kind, ()), (rule, Expression(rule.match.column)))
        return found

    @cached_property
    def _names(self) -> NameDictionary:
        return NameDictionary(self.ruleset)

    @cached_property
    def _addresses(self) -> AddressDictionary:
        return AddressDictionary(self.ruleset)


def is_valid(rule: Rule, value: str) -> bool:
    """Return whether every validator of the rule accepts the value."""
    return all(VALIDATORS[name](value) for name in rule.validate)


def _regex(rule: Rule, pattern: re.Pattern[str], text: str) -> Iterator[Candidate]:
    group: str | int = "value" if "value" in pattern.groupindex else 0
    framed = "record" in pattern.groupindex
    for low, high in _stretches(text, rule.match.needs):
        for match in pattern.finditer(text, low, high):
            if is_valid(rule, match[group]):
                record = match.span("record") if framed else None
                yield Candidate(rule, match.start(group), match.end(group), rule.score.base, record=record)


def _stretches(text: str, needs: str) -> Iterator[tuple[int, int]]:
    if not needs:
        yield 0, len(text)
        return
    place = text.find(needs)
    while place >= 0:
        end = text.find("\n", place)
        end = len(text) if end < 0 else end
        yield text.rfind("\n", 0, place) + 1, end
        place = text.find(needs, end)
