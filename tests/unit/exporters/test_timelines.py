"""The timeline of a small case: what is chosen, in what order, and what other tools read of it."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from pipeline.errors import IntegrityError, SettingsError
from pipeline.exporters.timelines import body_of_file, rendered
from pipeline.records import ActivityEvent, Content, FileEntry
from pipeline.review.timeline import Choice, bodies, moments, undated
from pipeline.schemas import TABLES
from pipeline.store import Store, rows_to_table

TOKYO = ZoneInfo("Asia/Tokyo")
NOON = datetime(2022, 6, 22, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


def event(key: str, time: datetime | None, **more: Any) -> ActivityEvent:
    row = {
        "id": key, "exhibit": "PC-01", "address": f"PC-01!p1!fs:/a!at:{key}", "file": "", "source": "s",
        "artefact": "setupapi-log", "time": time, "time_meaning": "recorded", "precision_us": 1_000_000, "zone": "UTC",
        "action": "device-connected", "subject": f"subject {key}", "actor": "", "device": "", "detail": "{}",
    }  # fmt: skip
    return ActivityEvent(**(row | more))


def file(key: str, **more: Any) -> FileEntry:
    row = {
        "id": key, "exhibit": "USB-01", "volume": "USB-01!p1", "address": f"USB-01!p1!fs:/{key}", "path": f"/{key}",
        "stream": "", "kind": "file", "origin": "allocated", "meta": 7, "parent": "", "size": 10,
        "initialised_size": 10,
    }  # fmt: skip
    return FileEntry(**(row | more))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = Store(tmp_path_factory.mktemp("case") / "out")
    (made.out / "tables").mkdir(parents=True)
    rows: dict[str, list[Any]] = {
        "activity": [
            event("late", NOON + HOUR, subject="=cmd\u202e|x", actor="b", device="SER|1"),
            event("day", NOON - 3 * HOUR, precision_us=86_400_000_000, exhibit="USB-01", action="entry-accessed"),
            event("none", None),
            event("early", NOON),
        ],
        "files": [
            file("a|b.txt", created=NOON, created_precision_us=10_000, created_zone="local Asia/Tokyo", content="c"),
            file("old", modified=NOON - 1000 * HOUR, modified_precision_us=1, origin="deleted"),
        ],
        "contents": [Content(sha256="c", sha1="", md5="d41d", size=10, type="", known=None)],
    }
    for name, found in rows.items():
        pq.write_table(rows_to_table(TABLES[name], found), made.path(name))
    return made


def ids(store: Store, **choice: Any) -> list[str]:
    return [moment.id for moment in moments(store, Choice(**choice))]


def test_events_stand_in_order_of_time_and_undated_ones_apart(store: Store) -> None:
    assert ids(store) == ["day", "early", "late"]
    assert [moment.id for moment in undated(store, Choice())] == ["none"]


def test_a_record_that_only_touches_the_span_counts(store: Store) -> None:
    assert ids(store, start=NOON, stop=NOON + HOUR / 2) == ["day", "early"]
    assert ids(store, start=NOON + timedelta(seconds=1), stop=NOON + HOUR - timedelta(microseconds=1)) == ["day"]


def test_a_choice_by_exhibit_action_source_or_expression(store: Store) -> None:
    assert ids(store, exhibit="USB-01") == ["day"]
    assert ids(store, action="device-connected") == ["early", "late"]
    assert ids(store, artefact="other") == []
    assert ids(store, grep=r"ser\|\d") == ["late"]
    with pytest.raises(SettingsError, match="--grep"):
        ids(store, grep="(")


def test_times_of_files_come_between_the_events(store: Store) -> None:
    assert ids(store, files=True, start=NOON - HOUR) == ["day", "early", "a|b.txt", "late"]
    assert ids(store, files=True, artefact="file-system") == ["old", "a|b.txt"]


def test_a_table_that_is_cut_off_is_refused(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path)
    with pytest.raises(SettingsError, match="not written yet"):
        ids(other)
    other.path("activity").parent.mkdir()
    other.path("activity").write_bytes(store.path("activity").read_bytes()[:-40])
    with pytest.raises(IntegrityError, match="cannot be read"):
        ids(other)


def test_text_shows_zone_precision_and_no_steering_characters(store: Store) -> None:
    lines = list(rendered(moments(store, Choice()), "text", TOKYO))
    assert lines[0].startswith("2022-06-22T09:00:00.000000+09:00 +1 d USB-01 setupapi-log entry-accessed: subject day")
    assert "=cmd⟦U+202E⟧|x by=b device=SER|1 (recorded; UTC) late" in lines[2]


def test_csv_runs_nothing_and_keeps_what_has_no_time(store: Store) -> None:
    rows = [*moments(store, Choice()), *undated(store, Choice())]
    read = list(csv.DictReader(io.StringIO("".join(rendered(rows, "csv", TOKYO)).removeprefix("\ufeff"))))
    assert [row["datetime"] for row in read[1:]] == [
        "2022-06-22T03:00:00.000000+00:00",
        "2022-06-22T04:00:00.000000+00:00",
        "",
    ]
    assert read[2]["subject"].startswith("'=cmd")


def test_json_lines_have_what_timesketch_asks_for(store: Store) -> None:
    read = [json.loads(line) for line in rendered(moments(store, Choice()), "jsonl", TOKYO)]
    assert all({"message", "datetime", "timestamp", "timestamp_desc"} <= row.keys() for row in read)
    assert (
        datetime.fromisoformat(read[1]["datetime"]) == NOON == datetime.fromtimestamp(read[1]["timestamp"] / 1e6, UTC)
    )


def test_a_bodyfile_has_eleven_columns_whatever_a_name_holds(store: Store) -> None:
    lines = [body_of_file(row) for row in bodies(store, Choice())] + list(
        rendered(moments(store, Choice()), "bodyfile", TOKYO)
    )
    assert {line.count("|") for line in lines} == {10}
    assert lines[0] == f"d41d|[USB-01] /a⟦U+007C⟧b.txt|7|r/rrwxrwxrwx|0|0|10|0|0|0|{NOON.timestamp():.0f}\n"
    assert lines[1].split("|")[1] == "[USB-01] /old (deleted)"
    assert [row["path"] for row in bodies(store, Choice(start=NOON))] == ["/a|b.txt"]
    assert list(bodies(store, Choice(action="logon"))) == []
