"""Guards against what the libraries underneath get wrong: a change there must not pass unseen."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from dfvfs.analyzer import analyzer
from dfvfs.lib import definitions

from pipeline.access.dfvfs_layers import prepare
from pipeline.access.filesystems import open_file_system
from pipeline.access.image import CONTAINER_MARKS, open_image
from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.reconcile import list_volume
from pipeline.access.tsk import open_tsk
from pipeline.access.volumes import open_volume, scan_volumes
from pipeline.records import Diagnostic, FileEntry, Origin, Volume, VolumeState
from tests.builders.file_systems import make_fat, make_ntfs

OPTIONS = FileSystemOptions()
SECTOR = 512
SIZE = 4 << 20


def _ext2(path: Path) -> bytes:
    """Return a volume with /kept.txt, and /gone.txt deleted."""
    tools = [shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin") for name in ("mke2fs", "debugfs")]
    if None in tools:
        pytest.skip("left out: e2fsprogs is not installed")
    (path / "tree").mkdir()
    for name in ("kept.txt", "gone.txt"):
        (path / "tree" / name).write_bytes(b"x" * 3000)
    target = path / "volume"
    target.write_bytes(bytes(SIZE))
    subprocess.run([str(tools[0]), "-q", "-t", "ext2", "-d", str(path / "tree"), str(target)], check=True)
    subprocess.run([str(tools[1]), "-w", "-R", "rm /gone.txt", str(target)], check=True, capture_output=True)
    return target.read_bytes()


def _disk(path: Path, volumes: list[bytes]) -> Path:
    """Return an MBR disk of volumes, one behind another."""
    sector, start = bytearray(SECTOR), 8
    for number, volume in enumerate(volumes):
        count = len(volume) // SECTOR
        struct.pack_into("<B3sB3sII", sector, 446 + 16 * number, 0, b"", 0x83, b"", start, count)
        start += count
    sector[510:] = b"\x55\xaa"
    target = path / "disk.raw"
    target.write_bytes(bytes(sector) + bytes(7 * SECTOR) + b"".join(volumes))
    return target


def _marked(offset: int, magic: bytes) -> bytes:
    volume = bytearray(1 << 20)
    volume[offset : offset + len(magic)] = magic
    return bytes(volume)


def test_dfvfs_reads_fat_with_the_sleuth_kit() -> None:
    prepare()
    assert definitions.PREFERRED_FAT_BACK_END == definitions.TYPE_INDICATOR_TSK


def test_locked_and_unknown_partitions_do_not_spoil_the_good_one(tmp_path: Path) -> None:
    luks, btrfs = _marked(0, b"LUKS\xba\xbe\x00\x02"), _marked(0x10040, b"_BHRfS_M")
    rows = list(scan_volumes(open_image(_disk(tmp_path, [luks, btrfs, _ext2(tmp_path)])), "EX-01", OPTIONS))
    volumes = [(row.address, row.state, row.encryption or row.file_system) for row in rows if isinstance(row, Volume)]
    assert volumes == [
        ("EX-01!part:p1", VolumeState.LOCKED, "LUKS2"),
        ("EX-01!part:p2", VolumeState.UNSUPPORTED, "btrfs"),
        ("EX-01!part:p3", VolumeState.OPEN, "ext2"),
    ]
    assert {row.address for row in rows if isinstance(row, Diagnostic)} == {"EX-01!part:p1", "EX-01!part:p2"}


def test_image_without_a_file_system_is_never_the_examiners_own(tmp_path: Path) -> None:
    path = tmp_path / "wiped.raw"
    path.write_bytes(b"\xa5" * (1 << 20))
    rows = list(scan_volumes(open_image(path), "EX-01", OPTIONS))
    states = [(row.address, row.state) for row in rows if isinstance(row, Volume)]
    assert states == [("EX-01", VolumeState.UNSUPPORTED)]
    assert [row.code for row in rows if isinstance(row, Diagnostic)] == ["no-file-system"]


def test_deleted_names_are_listed_although_dfvfs_hides_them(tmp_path: Path) -> None:
    image = open_image(_disk(tmp_path, [_ext2(tmp_path)]))
    (volume,) = [row for row in scan_volumes(image, "EX-01", OPTIONS) if isinstance(row, Volume)]
    entries = [row for row in list_volume(image, volume, OPTIONS) if isinstance(row, FileEntry)]
    named = {row.path: (row.origin, row.listed_by) for row in entries if row.path.endswith(".txt")}
    assert named == {"/kept.txt": (Origin.ALLOCATED, "tsk+dfvfs"), "/gone.txt": (Origin.DELETED, "tsk")}


def test_the_sleuth_kit_maims_japanese_short_names_that_the_own_reader_decodes(tmp_path: Path) -> None:
    path = make_fat(tmp_path, size=2 << 20, name="aaaaaa.csv")
    data = path.read_bytes()
    assert data.count(b"AAAAAA  CSV") == 1
    path.write_bytes(data.replace(b"AAAAAA  CSV", "\u8868".encode("cp932").ljust(8) + b"CSV"))
    image = open_image(path)
    (volume,) = [row for row in scan_volumes(image, "EX-01", OPTIONS) if isinstance(row, Volume)]
    maimed = [row.path for row in open_tsk(open_volume(image, volume, OPTIONS), volume, OPTIONS).entries()
               if isinstance(row, FileEntry) and row.size == 5000 and row.origin == Origin.ALLOCATED]  # fmt: skip
    kept = [row.path for row in open_file_system(image, volume, OPTIONS).entries()
            if isinstance(row, FileEntry) and row.size == 5000]  # fmt: skip
    assert (maimed, kept) == (["/^\\.csv"], ["/\u8868.csv"])


def test_volume_without_snapshots_has_none(tmp_path: Path) -> None:
    rows = list(scan_volumes(open_image(make_ntfs(tmp_path)), "EX-01", OPTIONS))
    assert [(row.address, row.scheme) for row in rows if isinstance(row, Volume)] == [("EX-01", "none")]
    assert [row for row in rows if isinstance(row, Diagnostic)] == []


def test_every_mark_by_which_dfvfs_knows_a_container_is_looked_for() -> None:
    store, others = analyzer.Analyzer._GetSpecificationStore(definitions.FORMAT_CATEGORY_STORAGE_MEDIA_IMAGE)
    marks = {(mark.offset, mark.pattern) for kind in store.specifications for mark in kind.signatures}
    assert set(CONTAINER_MARKS) == marks
    assert not others
