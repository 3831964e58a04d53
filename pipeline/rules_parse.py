"""One rule file: from YAML with line numbers to a frozen rule, every error kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

__all__ = ["ENCODINGS", "VALIDATORS", "Context", "Match", "Rule", "RuleProblem", "Score", "parse_rule", "read_mapping"]

ENCODINGS: Final = ("utf-8", "cp932", "euc-jp", "iso-2022-jp", "utf-16-le", "utf-16-be")
VALIDATORS: Final = ("all-same", "card", "date", "email", "mod11-mynumber", "phone")
SHAPES: Final = ("person-name", "person-kana", "address")

_KEYS: Final = {
    "id",
    "kind",
    "version",
    "source",
    "match",
    "encodings",
    "validate",
    "context",
    "negative",
    "score",
    "tests",
}
_MATCH_KEYS: Final = {"regex", "column", "terms", "shape", "lists", "anchor", "needs"}
_CONTEXT_KEYS: Final = {"any", "within", "weight", "column", "row"}
_SCORE_KEYS: Final = {"base", "report"}
_REQUIRED: Final = ("id", "kind", "version", "match", "score", "tests")


@dataclass(frozen=True, slots=True, order=True)
class RuleProblem:
    """An error in a rule file, at a line from 1."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What text a rule looks at: a pattern, words or a named shape; ``column`` is the pattern of a whole typed cell.

    ``anchor`` are byte patterns of ASCII text, and with ``lists`` and ``terms`` the literals, that make the prefilter
    look closer; a rule without any is found only in lines that others open. ``needs`` is a text without which a line
    cannot match: it spares the pattern.
    """

    regex: str = ""
    column: str = ""
    shape: str = ""
    terms: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    anchor: tuple[str, ...] = ()
    needs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Words within a number of characters, a typed column, or another person field in the row, and what each adds."""

    words: tuple[str, ...] = ()
    within: int = 40
    weight: float = 0.0
    column: float = 0.0
    row: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a bare match is worth, and from which sum on it is a finding."""

    base: float
    report: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One detector rule."""

    id: str
    kind: str
    version: int
    source: str
    match: Match
    encodings: tuple[str, ...]
    validate: tuple[str, ...]
    context: Context
    negative: Context
    score: Score
    hits: tuple[str, ...]
    misses: tuple[str, ...]


@dataclass(slots=True)
class _Reader:
    """A rule file being read: its tree, the line of each key, and where its errors go."""

    path: Path
    problems: list[RuleProblem]
    lines: dict[str, int] = field(default_factory=dict)

    def wrong(self, key: str, message: str) -> None:
        self.problems.append(RuleProblem(self.path, self.lines.get(key, 1), message))

    def unknown(self, tree: Mapping[str, Any], known: set[str], prefix: str) -> None:
        for key in sorted(set(map(str, tree)) - known):
            self.wrong(f"{prefix}{key}", f"unknown key {prefix}{key}; known: {', '.join(sorted(known))}")

    def section(self, tree: Mapping[str, Any], key: str, known: set[str]) -> Mapping[str, Any]:
        value = tree.get(key, {})
        if not isinstance(value, dict):
            self.wrong(key, f"{key} must be a mapping")
            return {}
        self.unknown(value, known, f"{key}.")
        return value

    def words(self, tree: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
        value = tree.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.wrong(place, f"{place} must be a list of texts; quote numbers")
            return ()
        return tuple(value)

    def number(self, tree: Mapping[str, Any], key: str, place: str, default: float = 0.0) -> float:
        value = tree.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.wrong(place, f"{place} must be a number")
            return default
        return float(value)


def parse_rule(path: Path, lists: frozenset[str], problems: list[RuleProblem]) -> Rule | None:
    """Return the rule of a file, or None; every error is appended to ``problems``."""
    before = len(problems)
    reader = _Reader(path, problems)
    tree = read_mapping(path, problems, reader.lines)
    if tree is None:
        return None
    reader.unknown(tree, _KEYS, "")
    for key in _REQUIRED:
        if key not in tree:
            reader.wrong("", f"{key} is missing")
    rule = _build(reader, tree, lists)
    return rule if len(problems) == before else None


def read_mapping(path: Path, problems: list[RuleProblem], lines: dict[str, int] | None = None) -> dict[str, Any] | None:
    """Return a YAML file's mapping and fill ``lines`` with the line of each dotted key, or None with a problem."""
    text = path.read_text("utf-8")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problems.append(
            RuleProblem(path, mark.line + 1 if mark else 1, f"not YAML: {getattr(error, 'problem', error)}")
        )
        return None
    if not isinstance(tree, dict):
        problems.append(RuleProblem(path, 1, "expected a mapping"))
        return None
    if lines is not None:
        _mark(node, "", lines)
    return tree


def _mark(node: Any, prefix: str, lines: dict[str, int]) -> None:
    for key, value in node.value:
        lines[f"{prefix}{key.value}"] = key.start_mark.line + 1
        if isinstance(value, yaml.MappingNode) and not prefix:
            _mark(value, f"{key.value}.", lines)


def _build(reader: _Reader, tree: Mapping[str, Any], lists: frozenset[str]) -> Rule:
    tests = reader.section(tree, "tests", {"hit", "miss"})
    hits, misses = reader.words(tests, "hit", "tests.hit"), reader.words(tests, "miss", "tests.miss")
    if not hits or not misses:
        reader.wrong("tests", "tests need at least one hit and one miss")
    score = reader.section(tree, "score", _SCORE_KEYS)
    version = tree.get("version", 0)
    if not isinstance(version, int) or version < 1:
        reader.wrong("version", "version must be a whole number from 1")
    return Rule(
        id=_text(reader, tree, "id"),
        kind=_text(reader, tree, "kind"),
        version=version if isinstance(version, int) else 0,
        source=str(tree.get("source", "")),
        match=_match(reader, tree, lists),
        encodings=_named(reader, tree, "encodings", ENCODINGS) or ENCODINGS,
        validate=_named(reader, tree, "validate", VALIDATORS),
        context=_context(reader, tree, "context"),
        negative=_context(reader, tree, "negative"),
        score=Score(
            base=reader.number(score, "base", "score.base"), report=reader.number(score, "report", "score.report", 1)
        ),
        hits=hits,
        misses=misses,
    )


def _text(reader: _Reader, tree: Mapping[str, Any], key: str) -> str:
    value = tree.get(key, "")
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9.-]*", value):
        reader.wrong(key, f"{key} must be a word of a-z, 0-9, dot and hyphen")
        return ""
    return value


