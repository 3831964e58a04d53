"""Two listings of a volume: what only one reader knows is kept, and named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions, Image
from pipeline.access.reconcile import list_volume
from pipeline.access.volumes import scan_volumes
from pipeline.records import Diagnostic, FileEntry, Origin, Severity, Volume
from tests.builders.disks import Medium
from tests.builders.file_systems import make_ext, make_fat, make_ntfs

OPTIONS = FileSystemOptions()
pytestmark = pytest.mark.tools


def _listing(image: Image) -> tuple[list[FileEntry], list[Diagnostic]]:
    volume = next(row for row in scan_volumes(image, "EX-01", OPTIONS) if isinstance(row, Volume))
    rows = list(list_volume(image, volume, OPTIONS))
    return [row for row in rows if isinstance(row, FileEntry)], [row for row in rows if isinstance(row, Diagnostic)]


def _rewritten(path: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))
    return path


@pytest.mark.parametrize("make", [make_fat, make_ntfs, make_ext])
def test_readers_agree_on_a_sound_volume(make: object, tmp_path: Path) -> None:
    entries, remarks = _listing(open_image(make(tmp_path)))  # type: ignore[operator]
    listed = {row.listed_by for row in entries if row.path == "/x.txt"}
    assert listed in ({"own+tsk"}, {"tsk+dfvfs"})
    assert [row.address for row in remarks if row.code != "listed-by-one"] == []


@pytest.mark.parametrize("name", ["\u8868.csv", "\u7533\u8acb.csv", "\u30bd\u30fc\u30b9.csv"])
def test_japanese_short_names_are_listed_by_both_readers_by_their_place(name: str, tmp_path: Path) -> None:
    """The Sleuth Kit maims names of code page 932; where the first byte lies tells that it is the same file."""
    path = make_fat(tmp_path, size=2 << 20, name="aaaaaa.csv")
    raw = name.split(".", maxsplit=1)[0].encode("cp932").ljust(8)
    _rewritten(path, b"AAAAAA  CSV", raw + b"CSV")
    entries, remarks = _listing(open_image(path))
    found = [(row.origin, row.size) for row in entries if row.short_name.startswith(name[0]) or row.path == f"/{name}"]
    assert found == [(Origin.ALLOCATED, 5000)]
    assert [row.listed_by for row in entries if row.size == 5000] == ["own+tsk"]
    assert [row.code for row in remarks] == []


def test_entry_of_one_reader_is_kept_and_named(tmp_path: Path) -> None:
    """A name that is no UTF-8 stops one reader's listing of the folder; the other goes on."""
    path = make_ext(tmp_path, "-b", "1024", kind="ext2", files=3)
    whole, _ = _listing(open_image(path))
    entries, remarks = _listing(open_image(_rewritten(path, b"file-0", b"file\xff0")))
    paths = sorted(row.path for row in entries if row.kind == "file" and row.origin == Origin.ALLOCATED)
    assert len(paths) >= len([row for row in whole if row.kind == "file" and row.origin == Origin.ALLOCATED])
    alone = {row.address for row in entries if row.listed_by in {"tsk", "dfvfs"} and row.origin == Origin.ALLOCATED}
    alone -= {row.address for row in entries if row.kind == "metadata" or row.path == "/"}
    assert alone == {row.address for row in remarks if row.code == "listed-by-one"}


def test_second_reader_that_fails_leaves_the_first_listing(tmp_path: Path) -> None:
    path = make_ext(tmp_path, "-b", "1024", size=4 << 20)
    path.write_bytes(bytes(1024) + path.read_bytes()[1024:])
    data = bytearray(path.read_bytes())
    data[1024 + 100 : 1024 + 104] = b"\xff\xff\xff\xff"  # features that no second reader knows
    path.write_bytes(data)
    volumes = [row for row in scan_volumes(open_image(path), "EX-01", OPTIONS) if isinstance(row, Volume)]
    if volumes[0].state != "open":
        pytest.fail("the first reader refuses the volume")
    entries, remarks = _listing(open_image(path))
    assert "/x.txt" in {row.path for row in entries}
    assert {row.severity for row in remarks if row.code == "second-listing"} <= {Severity.NOTE}


def test_losses_of_the_first_reader_are_rows_of_the_listing(tmp_path: Path) -> None:
    path = make_ext(tmp_path, "-b", "1024", files=5)
    root = next(row for row in _listing(open_image(path))[0] if row.path == "/")
    _, remarks = _listing(Medium(path, broken=[(root.runs[0].start, root.runs[0].length)]))
    assert {row.severity for row in remarks if row.code in {"unreadable", "directory-damaged"}} == {Severity.LOSS}
    assert "unreadable" in {row.code for row in remarks}


def test_ids_are_unique(tmp_path: Path) -> None:
    for number, make in enumerate((make_fat, make_ntfs, make_ext)):
        folder = tmp_path / str(number)
        folder.mkdir()
        entries, _ = _listing(open_image(make(folder)))  # type: ignore[operator]
        assert len({row.id for row in entries}) == len(entries) > 0
