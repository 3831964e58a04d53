"""Laws of the verdict: a negative needs records, a positive needs rows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.config import Case, Exhibit, Incident
from pipeline.schemas import TABLES, schema_of
from pipeline.stages.verdict import run_verdict
from pipeline.verdict_rules import check_verdict_rules

RULES = Path(__file__).parents[3] / "rules" / "verdict"
EARLY, LOST, BACK, LATE = (datetime(2022, 6, day, tzinfo=UTC) for day in (1, 21, 24, 30))


def _case() -> Case:
    exhibits = (Exhibit(label="pc", role="workstation", image=Path("pc.E01")),)
    return Case(
        root=Path(), id="c", title="t", timezone="Asia/Tokyo", language="ja",
        incident=Incident(lost_from=LOST, recovered_at=BACK), exhibits=exhibits,
        keys_directory=Path(), rules_directory=RULES.parent,
    )  # fmt: skip


def _table(name: str, *rows: dict[str, Any]) -> pa.Table:
    schema = schema_of(TABLES[name])
    empty = {pa.string(): "", pa.int64(): 0, pa.bool_(): True}
    base = {field.name: empty.get(field.type) for field in schema}
    return pa.Table.from_pylist([base | {"exhibit": "pc"} | row for row in rows], schema=schema)


def _tables(**source: Any) -> dict[str, pa.Table]:
    history = {
        "id": "s1", "address": "pc!p1:/Users/a/AppData/Local/Google/Chrome/User Data/Default/History",
        "artefact": "chromium-history", "first": EARLY, "last": LATE, "gaps": [], "enabled": "yes",
        "state_only": False, "status": "read",
    }  # fmt: skip
    prefs = {"id": "f1", "address": "pc!p1:/Users/a/AppData/Local/Google/Chrome/User Data/Default/Preferences"}
    return {
        "volumes": _table("volumes", {"address": "pc!p1", "state": "open"}),
        "coverage": _table("coverage", {"class": "volume", "examined_by": "listed", "outcome": "examined"}),
        "files": _table("files", prefs | {"path": "/Users/a/Preferences"}),
        "sources": _table("sources", history | source),
    }


def _level(tables: dict[str, pa.Table], question: str = "web-upload") -> str:
    found = run_verdict(tables, _case(), RULES).verdict["questions"]
    return next(str(entry["level"]) for entry in found if entry["id"] == question)


def test_shipped_rules_have_no_errors() -> None:
    assert check_verdict_rules(RULES) == []


def test_whole_history_over_the_window_carries_a_negative() -> None:
    assert _level(_tables()) == "not-confirmed"


@pytest.mark.parametrize(
    "source",
    [
        {"status": "damaged"}, {"state_only": True}, {"enabled": "no"}, {"first": BACK}, {"last": LOST},
        {"gaps": [{"start": LOST, "end": BACK, "reason": "ids"}]}, {"first": None},
    ],
)  # fmt: skip
def test_unfit_history_never_carries_a_negative(source: dict[str, Any]) -> None:
    assert _level(_tables(**source)) == "undetermined"


@pytest.mark.parametrize("name", ["sources", "volumes", "coverage"])
def test_removing_what_a_negative_rests_on_makes_it_undetermined(name: str) -> None:
    assert _level({key: table for key, table in _tables().items() if key != name}) == "undetermined"


def test_locked_volume_makes_it_undetermined() -> None:
    tables = _tables() | {"volumes": _table("volumes", {"address": "pc!p2", "state": "locked"})}
    assert _level(tables) == "undetermined"


def test_recorded_upload_in_the_window_is_confirmed_whatever_is_missing() -> None:
    event = {"id": "a1", "action": "uploaded", "time": datetime(2022, 6, 22, tzinfo=UTC)}
    assert _level({"activity": _table("activity", event)}) == "confirmed"


def test_unregistered_dataset_never_gives_a_negative() -> None:
    assert _level(_tables(), "unauthorised-copy") == "undetermined"
