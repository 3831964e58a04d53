"""Facts that others established about real logs hold."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.artefacts import Action
from tests.real.test_artefact_facts import facts


def test_the_google_sync_log_has_2190_entries_and_three_uploads() -> None:
    events, audit, troubles = facts("google-sync-log", "plaso/test_data/gdrive_synclog/sync_log.log")
    assert (audit.records, audit.status, audit.gaps, troubles) == (2190, "read", (), [])
    sent = [event for event in events if event.action is Action.UPLOADED]
    names = ["Cloud_Storage_Forensics_Mattia_Eppifani.pdf", "Test from Local.txt", "Test from Local.txt"]
    assert [event.subject.rpartition("\\")[2] for event in sent] == names
    assert sent[0].detail["volume_serial"] == "460A84BF"
    assert sent[0].time == datetime(2018, 1, 25, 2, 26, 29, 349000, tzinfo=UTC)
    assert [event.detail["bytes"] for event in sent] == [1610055, 0, 43]


def test_vsftpd_tells_what_was_sent_and_what_came() -> None:
    events, audit, troubles = facts("vsftpd-log", "plaso/test_data/vsftpd.log")
    assert (audit.records, troubles) == (25, [])
    assert (events[0].action, events[0].detail["bytes"]) == (Action.UPLOADED, 1884648)
    assert [event.detail["bytes"] for event in events if event.action is Action.REQUEST_SERVED] == [40120, 7664, 49283]
