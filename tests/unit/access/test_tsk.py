"""Laws of the reader of NTFS and ext: nothing that cannot be read vanishes, and nothing crashes on it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipeline.access.filesystems import open_file_system
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions, Image
from pipeline.access.tsk import describe_tsk, open_tsk
from pipeline.access.tsk_medium import TskMedium
from pipeline.access.volumes import scan_volumes
from pipeline.errors import UnreadableError
from pipeline.records import Certainty, Diagnostic, FileEntry, Origin, Severity, Volume
from tests.builders.disks import Bytes, Medium
from tests.builders.file_systems import TEXT, make_ext, make_fat, make_ntfs, run

OPTIONS = FileSystemOptions()
pytestmark = pytest.mark.tools


def _volume(image: Image) -> Volume:
    return next(row for row in scan_volumes(image, "EX-01", OPTIONS) if isinstance(row, Volume))


def _rows(data: Bytes, volume: Volume) -> tuple[list[FileEntry], list[Diagnostic]]:
    rows = list(open_tsk(data, volume, OPTIONS).entries())
    return [row for row in rows if isinstance(row, FileEntry)], [row for row in rows if isinstance(row, Diagnostic)]


def _inode_table(path: Path) -> int:
    """Return the byte at which the first inode table lies."""
    for line in run("dumpe2fs", path).decode().splitlines():
        if "Inode table at" in line:
            return int(line.split("Inode table at ")[1].split("-")[0]) * 1024
    raise AssertionError("dumpe2fs names no inode table")


def test_a_sound_volume_has_no_diagnostics(tmp_path: Path) -> None:
    path = make_ext(tmp_path, "-b", "1024", files=20)
    _, troubles = _rows(Bytes(path.read_bytes()), _volume(open_image(path)))
    assert troubles == []


def test_unreadable_inodes_are_a_loss_and_the_rest_is_listed(tmp_path: Path) -> None:
    path = make_ext(tmp_path, "-b", "1024", "-I", "256", files=20)
    volume, data = _volume(open_image(path)), path.read_bytes()
    lost = (_inode_table(path) + 15 * 256, 1024)
    whole = {row.path for row in _rows(Bytes(data), volume)[0]}
    entries, troubles = _rows(Bytes(data, broken=[lost]), volume)
    losses = [row for row in troubles if row.code == "unreadable"]
    assert {row.severity for row in troubles} == {Severity.LOSS}
    assert losses
    assert {row.path for row in entries if row.kind != "metadata"} <= whole
    assert len([row for row in entries if row.size == 7000 * 19]) == 1


def test_unreadable_directory_is_a_loss(tmp_path: Path) -> None:
    path = make_ext(tmp_path, "-b", "1024", files=20)
    volume, data = _volume(open_image(path)), path.read_bytes()
    root = next(row for row in _rows(Bytes(data), volume)[0] if row.path == "/")
    _, troubles = _rows(Bytes(data, broken=[(root.runs[0].start, root.runs[0].length)]), volume)
    assert "unreadable" in {row.code for row in troubles}
    assert {row.severity for row in troubles} == {Severity.LOSS}


def test_unreadable_mft_is_a_loss(tmp_path: Path) -> None:
    path = make_ntfs(tmp_path)
    volume, data = _volume(open_image(path)), path.read_bytes()
    table = next(row for row in _rows(Bytes(data), volume)[0] if row.path == "/$MFT")
    lost = (table.runs[0].start + 40 * 1024, 4096)
    _, troubles = _rows(Bytes(data, broken=[lost]), volume)
    assert "unreadable" in {row.code for row in troubles}


def test_unreadable_super_block_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = make_ext(tmp_path)
    with pytest.raises(UnreadableError, match="byte 1024 cannot be read"):
        describe_tsk(Bytes(path.read_bytes(), broken=[(1024, 1024)]))


def test_unreadable_content_is_an_error_at_reading(tmp_path: Path) -> None:
    path = make_ntfs(tmp_path)
    volume, data = _volume(open_image(path)), path.read_bytes()
    entry = next(row for row in _rows(Bytes(data), volume)[0] if row.path == "/x.txt")
    assert open_tsk(Bytes(data), volume, OPTIONS).read(entry, 0, 9999) == TEXT
    broken = Bytes(data, broken=[(entry.runs[0].start + 4096, 512)])
    with pytest.raises(UnreadableError, match="cannot"):
        open_tsk(broken, volume, OPTIONS).read(entry, 0, 9999)


def test_ranges_that_touch_are_told_as_one() -> None:
    medium = TskMedium(Bytes(bytes(4096), broken=[(0, 4096)]))
    assert [medium.read(at, 512) for at in (1024, 0, 512, 3072)] == [b"", b"", b"", b""]
    assert [(start, length) for start, length, _ in medium.lost_ranges()] == [(0, 1536), (3072, 512)]
    assert medium.failures == 4


def test_listing_twice_gives_the_same_rows(tmp_path: Path) -> None:
    path = make_ext(tmp_path, "-b", "1024", files=20)
    fs = open_tsk(Bytes(path.read_bytes()), _volume(open_image(path)), OPTIONS)
    assert list(fs.entries()) == list(fs.entries())


def test_short_link_is_read_from_its_inode(tmp_path: Path) -> None:
    path = make_ext(tmp_path, kind="ext2")
    run("debugfs", "-w", "-R", "symlink /short x.txt", path)
    volume, data = _volume(open_image(path)), Bytes(path.read_bytes())
    entry = next(row for row in _rows(data, volume)[0] if row.path == "/short")
    assert (entry.kind, entry.size, entry.runs, entry.reader) == ("link", 5, (), "file-system")
    assert open_tsk(data, volume, OPTIONS).read(entry, 0, 99) == b"x.txt"


def test_runs_end_with_the_file(tmp_path: Path) -> None:
    path = make_ext(tmp_path, "-b", "1024", kind="ext2")
    entry = next(row for row in _rows(Bytes(path.read_bytes()), _volume(open_image(path)))[0] if row.path == "/x.txt")
    assert (entry.size, sum(run.length for run in entry.runs), min(run.start for run in entry.runs) > 0) == (
        5000, 5120, True,
    )  # fmt: skip


def test_blocks_of_block_numbers_are_metadata_and_no_second_file(tmp_path: Path) -> None:
    path = make_ext(tmp_path, "-b", "1024", kind="ext2", files=12)
    entries, _ = _rows(Bytes(path.read_bytes()), _volume(open_image(path)))
    named = [(row.stream, row.kind) for row in entries if row.path == "/file-10"]
    assert named == [("", "file"), ("$Indirect", "metadata")]


def test_deleted_ntfs_file_keeps_its_name_and_runs(tmp_path: Path) -> None:
    path = make_ntfs(tmp_path)
    before = next(row for row in _rows(Bytes(path.read_bytes()), _volume(open_image(path)))[0] if row.path == "/x.txt")
    data = bytearray(path.read_bytes())
    record = data.index(b"x\0.\0t\0x\0t\0", data.index(b"FILE0")) // 1024 * 1024
    data[record + 22] &= 0xFE  # not in use
    data[record + 16] += 1  # its sequence number, as deleting raises it
    path.write_bytes(data)
    entries, _ = _rows(Bytes(bytes(data)), _volume(open_image(path)))
    deleted = [row for row in entries if row.path == "/x.txt"]
    assert [(row.origin, row.size, row.runs) for row in deleted] == [(Origin.DELETED, 5000, before.runs)]
    assert deleted[0].certainty in {Certainty.INTACT, Certainty.OVERWRITTEN}


def test_sleuth_kit_reads_fat_times_in_the_process_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trap: why FAT is never dated through The Sleuth Kit."""
    path = make_fat(tmp_path, size=2 << 20)
    volume, seen = _volume(open_image(path)), []
    for zone in ("UTC", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        rows, _ = _rows(Bytes(path.read_bytes()), volume)
        seen.append(next(row.modified for row in rows if row.path == "/x.txt"))
    monkeypatch.undo()
    time.tzset()
    assert volume.reader == "own"
    assert seen[0] != seen[1]


def test_own_fat_times_do_not_depend_on_the_process_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = open_image(make_fat(tmp_path, size=2 << 20))
    seen = []
    for zone in ("UTC", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        rows = list(open_file_system(image, _volume(image), OPTIONS).entries())
        seen.append([(row.path, row.modified) for row in rows if isinstance(row, FileEntry)])
    monkeypatch.undo()
    time.tzset()
    assert seen[0] == seen[1] != []


def test_unreadable_snapshot_catalogue_is_said(tmp_path: Path) -> None:
    image = Medium(make_ntfs(tmp_path), broken=[(0x1E00, 512)])
    rows = list(scan_volumes(image, "EX-01", OPTIONS))
    assert [row.state for row in rows if isinstance(row, Volume)] == ["open", "unsupported"]
    assert [(row.code, row.severity) for row in rows if isinstance(row, Diagnostic)] == [
        ("layer-damaged", Severity.LOSS)
    ]
