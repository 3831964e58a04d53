"""Prefetch: runs, volumes, the files of other volumes, damage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.artefacts import Action
from tests.builders.prefetch import Volume, prefetch
from tests.unit.artefacts.damage import check_damage, read

T = datetime(2022, 6, 22, 3, 0, tzinfo=UTC)
HOME = Volume("\\VOLUME{01d1a0b2c3d4e5f6-66f451bc}", 0x66F451BC, T - timedelta(days=900))
STICK = Volume("\\VOLUME{0000000000000000-1234abcd}", 0x1234ABCD, T - timedelta(days=100))
FILES = [
    f"{HOME.device}\\WINDOWS\\SYSTEM32\\NTDLL.DLL", f"{HOME.device}\\WINDOWS\\ROBOCOPY.EXE",
    f"{HOME.device}\\USERS\\TANTO\\名簿.CSV", f"{STICK.device}\\COPY\\A.BIN",
]  # fmt: skip


def built(version: int) -> bytes:
    runs = [T - timedelta(hours=hour) for hour in range(8 if version > 23 else 1)]
    return prefetch("ROBOCOPY.EXE", FILES, [HOME, STICK], runs, version=version, count=11)


@pytest.mark.parametrize(("version", "runs"), [(17, 1), (23, 1), (26, 8), (30, 8)])
def test_runs_volumes_and_files_of_another_volume(version: int, runs: int) -> None:
    events, audit, troubles = read("prefetch", built(version))
    assert [event.time for event in events] == [T - timedelta(hours=hour) for hour in range(runs)]
    assert {event.action for event in events} == {Action.PROGRAM_RUN}
    assert events[0].subject == "66F451BC:\\WINDOWS\\ROBOCOPY.EXE"
    detail = events[0].detail
    assert (detail["hash"], detail["run_count"], detail["version"]) == ("E65B9FE8", 11, version)
    assert (detail["volume_serial"], detail["volume_serial_1"]) == ("66F451BC", "1234ABCD")
    assert detail["volume_created_1"] == (T - timedelta(days=100)).isoformat()
    assert detail["documents"] == "66F451BC:\\USERS\\TANTO\\名簿.CSV\n1234ABCD:\\COPY\\A.BIN"
    assert (audit.records, audit.state_only, audit.status, troubles) == (runs, True, "read", [])


def test_damage_is_never_silent() -> None:
    for version in (17, 30):
        check_damage("prefetch", built(version))
