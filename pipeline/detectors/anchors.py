"""The prefilter: one multi-pattern database over raw bytes that says which lines are worth decoding.

Words are expanded to every byte form of every encoding; ASCII patterns also to UTF-16. ISO-2022-JP needs no words: its
escape sequence opens the line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import hyperscan

from pipeline.detectors.encodings import byte_forms
from pipeline.rules import Rule, RuleSet
from pipeline.rules_values import spellings

__all__ = ["TRACKS", "Prefilter"]

TRACKS: Final = ("bytes", "utf-16-le", "utf-16-be")
_BYTE_ENCODINGS: Final = ("utf-8", "cp932", "euc-jp")
_WEAKEST: Final = 4
_WEAKEST_ASCII: Final = 8
_JIS: Final = rb"\x1b\$[@B][\x21-\x7e][\x21-\x7e]"
_ATOM: Final = re.compile(r"\[(?:\\.|[^\]\\])+\]|\\.|[^\\()|{}?*+\[\]]|(?P<keep>\(\?:|\{[0-9,]+\}|[()|?*+])")


@dataclass(frozen=True)
class Prefilter:
    """The compiled patterns of a rule set for some tracks; each process builds its own."""

    ruleset: RuleSet
    wanted: tuple[int, ...] = (0, 1, 2)
    known: tuple[tuple[bytes, int], ...] = field(default=(), repr=False)

    def only(self, tracks: tuple[int, ...]) -> Prefilter:
        """Return the prefilter of some of the tracks, from the same patterns."""
        return Prefilter(self.ruleset, tracks, tuple(one for one in self.patterns if one[1] in tracks))

    def anchors(self, data: bytes) -> tuple[list[int], list[int], list[int]]:
        """Return, for each track, the offsets of the last byte of every match, in order."""
        found: tuple[list[int], list[int], list[int]] = ([], [], [])
        tracks = self._tracks

        def keep(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found[tracks[pattern]].append(end - 1)

        if data:
            self._database.scan(data, match_event_handler=keep, scratch=self._scratch)
        for places in found:
            places.sort()
        return found

    @cached_property
    def patterns(self) -> tuple[tuple[bytes, int], ...]:
        """Every expression with its track, in order."""
        if self.known:
            return self.known
        found: set[tuple[bytes, int]] = {(_JIS, 0)}
        for word in _words(self.ruleset):
            found.update(_literals(word))
        for rule in self.ruleset.rules:
            for anchor in rule.match.anchor:
                found.update(_pattern_forms(anchor))
        return tuple(sorted(one for one in found if one[1] in self.wanted))

    @cached_property
    def _tracks(self) -> tuple[int, ...]:
        return tuple(track for _, track in self.patterns)

    @cached_property
    def _database(self) -> hyperscan.Database:
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        expressions = [expression for expression, _ in self.patterns]
        count = len(expressions)
        flags = [hyperscan.HS_FLAG_DOTALL] * count
        database.compile(expressions=expressions, ids=list(range(count)), elements=count, flags=flags)
        return database

    @cached_property
    def _scratch(self) -> hyperscan.Scratch:
        return hyperscan.Scratch(self._database)


def _words(ruleset: RuleSet) -> Iterator[str]:
    for rule in ruleset.rules:
        yield from rule.context.words
        yield from rule.match.terms
        yield from _listed(rule, ruleset)
    yield from ruleset.headers


def _listed(rule: Rule, ruleset: RuleSet) -> Iterator[str]:
    rows = [line.split("\t") for name in rule.match.lists[:1] for line in ruleset.lists[name]]
    if rule.match.shape == "person-kana":
        for row in rows:
            yield from (row[2], _half_width(row[2]))
    elif rule.match.shape == "address":
        yield from (cell for row in rows for cell in row)
    else:
        yield from (_spaced(spelling) for row in rows for spelling in spellings(row[0]))


def _spaced(surname: str) -> str:
    """Return a surname, with the space behind it where it is one kanji: alone that is too weak a literal."""
    return surname if len(surname) > 1 else f"{surname}\u3000"


def _half_width(kana: str) -> str:
    table = {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0xFF66, 0xFF9E)}
    marks = {"\u3099": "ﾞ", "\u309a": "ﾟ"}
    return "".join(marks.get(part) or table.get(part, part) for part in unicodedata.normalize("NFD", kana))


def _literals(word: str) -> Iterator[tuple[bytes, int]]:
    weakest = _WEAKEST_ASCII if word.isascii() else _WEAKEST
    forms = [(form, 0) for encoding in _BYTE_ENCODINGS for form in byte_forms(word, encoding)]
    forms += [(form, track) for track in (1, 2) for form in byte_forms(word, TRACKS[track])]
    for form, track in forms:
        if len(form) >= weakest:
            yield _escaped(form).encode("ascii"), track


def _pattern_forms(pattern: str) -> Iterator[tuple[bytes, int]]:
    for encoding in _BYTE_ENCODINGS:
        yield _in_encoding(pattern, encoding, "", ""), 0
    yield _in_encoding(pattern, "utf-16-le", "", "\\x00"), 1
    yield _in_encoding(pattern, "utf-16-be", "\\x00", ""), 2


def _in_encoding(pattern: str, encoding: str, before: str, after: str) -> bytes:
    def expand(match: re.Match[str]) -> str:
        atom = match.group()
        if match["keep"]:
            return atom
        if not atom.isascii():
            return "(?:" + "|".join(_escaped(form) for form in byte_forms(atom, encoding)) + ")"
        return f"(?:{before}{atom}{after})" if before or after else atom

    return _ATOM.sub(expand, pattern).encode("ascii")


def _escaped(form: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in form)
