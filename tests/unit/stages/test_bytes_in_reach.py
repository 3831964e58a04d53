"""Bytes that a status might hide from the search: clear text under a locked volume, a live file with a short chain."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

from pipeline.records import ENCIPHERED
from tests.builders.cases import make_case, rows_of, run_to
from tests.builders.fat_image import FatImage

LINE = "連絡先は hidden.person@example.com です。\r\n".encode("cp932")


def test_what_lies_in_clear_under_a_locked_volume_is_found(tmp_path: Path, tools: Callable[..., None]) -> None:
    tools("cryptsetup")
    size, place = 6 << 20, 4 << 20
    disk = tmp_path / "disk.raw"
    disk.write_bytes(bytes(place) + LINE + bytes(size - place - len(LINE)))
    subprocess.run(
        ["cryptsetup", "luksFormat", "-q", "--type", "luks1", "--pbkdf-force-iterations", "1000", disk, "-"],
        input=b"no key of the case", check=True, capture_output=True,
    )  # fmt: skip
    with disk.open("r+b") as file:
        file.seek(5 << 20)
        file.write(random.Random(7).randbytes(1 << 20))
    case = make_case(tmp_path, "disk.raw")
    run_to(case, None)
    (found,) = (row for row in rows_of(case, "findings") if row.kind == "email")
    assert place < found.image_offset < place + len(LINE)
    assert {row.class_ for row in rows_of(case, "extents")} == {"locked"}
    coverage = [row for row in rows_of(case, "coverage") if row.class_ == "locked"]
    searched = {(row.outcome, row.reason): row.bytes for row in coverage if row.examined_by == "detected"}
    assert set(searched) == {("examined", ""), ("not-examined", ENCIPHERED)}
    assert sum(searched.values()) == size
    assert searched["not-examined", ENCIPHERED] >= 1 << 20
    assert {row.outcome for row in coverage if row.examined_by == "carved"} == {"examined"}


def test_a_live_file_whose_chain_is_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    volume = FatImage(16, clusters=5000)
    node = volume.create("/SHORT.TXT", LINE)
    node.data = bytes(9000)
    volume.restate(node)
    (tmp_path / "disk.raw").write_bytes(volume.image())
    case = make_case(tmp_path, "disk.raw")
    run_to(case, None)
    (found,) = (row for row in rows_of(case, "findings") if row.kind == "email")
    assert (found.path, found.origin) == ("/SHORT.TXT", "allocated")
    losses = {row.code for row in rows_of(case, "diagnostics") if row.severity == "loss"}
    assert "content-short" in losses
    outcomes = {(row.examined_by, row.outcome) for row in rows_of(case, "coverage") if row.class_ == "file-content"}
    assert {("hashed", "partial"), ("detected", "examined")} <= outcomes
