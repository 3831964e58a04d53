"""Files that hold pages of memory are carved inside; a hibernation file's pages are unpacked, scanned and carved."""

from __future__ import annotations

import io
import random
import subprocess
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.carvers import engine
from pipeline.decoders import Member, Trouble
from pipeline.stages.examine_content import BytesReadable
from pipeline.stages.examine_memory import objects_in
from pipeline.store import Store
from tests.builders.hibernation import PAGE, windows_10
from tests.e2e.conftest import akashi
from tests.unit.carvers.test_letters_and_ntfs import letter

PROSE = ("これは日本語の文章です。市役所の窓口で申請を受け付け、台帳に記入しました。\n" * 8).encode()


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory, tools: Callable[..., None]) -> dict[str, list[dict[str, Any]]]:
    tools("mkfs.vfat", "mcopy")
    folder = tmp_path_factory.mktemp("memory")
    noise = random.Random(5).randbytes(8 * PAGE)
    page = bytearray(noise[: 16 * PAGE])
    page[PAGE : PAGE + len(PROSE) + 1] = PROSE + b"\0"
    pages = [letter().replace(b"a@example", b"hidden.person@example").ljust(PAGE, b"\0"), *[b"." * PAGE] * 15]
    (folder / "pagefile.sys").write_bytes(bytes(page))
    (folder / "hiberfil.sys").write_bytes(windows_10([b"." * PAGE] * 8, pages))
    volume = folder / "disk.raw"
    volume.write_bytes(bytes(4 << 20))
    subprocess.run(["mkfs.vfat", volume], check=True, capture_output=True)
    for name in ("pagefile.sys", "hiberfil.sys"):
        subprocess.run(["mcopy", "-i", volume, folder / name, f"::{name}"], check=True, capture_output=True)
    akashi("init", folder, check=0)
    settings = folder / "case.toml"
    exhibit = '\n[[exhibit]]\nlabel = "PC-01"\nrole = "workstation"\nimage = "disk.raw"\n'
    settings.write_text(settings.read_text(encoding="utf-8") + exhibit, encoding="utf-8")
    akashi("run", folder, "--stage", "examine", "--workers", "1")
    store = Store(folder / "out")
    found = {name: store.mapped("examine", name).to_pylist() for name in ("files", "detections")}
    found["examinations"] = store.mapped("examine", "examinations").to_pylist()
    return found


def test_a_text_in_the_page_file_is_an_object_of_it(tables: dict[str, list[dict[str, Any]]]) -> None:
    (pagefile,) = (row for row in tables["files"] if row["path"].lower() == "/pagefile.sys")
    (text,) = (row for row in tables["files"] if row["type"] == "text" and row["origin"] == "carved")
    assert (text["size"], text["flags"], text["parent"]) == (len(PROSE), "utf-8", pagefile["id"])


def test_a_letter_in_unpacked_pages_is_found_and_opened(tables: dict[str, list[dict[str, Any]]]) -> None:
    paths = {row["path"]: row["type"] for row in tables["files"] if row["origin"] == "member"}
    assert paths["pages-000000"] == "unknown"
    assert paths[f"pages-000000/{8 * PAGE}+{len(letter()) + 12}"] == "mail"
    addresses = [row for row in tables["detections"] if row["kind"] == "email" and not row["locator"]]
    assert {row["path"] for row in addresses} == {"pages-000000"}


def test_the_hibernation_file_is_decoded_in_full(tables: dict[str, list[dict[str, Any]]]) -> None:
    (hibernated,) = (row for row in tables["files"] if row["type"] == "hibernation")
    outcomes = {(row["outcome"], row["reason"]) for row in tables["examinations"]
                if row["subject"] == hibernated["id"] and row["examined_by"] == "decoded"}  # fmt: skip
    assert outcomes == {("examined", "")}


def test_an_object_that_is_not_whole_says_so() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for number in range(40):
            writer.writestr(f"{number}.txt", random.Random(number).randbytes(200))
    for data, flag in ((archive.getvalue(), ""), (archive.getvalue()[:-2600], "partial")):
        page = data.ljust(4 * PAGE, b"\xff")
        (found,) = objects_in(Member("pages-000001", page), BytesReadable(page))
        assert not isinstance(found, Trouble)
        assert (found[0].path.partition("+")[0], found[1]) == ("pages-000001/0", flag)


def test_what_is_not_carved_of_the_pages_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LOST_BASE", 0)
    monkeypatch.setattr(engine, "LOST_RATE", 1)
    page = b"\0SQLite format 3\0" * 4096
    (told,) = objects_in(Member("pages-000002", page), BytesReadable(page))
    assert isinstance(told, Trouble)
    assert told.code == "memory-not-carved"
    assert told.message.startswith("pages-000002: from byte ")
