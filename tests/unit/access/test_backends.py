"""File systems that dfVFS's back ends read: made by their tools, or real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.access.backends import open_backend
from pipeline.access.content import Opener
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions, Image
from pipeline.access.reconcile import list_volume
from pipeline.access.volumes import scan_volumes
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, FileEntry, Volume
from tests.builders.disks import gpt_disk
from tests.builders.file_systems import TEXT, make_iso, make_xfs
from tests.real_data import real_path

OPTIONS = FileSystemOptions()


def _listing(image: Image) -> tuple[list[Volume], list[FileEntry], list[Diagnostic]]:
    rows = list(scan_volumes(image, "EX-01", OPTIONS))
    volumes = [row for row in rows if isinstance(row, Volume)]
    listed = [entry for row in volumes if row.state == "open" for entry in list_volume(image, row, OPTIONS)]
    remarks = [row for row in [*rows, *listed] if isinstance(row, Diagnostic)]
    return volumes, [row for row in listed if isinstance(row, FileEntry)], remarks


def _read(image: Image, volumes: list[Volume], entry: FileEntry) -> bytes:
    return Opener(image, {row.address: row for row in volumes}, OPTIONS).open(entry).read(0, 9999)


@pytest.mark.tools
def test_xfs_is_listed_and_read(tmp_path: Path) -> None:
    image = open_image(make_xfs(tmp_path))
    volumes, entries, remarks = _listing(image)
    assert ([row.file_system for row in volumes], remarks) == (["XFS"], [])
    found = {row.path: row for row in entries if row.kind != "metadata"}
    assert sorted(path for path in found if path != "/") == ["/folder", "/folder/x.txt", "/x.txt"]
    for path in ("/x.txt", "/folder/x.txt"):
        entry = found[path]
        assert (entry.size, _read(image, volumes, entry)) == (5000, TEXT)
        assert image.read(entry.runs[0].start, 5000) == TEXT


@pytest.mark.tools
def test_iso_image_is_listed_and_read(tmp_path: Path) -> None:
    image = open_image(make_iso(tmp_path))
    volumes, entries, remarks = _listing(image)
    assert ([row.file_system for row in volumes], remarks) == (["ISO9660"], [])
    found = {row.path.lower(): row for row in entries if row.kind == "file"}
    assert {"/x.txt", "/folder/x.txt"} <= set(found)
    for path in ("/x.txt", "/folder/x.txt"):
        assert (found[path].size, _read(image, volumes, found[path])) == (5000, TEXT)


@pytest.mark.tools
def test_runs_are_image_offsets_in_a_partition_too(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(gpt_disk([make_iso(tmp_path).read_bytes()]))
    image = open_image(path)
    _, entries, _ = _listing(image)
    placed = [row for row in entries if row.kind == "file" and row.runs and row.size == 5000]
    assert placed
    assert {image.read(row.runs[0].start, 5000) for row in placed} == {TEXT}


def test_hfs_plus_in_a_compressed_container_is_listed_and_read() -> None:
    image = open_image(real_path("plaso/test_data/hfsplus_zlib.dmg"))
    volumes, entries, remarks = _listing(image)
    assert ([(row.address, row.file_system) for row in volumes], remarks) == ([("EX-01!part:p1", "HFS+")], [])
    (entry,) = [row for row in entries if row.path == "/passwords.txt"]
    content = _read(image, volumes, entry)
    assert (entry.size, len(content), content.startswith(b"place,user,password")) == (116, 116, True)
    assert image.read(entry.runs[0].start, 116) == content


def test_volume_that_no_back_end_knows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(bytes(65536))
    image = open_image(path)
    (volume,) = [row for row in scan_volumes(image, "EX-01", OPTIONS) if isinstance(row, Volume)]
    with pytest.raises(UnreadableError, match="no back end"):
        open_backend(image, volume, OPTIONS)
