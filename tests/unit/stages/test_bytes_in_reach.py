"""Bytes that might stay out of sight: clear text in a locked volume, a short chain, a medium acquired in part."""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.volumes import scan_volumes
from pipeline.records import ENCIPHERED, Diagnostic
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


@pytest.mark.parametrize("begins", [0, 4096], ids=["alone", "in a partition"])
def test_a_medium_that_was_acquired_in_part_is_a_loss(tmp_path: Path, begins: int) -> None:
    data = FatImage(16, clusters=5000).image()
    table = bytes(446) + struct.pack("<B3xB3xII", 0, 6, 8, len(data) // 512) + bytes(48) + b"\x55\xaa"
    whole = table.ljust(begins, b"\0")[:begins] + data
    for length, told in (
        (len(whole), set()),
        (len(whole) - 512, {"volume-cut"} | ({"partition-cut"} if begins else set())),
    ):
        (tmp_path / "disk.raw").write_bytes(whole[:length])
        found = scan_volumes(open_image(tmp_path / "disk.raw"), "EX-01", FileSystemOptions())
        losses = {row.code for row in found if isinstance(row, Diagnostic) and row.severity == "loss"}
        assert losses == told
