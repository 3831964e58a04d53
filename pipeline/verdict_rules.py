"""Verdict rules: the questions of a case as YAML files, read once, all errors at once.

One file is one question; the format is described in ``rules/verdict/README.md``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.errors import RuleError
from pipeline.rules_parse import RuleProblem, read_mapping

__all__ = ["Question", "Requirement", "Test", "check_verdict_rules", "load_verdict_rules"]

_KEYS: Final = frozenset(
    [
        "id",
        "channel",
        "applies",
        "question",
        "hypotheses",
        "supports",
        "contradicts",
        "negative",
        "sources",
        "limits",
        "not_read",
        "settles",
        "shows_leak",
        "blocks",
    ]
)
_NEEDED: Final = ("id", "channel", "applies", "question", "hypotheses", "negative", "limits", "settles", "shows_leak")
_TEST_KEYS: Final = frozenset(["id", "level", "leak", "sql", "ja", "en", "kind"])
_SOURCE_KEYS: Final = frozenset(["name", "artefacts", "systems", "places", "optional", "enabled"])
_LEVELS: Final = ("confirmed", "indicated")
_NEGATIVES: Final = ("sources", "content", "listing", "never")
_LEAKS: Final = ("confirmed", "indicated", "no")


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One SQL test: each row it returns is a ground; ``leak`` is what it means for the overall level."""

    __test__ = False
    id: str
    level: str
    leak: str
    sql: str
    sentence: Mapping[str, str]
    kind: str = "inference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Sources that must speak for the whole window; ``places`` is SQL giving the folders that each need one."""

    name: str
    artefacts: tuple[str, ...]
    systems: tuple[str, ...] = ()
    places: str = ""
    optional: bool = False
    enabled: str = "not-no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question of the verdict; ``sources`` holds the requirements of each grade, texts are by language.

    ``blocks`` are (SQL, reason): a row forbids a negative.
    """

    id: str
    channel: str
    applies: tuple[str, ...]
    question: Mapping[str, str]
    hypotheses: Mapping[str, Sequence[str]]
    supports: tuple[Test, ...]
    contradicts: tuple[Test, ...]
    negative: str
    sources: Mapping[str, tuple[Requirement, ...]]
    limits: Mapping[str, Sequence[str]]
    settles: Mapping[str, str]
    not_read: bool
    shows_leak: bool
    blocks: tuple[tuple[str, str], ...]


def load_verdict_rules(directory: Path) -> tuple[Question, ...]:
    """Read every question of a folder, ordered by id.

    Raises:
        RuleError: one line ``file:line: what`` for each error.
    """
    problems: list[RuleProblem] = []
    found = [_question(path, problems) for path in sorted(directory.glob("*.yaml"))]
    questions = [question for question in found if question is not None]
    if len({question.id for question in questions}) != len(questions):
        problems.append(RuleProblem(directory, 1, "two questions have the same id"))
    if not found:
        problems.append(RuleProblem(directory, 1, "there is no question; add one file per question"))
    if problems:
        raise RuleError("\n".join(str(problem) for problem in problems))
    return tuple(sorted(questions, key=lambda question: question.id))


def check_verdict_rules(directory: Path) -> list[str]:
    """Return the errors of a folder of questions as lines; empty where all is well."""
    try:
        load_verdict_rules(directory)
    except RuleError as error:
        return str(error).splitlines()
    return []


def _question(path: Path, problems: list[RuleProblem]) -> Question | None:
    lines: dict[str, int] = {}
    tree = read_mapping(path, problems, lines)
    if tree is None:
        return None
    wrong = _wrong(tree)
    problems.extend(RuleProblem(path, lines.get(key, 1), message) for key, message in wrong)
    return None if wrong else _build(tree)


def _wrong(tree: Mapping[str, Any]) -> list[tuple[str, str]]:
    wrong = [(str(key), f"unknown key {key!r}") for key in tree if key not in _KEYS]
    wrong += [(key, f"{key} is missing") for key in _NEEDED if key not in tree]
    if tree.get("negative") not in _NEGATIVES:
        wrong.append(("negative", f"must be one of {_NEGATIVES}"))
    for key in ("question", "hypotheses", "limits", "settles"):
        if not isinstance(tree.get(key), dict) or set(tree[key]) != {"ja", "en"}:
            wrong.append((key, f"{key}: expected ja and en"))
    for key in ("supports", "contradicts"):
        wrong += [(key, message) for item in tree.get(key) or [] if (message := _wrong_test(item))]
    sources = tree.get("sources") or {}
    wrong += [("sources", f"unknown grade {grade!r}") for grade in sources if grade not in ("ordinary", "strong")]
    for item in (item for items in sources.values() for item in items):
        if not set(item) <= _SOURCE_KEYS or not {"name", "artefacts"} <= set(item):
            wrong.append(("sources", f"a source has keys out of {sorted(_SOURCE_KEYS)}"))
    if not isinstance(tree.get("shows_leak"), bool):
        wrong.append(("shows_leak", "must be true or false"))
    if any(not isinstance(item, dict) or set(item) != {"sql", "reason"} for item in tree.get("blocks") or []):
        wrong.append(("blocks", "each needs sql and reason"))
    if tree.get("negative") == "sources" and not sources.get("ordinary") and not tree.get("not_read"):
        wrong.append(("sources", "a negative by sources needs ordinary sources"))
    return wrong


def _wrong_test(item: Mapping[str, Any]) -> str:
    if not set(item) <= _TEST_KEYS or not {"id", "level", "leak", "sql", "ja", "en"} <= set(item):
        return f"a test has keys out of {sorted(_TEST_KEYS)}"
    if item["level"] not in _LEVELS or item["leak"] not in _LEAKS:
        return f"test {item['id']}: level or leak is not known"
    return ""


def _test(item: Mapping[str, Any]) -> Test:
    return Test(
        id=item["id"], level=item["level"], leak=item["leak"], sql=item["sql"],
        sentence={"ja": item["ja"], "en": item["en"]}, kind=item.get("kind", "inference"),
    )  # fmt: skip


def _requirement(item: Mapping[str, Any]) -> Requirement:
    return Requirement(
        name=item["name"], artefacts=tuple(item["artefacts"]), systems=tuple(item.get("systems", ())),
        places=item.get("places", ""), optional=bool(item.get("optional", False)),
        enabled=item.get("enabled", "not-no"),
    )  # fmt: skip


def _build(tree: Mapping[str, Any]) -> Question:
    sources = tree.get("sources") or {}
    return Question(
        id=tree["id"], channel=tree["channel"], applies=tuple(tree["applies"]), question=tree["question"],
        hypotheses=tree["hypotheses"], supports=tuple(map(_test, tree.get("supports") or [])),
        contradicts=tuple(map(_test, tree.get("contradicts") or [])), negative=tree["negative"],
        sources={grade: tuple(map(_requirement, sources[grade])) for grade in sorted(sources)},
        limits=tree["limits"], settles=tree["settles"], not_read=bool(tree.get("not_read", False)),
        shows_leak=tree["shows_leak"], blocks=tuple((item["sql"], item["reason"]) for item in tree.get("blocks") or []),
    )  # fmt: skip
