"""One question of the verdict: from YAML to frozen values, every error kept with its line.

The format is described in ``rules/verdict/README.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from pipeline.rules_parse import RuleProblem, read_mapping

__all__ = ["Block", "Example", "Question", "Requirement", "Test", "Text", "parse_question"]

Text = Mapping[str, str]
"""A text by language: ``ja`` and ``en``."""

_NEEDED: Final = (
    "id", "channel", "applies", "question", "hypotheses", "supports", "negative", "limits", "settles", "shows_leak",
    "examples",
)  # fmt: skip
_KEYS: Final = frozenset([*_NEEDED, "contradicts", "sources", "never", "blocks"])
_TEST: Final = frozenset(["id", "level", "leak", "sql", "ja", "en"])
_SOURCE: Final = frozenset(["name", "artefacts", "systems", "places", "optional", "enabled", "hosts", "unless"])
_HOSTS: Final = ("windows", "linux", "macos")
_EXAMPLE: Final = frozenset(["test", "exhibit", "rows"])
_CHOICES: Final = {
    "level": ("confirmed", "indicated"),
    "leak": ("confirmed", "indicated", "no"),
    "negative": ("sources", "content", "listing", "encrypted", "never"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One SQL test: each row it returns is a ground; ``leak`` is what it means for the overall level."""

    __test__ = False
    id: str
    level: str
    leak: str
    sql: str
    sentence: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Sources that must speak for the whole window; ``places`` is SQL giving the folders that each need one.

    It is asked of exhibits with an operating system out of ``hosts`` only, where that is given. ``unless`` is SQL whose
    rows show that the sources, whole as they are, do not suffice.
    """

    name: Text
    artefacts: tuple[str, ...]
    systems: tuple[str, ...] = ()
    places: str = ""
    optional: bool = False
    enabled: str = "not-no"
    hosts: tuple[str, ...] = ()
    unless: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A query whose rows forbid a negative, and why."""

    sql: str
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Tiny rows by table for which a test must, or must not, find a ground."""

    test: str
    hits: bool
    exhibit: str
    rows: Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question of the verdict; ``sources`` holds the requirements of each grade, ``lines`` the place of each part."""

    id: str
    channel: str
    applies: tuple[str, ...]
    question: Text
    hypotheses: Mapping[str, Sequence[str]]
    supports: tuple[Test, ...]
    contradicts: tuple[Test, ...]
    negative: str
    never: Text
    sources: Mapping[str, tuple[Requirement, ...]]
    limits: Mapping[str, Sequence[str]]
    settles: Text
    shows_leak: bool
    blocks: tuple[Block, ...]
    examples: tuple[Example, ...]
    path: Path
    lines: Mapping[str, int] = field(default_factory=dict)


def parse_question(path: Path, problems: list[RuleProblem]) -> Question | None:
    """Return the question of a file, or None; every error is appended to ``problems``."""
    tree = read_mapping(path, problems)
    if tree is None:
        return None
    lines = dict(_places(yaml.compose(path.read_text("utf-8"), Loader=yaml.SafeLoader), ""))
    wrong = [*_wrong(tree)]
    problems.extend(RuleProblem(path, lines.get(place, 1), message) for place, message in wrong)
    return None if wrong else _build(tree, path, lines)


