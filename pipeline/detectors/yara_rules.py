"""YARA rules on bytes, with Japanese strings expanded to every encoding before compiling."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import yara

from pipeline.detectors.encodings import byte_forms
from pipeline.errors import RuleError, UnreadableError
from pipeline.rules import ENCODINGS, RuleSet

__all__ = ["YaraMatch", "YaraScanner", "expand_japanese"]

_STRING: Final = re.compile(r'\$(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"([^\n]*?)\bjapanese\b([^\n]*)')
_COUNT: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class YaraMatch:
    """One string of a rule at one place: the offset is in the content, the length in bytes."""

    rule: str
    tags: tuple[str, ...]
    meta: Mapping[str, str | int | bool]
    offset: int
    length: int


@dataclass(frozen=True)
class YaraScanner:
    """The compiled YARA rules of a set; ``timeout_s`` bounds one call in seconds."""

    ruleset: RuleSet
    timeout_s: int = 60

    def scan(self, data: bytes, start: int) -> list[YaraMatch]:
        """Return the matches in ``data``, whose first byte is at ``start`` of the content, in order.

        Raises:
            UnreadableError: the rules took longer than the limit.
        """
        try:
            matches = self._rules.match(data=data, timeout=self.timeout_s)
        except yara.TimeoutError as error:
            message = f"YARA took longer than {self.timeout_s} s for {len(data)} bytes; leave out the slow rule"
            raise UnreadableError(message) from error
        except yara.Error as error:
            raise UnreadableError(f"YARA stopped: {error}") from error
        found = [match for one in matches for match in _places(one, start)]
        return sorted(found, key=lambda match: (match.offset, match.rule, match.length))

    @cached_property
    def _rules(self) -> yara.Rules:
        return compile_rules(self.ruleset.yara)


def compile_rules(sources: Mapping[str, str]) -> yara.Rules:
    """Compile the sources of a rule set; slow strings count as errors.

    Raises:
        RuleError: one or more files are wrong; one line ``file:line: what`` each.
    """
    problems: list[str] = []
    for name, source in sorted(sources.items()):
        try:
            compiled = yara.compile(source=expand_japanese(source), includes=False)
        except yara.Error as error:
            line, _, message = re.sub(r"^line (\d+): ", r"\1:", str(error)).partition(":")
            problems.append(f"rules/yara/{name}:{line if message else 1}: {(message or line).strip()}")
            continue
        problems += [f"rules/yara/{name}:1: {warning}" for warning in compiled.warnings]
    if problems:
        raise RuleError("\n".join(problems))
    return yara.compile(sources={name: expand_japanese(text) for name, text in sources.items()}, includes=False)


def expand_japanese(source: str) -> str:
    """Replace each text string marked ``japanese`` by one hexadecimal string of alternatives, on the same line."""
    return _STRING.sub(_expanded, source)


def _expanded(match: re.Match[str]) -> str:
    forms = {form for encoding in ENCODINGS for form in byte_forms(match[2], encoding)}
    hexadecimal = " | ".join(form.hex(" ").upper() for form in sorted(forms))
    return f"${match[1]} = {{ ({hexadecimal}) }}"


def _places(match: yara.Match, start: int) -> Iterator[YaraMatch]:
    for string in match.strings:
        for instance in string.instances[:_COUNT]:
            yield YaraMatch(
                rule=match.rule,
                tags=tuple(sorted(match.tags)),
                meta=dict(sorted(match.meta.items())),
                offset=start + instance.offset,
                length=instance.matched_length,
            )
