"""Cases over channel, operating system, state of the record and time of the act; the right answer is known as built.

An act inside the window is answered whatever became of the records that would carry a negative. Without one, only
records that are there, whole, enabled and cover the window carry a negative; every flaw of one makes it undetermined.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

import pytest

from pipeline.stages.verdict import evaluate
from pipeline.verdict_rules import Question, load_verdict_rules
from tests.builders.verdicts import BACK, EARLY, INSIDE, LATE, LOST, RULES, Rows, case_of, tables_of

Row = dict[str, Any]
SYSTEMS: Final = {"windows": "/Windows/System32/config/SYSTEM", "linux": "/etc/passwd"}


class Channel(NamedTuple):
    """A question of one operating system: what it is asked of, the records it rests on, and an act that they show."""

    question: str
    exhibit: str
    host: str
    records: tuple[tuple[str, str, str], ...]
    """Artefact, what wrote it, path."""
    act: Row


LOGS: Final = "/Windows/System32/winevt/Logs"
CHANNELS: Final = (
    Channel("web-upload", "pc", "windows",
            (("chromium-history", "Chrome", "/Users/a/AppData/Local/Google/Chrome/User Data/Default/History"),),
            {"action": "uploaded", "artefact": "dropbox-sync", "subject": "/x.csv"}),
    Channel("web-upload", "pc", "linux",
            (("firefox-places", "Firefox", "/home/a/.mozilla/firefox/x.default/places.sqlite"),),
            {"action": "uploaded", "artefact": "rclone-log", "subject": "/x.csv"}),
    Channel("removable-media", "pc", "windows",
            (("windows-event-log", "Microsoft-Windows-Partition/Diagnostic", f"{LOGS}/Partition.evtx"),),
            {"action": "device-connected", "artefact": "windows-event-log", "device": "99001122"}),
    Channel("removable-media", "pc", "linux",
            (("systemd-journal", "journal", "/var/log/journal/0/system.journal"),),
            {"action": "device-connected", "artefact": "systemd-journal", "device": "99001122"}),
    Channel("network", "pc", "windows", (("srum", "Windows SRUM", "/Windows/System32/sru/SRUDB.dat"),),
            {"action": "transfer-command", "artefact": "windows-event-log", "subject": "scp a b:"}),
    Channel("network", "sv", "linux",
            (("web-access-log", "web server", "/var/log/nginx/access.log"), ("auth-log", "auth", "/var/log/auth.log")),
            {"action": "request-served", "artefact": "web-access-log", "subject": "/d.zip",
             "detail": '{"client": "203.0.113.9", "bytes": 9999999}'}),
    Channel("print", "pc", "windows",
            (("windows-event-log", "Microsoft-Windows-PrintService/Operational", f"{LOGS}/PrintService.evtx"),),
            {"action": "printed", "artefact": "windows-event-log", "subject": "list"}),
    Channel("print", "sv", "linux", (("cups-page-log", "CUPS", "/var/log/cups/page_log"),),
            {"action": "printed", "artefact": "cups-page-log", "subject": "list"}),
    Channel("mail", "sv", "linux", (("mail-log", "mail server", "/var/log/mail.log"),), {}),
    Channel("staging", "pc", "windows", (("usn-journal", "change journal", "/$Extend/$UsnJrnl"),),
            {"action": "archive-command", "artefact": "windows-event-log", "subject": "7z a x.7z y"}),
    Channel("staging", "pc", "linux", (("audit-log", "auditd", "/var/log/audit/audit.log"),),
            {"action": "archive-command", "artefact": "audit-log", "subject": "zip x y"}),
    Channel("anti-forensics", "pc", "windows",
            (("windows-event-log", "Security", f"{LOGS}/Security.evtx"),
             ("windows-event-log", "System", f"{LOGS}/System.evtx")),
            {"action": "log-cleared", "artefact": "windows-event-log", "subject": "Security"}),
    Channel("anti-forensics", "pc", "linux",
            (("system-log", "syslog", "/var/log/syslog"), ("auth-log", "auth", "/var/log/auth.log"),
             ("audit-log", "auditd", "/var/log/audit/audit.log")),
            {"action": "log-cleared", "artefact": "audit-log", "subject": "rm /var/log"}),
)  # fmt: skip


def _gap(start: datetime | None, end: datetime | None) -> Row:
    return {"gaps": [{"start": start, "end": end, "reason": "records are missing"}]}


HOUR: Final = timedelta(hours=1)
FLAWS: Final[dict[str, Row | None]] = {
    "missing": None, "begins in the window": {"first": INSIDE}, "ends in the window": {"last": INSIDE},
    "before the window only": {"last": EARLY + HOUR}, "behind the window only": {"first": BACK + HOUR},
    "a hole in the window": _gap(INSIDE, INSIDE + HOUR), "a hole at its start": _gap(LOST - HOUR, LOST + HOUR),
    "a hole nobody dates": _gap(None, None), "damaged": {"status": "damaged"}, "unreadable": {"status": "unreadable"},
    "a last state": {"state_only": True}, "switched off": {"enabled": "no"}, "no times": {"first": None, "last": None},
}  # fmt: skip


def _file(exhibit: str, key: str, path: str, origin: str = "allocated") -> Row:
    return {
        "exhibit": exhibit, "id": key, "address": f"{exhibit}!p1!fs:{path}", "path": path, "kind": "file",
        "origin": origin, "listed_by": "own+tsk", "volume": f"{exhibit}!p1", "created": EARLY, "modified": EARLY,
    }  # fmt: skip


def whole(channel: Channel) -> Rows:
    """Return a case that carries the channel's negative."""
    label = channel.exhibit
    rows: Rows = {
        "volumes": [{"exhibit": label, "address": f"{label}!p1", "state": "open"}], "activity": [],
        "coverage": [
            {"exhibit": label, "volume": f"{label}!p1", "class": "volume", "examined_by": by, "outcome": "examined",
             "bytes": 1}
            for by in ("listed", "detected")
        ],
        "files": [_file(label, "os", SYSTEMS[channel.host])], "sources": [],
    }  # fmt: skip
    for number, (artefact, system, path) in enumerate(channel.records):
        rows["files"].append(_file(label, f"f{number}", path))
        rows["sources"].append(
            {
                "exhibit": label, "id": f"s{number}", "file": f"f{number}", "address": f"{label}!p1!fs:{path}",
                "artefact": artefact, "system": system, "first": EARLY, "last": LATE, "gaps": [], "enabled": "yes",
                "status": "read",
            }
        )  # fmt: skip
    return rows


