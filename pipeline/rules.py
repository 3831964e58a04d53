"""Detector rules: YAML files that say what personal data looks like, read once, all errors at once.

A rule folder holds ``detectors/*.yaml`` (one rule each), ``lists/*`` (the words they name) and ``yara/*.yar``. The
format is described in ``rules/README.md``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pipeline.characters import Characters
from pipeline.errors import RuleError
from pipeline.rules_parse import ENCODINGS, Context, Match, Rule, RuleProblem, Score, parse_rule, read_mapping
from pipeline.rules_values import normalise

__all__ = [
    "ENCODINGS",
    "Context",
    "Match",
    "Rule",
    "RuleSet",
    "Score",
    "check_rules",
    "fold_header",
    "load_headers",
    "load_rules",
]

_MAX_FILE: Final = 4 << 20
_MAX_FILES: Final = 2000
_SPACES: Final = tuple(code for code in range(0x3001) if chr(code).isspace())
_UNSAID: Final = Characters(dict.fromkeys([*_SPACES, *map(ord, "\"'_()[]【】「」/・:;*-")]))


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """All rules of a folder; ``lists`` holds the lines of each list, ``yara`` the source of each file by path.

    ``headers`` maps a folded header cell to its kind; ``digest`` is the SHA-256 of the canonical content.
    """

    rules: tuple[Rule, ...]
    lists: Mapping[str, tuple[str, ...]]
    headers: Mapping[str, str]
    yara: Mapping[str, str]
    digest: str


def load_rules(directory: Path) -> RuleSet:
    """Read the detector rules of a folder.

    Raises:
        RuleError: one or more files are wrong; the message has one line ``file:line: what`` for each error.
    """
    problems: list[RuleProblem] = []
    lists = {path.name: _lines(path) for path in _files(directory / "lists", "*.txt", problems)}
    headers = _headers(directory / "lists" / "headers.yaml", problems)
    rules = _rules(directory, frozenset(lists), problems)
    yara = {path.name: path.read_text("utf-8") for path in _files(directory / "yara", "*.yar", problems)}
    if not rules:
        problems.append(RuleProblem(directory / "detectors", 1, "there is no rule; add one file per rule"))
    if problems:
        raise RuleError("\n".join(str(problem) for problem in sorted(problems)))
    digest = _digest(rules, lists, headers, yara)
    return RuleSet(rules=tuple(rules), lists=lists, headers=headers, yara=yara, digest=digest)


def check_rules(directory: Path) -> list[str]:
    """Return every error of the files as ``file:line: what``; examples are run by :mod:`pipeline.detectors.check`."""
    try:
        load_rules(directory)
    except RuleError as error:
        return str(error).splitlines()
    return []


def load_headers(directory: Path = Path(__file__).parent.parent / "rules") -> dict[str, str]:
    """Return the header dictionary of a rule folder: folded header cell to kind.

    Raises:
        RuleError: the dictionary is wrong.
    """
    problems: list[RuleProblem] = []
    headers = _headers(directory / "lists" / "headers.yaml", problems)
    if problems:
        raise RuleError("\n".join(str(problem) for problem in sorted(problems)))
    return headers


def fold_header(cell: str) -> str:
    """Return a header cell as the header dictionary spells it: no width, case, space, quote or punctuation."""
    return _UNSAID(normalise(cell)).lower()


def _files(directory: Path, pattern: str, problems: list[RuleProblem]) -> list[Path]:
    found = sorted(directory.glob(pattern))
    if len(found) > _MAX_FILES:
        problems.append(RuleProblem(directory, 1, f"more than {_MAX_FILES} files"))
    kept = []
    for path in found[:_MAX_FILES]:
        if path.stat().st_size > _MAX_FILE:
            problems.append(RuleProblem(path, 1, f"larger than {_MAX_FILE} bytes"))
        elif not _is_text(path):
            problems.append(RuleProblem(path, 1, "not UTF-8"))
        else:
            kept.append(path)
    return kept


def _is_text(path: Path) -> bool:
    try:
        path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#"))


def _rules(directory: Path, lists: frozenset[str], problems: list[RuleProblem]) -> list[Rule]:
    rules: list[Rule] = []
    owner: dict[str, Path] = {}
    for path in _files(directory / "detectors", "*.yaml", problems):
        rule = parse_rule(path, lists, problems)
        if rule is None:
            continue
        if rule.id in owner:
            problems.append(RuleProblem(path, 1, f"id {rule.id} is taken by {owner[rule.id].name}"))
        owner[rule.id] = path
        rules.append(rule)
    return sorted(rules, key=lambda rule: rule.id)


def _headers(path: Path, problems: list[RuleProblem]) -> dict[str, str]:
    tree = read_mapping(path, problems) if path.exists() else {}
    found: dict[str, str] = {}
    for kind, aliases in sorted((tree or {}).items()):
        if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
            problems.append(RuleProblem(path, 1, f"{kind}: expected a list of header cells"))
            continue
        for alias in aliases:
            folded = fold_header(alias)
            if found.setdefault(folded, kind) != kind:
                problems.append(RuleProblem(path, 1, f"header of {kind} is already one of {found[folded]}"))
    return found


def _digest(
    rules: list[Rule], lists: Mapping[str, tuple[str, ...]], headers: Mapping[str, str], yara: Mapping[str, str]
) -> str:
    tree = {
        "rules": [asdict(rule) for rule in rules],
        "lists": {name: lists[name] for name in sorted(lists)},
        "headers": dict(sorted(headers.items())),
        "yara": dict(sorted(yara.items())),
    }
    text = json.dumps(tree, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
