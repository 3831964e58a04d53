"""Artefacts told by rule files: logs, databases and hives are read as they say, and every error is named."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from pipeline.artefacts import NAMES, Action, Audit, Event, Trouble
from pipeline.artefacts.base import Fact
from pipeline.artefacts.custom import CustomArtefact
from pipeline.artefacts.custom_parse import check_custom, load_custom
from pipeline.errors import RuleError
from tests.builders.cases import RULES
from tests.builders.regf import DWORD, Key, Value, hive, text, tree
from tests.unit.artefacts.candidates import candidate

LOG = r"""
    id: box-log
    version: 1
    source: a log of the tests
    system: Box
    paths: ['/users/*/box/logs/*.log']
    state_only: false
    format: regex-log
    line: '^(?P<at>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) (?P<verb>\w+) (?P<name>\S+) (?P<size>\d+)$'
    other: '^(?P<at>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) idle$'
    time: {field: at, form: '%Y/%m/%d %H:%M:%S', zone: local}
    events:
    - {action: uploaded, meaning: upload ended, subject: name, when: {verb: '^SENT$'}, detail: {bytes: size}}
    - {action: synced, meaning: seen, subject: name}
    tests:
      hit:
      - {text: '2022/06/22 12:00:00 SENT a.csv 10', action: uploaded, subject: a.csv, time: '2022-06-22T03:00:00Z'}
      - {text: '2022/06/22 12:00:00 GOT a.csv 10', action: synced, subject: a.csv}
      miss:
      - {text: '2022/06/22 12:00:00 idle'}
"""
DATABASE = """
    id: notes-db
    version: 2
    source: a database of the tests
    system: Notes
    paths: ['/home/*/notes.db']
    format: sqlite
    query: SELECT path, sent AS at, size FROM transfers ORDER BY rowid
    time: {field: at, form: unix-ms}
    events:
    - {action: uploaded, meaning: sent, subject: path, detail: {bytes: size}}
    tests:
      hit:
      - sql: ['CREATE TABLE transfers(path, sent, size)', "INSERT INTO transfers VALUES('x.zip', 1655866800000, 5)"]
        action: uploaded
        subject: x.zip
        time: '2022-06-22T03:00:00Z'
      miss:
      - {sql: ['CREATE TABLE transfers(path, sent, size)']}