def _named(reader: _Reader, tree: Mapping[str, Any], key: str, known: tuple[str, ...]) -> tuple[str, ...]:
    names = reader.words(tree, key, key)
    for name in names:
        if name not in known:
            reader.wrong(key, f"unknown {key} {name}; known: {', '.join(known)}")
    return names


def _context(reader: _Reader, tree: Mapping[str, Any], key: str) -> Context:
    part = reader.section(tree, key, _CONTEXT_KEYS)
    within = reader.number(part, "within", f"{key}.within", 40)
    if not 0 <= within <= 300:
        reader.wrong(f"{key}.within", "within is at most 300 characters")
    return Context(
        words=reader.words(part, "any", f"{key}.any"),
        within=int(within),
        weight=reader.number(part, "weight", f"{key}.weight"),
        column=reader.number(part, "column", f"{key}.column"),
        row=reader.number(part, "row", f"{key}.row"),
    )


def _match(reader: _Reader, tree: Mapping[str, Any], lists: frozenset[str]) -> Match:
    part = reader.section(tree, "match", _MATCH_KEYS)
    found = Match(
        regex=_pattern(reader, part, "regex"),
        column=_pattern(reader, part, "column"),
        shape=str(part.get("shape", "")),
        terms=reader.words(part, "terms", "match.terms"),
        lists=reader.words(part, "lists", "match.lists"),
        anchor=reader.words(part, "anchor", "match.anchor"),
        needs=str(part.get("needs", "")),
    )
    if not any(part.get(key) for key in ("regex", "column", "shape", "terms")):
        reader.wrong("match", "match needs regex, column, terms or shape")
    if found.shape and found.shape not in SHAPES:
        reader.wrong("match.shape", f"unknown shape {found.shape}; known: {', '.join(SHAPES)}")
    for name in found.lists:
        if name not in lists:
            reader.wrong("match.lists", f"there is no rules/lists/{name}")
    for term in found.terms:
        if len(term.encode("cp932", "replace")) < 4 or (term.isascii() and len(term) < 8):
            reader.wrong("match.terms", f"{term!r} is too weak; 4 bytes of Japanese or 8 of ASCII at least")
    _anchors(reader, found.anchor)
    return found


def _pattern(reader: _Reader, part: Mapping[str, Any], key: str) -> str:
    text = part.get(key, "")
    if not isinstance(text, str):
        reader.wrong(f"match.{key}", f"match.{key} must be text")
        return ""
    try:
        compiled = re.compile(text)
    except re.error as error:
        reader.wrong(f"match.{key}", f"pattern does not compile: {error}")
        return ""
    if text and compiled.match(""):
        reader.wrong(f"match.{key}", "pattern matches nothing at all, so everywhere")
    return text


def _anchors(reader: _Reader, anchors: tuple[str, ...]) -> None:
    for anchor in anchors:
        try:
            re.compile(anchor)
        except re.error as error:
            reader.wrong("match.anchor", f"anchor does not compile: {error}")