def _places(node: Any, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield the line of each key and item: ``supports``, ``supports.0``, ``supports.0.sql``."""
    parts: list[tuple[str, Any, Any]] = []
    if isinstance(node, yaml.MappingNode):
        parts = [(str(key.value), key, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        parts = [(str(number), item, item) for number, item in enumerate(node.value)]
    for name, at, value in parts:
        yield f"{prefix}{name}", at.start_mark.line + 1
        yield from _places(value, f"{prefix}{name}.")


def _wrong(tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((str(key), f"unknown key {key!r}") for key in tree if key not in _KEYS)
    missing = [key for key in _NEEDED if key not in tree]
    yield from ((key, f"{key} is missing") for key in missing)
    if missing:
        return
    if tree["negative"] not in _CHOICES["negative"]:
        yield "negative", f"negative must be one of {', '.join(_CHOICES['negative'])}"
    if not isinstance(tree["shows_leak"], bool):
        yield "shows_leak", "shows_leak must be true or false"
    for key in ("question", "settles", *(["never"] if tree["negative"] == "never" else [])):
        yield from _wrong_text(tree.get(key), key, str)
    for key in ("hypotheses", "limits"):
        yield from _wrong_text(tree[key], key, list)
    for key in ("supports", "contradicts"):
        for number, item in enumerate(tree.get(key) or []):
            yield from _wrong_test(item, f"{key}.{number}")
    yield from _wrong_negative(tree)
    yield from _wrong_examples(tree)


def _wrong_text(value: Any, place: str, kind: type) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict) or set(value) != {"ja", "en"} or not all(value.values()):
        yield place, f"{place} needs ja and en"
    elif not all(isinstance(text, kind) for text in value.values()):
        yield place, f"{place} must hold {'texts' if kind is str else 'lists of texts'}"


def _wrong_test(item: Any, place: str) -> Iterator[tuple[str, str]]:
    if not isinstance(item, dict) or set(item) != _TEST:
        yield place, f"a test needs exactly {', '.join(sorted(_TEST))}"
        return
    for key in ("level", "leak"):
        if item[key] not in _CHOICES[key]:
            yield f"{place}.{key}", f"{key} must be one of {', '.join(_CHOICES[key])}"


def _wrong_negative(tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    sources = tree.get("sources") or {}
    for grade, items in sources.items():
        if grade not in ("ordinary", "strong"):
            yield f"sources.{grade}", f"unknown grade {grade!r}; known: ordinary, strong"
        for number, item in enumerate(items):
            place = f"sources.{grade}.{number}"
            if not isinstance(item, dict) or not {"name", "artefacts"} <= set(item) <= _SOURCE:
                yield place, f"a source has name, artefacts and keys out of {', '.join(sorted(_SOURCE))}"
            else:
                yield from _wrong_text(item["name"], f"{place}.name", str)
                if not set(item.get("hosts", ())) <= set(_HOSTS):
                    yield f"{place}.hosts", f"hosts holds operating systems out of {', '.join(_HOSTS)}"
    if tree["negative"] == "sources" and not sources.get("ordinary"):
        yield "sources", "a negative by sources needs ordinary sources"
    for number, item in enumerate(tree.get("blocks") or []):
        if not isinstance(item, dict) or set(item) != {"sql", "ja", "en"}:
            yield f"blocks.{number}", "a block needs exactly sql, ja, en"


def _wrong_examples(tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    examples = tree["examples"]
    if not isinstance(examples, dict) or set(examples) != {"hit", "miss"}:
        yield "examples", "examples need hit and miss"
        return
    known = {item["id"] for key in ("supports", "contradicts") for item in tree.get(key) or [] if "id" in item}
    for kind in ("hit", "miss"):
        if not examples[kind]:
            yield f"examples.{kind}", f"examples need at least one {kind}"
        for number, item in enumerate(examples[kind] or []):
            place = f"examples.{kind}.{number}"
            if not isinstance(item, dict) or not {"test", "rows"} <= set(item) <= _EXAMPLE:
                yield place, "an example has test, rows and, optionally, exhibit"
            elif item["test"] not in known:
                yield place, f"there is no test {item['test']!r}"


def _text(item: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(item[name]) for name in ("ja", "en")}


def _tests(items: Sequence[Mapping[str, Any]] | None) -> tuple[Test, ...]:
    return tuple(
        Test(id=item["id"], level=item["level"], leak=item["leak"], sql=item["sql"], sentence=_text(item))
        for item in items or ()
    )


def _requirement(item: Mapping[str, Any]) -> Requirement:
    return Requirement(
        name=_text(item["name"]), artefacts=tuple(item["artefacts"]), systems=tuple(item.get("systems", ())),
        places=item.get("places", ""), optional=bool(item.get("optional", False)),
        enabled=item.get("enabled", "not-no"), hosts=tuple(item.get("hosts", ())), unless=item.get("unless", ""),
    )  # fmt: skip


def _examples(tree: Mapping[str, Any]) -> tuple[Example, ...]:
    return tuple(
        Example(test=item["test"], hits=kind == "hit", exhibit=item.get("exhibit", "EX-01"), rows=item["rows"] or {})
        for kind in ("hit", "miss")
        for item in tree["examples"][kind]
    )


def _build(tree: Mapping[str, Any], path: Path, lines: Mapping[str, int]) -> Question:
    sources = tree.get("sources") or {}
    return Question(
        id=tree["id"], channel=tree["channel"], applies=tuple(tree["applies"]), question=tree["question"],
        hypotheses=tree["hypotheses"], supports=_tests(tree["supports"]), contradicts=_tests(tree.get("contradicts")),
        negative=tree["negative"], never=tree.get("never") or {"ja": "", "en": ""},
        sources={grade: tuple(map(_requirement, sources[grade])) for grade in sorted(sources)},
        limits=tree["limits"], settles=tree["settles"], shows_leak=tree["shows_leak"],
        blocks=tuple(Block(sql=item["sql"], reason=_text(item)) for item in tree.get("blocks") or []),
        examples=_examples(tree), path=path, lines=lines,
    )  # fmt: skip