def flawed(channel: Channel, number: int, flaw: Row | None) -> Rows:
    """Return a case in which one of the records has a flaw."""
    rows = whole(channel)
    if flaw is None:
        return {**rows, "sources": [row for row in rows["sources"] if row["id"] != f"s{number}"]}
    return {**rows, "sources": [row | (flaw if row["id"] == f"s{number}" else {}) for row in rows["sources"]]}


def others(channel: Channel) -> Iterator[tuple[str, Rows]]:
    """Yield cases with other reasons against a negative."""
    rows = whole(channel)
    deleted = [row | ({"origin": "deleted"} if row["id"] == "f0" else {}) for row in rows["files"]]
    yield "a deleted record", {**rows, "files": deleted}
    yield (
        "a locked volume",
        {**rows, "volumes": [*rows["volumes"], rows["volumes"][0] | {"address": "x!p2", "state": "locked"}]},
    )
    part = [row | {"outcome": "partial", "reason": "x"} for row in rows["coverage"]]
    yield "a listing in part", {**rows, "coverage": part}
    loss = {"id": "d", "stage": "entries", "address": f"{channel.exhibit}!p1!fs:/x", "code": "x", "severity": "loss"}
    yield "a loss", {**rows, "diagnostics": [loss]}
    yield "nothing is open", {**rows, "volumes": []}


def with_act(channel: Channel, rows: Rows, time: datetime) -> Rows:
    """Add the channel's act."""
    act = {
        "exhibit": channel.exhibit,
        "id": "act",
        "time": time,
        "time_meaning": "recorded",
        "precision_us": 1,
        "detail": "{}",
    }
    return {**rows, "activity": [*rows["activity"], act | channel.act]}


@lru_cache(maxsize=1)
def rules() -> dict[str, Question]:
    return {question.id: question for question in load_verdict_rules(RULES)}


def level(channel: Channel, rows: Rows) -> str:
    case = case_of()
    alone = replace(case, exhibits=tuple(item for item in case.exhibits if item.label == channel.exhibit))
    (answer,) = evaluate(tables_of(rows), (rules()[channel.question],), alone).verdict["questions"]
    return str(answer["level"])


def cases(channel: Channel) -> Iterator[tuple[str, Rows, frozenset[str]]]:
    """Yield each case of a channel with the answers that are right."""
    no, open_, shown = frozenset({"not-confirmed"}), frozenset({"undetermined"}), frozenset({"confirmed", "indicated"})
    yield "whole records", whole(channel), no
    flaws = [(f"{name} ({number})", flawed(channel, number, flaw))
             for number in range(len(channel.records)) for name, flaw in FLAWS.items()]  # fmt: skip
    for name, rows in (*flaws, *others(channel)):
        yield name, rows, open_
        if channel.act:
            yield f"{name}, an act", with_act(channel, rows, INSIDE), shown
    if channel.act:
        yield "an act", with_act(channel, whole(channel), INSIDE), shown
        yield "an act long before", with_act(channel, whole(channel), EARLY + HOUR), no


def asked(channel: Channel) -> list[tuple[str, Rows, frozenset[str]]]:
    """Return every second case, other ones for the next channel; all of them where ``AKASHI_EVERY_CASE`` is set."""
    step = 1 if os.environ.get("AKASHI_EVERY_CASE") else 2
    return list(cases(channel))[CHANNELS.index(channel) % step :: step]


NAMES: Final[Callable[[Channel], str]] = lambda channel: f"{channel.question}-{channel.host}"  # noqa: E731


@pytest.mark.parametrize("channel", CHANNELS, ids=NAMES)
def test_every_case_has_its_right_answer(channel: Channel) -> None:
    wrong = [(name, answer) for name, rows, right in asked(channel) if (answer := level(channel, rows)) not in right]
    assert wrong == []


def test_records_that_an_act_can_pass_by_carry_no_negative() -> None:
    """Mail by a user's own program, a second cloud client, a system log without the kernel's."""
    named = {NAMES(channel): channel for channel in CHANNELS}
    mail = named["mail-linux"]._replace(exhibit="pc")
    assert level(mail, whole(mail)) == "undetermined"
    web = whole(named["web-upload-windows"])
    client = _file("pc", "c", "/Users/a/AppData/Local/Microsoft/OneDrive") | {"kind": "directory"}
    dropbox = web["sources"][0] | {"id": "s9", "artefact": "dropbox-sync", "system": "Dropbox"}
    both = {**web, "files": [*web["files"], client], "sources": [*web["sources"], dropbox]}
    assert level(named["web-upload-windows"], both) == "undetermined"
    records = (("system-log", "syslog", "/var/log/daemon.log"),)
    usb = named["removable-media-linux"]._replace(records=records)
    assert level(usb, whole(usb)) == "undetermined"


def test_there_are_hundreds() -> None:
    assert sum(1 for channel in CHANNELS for _ in asked(channel)) >= 200
