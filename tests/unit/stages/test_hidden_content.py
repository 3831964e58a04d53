"""Rows of text that a listed file holds in another form: found, told by the run it lies in, read again from there."""

from __future__ import annotations

import base64
import io
import json
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from pipeline.config import load_case
from pipeline.records import Finding
from pipeline.review.reading import Reader
from pipeline.schemas import TABLES
from pipeline.stages import examine_hidden
from pipeline.stages.examine_content import BytesReadable
from pipeline.stages.examine_hidden import holds_archive
from pipeline.store import Store, table_to_rows
from tests.builders.cases import RULES
from tests.e2e.conftest import akashi

ADDRESS = "hidden.person@example.jp"
ROW = f"連絡先 メール: {ADDRESS} 電話番号: 03-1234-5678\r\n"
FILES = {
    "b64.txt": b"data=" + base64.b64encode(zlib.compress(ROW.encode("cp932"))),
    "bare.dat": zlib.compress(ROW.encode() * 2, wbits=-15),
    "wide.txt": ROW.encode("utf-32-be"),
    "esc.json": json.dumps({"a": ROW}).encode(),
    "letter.eml": b"From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(quote(ROW).encode()),
    "chart.png": b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 200) + b"tEXtmxfile\0" + quote(ROW).encode() + bytes(4),
    "info.pdf": b"%PDF-1.4\n1 0 obj\n<</Title <FEFF"
    + ROW.encode("utf-16-be").hex().upper().encode()
    + b">>>\nendobj\n",
    "icon.css": b"url(data:image/gif;base64," + base64.b64encode(bytes(range(200))) + b")",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tools: Callable[..., None]) -> Path:
    tools("mkfs.vfat", "mcopy")
    folder = tmp_path_factory.mktemp("hidden")
    volume = folder / "disk.raw"
    volume.write_bytes(bytes(4 << 20))
    subprocess.run(["mkfs.vfat", volume], check=True, capture_output=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
        subprocess.run(["mcopy", "-i", volume, folder / name, f"::{name}"], check=True, capture_output=True)
    akashi("init", folder, check=0)
    settings = folder / "case.toml"
    exhibit = '\n[[exhibit]]\nlabel = "PC-01"\nrole = "workstation"\nimage = "disk.raw"\n'
    settings.write_text(settings.read_text(encoding="utf-8") + exhibit, encoding="utf-8")
    akashi("run", folder, "--stage", "examine", "--workers", "1")
    return folder


def test_each_is_found_in_its_run_and_reads_again(folder: Path) -> None:
    reader = Reader(load_case(folder, RULES))
    rows: list[Finding] = list(table_to_rows(TABLES["findings"], Store(folder / "out").mapped("examine", "detections")))
    hidden = {row.address.split("!member:")[0].rpartition("/")[2]: row for row in rows
              if row.kind == "email" and "!member:" in row.address}  # fmt: skip
    assert sorted(hidden) == ["b64.txt", "bare.dat", "chart.png", "esc.json", "info.pdf", "letter.eml", "wide.txt"]
    for row in hidden.values():
        assert reader.value(row) == ADDRESS
        assert row.image_offset is None
    steps = hidden["b64.txt"].address.split("!")[2:4]
    assert steps[0] == f"member:base64:5+{len(FILES['b64.txt']) - 5}"
    assert steps[1].startswith("member:compressed:0+")
    assert "!member:part 0/escaped:0+" in hidden["letter.eml"].address


def test_an_archive_in_what_is_too_large_to_open_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("a.txt", ROW * 9)
    data = bytes(1000) + archive.getvalue() + bytes(1000)
    for piece in range(len(data) - 1100, len(data) - 1000):
        monkeypatch.setattr(examine_hidden, "PIECE", piece)
        assert holds_archive(BytesReadable(data))
    assert not holds_archive(BytesReadable(data.replace(b"PK\1\2", b"PK\1\3")))
    assert not holds_archive(BytesReadable(data.replace(b"PK\5\6", b"PK\5\7")))


def test_what_shows_nothing_new_leaves_no_row(folder: Path) -> None:
    files = Store(folder / "out").table("files").to_pylist()
    assert not [row for row in files if row["flags"] == "hidden" and "icon.css" in row["address"]]
    assert len([row for row in files if row["flags"] == "hidden"]) == 8
