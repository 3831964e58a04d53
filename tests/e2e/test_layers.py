"""Disks of layers, from image to findings: the account closes, and what is not examined forbids a negative."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.builders.disks import gpt_disk
from tests.builders.file_systems import run
from tests.builders.lvm import UNIT, logical_text, stripes, written_group
from tests.builders.md import OFFSET_12, Raid, build
from tests.e2e.conftest import akashi
from tests.e2e.test_snapshots import CASE

pytestmark = pytest.mark.tools
TEXT = b"".join(b"jiro%d@example.jp\t03-5322-%04d\n" % (number, number) for number in range(2000))


def _volume(folder: Path, size: int) -> bytes:
    tree, path = folder / "tree", folder / "volume"
    tree.mkdir(exist_ok=True)
    (tree / "list.txt").write_bytes(TEXT)
    path.write_bytes(bytes(size))
    run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "-d", tree, path)
    return path.read_bytes()


def _filled(disks: dict[str, bytearray], volume: bytes, places: list[tuple[str, int]], chunk: int) -> None:
    for number in range(len(volume) // chunk):
        name, extent = places[number % len(places)]
        at = (extent + 1) * UNIT + number // len(places) * chunk
        disks[name][at : at + chunk] = volume[number * chunk : (number + 1) * chunk]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case of one disk: a striped volume over two physical volumes, one of them a RAID 5 of three partitions."""
    folder = tmp_path_factory.mktemp("layers")
    (folder / "images").mkdir()
    text = logical_text("home", stripes(6, ("pv0", 1), ("pv1", 2)))
    text += logical_text("pool", 'extent_count = 2\ntype = "thin-pool"\nmetadata = "x"')
    disks = written_group({"pv0": 7, "pv1": 7}, text)
    _filled(disks, _volume(folder, 6 << 20), [("pv0", 1), ("pv1", 2)], 65536)
    members = build(Raid(level=5, members=3, share=4 << 20), bytes(disks["pv1"]))
    assert len(members[0]) == OFFSET_12 + (4 << 20)
    (folder / "images/pc.raw").write_bytes(gpt_disk([bytes(disks["pv0"]), *members]))
    (folder / "case.toml").write_text(CASE, encoding="utf-8")
    akashi("init", folder, check=0)
    akashi("run", folder, "--workers", "1", check=3)
    return folder


def _table(case: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(case / f"out/tables/{name}.parquet").to_pylist()
    return rows


def test_findings_lie_where_the_image_holds_them(case: Path) -> None:
    image = (case / "images/pc.raw").read_bytes()
    rows = [row for row in _table(case, "findings") if row["path"] == "/list.txt" and row["kind"] == "email"]
    assert len(rows) == 2000
    assert {row["address"].split("!fs:")[0] for row in rows} == {"PC-01!part:p1!lv:vg0/home"}
    placed = [row for row in rows if row["image_offset"] is not None]
    assert len(placed) > 1900  # a few lie across two stripes
    for row in placed:
        found = image[row["image_offset"] : row["image_offset"] + row["length"]]
        assert found == TEXT[row["offset"] : row["offset"] + row["length"]]


def test_account_closes_and_names_what_the_layers_hold(case: Path) -> None:
    sums: dict[tuple[str, str], int] = defaultdict(int)
    end = 0
    for row in _table(case, "extents"):
        assert row["start"] == end
        end += row["length"]
        sums[row["volume"], row["class"]] += row["length"]
    assert end == (case / "images/pc.raw").stat().st_size
    home = "PC-01!part:p1!lv:vg0/home"
    assert sum(length for (volume, _), length in sums.items() if volume == home) == 6 << 20
    assert sums[home, "file-content"] >= len(TEXT)
    assert sums["PC-01!part:p1", "volume-metadata"] == UNIT
    assert sums["PC-01!part:p1", "unallocated"] == 4 * UNIT
    assert sums["PC-01!part:p2", "volume-metadata"] == OFFSET_12
    assert sums["PC-01!part:p2!raid:host:home", "volume-metadata"] == UNIT
    parity = sum(sums[f"PC-01!part:p{number}", "allocated-but-unlisted"] for number in (2, 3, 4))
    assert parity == 4 << 20


def test_what_cannot_be_put_together_counts_as_not_examined(case: Path) -> None:
    rows = [row for row in _table(case, "coverage") if row["volume"] == "PC-01!part:p1!lv:vg0/pool"]
    assert [(row["examined_by"], row["outcome"], row["bytes"]) for row in rows] == [("listed", "not-examined", 2 << 20)]
