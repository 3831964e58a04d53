"""SRUM: bytes sent per program and hour; hours, rows and pages that are missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipeline.artefacts import Action
from tests.builders.ese import PAGE
from tests.builders.srum import Hour, srum
from tests.unit.artefacts.damage import check_damage, read

T = datetime(2022, 6, 22, 3, 0, tzinfo=UTC)
RCLONE = "\\Device\\HarddiskVolume3\\tools\\rclone.exe"
HOURS = [Hour(T + timedelta(hours=hour), RCLONE, 1 << 30, 77) for hour in range(120)]


def test_each_row_says_what_a_program_sent_in_the_hour_before_it() -> None:
    events, audit, troubles = read("srum", srum(HOURS[:3]))
    sent = [event for event in events if event.action is Action.DATA_SENT]
    assert [event.time for event in sent] == [T + timedelta(hours=hour - 1) for hour in range(3)]
    assert (sent[0].subject, sent[0].actor, sent[0].precision_us) == (RCLONE, "S-1-5-21-1-2-3-1001", 3_600_000_000)
    assert (sent[0].detail["bytes"], sent[0].detail["received"]) == (1 << 30, 77)
    assert sent[0].detail["recorded"] == T.isoformat()
    assert (audit.first, audit.last, audit.enabled) == (T, T + timedelta(hours=2), "yes")
    assert (audit.state_only, audit.gaps, audit.status, troubles) == (False, (), "read", [])


def test_bytes_written_and_networks_joined_are_told() -> None:
    events, _, _ = read("srum", srum(HOURS[:1]))
    (ran,) = (event for event in events if event.action is Action.PROGRAM_RUN)
    (joined,) = (event for event in events if event.action is Action.NETWORK_JOINED)
    assert (ran.detail["read"], ran.detail["written"]) == (1, 42)
    assert (joined.time, joined.subject, joined.detail["seconds"]) == (T, "network 7", 60)


def test_hours_without_a_row_are_a_hole() -> None:
    _, audit, _ = read("srum", srum([*HOURS[:2], *HOURS[6:8]]))
    (gap,) = audit.gaps
    assert (gap.start, gap.end) == (T + timedelta(hours=1), T + timedelta(hours=5))


def test_a_row_removed_is_a_hole_between_its_neighbours() -> None:
    _, audit, _ = read("srum", srum(HOURS[:9], without=[4, 5]))
    removed = [gap for gap in audit.gaps if "2 rows behind row 3 are removed" in gap.reason]
    assert [(gap.start, gap.end) for gap in removed] == [(T + timedelta(hours=2), T + timedelta(hours=5))]


def test_a_clock_set_back_is_a_hole() -> None:
    _, audit, _ = read("srum", srum([HOURS[5], HOURS[1]]))
    assert any("clock went backwards" in gap.reason for gap in audit.gaps)


def test_a_database_that_was_not_closed_misses_its_end() -> None:
    _, audit, _ = read("srum", srum(HOURS[:3], clean=False))
    assert audit.status == "damaged"
    assert (audit.gaps[0].start, audit.gaps[0].end) == (T + timedelta(hours=2), None)


def test_no_zeroed_page_loses_rows_in_silence() -> None:
    data = srum(HOURS)
    whole, audit, _ = read("srum", data)
    assert (len(whole), audit.status) == (122, "read")
    fewer = 0
    for page in range(2, len(data) // PAGE):
        bad = data[: page * PAGE] + bytes(PAGE) + data[(page + 1) * PAGE :]
        events, audit, troubles = read("srum", bad)
        fewer += len(events) < len(whole)
        assert len(events) == len(whole) or (audit.status != "read" and troubles), page
    assert fewer > 4


def test_damage_is_never_silent() -> None:
    check_damage("srum", srum(HOURS))
