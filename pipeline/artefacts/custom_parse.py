"""Custom artefacts from their rule files: every error with its line, every example tried.

The format is described in ``rules/artefacts/README.md``.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, Final

from pipeline.artefacts.base import Action, Candidate, Event
from pipeline.artefacts.custom import FORMS, CustomArtefact, Says, Stamp, event_of
from pipeline.artefacts.custom_rows import FORMATS, Reading, Row
from pipeline.errors import RuleError
from pipeline.rules_parse import RuleProblem, read_mapping

__all__ = ["check_custom", "load_custom"]

_NEEDED: Final = ("id", "version", "source", "system", "paths", "format", "events", "tests")
_KEYS: Final = frozenset([*_NEEDED, "state_only", "line", "other", "encoding", "query", "key", "time"])
_BY_FORMAT: Final[Mapping[str, tuple[str, ...]]] = {"regex-log": ("line",), "sqlite": ("query",), "registry": ("key",)}
_EVENT: Final = frozenset(["action", "meaning", "subject", "actor", "device", "when", "detail"])
_TEST: Final = frozenset(["text", "sql", "row", "action", "subject", "time"])
_ID: Final = re.compile(r"[a-z][a-z0-9-]{1,60}")
_SELECT: Final = re.compile(r"\s*(?:select|with)\b", re.IGNORECASE)
_MOST_FILES: Final = 1000


@dataclass(frozen=True, slots=True)
class _File:
    """A rule file that is being read; what is wrong goes to ``problems`` with its line."""

    path: Path
    tree: Mapping[str, Any]
    lines: Mapping[str, int]
    problems: list[RuleProblem]

    def wrong(self, key: str, message: str) -> None:
        self.problems.append(RuleProblem(self.path, self.lines.get(key, 1), message))

    def pattern(self, key: str, text: Any) -> re.Pattern[str]:
        try:
            return re.compile(str(text or ""))
        except re.error as error:
            self.wrong(key, f"{key}: pattern does not compile: {error}")
            return re.compile("")


def load_custom(folder: Path, taken: Sequence[str]) -> tuple[CustomArtefact, ...]:
    """Read the artefacts of a folder, ordered by id; there need be none. Their examples are not tried.

    Args:
        folder: of the files.
        taken: names that artefacts of the program have.

    Raises:
        RuleError: one line ``file:line: what`` for each error.
    """
    problems: list[RuleProblem] = []
    paths = sorted(folder.glob("*.yaml"))[:_MOST_FILES]
    found = [made for path in paths if (made := _parsed(path, problems)) is not None]
    names = [item.name for item in found]
    problems += [
        RuleProblem(folder, 1, f"the id {name} is used twice, or is one of the program's own")
        for name in sorted({name for name in names if names.count(name) > 1 or name in taken})
    ]
    if problems:
        raise RuleError("\n".join(str(problem) for problem in sorted(problems)))
    return tuple(sorted(found, key=lambda item: item.name))


def check_custom(folder: Path, taken: Sequence[str]) -> list[str]:
    """Return the errors of a folder as lines, examples tried; empty where all is well."""
    try:
        made = {item.name: item for item in load_custom(folder, taken)}
    except RuleError as error:
        return str(error).splitlines()
    problems: list[RuleProblem] = []
    for path in sorted(folder.glob("*.yaml"))[:_MOST_FILES]:
        tree = read_mapping(path, problems) or {}
        problems += [RuleProblem(path, 1, message) for message in _failing(made[tree["id"]], tree["tests"])]
    return [str(problem) for problem in sorted(problems)]


def _parsed(path: Path, problems: list[RuleProblem]) -> CustomArtefact | None:
    before, lines = len(problems), dict[str, int]()
    tree = read_mapping(path, problems, lines)
    if tree is None:
        return None
    file = _File(path, tree, lines, problems)
    for key in sorted(set(map(str, tree)) - _KEYS):
        file.wrong(key, f"unknown key {key}; known: {', '.join(sorted(_KEYS))}")
    for key in (*_NEEDED, *_BY_FORMAT.get(str(tree.get("format")), ())):
        if key not in tree:
            file.wrong("", f"{key} is missing")
    if len(problems) > before:
        return None
    _check_head(file)
    _check_tests(file)
    made = _build(file) if len(problems) == before else None
    return made if len(problems) == before else None


def _check_head(file: _File) -> None:
    tree = file.tree
    if not isinstance(tree["id"], str) or not _ID.fullmatch(tree["id"]):
        file.wrong("id", "id must be a word of a-z, 0-9 and hyphen")
    if not isinstance(tree["version"], int) or isinstance(tree["version"], bool) or tree["version"] < 1:
        file.wrong("version", "version must be a whole number from 1")
    if tree["format"] not in FORMATS:
        file.wrong("format", f"format must be one of {', '.join(FORMATS)}")
    paths = tree["paths"]
    if not isinstance(paths, list) or not paths or any(not _is_path(item) for item in paths):
        file.wrong("paths", "paths must be a list of lower-case patterns that begin with / and name a file")
    if not isinstance(tree.get("state_only", True), bool):
        file.wrong("state_only", "state_only must be true or false")
    if "query" in tree and not _SELECT.match(str(tree["query"])):
        file.wrong("query", "query must be one SELECT")


def _is_path(item: Any) -> bool:
    return (
        isinstance(item, str)
        and item.startswith("/")
        and item == item.lower()
        and item.rpartition("/")[2] not in {"", "*"}
    )


def _check_tests(file: _File) -> None:
    tests = file.tree["tests"]
    if not isinstance(tests, dict) or set(tests) != {"hit", "miss"} or not all(tests.values()):
        file.wrong("tests", "tests need at least one hit and one miss")
        return
    for kind in ("hit", "miss"):
        for item in tests[kind]:
            if not isinstance(item, dict) or not set(item) <= _TEST or len({"text", "sql", "row"} & set(item)) != 1:
                file.wrong("tests", f"a test has one of text, sql, row; and keys out of {', '.join(sorted(_TEST))}")
            elif kind == "hit" and not {"action", "subject"} <= set(item):
                file.wrong("tests", "a hit says its action and its subject")


def _build(file: _File) -> CustomArtefact:
    tree = file.tree
    reading = Reading(
        format=tree["format"], line=file.pattern("line", tree.get("line")), encoding=_encoding(file),
        other=file.pattern("other", tree["other"]) if "other" in tree else None,
        query=str(tree.get("query", "")), key=str(tree.get("key", "")),
    )  # fmt: skip
    return CustomArtefact(
        name=tree["id"], version=tree["version"], paths=tuple(tree["paths"]), system=str(tree["system"]),
        state_only=tree.get("state_only", True), reading=reading, stamp=_stamp(file), says=tuple(_says(file)),
    )  # fmt: skip


def _encoding(file: _File) -> str:
    name = str(file.tree.get("encoding", "utf-8"))
    try:
        "".encode(name)
    except LookupError:
        file.wrong("encoding", f"there is no encoding {name}")
    return name


def _stamp(file: _File) -> Stamp | None:
    told = file.tree.get("time")
    if told is None:
        return None
    if not isinstance(told, dict) or not {"field", "form"} <= set(told) <= {"field", "form", "zone"}:
        file.wrong("time", "time has field, form and, where the form has no offset, zone")
        return None
    if told["form"] not in FORMS and "%" not in str(told["form"]):
        file.wrong("time", f"form must be one of {', '.join(FORMS)}, or a pattern such as %Y-%m-%d %H:%M:%S")
    if told.get("zone", "local") not in {"local", "UTC"}:
        file.wrong("time", "zone must be local or UTC")
    return Stamp(field=str(told["field"]), form=str(told["form"]), local=told.get("zone", "local") == "local")


def _says(file: _File) -> Iterator[Says]:
    events = file.tree["events"]
    if not isinstance(events, list) or not events:
        file.wrong("events", "events must be a list of at least one")
        return
    for item in events:
        if not isinstance(item, dict) or not {"action", "meaning", "subject"} <= set(item) <= _EVENT:
            file.wrong("events", f"an event needs action, meaning, subject; known: {', '.join(sorted(_EVENT))}")
        elif item["action"] not in set(Action):
            file.wrong("events", f"unknown action {item['action']}; known: {', '.join(sorted(Action))}")
        else:
            when = {str(name): file.pattern("events", text) for name, text in (item.get("when") or {}).items()}
            yield Says(
                action=Action(item["action"]), meaning=str(item["meaning"]), subject=str(item["subject"]),
                actor=str(item.get("actor", "")), device=str(item.get("device", "")), when=when,
                detail={str(name): str(field) for name, field in (item.get("detail") or {}).items()},
            )  # fmt: skip


def _failing(artefact: CustomArtefact, tests: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    for kind in ("hit", "miss"):
        for number, test in enumerate(tests[kind], 1):
            try:
                events = _events(artefact, test)
            except (sqlite3.Error, ValueError) as error:
                yield f"tests.{kind} {number}: {error}"
                continue
            if kind == "miss" and events:
                yield f"tests.miss {number} gives an event: {events[0].action}"
            if kind == "hit" and not any(_is_told(event, test) for event in events):
                seen = ", ".join(f"{event.action} {event.subject} {event.time}" for event in events) or "nothing"
                yield f"tests.hit {number} gives {seen}"


def _is_told(event: Event, test: Mapping[str, Any]) -> bool:
    wanted = test.get("time")
    time = event.time.astimezone(UTC).isoformat() if event.time is not None else ""
    same_time = wanted is None or time == str(wanted).replace(" ", "T").replace("Z", "+00:00")
    return (str(event.action), event.subject) == (test["action"], str(test["subject"])) and same_time


def _events(artefact: CustomArtefact, test: Mapping[str, Any]) -> list[Event]:
    if "row" in test:
        row = Row(place="test", fields={str(name): value for name, value in test["row"].items()})
        candidate = Candidate(path="/test", content=_Held(b""))
        time, zone = artefact.time_of(row, candidate), artefact.zone_of(candidate)
        return [event for event in [event_of(artefact.says, row, time, "", zone)] if event is not None]
    data = _database(test["sql"]) if "sql" in test else str(test["text"]).encode(artefact.reading.encoding)
    facts = artefact.read(Candidate(path="/test", content=_Held(data)))
    return [fact for fact in facts if isinstance(fact, Event)]


def _database(statements: Sequence[str]) -> bytes:
    connection = sqlite3.connect(":memory:")
    try:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        return connection.serialize()
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class _Held:
    """Bytes as a readable."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, start: int, length: int) -> bytes:
        return self.data[start : start + length]
