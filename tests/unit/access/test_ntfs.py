"""The own NTFS reader beside The Sleuth Kit, on volumes that real tools wrote."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Final

import pytest

from pipeline.access.content import RunReadable
from pipeline.access.filesystems import open_file_system
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystem, FileSystemOptions, Image
from pipeline.access.ntfs import NtfsFileSystem, describe_ntfs, open_mft_file, open_ntfs
from pipeline.access.raw import RawImage
from pipeline.access.reconcile import list_volume
from pipeline.access.tsk import open_tsk
from pipeline.access.volumes import open_volume, scan_volumes
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, FileEntry, Origin, Region, Volume
from tests.builders import mft
from tests.builders.images import missing_tools
from tests.real_data import real_path

OPTIONS: Final = FileSystemOptions()
TOOLS: Final = pytest.mark.skipif(
    bool(missing_tools()) or not Path("/dev/fuse").exists(), reason="mkntfs or ntfs-3g with FUSE is missing"
)
# What the two readers say differently of a live entry, and why ours stands.
EXPLAINED: Final = {
    "size": "a folder's size: ours is that of its index blocks, TSK's that of the root of its index alone",
    "initialised_size": "follows the folder's size",
    "runs": "TSK drops the hole at the end of a compressed stream and the one that is all of $BadClus:$Bad",
    "reader": "a stream that is one hole has runs by ours",
    "kind": "TSK knows no links on NTFS",
    "listed_by": "names the reader",
}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mft.rich_volume(tmp_path_factory.mktemp("ntfs"), deleted=False)


@pytest.fixture(scope="module")
def used(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = Path(shutil.copy(fresh, tmp_path_factory.mktemp("used") / "rich.raw"))
    mft.remove_from(path)
    return path


def _opened(path: Path) -> tuple[Image, Volume, FileSystem, FileSystem]:
    image = open_image(path)
    volume = next(
        row for row in scan_volumes(image, "EX-01", OPTIONS) if isinstance(row, Volume) and row.file_system == "NTFS"
    )
    data = open_volume(image, volume, OPTIONS)
    return image, volume, open_ntfs(data, volume, OPTIONS), open_tsk(data, volume, OPTIONS)


def _rows(fs: FileSystem) -> dict[str, FileEntry]:
    rows = [row for row in fs.entries() if isinstance(row, FileEntry)]
    found = {row.address: row for row in rows}
    assert len(found) == len(rows)
    return found


def _differences(own: dict[str, FileEntry], tsk: dict[str, FileEntry]) -> set[str]:
    """Return the fields in which rows of one address differ, where the difference is not an explained one."""
    odd: set[str] = set()
    for address in own.keys() & tsk.keys():
        ours, theirs = own[address], tsk[address]
        for field in fields(FileEntry):
            if getattr(ours, field.name) != getattr(theirs, field.name) and not _explained(field.name, ours, theirs):
                odd.add(f"{address} {field.name}")
    return odd


def _explained(name: str, ours: FileEntry, theirs: FileEntry) -> bool:
    if name in {"size", "initialised_size"}:
        return theirs.kind == "directory"
    if name.startswith("name_"):
        return getattr(theirs, name) is None  # pytsk3 has no times of names
    if name in {"runs", "reader"}:
        assert isinstance(ours.runs, tuple)
        return [run for run in ours.runs if run.start >= 0] == [run for run in theirs.runs if run.start >= 0]
    if name == "kind":
        return ours.kind == "link" and "reparse" in ours.flags
    return name in EXPLAINED


def _live(rows: dict[str, FileEntry]) -> dict[str, FileEntry]:
    return {address: row for address, row in rows.items() if row.origin == Origin.ALLOCATED}


def _digest(image: Image, fs: FileSystem, entry: FileEntry) -> str:
    readable = RunReadable(image, entry) if entry.reader == "runs" else None
    total, at = hashlib.sha256(), 0
    while at < entry.size:
        piece = readable.read(at, 1 << 20) if readable else fs.read(entry, at, 1 << 20)
        assert piece
        total.update(piece)
        at += len(piece)
    return total.hexdigest()


@TOOLS
def test_live_entries_are_those_of_the_sleuth_kit(fresh: Path) -> None:
    _, _, own, tsk = _opened(fresh)
    ours, theirs = _live(_rows(own)), _live(_rows(tsk))
    assert len(ours) > 900
    assert ours.keys() == theirs.keys()
    assert _differences(ours, theirs) == set()


@TOOLS
def test_contents_are_those_of_the_sleuth_kit(fresh: Path) -> None:
    image, _, own, tsk = _opened(fresh)
    theirs = _rows(tsk)
    compared = 0
    for address, entry in _live(_rows(own)).items():
        if theirs[address].kind == "directory" or entry.stream == "$Bad":
            continue
        compared += 1
        assert _digest(image, own, entry) == _digest(image, tsk, theirs[address]), address
    assert compared > 900


@TOOLS
def test_everything_deleted_that_the_sleuth_kit_knows_is_listed_with_its_runs(used: Path) -> None:
    _, _, own, tsk = _opened(used)
    ours, theirs = _rows(own), _rows(tsk)
    assert _live(ours).keys() == _live(theirs).keys()
    by_stream = {(row.meta, row.stream): row for row in ours.values()}
    gone = [row for row in theirs.values() if row.origin != Origin.ALLOCATED and "/inode-" not in row.path]
    assert len(gone) > 60
    for row in gone:
        found = by_stream[row.meta, row.stream]
        assert found.path.rpartition("/")[2] == row.path.rpartition("/")[2]
        if row.runs and row.kind != "directory":
            assert (found.runs, found.size, found.certainty) == (row.runs, row.size, row.certainty)


@TOOLS
def test_files_of_a_deleted_folder_keep_its_path(used: Path) -> None:
    _, _, own, _ = _opened(used)
    inside = [row for row in _rows(own).values() if row.path.startswith("/d4/")]
    assert len(inside) >= 40
    assert {row.origin for row in inside} == {Origin.DELETED}
    assert not any(row.path.startswith("/$OrphanFiles/file with") for row in _rows(own).values())


@TOOLS
def test_streams_links_and_flags(fresh: Path) -> None:
    _, _, own, _ = _opened(fresh)
    rows = {(row.path, row.stream): row for row in _rows(own).values()}
    assert rows["/a/main.txt", "Zone.Identifier"].size == 26
    assert rows["/a/main.txt", ""].flags == "hidden,system"
    assert rows["/a/b", "of folder"].kind == "file"
    assert (rows["/a/symlink", ""].kind, rows["/a/junction", ""].kind) == ("link", "link")
    assert rows["/a/sparse.bin", ""].flags == "sparse"
    assert rows["/a/sparse.bin", ""].initialised_size == 5_000_003
    assert rows["/packed/text.txt", ""].reader == "file-system"
    assert rows["/d1/file with a long name 0001.txt", ""].short_name == "FILEWI~1.TXT"
    hard = [row for row in rows.values() if row.meta == rows["/a/main.txt", ""].meta and not row.stream]
    assert len(hard) == 41
    assert rows["/$MFT", ""].kind == "metadata"
    assert len(rows["/fragmented.bin", ""].runs) > 200


@TOOLS
@pytest.mark.parametrize("name", ["/packed/text.txt", "/packed/mixed.bin", "/a/sparse.bin", "/fragmented.bin"])
def test_a_part_is_the_part_of_the_whole(fresh: Path, name: str) -> None:
    _, _, own, _ = _opened(fresh)
    entry = next(row for row in _rows(own).values() if row.path == name)
    whole = own.read(entry, 0, entry.size)
    assert len(whole) == entry.size
    for start, length in (
        (0, 1),
        (4095, 2),
        (65_535, 70_000),
        (entry.size - 3, 99),
        (entry.size, 5),
        (131_072, 65_536),
    ):
        assert own.read(entry, start, length) == whole[start : start + length]


@TOOLS
def test_regions_are_those_of_the_sleuth_kit(used: Path) -> None:
    _, _, own, tsk = _opened(used)
    kinds = {"free", "boot"}
    ours = {row for row in own.regions() if isinstance(row, Region)}
    theirs = {row for row in tsk.regions() if isinstance(row, Region) and row.name in kinds}
    assert theirs <= ours
    assert {row.name for row in ours - theirs} == {"boot copy"}


@TOOLS
def test_damaged_first_record_is_read_from_the_mirror(fresh: Path, tmp_path: Path) -> None:
    _, volume, own, _ = _opened(fresh)
    before = _rows(own)
    raw = bytearray(fresh.read_bytes())
    place = int.from_bytes(raw[48:56], "little") * 4096
    raw[place : place + 1024] = bytes(1024)
    path = tmp_path / "damaged.raw"
    path.write_bytes(raw)
    image = RawImage([path])
    fs = open_ntfs(image, volume, OPTIONS)
    after = list(fs.entries())
    assert {row.address for row in after if isinstance(row, FileEntry)} == before.keys() - {"EX-01!fs:/$MFT"} - {
        "EX-01!fs:/$MFT!stream:$Bitmap"
    }
    assert "mft-damaged" in {row.code for row in after if isinstance(row, Diagnostic)}


@TOOLS
def test_torn_record_is_told_and_still_listed(fresh: Path, tmp_path: Path) -> None:
    _, volume, own, _ = _opened(fresh)
    victim = next(row for row in _rows(own).values() if row.path == "/a/main.txt" and not row.stream)
    raw = bytearray(fresh.read_bytes())
    place = int.from_bytes(raw[48:56], "little") * 4096 + victim.meta * 1024
    raw[place + 1022] ^= 0xFF
    path = tmp_path / "torn.raw"
    path.write_bytes(raw)
    rows = list(open_ntfs(RawImage([path]), volume, OPTIONS).entries())
    assert victim in rows
    told = [row.message for row in rows if isinstance(row, Diagnostic) and row.code == "fixup"]
    assert len(told) == 1
    assert str(victim.meta) in told[0]


@TOOLS
def test_a_case_lists_ntfs_by_both_readers(fresh: Path) -> None:
    image, volume, _, _ = _opened(fresh)
    assert (volume.reader, volume.label, volume.block_size) == ("own", "RICH", 4096)
    assert isinstance(open_file_system(image, volume, OPTIONS), NtfsFileSystem)
    rows = [row for row in list_volume(image, volume, OPTIONS) if isinstance(row, FileEntry)]
    live = {row.path: row.listed_by for row in rows if row.origin == Origin.ALLOCATED and row.kind == "file"}
    assert set(live.values()) == {"own+tsk"}


@TOOLS
def test_description_is_that_of_the_boot_sector(fresh: Path) -> None:
    raw = fresh.read_bytes()
    facts = describe_ntfs(RawImage([fresh]))
    assert facts == {
        "file_system": "NTFS", "block_size": 4096, "label": "RICH", "serial": raw[72:80][::-1].hex().upper(),
    }  # fmt: skip


def test_windows_volume_of_the_field_is_listed_as_the_sleuth_kit_does() -> None:
    image, _, own, tsk = _opened(real_path("dfvfs/test_data/windows_volume.qcow2"))
    ours, theirs = _rows(own), _rows(tsk)
    assert ours.keys() == theirs.keys()
    assert _differences(ours, theirs) == set()
    for address, entry in ours.items():
        if theirs[address].kind != "directory" and entry.stream != "$Bad":
            assert _digest(image, own, entry) == _digest(image, tsk, theirs[address]), address


def test_deleted_file_of_an_exported_table_keeps_its_path() -> None:
    image = open_image(real_path("dfir_ntfs/test_data/deleted.mft"))
    volume = Volume(
        address="EX-01", exhibit="EX-01", start=0, length=image.size, direct=False, scheme="none", part_type="",
        file_system="NTFS", label="", serial="", block_size=4096, encryption="", state="open", reader="own",
    )  # fmt: skip
    fs = open_mft_file(image, volume)
    found = [row for row in fs.entries() if isinstance(row, FileEntry) and row.path == "/1/2/3/4/file.txt"]
    assert [(row.origin, row.size) for row in found] == [(Origin.DELETED, 3)]
    assert len(fs.read(found[0], 0, 99)) == 3


def test_no_ntfs_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "none.raw"
    path.write_bytes(bytes(1 << 16))
    with pytest.raises(UnreadableError, match="no NTFS boot sector"):
        describe_ntfs(RawImage([path]))
