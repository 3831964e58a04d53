"""`akashi rules check`: every error of a rule folder at once, its examples run in every encoding, its cost measured."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.clock import SYSTEM_CLOCK
from pipeline.detectors.encodings import byte_forms
from pipeline.detectors.engine import Scanner
from pipeline.detectors.yara_rules import compile_rules
from pipeline.errors import RuleError
from pipeline.rules import Rule, RuleSet, load_rules

__all__ = ["Measurement", "check_examples", "check_rules", "encoded", "measure", "negative_pack", "rule_places"]

_PACK: Final = 4 << 20
_FLOOD: Final = 1000.0
"""Hits per GB of a pack that holds nobody, above which a rule is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Hits of each kind in the generated negative pack, its size in bytes, and the seconds it took."""

    size: int
    seconds: float
    hits: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        found = ", ".join(f"{kind} {count}" for kind, count in self.hits) or "no hits"
        return f"{self.size} bytes without people: {self.megabytes_per_second:.0f} MB/s, {found}"

    @property
    def megabytes_per_second(self) -> float:
        """Speed in 10^6 bytes per second."""
        return self.size / 1e6 / max(self.seconds, 1e-9)


def check_rules(directory: Path) -> list[str]:
    """Return every error of a rule folder as ``file:line: what``; an empty list means the rules are usable."""
    try:
        ruleset = load_rules(directory)
    except RuleError as error:
        return str(error).splitlines()
    problems = check_examples(ruleset, directory)
    try:
        compile_rules(ruleset.yara)
    except RuleError as error:
        problems += str(error).splitlines()
    counted = Counter(hit.rule for hit in Scanner(ruleset).scan_content(negative_pack()))
    places = rule_places(directory)
    return problems + [
        f"{places.get(rule, directory)}: rule {rule} floods: {count * 1e9 / _PACK:.0f} hits per GB without people, "
        f"more than {_FLOOD:.0f}; narrow the pattern or ask for context"
        for rule, count in sorted(counted.items())
        if count * 1e9 / _PACK > _FLOOD
    ]


def rule_places(directory: Path) -> dict[str, str]:
    """Return ``file:line`` of each rule's id."""
    found: dict[str, str] = {}
    for path in sorted((directory / "detectors").glob("*.yaml")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if line.startswith("id:"):
                found[line.removeprefix("id:").strip()] = f"{path}:{number}"
    return found


def check_examples(ruleset: RuleSet, directory: Path) -> list[str]:
    """Return the examples that fail, as text or in one of the rule's encodings."""
    scanner, places = Scanner(ruleset), rule_places(directory)
    return [
        f"{places.get(rule.id, directory / 'detectors')}: {rule.id}: {failure}"
        for rule in ruleset.rules
        for failure in _failures(scanner, rule)
    ]


def measure(ruleset: RuleSet, seconds: Callable[[], float] = SYSTEM_CLOCK.monotonic) -> Measurement:
    """Scan the negative pack; ``seconds`` is a clock that counts up."""
    scanner = Scanner(ruleset)
    list(scanner.scan_content("山田太郎 電話 06-6489-6000".encode()))  # builds what is built on first use
    pack = negative_pack()
    before = seconds()
    counted = Counter(hit.kind for hit in scanner.scan_content(pack))
    return Measurement(size=len(pack), seconds=seconds() - before, hits=tuple(sorted(counted.items())))


def negative_pack() -> bytes:
    """Return 4 MiB without any person: random bytes, zeros, digits and program-like text, the same at each call."""
    source = random.Random(460517)  # noqa: S311 - test data
    quarter = _PACK // 4
    digits = "".join(f"{source.randrange(10**12):012d}\n" for _ in range(quarter // 13)).encode()
    code = "".join(
        f"    value_{source.randrange(10**6)} = table[{source.randrange(99)}]\n" for _ in range(quarter // 30)
    )
    return source.randbytes(quarter) + bytes(quarter) + digits[:quarter] + code.encode()[:quarter]


def encoded(text: str, encoding: str) -> bytes | None:
    """Return an example's bytes in an encoding, or None where it cannot be written."""
    if encoding == "iso-2022-jp":
        try:
            return text.encode("iso2022_jp")
        except UnicodeEncodeError:
            return None
    forms = byte_forms(text, encoding)
    return forms[0] if forms else None


def _failures(scanner: Scanner, rule: Rule) -> Iterator[str]:
    examples = [(text, True) for text in rule.hits] + [(text, False) for text in rule.misses]
    for index, (text, wanted) in enumerate(examples, 1):
        name = f"tests.{'hit' if wanted else 'miss'} {index if wanted else index - len(rule.hits)}"
        if any(hit.rule == rule.id for hit in scanner.scan_text(text)) != wanted:
            yield f"{name} fails as text"
        for encoding in rule.encodings:
            raw = encoded(text, encoding)
            if raw is not None and any(hit.rule == rule.id for hit in scanner.scan_content(raw)) != wanted:
                yield f"{name} fails in {encoding}"
