"""A disk with snapshots, from image to findings: what was deleted is found again, what is unchanged is read once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.access.interfaces import Image
from pipeline.config import load_case
from pipeline.stages.context import Context
from pipeline.stages.examine import ExamineStage
from tests.builders import images
from tests.builders.tree import Item, at
from tests.builders.vss import Era, snapshot_volume
from tests.e2e.conftest import ROOT, akashi

pytestmark = pytest.mark.tools
WHEN = at("2022-06-02 10:00:00")
CASE = """
[case]
id = "snapshots"
title = "snapshots"
timezone = "Asia/Tokyo"
language = "ja"
[incident]
lost_from = 2022-06-21T22:30:00+09:00
recovered_at = 2022-06-24T11:40:00+09:00
discovered_at = 2022-06-22T15:45:00+09:00
regime = "administrative-body"
[[exhibit]]
label = "PC-01"
role = "workstation"
image = "images/pc.raw"
[keys]
directory = "secrets"
"""


def _lines(first: int) -> bytes:
    return b"".join(b"taro%d@example.jp\t03-5321-%04d\n" % (first + n, first + n) for n in range(400))


def _item(path: str, data: bytes) -> Item:
    return Item(path=path, data=data, created=WHEN, modified=WHEN, accessed=WHEN)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    missing = images.missing_tools()
    if missing:
        pytest.skip(f"left out: {', '.join(missing)} not installed")
    folder = tmp_path_factory.mktemp("snapshots")
    (folder / "images").mkdir()
    eras = (
        Era(write=[_item("same.txt", _lines(0) * 3), _item("gone.txt", _lines(2000))]),
        Era(write=[_item("over.txt", bytes(20000))], remove=["gone.txt"]),
        Era(write=[_item("late.txt", _lines(4000))]),
    )
    volume, _ = snapshot_volume(folder, 24 << 20, eras)
    (folder / "images/pc.raw").write_bytes(images.disk(volume, kind=7, signature=0x5AFE0901))
    (folder / "case.toml").write_text(CASE, encoding="utf-8")
    akashi("init", folder, check=0)
    akashi("run", folder, "--workers", "1", check=3)
    return folder


def _table(case: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(case / f"out/tables/{name}.parquet").to_pylist()
    return rows


def test_findings_of_a_file_deleted_after_the_snapshot_are_there(case: Path) -> None:
    rows = [row for row in _table(case, "findings") if row["path"] == "/gone.txt" and row["kind"] == "email"]
    first = [row for row in rows if row["address"].startswith("PC-01!part:p1!snapshot:1!fs:/gone.txt")]
    assert len(first) == 400
    shown = akashi("show", case, first[0]["id"], check=0).stdout
    assert "snapshot:1" in shown


def test_unchanged_file_has_a_name_in_every_snapshot_and_findings_once(case: Path) -> None:
    files = [row for row in _table(case, "files") if row["path"] == "/same.txt"]
    assert len({row["content"] for row in files}) == 1
    assert {row["volume"] for row in files} == {
        "PC-01!part:p1", "PC-01!part:p1!snapshot:1", "PC-01!part:p1!snapshot:2",
    }  # fmt: skip
    found = [row for row in _table(case, "findings") if row["path"] == "/same.txt" and row["kind"] == "email"]
    assert (len(found), {row["address"].partition("!fs")[0] for row in found}) == (1200, {"PC-01!part:p1"})


def test_account_counts_no_byte_twice(case: Path) -> None:
    extents = _table(case, "extents")
    assert sum(row["length"] for row in extents) == (case / "images/pc.raw").stat().st_size
    assert {row["volume"] for row in extents} <= {"", "PC-01!part:p1"}
    rows = [row for row in _table(case, "coverage") if row["examined_by"] in {"hashed", "accounted"}]
    sums = {(row["volume"], row["class"], row["examined_by"]): row["bytes"] for row in rows}
    live = "PC-01!part:p1", "file-content"
    assert sums[*live, "hashed"] == sums[*live, "accounted"]
    snapshots = {volume: count for (volume, class_, _), count in sums.items() if class_ == "layered"}
    assert snapshots == {  # what is gone today, live in the first and deleted in the second, and nothing else
        "PC-01!part:p1!snapshot:1": len(_lines(2000)), "PC-01!part:p1!snapshot:2": len(_lines(2000)),
    }  # fmt: skip


class _Counted(Context):
    """A context whose image counts how often bytes of a stretch are read."""

    stretch = range(0)
    bytes_read = 0

    def image(self, exhibit: str) -> Image:
        image, counted = super().image(exhibit), self

        class Counting:
            def __getattr__(self, name: str) -> object:
                return getattr(image, name)

            def read(self, start: int, length: int) -> bytes:
                low, high = max(start, counted.stretch.start), min(start + length, counted.stretch.stop)
                counted.bytes_read += max(high - low, 0)
                return image.read(start, length)

        return Counting()  # type: ignore[return-value]


def test_bytes_of_an_unchanged_file_are_read_once(case: Path) -> None:
    context, stage = _Counted(load_case(case, ROOT / "rules")), ExamineStage()
    (run,) = next(row for row in _table(case, "files") if row["path"] == "/same.txt")["runs"]
    context.stretch = range(run["start"], run["start"] + len(_lines(0) * 3))
    names = 0
    for unit in stage.units(context):
        for item in stage.items(context, unit) if unit.key.startswith("files") else ():
            here = [entry for entry in item.payload if entry.path == "/same.txt"]
            names += len(here)
            for _ in stage.examine(context, item) if here else ():
                pass
    assert (names, context.bytes_read) == (3, len(context.stretch))
