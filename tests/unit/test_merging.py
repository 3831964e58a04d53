"""Sorting in runs gives what sorting at once gives, for any cut, with nulls and with equal rows."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline import merging
from pipeline.records import ActivityEvent, diagnose
from pipeline.schemas import TABLES, rows_to_table
from pipeline.store import PartWriter, Store

START = datetime(2024, 1, 1, tzinfo=UTC)


def event(number: int, time: int | None, note: str) -> ActivityEvent:
    moment = None if time is None else START + timedelta(seconds=time)
    return ActivityEvent(
        id=f"{number:04}", exhibit=f"E{number % 3}", address="", file="", source="", artefact="", time=moment,
        time_meaning="", precision_us=0, zone="", action="", subject=note, actor="", device="", detail="",
    )  # fmt: skip


def events(count: int) -> list[ActivityEvent]:
    chance = random.Random(count)
    times = [None if chance.random() < 0.1 else chance.randrange(50) for _ in range(count)]
    return [event(chance.randrange(count), times[number], str(number)) for number in range(count)]


def expected(rows: list[ActivityEvent]) -> list[tuple[Any, ...]]:
    """Return the rows in order, the first of equal keys, by Python's own sort."""
    found: dict[tuple[Any, ...], ActivityEvent] = {}
    for row in rows:
        found.setdefault((row.exhibit, row.time is None, row.time or START, row.id), row)
    return [(row.exhibit, row.time, row.id, row.subject) for _, row in sorted(found.items())]


@pytest.mark.parametrize("cut", [1, 7, 100, 5000])
@pytest.mark.parametrize("run", [3, 64, 700, 1 << 17])
def test_runs_and_cuts_do_not_change_the_order(
    cut: int, run: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = events(900)
    monkeypatch.setattr(merging, "_RUN_ROWS", run)
    monkeypatch.setattr(merging, "_BLOCKS", 5)
    monkeypatch.setattr(merging, "ROW_GROUP", 250)
    table = TABLES["activity"]
    batches = rows_to_table(table, rows).to_batches(max_chunksize=cut)
    pieces = list(merging.merged(table, batches, tmp_path / "runs"))
    assert [len(piece) for piece in pieces[:-1]] == [250] * (len(pieces) - 1)
    whole = pa.concat_tables(pieces)
    found = [whole.column(name).to_pylist() for name in ("exhibit", "time", "id", "subject")]
    assert list(zip(*found, strict=True)) == expected(rows)
    assert not (tmp_path / "runs").exists()


def test_no_rows_are_an_empty_table(tmp_path: Path) -> None:
    (empty,) = merging.merged(TABLES["activity"], [], tmp_path / "runs")
    assert (empty.num_rows, empty.schema.metadata[b"akashi.table"]) == (0, b"activity")


def test_a_part_forgets_what_was_written_since_a_mark(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.begin("extents", "f" * 64)
    writer = PartWriter(store.part("extents", "f" * 64, "u"))
    writer.write("diagnostics", [diagnose("s", "E", "kept", "m")])
    mark = writer.mark()
    writer.write("diagnostics", [diagnose("s", "E", "forgotten", "m" * 100_000)])
    writer.rollback(mark)
    writer.write(
        "diagnostics", rows_to_table(TABLES["diagnostics"], [diagnose("s", "E", "later", "m")]).to_batches()[0]
    )
    writer.commit()
    store.finish("extents", "f" * 64, units=["u"], writes=("extents",))
    assert store.mapped("extents", "diagnostics").column("code").to_pylist() == ["kept", "later"]


def test_a_table_begun_after_a_mark_is_gone_after_a_rollback(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path / "part")
    mark = writer.mark()
    writer.write("diagnostics", [diagnose("s", "E", "forgotten", "m")])
    writer.rollback(mark)
    writer.commit()
    assert list((tmp_path / "part").iterdir()) == []
