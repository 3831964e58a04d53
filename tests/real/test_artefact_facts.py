"""Facts that others established about real artefacts hold."""

from __future__ import annotations

import lzma
from datetime import UTC, datetime

from pipeline.artefacts import ARTEFACTS, Action, Audit, Event, Fact, Trouble
from tests.real_data import real_path
from tests.unit.artefacts.candidates import candidate


def facts(name: str, file: str, path: str = "/x") -> tuple[list[Event], Audit, list[Trouble]]:
    (artefact,) = (known for known in ARTEFACTS if known.name == name)
    data = real_path(file).read_bytes()
    found: list[Fact] = list(artefact.read(candidate(lzma.decompress(data) if file.endswith(".xz") else data, path)))
    (audit,) = (fact for fact in found if isinstance(fact, Audit))
    return (
        [fact for fact in found if isinstance(fact, Event)],
        audit,
        [fact for fact in found if isinstance(fact, Trouble)],
    )


def test_chrome_history_gives_its_69_visits_and_2_downloads() -> None:
    events, audit, troubles = facts("chromium-history", "plaso/test_data/chrome/History")
    assert len(events) == 71
    assert (audit.records, audit.gaps, audit.status, troubles) == (69, (), "read", [])
    assert events[0].subject == "http://start.ubuntu.com/10.04/Google/"
    assert events[0].time == datetime(2011, 4, 7, 12, 3, 11, tzinfo=UTC)
    (first, _) = [event for event in events if event.action is Action.DOWNLOADED]
    assert first.subject == "/home/john/Downloads/funcats_scr.exe"
    assert first.detail["bytes"] == 1132155
    assert first.time == datetime(2011, 5, 23, 8, 35, 30, tzinfo=UTC)


def test_firefox_downloads_gives_its_download() -> None:
    (event,), audit, troubles = facts("firefox-downloads", "plaso/test_data/firefox/downloads.sqlite")
    assert event.subject == "file:///D:/plaso-static-1.0.1-win32-vs2008.zip"
    assert event.time == datetime(2013, 7, 18, 18, 59, 59, 312000, tzinfo=UTC)
    assert (event.detail["bytes"], event.detail["ended"]) == (15974599, "2013-07-18T19:01:18.578000+00:00")
    assert (audit.status, troubles) == ("read", [])


def test_setup_log_has_16_sections() -> None:
    _, audit, troubles = facts("setupapi-log", "plaso/test_data/setupapi.setup.log")
    assert (audit.records, audit.gaps, audit.status, troubles) == (16, (), "read", [])


def test_bash_history_has_4_commands_one_of_them_over_lines() -> None:
    events, audit, troubles = facts("shell-history", "plaso/test_data/bash_history")
    assert len(events) == 4
    assert "\n" in events[3].subject
    assert events[3].time == datetime(2021, 6, 10, 22, 30, 36, tzinfo=UTC)
    assert (audit.state_only, troubles) == (True, [])


def test_truncated_event_log_shows_what_is_missing() -> None:
    _, audit, troubles = facts("windows-event-log", "plaso/test_data/evtx/System2.evtx")
    assert audit.records >= 194
    assert audit.status == "damaged"
    assert "records 284 to 10548 are missing" in [gap.reason for gap in audit.gaps]
    assert [trouble.code for trouble in troubles] == ["event-log-damaged"]


def test_cleared_security_log_is_an_event() -> None:
    file = "EVTX-ATTACK-SAMPLES/Defense Evasion/DE_1102_security_log_cleared.evtx"
    events, audit, troubles = facts("windows-event-log", file)
    assert [event.subject for event in events if event.action is Action.LOG_CLEARED] == ["Security"]
    assert (audit.status, troubles) == ("read", [])


def test_system_hive_names_computer_and_11_mounted_devices() -> None:
    events, audit, _ = facts("system-hive", "regipy/regipy_tests/data/SYSTEM.xz")
    assert audit.owner == "WKS-WIN732BITA"
    mounted = [event.subject for event in events if event.action is Action.VOLUME_MOUNTED]
    assert len(mounted) == 11
    assert "\\DosDevices\\C:" in mounted


def test_a_hive_that_was_not_saved_completely_says_so() -> None:
    _, audit, _ = facts("system-hive", "regipy/regipy_tests/data/SYSTEM_B.xz")
    assert audit.status == "damaged"
    assert "sequence 1622 and 1621" in audit.gaps[0].reason


def test_ftp_log_has_25_lines() -> None:
    _, audit, troubles = facts("vsftpd-log", "plaso/test_data/vsftpd.log")
    assert (audit.records, audit.status, troubles) == (25, "read", [])


def test_firewall_log_has_15_connections() -> None:
    events, audit, troubles = facts("windows-firewall-log", "plaso/test_data/windows_firewall.log")
    assert (len(events), audit.records, troubles) == (15, 15, [])
