"""Text in pictures of a listed file: found by line and box, read again; what was not read stands in coverage."""

from __future__ import annotations

import io
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.config import load_case
from pipeline.config_ocr import Ocr
from pipeline.decoders import ocr
from pipeline.records import NOT_CALLED_FOR, Finding
from pipeline.review.reading import Reader
from pipeline.schemas import TABLES
from pipeline.store import Store, table_to_rows
from tests.builders import written
from tests.builders.cases import RULES
from tests.e2e.conftest import akashi

PHONE = "03-1234-5678"
LINES = ["氏名 佐藤 花子", "住所 東京都千代田区霞が関一丁目1番1号", f"電話番号 {PHONE}"]


def files() -> dict[str, bytes]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as writer:
        writer.writestr("photo.jpg", written.picture_bytes(written.page(LINES), "JPEG"))
    return {
        "list.png": written.picture_bytes(written.page(LINES), "PNG"),
        "scan.pdf": written.picture_bytes(written.page(LINES), "PDF", resolution=150.0),
        "inside.zip": packed.getvalue(),
        "icon.png": written.picture_bytes(Image.linear_gradient("L").resize((48, 48)), "PNG"),
        "plain.txt": b"nothing of note",
    }


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory, tools: Callable[..., None]) -> Path:
    tools("mkfs.vfat", "mcopy")
    if not written.font():
        pytest.skip("left out: no Japanese font is installed")
    folder = tmp_path_factory.mktemp("volume")
    path = folder / "disk.raw"
    path.write_bytes(bytes(4 << 20))
    subprocess.run(["mkfs.vfat", path], check=True, capture_output=True)
    for name, data in files().items():
        (folder / name).write_bytes(data)
        subprocess.run(["mcopy", "-i", path, folder / name, f"::{name}"], check=True, capture_output=True)
    return path


def case_of(folder: Path, volume: Path, settings: str = "") -> Path:
    akashi("init", folder, check=0)
    (folder / "disk.raw").write_bytes(volume.read_bytes())
    exhibit = f'\n[[exhibit]]\nlabel = "PC-01"\nrole = "workstation"\nimage = "disk.raw"\n{settings}'
    path = folder / "case.toml"
    path.write_text(path.read_text(encoding="utf-8") + exhibit, encoding="utf-8")
    akashi("run", folder, "--stage", "coverage", "--workers", "1")
    return folder


def decoded_rows(folder: Path) -> dict[str, tuple[str, str]]:
    """Return outcome and reason of decoding, by the last part of the address."""
    rows: list[dict[str, Any]] = Store(folder / "out").mapped("examine", "examinations").to_pylist()
    said = {row["address"].rpartition("/")[2]: row for row in rows if row["examined_by"] == "decoded"}
    return {name: (row["outcome"], row["reason"]) for name, row in said.items()}


def test_what_stands_in_pictures_is_found_in_its_line_and_reads_again(tmp_path: Path, volume: Path) -> None:
    if lacking := ocr.missing(Ocr()):
        pytest.skip(f"left out: {lacking}")
    folder = case_of(tmp_path / "case", volume)
    reader = Reader(load_case(folder, RULES))
    rows: list[Finding] = list(table_to_rows(TABLES["findings"], Store(folder / "out").mapped("examine", "detections")))
    phones = {row.address.partition("!fs:/")[2].partition("!at:")[0]: row for row in rows if row.kind == "phone"}
    assert sorted(phones) == ["inside.zip!member:photo.jpg", "list.png", "scan.pdf"]
    for row in phones.values():
        assert row.image_offset is None
        assert " line 3 at " in row.locator
        assert reader.value(row) == PHONE
        assert {one.kind for one in rows if one.record == row.record} >= {"phone"}
    said = decoded_rows(folder)
    assert said["list.png"] == said["scan.pdf"] == ("examined", "")
    assert said["icon.png"][0] == "not-examined"
    assert said["icon.png"][1].startswith(NOT_CALLED_FOR)


def test_pictures_that_are_not_read_forbid_a_negative_and_are_told_once(tmp_path: Path, volume: Path) -> None:
    folder = case_of(tmp_path / "case", volume, "[ocr]\nenabled = false\n")
    said = decoded_rows(folder)
    for name in ("list.png", "scan.pdf", "inside.zip!member:photo.jpg"):
        assert said[name] == ("partial", "ocr-off")
    diagnostics = Store(folder / "out").table("diagnostics").to_pylist()
    assert [row["code"] for row in diagnostics if row["code"].startswith("ocr")] == ["ocr-off"]
    coverage = Store(folder / "out").table("coverage").to_pylist()
    unread = [row for row in coverage if row["examined_by"] == "decoded" and row["reason"] == "ocr-off"]
    assert {(row["class"], row["outcome"]) for row in unread} == {("file-content", "partial"), ("member", "partial")}
