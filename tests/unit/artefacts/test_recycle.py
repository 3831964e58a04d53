"""The recycle bin: what was deleted, and whether its content is there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipeline.artefacts import ARTEFACTS, Action
from tests.builders.recycle import deletion, info2
from tests.unit.artefacts.candidates import Held, candidate
from tests.unit.artefacts.damage import check_damage, parted, read

T = datetime(2022, 6, 22, 3, 0, tzinfo=UTC)
PATH = "/$Recycle.Bin/S-1-5-21-1-2-3-1001/$IAB12CD.csv"


@pytest.mark.parametrize("version", [1, 2])
def test_a_record_says_what_was_deleted_by_whom_and_that_the_content_is_gone(version: int) -> None:
    (event,), audit, troubles = read("recycle-bin", deletion("E:\\名簿.csv", 4096, T, version=version), PATH)
    assert (event.action, event.subject, event.time) == (Action.FILE_DISCARDED, "E:\\名簿.csv", T)
    assert event.actor == "S-1-5-21-1-2-3-1001"
    assert event.detail == {"bytes": 4096, "content": "none found beside the record", "version": version}
    assert (audit.state_only, audit.status, troubles) == (True, "read", [])


def test_the_content_beside_the_record_is_sought_by_its_name_and_seen() -> None:
    (artefact,) = (known for known in ARTEFACTS if known.name == "recycle-bin")
    assert list(artefact.beside(PATH)) == [("$r", "/$Recycle.Bin/S-1-5-21-1-2-3-1001/$RAB12CD.csv")]
    wanted = replace(candidate(deletion("E:\\a", 1, T), PATH), companions={"$r": Held(b"x")})
    (event,), _, _ = parted("recycle-bin", wanted)
    assert event.detail["content"] == "present beside the record"


@pytest.mark.parametrize("both", [True, False])
def test_info2_lists_each_deletion_and_what_left_the_bin(both: bool) -> None:
    data = bytearray(info2([("D:\\表.xls", 10, T), ("D:\\b.xls", 20, T)], both=both))
    data[20] = 0
    events, audit, troubles = read("recycle-bin-info2", bytes(data))
    first = "D:\\表.xls" if both else ""
    assert [event.subject for event in events] == [first, "D:\\b.xls"]
    assert [event.detail["state"] for event in events] == ["restored or removed for good", "in the bin"]
    assert (audit.records, troubles) == (2, [])


def test_damage_is_never_silent() -> None:
    check_damage("recycle-bin", deletion("E:\\名簿.csv", 4096, T), PATH)
    check_damage("recycle-bin-info2", info2([(f"D:\\{number}", 10, T) for number in range(9)]))
