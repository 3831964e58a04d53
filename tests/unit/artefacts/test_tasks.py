"""Scheduled tasks, old and new."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest

from pipeline.artefacts import ARTEFACTS, Action
from tests.unit.artefacts.damage import check_damage, read

XML = """<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Date>2022-06-21T23:15:00.5</Date><Author>KYUFU\\tanto</Author></RegistrationInfo>
  <Triggers><TimeTrigger><StartBoundary>2022-06-22T02:00:00</StartBoundary></TimeTrigger></Triggers>
  <Principals><Principal id="Author"><UserId>S-1-5-18</UserId></Principal></Principals>
  <Actions><Exec><Command>rclone.exe</Command><Arguments>copy E:\\ r: --password=geheim</Arguments></Exec></Actions>
</Task>"""


def job(*, ran: bool = True) -> bytes:
    """A job after [MS-TSCH] 2.4: fixed part, strings, user data, reserved data, one trigger."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode("utf-16-le") + b"\0\0" if value else b"\0\0"

    strings = b"".join(map(text, ("C:\\x\\rclone.exe", "sync", "C:\\x", "tanto", "")))
    before = b"\0\0" + strings + struct.pack("<HH8x", 0, 8)
    last = struct.pack("<8H", 2022, 6, 3, 22, 3, 30, 0, 250) if ran else bytes(16)
    fixed = struct.pack("<HH16xHHHHHHIIIII", 0x0601, 1, 70, 68 + len(before), 0, 0, 60, 10, 32, 0, 7, 0, 0) + last
    trigger = struct.pack("<12H3IIHHHHHH", 48, 0, 2022, 6, 1, 0, 0, 0, 2, 15, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0)
    return fixed + before + struct.pack("<H", 1) + trigger[:20].ljust(48, b"\0")


@pytest.mark.parametrize("codec", ["utf-16", "utf-8"])
def test_a_task_says_what_is_to_run_since_when_and_hides_secrets(codec: str) -> None:
    (event,), audit, troubles = read("task-file", XML.encode(codec))
    assert (event.action, event.time_meaning) == (Action.TASK_SCHEDULED, "task registered")
    assert event.time == datetime(2022, 6, 21, 14, 15, 0, 500000, tzinfo=UTC)
    assert event.zone == "local Asia/Tokyo"
    assert event.subject.startswith("rclone.exe copy E:\\ r:")
    assert "geheim" not in event.subject
    assert event.detail == {"author": "KYUFU\\tanto", "account": "S-1-5-18", "due_from": "2022-06-22T02:00:00"}
    assert (audit.state_only, audit.status, troubles) == (True, "read", [])


def test_tasks_lie_in_folders_of_any_depth() -> None:
    (artefact,) = (known for known in ARTEFACTS if known.name == "task-file")
    assert artefact.wants("/windows/system32/tasks/microsoft/windows/x/y")
    assert artefact.wants("/windows.old.000/windows/system32/tasks/y")
    assert not artefact.wants("/data/windows/system32/tasks/y")


def test_entities_are_refused() -> None:
    bad = XML.replace("<Task ", '<!DOCTYPE Task [<!ENTITY a "b">]><Task ', 1)
    events, audit, _ = read("task-file", bad.encode("utf-16"))
    assert (events, audit.status) == ([], "unreadable")


def test_a_job_says_when_it_ran_last_and_is_due() -> None:
    (last, due), audit, troubles = read("job-file", job())
    assert (last.action, last.subject) == (Action.PROGRAM_RUN, "C:\\x\\rclone.exe sync")
    assert (last.time, last.detail["exit_code"]) == (datetime(2022, 6, 21, 18, 30, 0, 250000, tzinfo=UTC), 7)
    assert (due.action, due.time) == (Action.TASK_SCHEDULED, datetime(2022, 5, 31, 17, 15, tzinfo=UTC))
    assert (audit.records, audit.last, troubles) == (2, last.time, [])


def test_a_job_that_never_ran_is_only_due() -> None:
    (due,), _, _ = read("job-file", job(ran=False))
    assert due.action is Action.TASK_SCHEDULED


def test_damage_is_never_silent() -> None:
    check_damage("task-file", XML.encode("utf-16"))
    check_damage("job-file", job())
