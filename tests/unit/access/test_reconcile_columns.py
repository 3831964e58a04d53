"""Comparing in columns finds what comparing row by row finds, on sound volumes and on ones whose indexes lie."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.access import reconcile
from pipeline.access.filesystems import open_file_system
from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.mapped_pages import MappedPages
from pipeline.access.ntfs import open_ntfs
from pipeline.access.pages import Addresses, Page, entries_in
from pipeline.access.raw import RawImage
from pipeline.access.reconcile import list_batches
from pipeline.access.volumes import scan_volumes
from pipeline.records import Diagnostic, FileEntry, Run, Volume
from tests.builders.mft import rich_volume

OPTIONS = FileSystemOptions()
pytestmark = pytest.mark.tools("mkntfs", "ntfs-3g")


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rich_volume(tmp_path_factory.mktemp("rich"), deleted=True)


def spoilt(path: Path, target: Path) -> Path:
    """Return a copy in which folder indexes name other files than records do, and two of their blocks are gone."""
    data = bytearray(path.read_bytes())
    for number in (1, 2, 4, 7, 10, 11, 13):
        name = f"file with a long name {number:04d}.txt".encode("utf-16-le")
        for match in re.finditer(re.escape(name), bytes(data)):
            block = match.start() // 1024 * 1024
            in_record = data[block : block + 4] == b"FILE"
            if in_record == (number >= 10):
                data[match.start() + (2 if in_record else 0)] = ord("Z")
    places = [match.start() for match in re.finditer(rb"INDX\x28", bytes(data))]
    for place in places[5:7]:
        data[place : place + 4096] = bytes(4096)
    target.write_bytes(data)
    return target


def by_rows(image: RawImage, volume: Volume) -> list[FileEntry | Diagnostic]:
    first = open_file_system(image, volume, OPTIONS)
    return list(reconcile._rows(first, image, volume, OPTIONS, "tsk"))


def in_order(rows: list[FileEntry | Diagnostic]) -> list[FileEntry | Diagnostic]:
    return sorted(rows, key=lambda row: (row.address, row.id))


@pytest.mark.parametrize("damaged", [False, True])
def test_columns_settle_what_rows_settle(damaged: bool, rich: Path, tmp_path: Path) -> None:
    image = RawImage([spoilt(rich, tmp_path / "spoilt.raw") if damaged else rich])
    volume = next(row for row in scan_volumes(image, "E", OPTIONS) if isinstance(row, Volume))
    found, expected = list(entries_in(list_batches(image, volume, OPTIONS))), by_rows(image, volume)
    assert in_order(found) == in_order(expected)
    entries = [row for row in found if isinstance(row, FileEntry)]
    assert len({row.id for row in entries}) == len(entries)
    codes = {row.code for row in found if isinstance(row, Diagnostic)}
    assert ("listed-by-one" in codes) == damaged
    assert ("tsk" in {row.listed_by for row in entries}) == damaged
    image.close()


def test_a_second_reader_that_cannot_open_the_volume_leaves_the_first(
    rich: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = RawImage([rich])
    volume = next(row for row in scan_volumes(image, "E", OPTIONS) if isinstance(row, Volume))
    data = RawImage([rich])
    monkeypatch.setattr(reconcile, "open_volume", lambda *_: _Nothing(data.size))
    rows = list(entries_in(list_batches(image, volume, OPTIONS)))
    assert [row.code for row in rows if isinstance(row, Diagnostic)] == ["second-listing"]
    assert {row.listed_by for row in rows if isinstance(row, FileEntry)} == {"own"}
    image.close()
    data.close()


class _Nothing:
    """Zeros, as long as a volume."""

    def __init__(self, size: int) -> None:
        self.size = size

    def read(self, start: int, length: int) -> bytes:
        return bytes(max(min(length, self.size - start), 0))


@pytest.mark.parametrize("encryption", ["", "BitLocker"])
def test_mapped_pages_say_what_mapped_rows_say(encryption: str, rich: Path) -> None:
    image = RawImage([rich])
    volume = next(row for row in scan_volumes(image, "E", OPTIONS) if isinstance(row, Volume))
    runs, at = [], 1 << 30
    for number in range(image.size // 300_000):
        start = -1 if number == 40 else at + (number * 7 % 11) * 1_000_000 * 10 + number * 900_000
        runs.append(Run(start=start, length=300_000))
    mapped = replace(volume, direct=False, runs=tuple(runs), encryption=encryption)
    fs = MappedPages(open_ntfs(image, volume, OPTIONS), mapped)
    pages = [page for page in fs.pages(Addresses()) if isinstance(page, Page)]
    assert [row for page in pages for row in entries_in([page.rows])] == list(fs.entries())
    assert all(page.rows.num_rows == len(page.attributes) for page in pages)
    image.close()