"""


def loaded(folder: Path, *files: str) -> tuple[CustomArtefact, ...]:
    for number, told in enumerate(files):
        (folder / f"{number}.yaml").write_text(dedent(told), encoding="utf-8")
    assert check_custom(folder, NAMES) == []
    return load_custom(folder, NAMES)


def parted(facts: list[Fact]) -> tuple[list[Event], Audit, list[Trouble]]:
    (audit,) = (fact for fact in facts if isinstance(fact, Audit))
    return (
        [fact for fact in facts if isinstance(fact, Event)], audit,
        [fact for fact in facts if isinstance(fact, Trouble)],
    )  # fmt: skip


def test_the_files_of_the_project_hold() -> None:
    assert check_custom(RULES / "artefacts", NAMES) == []
    assert [item.name for item in load_custom(RULES / "artefacts", NAMES)] == ["ffftp-hosts"]


def test_a_log_is_read_and_foreign_lines_are_damage(tmp_path: Path) -> None:
    (artefact,) = loaded(tmp_path, LOG)
    assert artefact.wants("/users/a/box/logs/x.log")
    assert not artefact.wants("/users/a/b/box/logs/x.log")
    log = b"2022/06/22 12:00:00 SENT a.csv 10\n2022/06/22 13:00:00 idle\n"
    (event,), audit, troubles = parted(list(artefact.read(candidate(log, "/users/a/box/logs/x.log"))))
    assert (event.action, event.subject, event.detail, event.actor) == (Action.UPLOADED, "a.csv", {"bytes": "10"}, "a")
    assert event.time == datetime(2022, 6, 22, 3, tzinfo=UTC)
    assert (audit.first, audit.last, audit.gaps) == (event.time, datetime(2022, 6, 22, 4, tzinfo=UTC), ())
    assert (audit.records, audit.status, audit.state_only, troubles) == (2, "read", False, [])
    _, audit, troubles = parted(list(artefact.read(candidate(log + b"\0\0\1\2\n"))))
    assert (audit.status, len(audit.gaps), len(troubles)) == ("damaged", 1, 1)


def test_a_database_is_read_and_a_broken_one_said(tmp_path: Path) -> None:
    (artefact,) = loaded(tmp_path, DATABASE)
    base = tmp_path / "base"
    with sqlite3.connect(base) as made:
        made.execute("CREATE TABLE transfers(path, sent, size)")
        made.executemany("INSERT INTO transfers VALUES(?, ?, ?)", [("a", 1655866800000, 1), (b"\1", "x", None)])
    made.close()
    events, audit, troubles = parted(list(artefact.read(candidate(base.read_bytes()))))
    assert [(event.subject, event.time) for event in events] == [
        ("a", datetime(2022, 6, 22, 3, tzinfo=UTC)),
        ("01", None),
    ]
    assert (audit.records, audit.status, audit.state_only, troubles) == (2, "read", True, [])
    for wrong, status in (
        (b"", "unreadable"),
        (b"no database" * 100, "unreadable"),
        (base.read_bytes()[:8000], "damaged"),
    ):
        _, audit, troubles = parted(list(artefact.read(candidate(wrong))))
        assert (audit.status, len(troubles)) == (status, 1)


def test_keys_of_a_hive_are_found_by_their_pattern() -> None:
    (artefact,) = load_custom(RULES / "artefacts", NAMES)
    when = datetime(2022, 6, 22, 3, tzinfo=UTC)
    root = Key("ROOT", when)
    for number, values in enumerate(
        ([text("HostAdrs", "ftp.example.jp"), text("UserName", "u")], [Value("Port", DWORD, b"\x15\0\0\0")])
    ):
        tree(root, rf"Software\Sota\FFFTP\Options\Host{number}", when, values)
    tree(root, r"Software\Sota\FFFTP\Options\Other", when, [text("HostAdrs", "x")])
    (event,), audit, troubles = parted(list(artefact.read(candidate(hive(root, name="NTUSER"), "/users/b/ntuser.dat"))))
    assert (event.subject, event.time, event.actor) == ("ftp.example.jp", when, "b")
    assert event.place == r"Software\Sota\FFFTP\Options\Host0"
    assert (audit.records, audit.status, troubles) == (2, "read", [])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("version: 1", "version: 0"), ":3: version must be a whole number"),
        (("system: Box", "sistem: Box"), "unknown key sistem"),
        (("'/users/*/box/logs/*.log'", "'/Users/*'"), ":6: paths must be a list of lower-case"),
        (("uploaded, meaning", "sent-away, meaning"), "unknown action sent-away"),
        ((r"(?P<size>\d+)$", r"(?P<size>\d+$"), ":9: line: pattern does not compile"),
        (("form: '%Y/%m/%d %H:%M:%S'", "form: soon"), ":11: form must be one of"),
        (("time: '2022-06-22T03", "time: '2022-06-22T04"), "tests.hit 1 gives uploaded a.csv"),
        (("12:00:00 idle'", "12:00:00 GOT b 1'"), "tests.miss 1 gives an event: synced"),
        (("id: box-log", "id: setupapi-log"), "is used twice, or is one of the program's own"),
    ],
)  # fmt: skip
def test_every_error_is_named(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    (tmp_path / "a.yaml").write_text(dedent(LOG).replace(*change), encoding="utf-8")
    errors = "\n".join(check_custom(tmp_path, NAMES))
    assert said in errors
    if not said.startswith("tests."):
        with pytest.raises(RuleError):
            load_custom(tmp_path, NAMES)


def test_a_browser_history_that_ends_inside_its_last_page_is_damaged(tmp_path: Path) -> None:
    """SQLite reads the missing part as zeros and tells nobody."""
    from pipeline.artefacts.firefox import FirefoxPlaces

    base = tmp_path / "places.sqlite"
    with sqlite3.connect(base) as made:
        made.execute("CREATE TABLE moz_places(id INTEGER PRIMARY KEY, url)")
        made.execute("CREATE TABLE moz_historyvisits(id INTEGER PRIMARY KEY, place_id, visit_date, visit_type)")
        made.execute("INSERT INTO moz_historyvisits VALUES(1, 1, 1655866800000000, 1)")
    made.close()
    data = base.read_bytes()
    _, audit, _ = parted(list(FirefoxPlaces().read(candidate(data))))
    assert audit.status == "read"
    _, audit, troubles = parted(list(FirefoxPlaces().read(candidate(data[:-200]))))
    assert audit.status in {"damaged", "unreadable"}
    assert "cut off" in troubles[-1].message
