"""Facts that others established about prefetch files, recycle bins and jobs hold."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.artefacts import Action
from tests.real_data import real_path
from tests.unit.artefacts.damage import check_damage, read

PREFETCH = {
    "R054": ("plaso/test_data/winprefetch/PING.EXE-B29F6629.pf", 23, "PING.EXE", "B29F6629", 14, "2012-04-06T19:00:55"),
    "R056": (
        "plaso/test_data/winprefetch/TASKHOST.EXE-3AE259FC.pf", 26,
        "TASKHOST.EXE", "3AE259FC", 4, "2013-10-04T15:40:09",
    ),
    "R058": (
        "Prefetch/Prefetch.Test/TestFiles/Win10/DCODEDCODEDCODEDCODEDCODEDCOD-E65B9FE8.pf", 30,
        "DCODEDCODEDCODEDCODEDCODEDCOD", "E65B9FE8", 2, "2016-01-13T22:47:25",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fact", PREFETCH)
def test_prefetch_facts(fact: str) -> None:
    file, version, program, digest, count, last = PREFETCH[fact]
    data = real_path(file).read_bytes()
    events, audit, troubles = read("prefetch", data)
    detail = events[0].detail
    assert (detail["version"], detail["hash"], detail["run_count"]) == (version, digest, count)
    assert events[0].subject.rpartition("\\")[2].startswith(program)
    assert events[0].time is not None
    assert events[0].time.strftime("%Y-%m-%dT%H:%M:%S") == last
    assert fact != "R054" or detail["volume_serial"] == "AC036525"
    assert (len(events), audit.status, troubles) == (min(count, 8) if version > 23 else 1, "read", [])
    check_damage("prefetch", data)


def test_r060_a_version_1_record_of_the_recycle_bin() -> None:
    (event,), audit, troubles = read("recycle-bin", real_path("plaso/test_data/recycler/$II3DF3L.zip").read_bytes())
    assert event.subject == "C:\\Users\\nfury\\Documents\\Alloy Research\\StarFury.zip"
    assert (event.detail["bytes"], event.time) == (724919, datetime(2012, 3, 12, 20, 49, 58, 633000, tzinfo=UTC))
    assert (audit.status, troubles) == ("read", [])


def test_r062_info2_has_four_records() -> None:
    events, audit, troubles = read("recycle-bin-info2", real_path("plaso/test_data/recycler/INFO2").read_bytes())
    assert (len(events), audit.status, troubles) == (4, "read", [])
    assert events[0].subject == "C:\\Documents and Settings\\Mr. Evil\\Desktop\\lalsetup250.exe"
    assert events[0].time == datetime(2004, 8, 25, 16, 18, 25, 237000, tzinfo=UTC)


def test_r068_a_job_is_two_events_its_last_run_and_its_trigger() -> None:
    events, audit, troubles = read("job-file", real_path("plaso/test_data/wintask.job").read_bytes())
    assert [event.action for event in events] == [Action.PROGRAM_RUN, Action.TASK_SCHEDULED]
    assert (audit.status, troubles) == ("read", [])
