"""The account of the demo images: coverage adds up to it, and no byte can go unexamined without the verdict knowing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline.config import load_case
from pipeline.records import NOT_CALLED_FOR
from pipeline.stages.verdict import run_verdict
from pipeline.store import Store
from pipeline.verdict_tables import TABLE_NAMES
from tests.e2e.conftest import NAMES, ROOT, Demo

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]


@pytest.mark.parametrize("name", NAMES)
def test_coverage_adds_up_to_the_account(demo: Demo, name: str) -> None:
    store = Store(demo.case(name) / "out")
    extents, coverage = store.table("extents").to_pandas(), store.table("coverage").to_pandas()
    held = extents.groupby(["exhibit", "class"])["length"].sum()
    assert set(held.index.get_level_values("exhibit")) == {"USB-01", "PC-01", "SV-01"}
    for (exhibit, class_), length in held.items():
        mine = coverage[(coverage["exhibit"] == exhibit) & (coverage["class"] == class_)]
        sums = mine.groupby("examined_by")["bytes"].sum()
        for examination in ("accounted", "hashed", "decoded", "detected", "carved"):
            assert sums[examination] == length, (exhibit, class_, examination)


def levels(tables: dict[str, pa.Table], folder: Path) -> dict[str, str]:
    case = load_case(folder, ROOT / "rules")
    found = run_verdict(tables, case, ROOT / "rules" / "verdict").verdict["questions"]
    return {item["exhibit"]: item["level"] for item in found if item["id"] == "unauthorised-copy"}


def test_a_megabyte_that_nothing_examined_forbids_the_negative(demo: Demo) -> None:
    """Take bytes away from each row of coverage, and the row itself: the question needs them all."""
    folder = demo.case("demo-clean")
    store = Store(folder / "out")
    tables = {name: store.table(name) for name in TABLE_NAMES}
    assert levels(tables, folder)["USB-01"] == "not-confirmed"
    rows = tables["coverage"].to_pandas()
    needed = rows[(rows["exhibit"] == "USB-01") & rows["examined_by"].isin(["detected", "carved"])]
    needed = needed[~needed["reason"].str.startswith(NOT_CALLED_FOR) & ~needed["class"].isin(["member", "resident"])]
    assert len(needed) >= 8
    for place in needed.index:
        for coverage in (rows.drop(index=place), _less(rows, place), _told(rows, place)):
            changed = pa.Table.from_pandas(coverage, schema=tables["coverage"].schema, preserve_index=False)
            assert levels({**tables, "coverage": changed}, folder)["USB-01"] == "undetermined", rows.loc[place]


def _less(rows: pd.DataFrame, place: int) -> pd.DataFrame:
    less = rows.copy()
    less.loc[place, "bytes"] -= min(1 << 20, int(less.loc[place, "bytes"]))
    return less


def _told(rows: pd.DataFrame, place: int) -> pd.DataFrame:
    told = rows.copy()
    told.loc[place, ["outcome", "reason"]] = ["not-examined", "crash"]
    return told


def test_bytes_in_no_class_forbid_the_negative(demo: Demo) -> None:
    folder = demo.case("demo-clean")
    store = Store(folder / "out")
    tables = {name: store.table(name) for name in TABLE_NAMES}
    extents = tables["extents"]
    usb = pc.equal(extents.column("exhibit"), "USB-01")
    first = pc.and_(usb, pc.equal(extents.column("start"), 0))
    without = {**tables, "extents": extents.filter(pc.invert(first))}
    assert levels(without, folder)["USB-01"] == "undetermined"
