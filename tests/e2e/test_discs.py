"""A disc with packed and interleaved files, from image to verdict: what is unpacked is found, what is not forbids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.builders.file_systems import run
from tests.e2e.conftest import akashi
from tests.e2e.test_snapshots import CASE

pytestmark = pytest.mark.tools
TEXT = b"".join(b"hanako%d@example.jp\n" % number for number in range(500))


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case of one disc: a packed file, and one whose record speaks of units that cannot be."""
    folder = tmp_path_factory.mktemp("disc")
    for name, content in {"list.txt": TEXT, "WOVEN": b"w" * 9000}.items():
        (folder / "plain").mkdir(exist_ok=True)
        (folder / "plain" / name).write_bytes(content)
    run("mkzftree", folder / "plain", folder / "packed")
    (folder / "packed/WOVEN").write_bytes(b"w" * 9000)
    (folder / "images").mkdir()
    image = folder / "images/pc.raw"
    run("genisoimage", "-quiet", "-R", "-z", "-o", image, folder / "packed")
    raw = bytearray(image.read_bytes())
    raw[raw.index(b"WOVEN.;1") - 33 + 27] = 3
    image.write_bytes(raw)
    (folder / "case.toml").write_text(CASE, encoding="utf-8")
    akashi("init", folder, check=0)
    akashi("run", folder, "--workers", "1", check=3)
    return folder


def _table(case: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(case / f"out/tables/{name}.parquet").to_pylist()
    return rows


def test_packed_content_is_searched(case: Path) -> None:
    rows = [row for row in _table(case, "findings") if row["kind"] == "email"]
    assert len({row["value_tag"] for row in rows}) == 500
    assert {row["path"].rpartition("/")[2] for row in rows} == {"content"}


def test_interleaved_file_that_is_not_read_is_not_examined(case: Path) -> None:
    rows = [row for row in _table(case, "coverage") if "interleaved" in row["reason"]]
    assert {(row["examined_by"], row["outcome"], row["items"]) for row in rows} == {
        (name, "not-examined", 1) for name in ("hashed", "detected", "decoded")
    }


def test_negative_is_forbidden(case: Path) -> None:
    verdict = json.loads((case / "out/verdict.json").read_text(encoding="utf-8"))
    levels = {row["id"]: row["level"] for row in verdict["questions"]}
    assert "not-confirmed" not in levels.values()
