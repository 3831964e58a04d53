"""Findings made by columns are the findings made one by one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pytest

from pipeline.detectors import Found, Scanner, columns_of
from pipeline.records import FileEntry, Finding, Run
from pipeline.rules import load_rules
from pipeline.schemas import TABLES, rows_to_table, table_to_rows
from pipeline.stages import examine_pages
from pipeline.stages.examine_content import BytesReadable
from pipeline.stages.examine_findings import FindingMaker
from pipeline.stages.examine_pages import Pass, read_once
from tests.builders.people import HEADERS, generate

RULES = Path(__file__).parents[3] / "rules"
SCANNER = Scanner(load_rules(RULES))
CONTEXT = cast("Any", SimpleNamespace(keys=SimpleNamespace(tag_key=b"k" * 32)))
ROWS = [HEADERS, *(one.cells() for one in generate(200, 5))]
DATA = "\r\n".join(map(",".join, ROWS)).encode("cp932")


def entry(runs: tuple[Run, ...]) -> FileEntry:
    return FileEntry(
        id="f", exhibit="EX-01", volume="EX-01!part:p1", address="EX-01!part:p1!fs:/名簿.csv", path="/名簿.csv",
        stream="", kind="file", origin="allocated", meta=1, parent="", size=len(DATA), initialised_size=len(DATA),
        runs=runs,
    )  # fmt: skip


def read() -> Pass:
    return read_once(BytesReadable(DATA), len(DATA), scanner=SCANNER, match=lambda page, start: [], keep=0)


def sort(rows: list[Finding]) -> list[Finding]:
    return sorted(rows, key=lambda row: (row.address, row.id))


@pytest.mark.parametrize(
    "runs",
    [(), (Run(start=1 << 20, length=len(DATA)),), (Run(start=4096, length=9000), Run(start=-1, length=500),
     Run(start=50_000, length=len(DATA) - 9500))],
)  # fmt: skip
def test_batches_hold_the_rows_that_hits_become(runs: tuple[Run, ...]) -> None:
    maker = FindingMaker(CONTEXT, entry(runs), runs=runs)
    found = list(read().found())
    made: list[Finding] = []
    for page in found:
        batch = maker.from_columns([*page.columns, *columns_of(page.hits)], "c" * 64)
        assert batch["offset"].to_pylist() == sorted(batch["offset"].to_pylist())
        made += table_to_rows(TABLES["detections"], pa.Table.from_batches([batch]))
    assert {len(str(row.offset)) for row in made} == {3, 4, 5}
    wanted = [maker.from_bytes(hit, "c" * 64) for page in found for hit in page.all()]
    assert len(made) > 1500
    assert sort(made) == sort(list(table_to_rows(TABLES["detections"], rows_to_table(TABLES["detections"], wanted))))


def test_a_large_table_is_read_again_for_its_hits(monkeypatch: pytest.MonkeyPatch) -> None:
    def hits(found: list[Found]) -> list[object]:
        return [hit for page in found for hit in page.all()]

    held = hits(list(read().found()))
    monkeypatch.setattr(examine_pages, "HELD_BYTES", 100)
    monkeypatch.setattr(examine_pages, "TABLE_PAGE_BYTES", 20_000)
    again = read()
    assert hits(list(again.found())) == hits(list(again.found())) == held
