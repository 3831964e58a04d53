"""Hostile media go through the whole run: in time, in memory, with what went wrong said; nothing escapes or steers."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.builders.hostile import STEERING, media
from tests.e2e.conftest import akashi

pytestmark = pytest.mark.slow

SECONDS, MEMORY = 400, 1500 << 10
LEFT_OUT = ("deep", "wide")  # long: the unit tests of the readers have them
MEDIA = {name: raw for name, raw in media().items() if name not in LEFT_OUT}
RAW = set(STEERING + "\u2029\u2069\x1b\x00\u200e")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case of all hostile media, run."""
    folder = tmp_path_factory.mktemp("hostile") / "case"
    akashi("init", folder, check=0)
    settings = folder / "case.toml"
    text = settings.read_text(encoding="utf-8")
    (folder / "images").mkdir()
    for name, raw in MEDIA.items():
        (folder / "images" / f"{name}.raw").write_bytes(raw)
        text += f'\n[[exhibit]]\nlabel = "X-{name}"\nrole = "recovered-media"\nimage = "images/{name}.raw"\n'
    settings.write_text(text, encoding="utf-8")
    start = time.monotonic()
    done = akashi("run", folder, "--workers", "2", timeout_s=SECONDS)
    assert done.returncode in {0, 3}, done.stdout + done.stderr
    assert time.monotonic() - start < SECONDS
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < MEMORY
    (folder / "said.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    return folder


def _table(case: Path, name: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pq.read_table(case / "out" / "tables" / f"{name}.parquet").to_pylist()
    return rows


def test_every_byte_is_accounted_for(case: Path) -> None:
    sizes = {f"X-{name}": len(raw) for name, raw in MEDIA.items()}
    sums = dict.fromkeys(sizes, 0)
    for row in _table(case, "extents"):
        sums[str(row["exhibit"])] += int(str(row["length"]))
    assert sums == sizes


def test_what_went_wrong_is_said(case: Path) -> None:
    told = {str(row["address"]).split("!")[0] for row in _table(case, "diagnostics")}
    assert told >= {"X-fat", "X-exfat", "X-ntfs", "X-gpt"}


def test_hostile_names_are_listed_and_address_themselves(case: Path) -> None:
    rows = [row for row in _table(case, "files") if str(row["exhibit"]) == "X-fat"]
    paths = {str(row["path"]) for row in rows}
    assert {
        "/=cmd|' \u2215C calc'!A0.csv",
        "/住民票\u202etxt.exe",
        "/..\u2215..\u2215..\u2215..\u2215tmp\u2215escape.txt",
    } <= paths
    assert not [row for row in rows if set(str(row["address"])) & RAW]


def test_nothing_is_written_outside_the_case(case: Path) -> None:
    assert sorted(path.name for path in case.parent.iterdir()) == ["case"]
    assert not Path("/tmp/escape.txt").exists()


def test_no_text_for_people_steers_their_eye(case: Path) -> None:
    akashi("report", case, "--format", "html", check=0)
    said = [(case / "said.txt").read_text(encoding="utf-8")]
    steering = [row for row in _table(case, "files") if set(str(row["path"])) & RAW]
    assert len(steering) >= 6
    rows = steering[:6]
    said += [akashi("show", case, str(row["id"]), check=0).stdout for row in rows]
    for path in sorted((case / "out" / "report").rglob("*")):
        if path.suffix == ".html":
            said.append(path.read_text(encoding="utf-8"))
    assert len(said) > len(rows) + 1
    assert [sorted(set(text) & RAW) for text in said if set(text) & RAW] == []
