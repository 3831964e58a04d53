"""XFS: live and freed inodes, freed names, the account; judged by xfs_db and by what was written."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.access.found import used_of
from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.xfs import XfsFileSystem, open_xfs
from pipeline.access.xfs_layout import read_layout
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Certainty, Diagnostic, ExtentClass, FileEntry, Origin, Region, Volume
from tests.builders.file_systems import make_xfs, mounted, run
from tests.builders.reading_volumes import Bent, Listed

pytestmark = pytest.mark.tools
CONTENT = bytes(range(256)) * 390  # 99,840 bytes


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A volume on which files were written, and some deleted a mount later."""
    folder = tmp_path_factory.mktemp("xfs")
    volume = folder / "volume"
    with volume.open("wb") as file:
        file.truncate(310 << 20)
    run("mkfs.xfs", "-q", "-f", "-L", "RAVEN", volume)
    with mounted(volume, "xfs") as place:
        (place / "many").mkdir()
        for number in range(400):
            (place / "many" / f"f{number}").write_bytes(b"file %d" % number)
        for name in ("kept", "gone"):
            (place / f"{name}.bin").write_bytes(CONTENT)
        (place / "link").symlink_to("many/f1")
        (place / "far").symlink_to("x" * 700)
        with (place / "holes").open("wb") as file:
            file.write(CONTENT)
            file.seek(1 << 20)
            file.write(CONTENT)
    with mounted(volume, "xfs") as place:
        (place / "gone.bin").unlink()
        for number in (7, 8, 9, 200):
            (place / "many" / f"f{number}").unlink()
    yield volume
    volume.unlink()


@pytest.fixture(scope="module")
def listed(lived_in: Path) -> Listed:
    return Listed(lived_in)


def test_live_files_are_listed_by_both_readers_and_read(listed: Listed) -> None:
    assert [(row.file_system, row.reader, row.label) for row in listed.volumes] == [("XFS", "own", "RAVEN")]
    assert {row.severity for row in listed.remarks} <= {"note"}
    kept = {f"/many/f{number}" for number in range(400) if number not in {7, 8, 9, 200}}
    assert kept <= listed.paths()
    assert {row.listed_by for row in listed.entries if row.path in kept} == {"own+dfvfs"}
    for path, content in (("/kept.bin", CONTENT), ("/many/f399", b"file 399"), ("/far", b"x" * 700),
                          ("/link", b"many/f1"), ("/holes", CONTENT.ljust(1 << 20, b"\0") + CONTENT)):  # fmt: skip
        entry = listed.named(path)
        assert listed.read(entry) == listed.through(entry) == content
    entry = listed.named("/kept.bin")
    assert listed.image.read(entry.runs[0].start, 1000) == CONTENT[:1000]
    assert (entry.modified_precision_us, entry.created_zone) == (1, "UTC")
    assert entry.modified is not None
    assert abs((datetime.now(UTC) - entry.modified).total_seconds()) < 3600


def test_freed_inodes_are_deleted_entries_with_the_names_that_are_left(listed: Listed) -> None:
    gone = {row.path for row in listed.entries if row.origin == Origin.DELETED}
    assert {f"/many/f{number}" for number in (7, 8, 9, 200)} <= gone
    for number in (7, 8, 9, 200):
        entry = listed.named(f"/many/f{number}", origin=Origin.DELETED)
        assert (entry.certainty, entry.flags) == (Certainty.INTACT, "size-by-blocks")
        assert listed.read(entry).rstrip(b"\0") == listed.through(entry).rstrip(b"\0") == b"file %d" % number
    lost = [row for row in listed.entries if row.origin == Origin.ORPHAN and row.size == 102_400]
    assert [listed.read(row)[: len(CONTENT)] for row in lost] == [CONTENT]


def test_unallocated_space_is_what_xfs_db_calls_free(lived_in: Path, listed: Listed) -> None:
    said = re.search(rb"total free blocks (\d+)", run("xfs_db", "-r", "-c", "freesp -s", lived_in))
    assert said is not None
    assert listed.bytes_of(ExtentClass.UNALLOCATED) == int(said.group(1)) * 4096
    found = listed.account()
    assert found[ExtentClass.UNLISTED] == 0
    names = {row.name for row in listed.regions}
    assert {"log", "inodes", "super block and group headers", "tree of free space by place", "free list"} <= names


def test_version_4_is_read(tmp_path: Path) -> None:
    volume = make_xfs(tmp_path, version=4)
    listed = Listed(volume)
    entry = listed.named("/folder/x.txt")
    assert (listed.read(entry), entry.created) == (b"hello" * 1000, None)
    said = re.search(rb"total free blocks (\d+)", run("xfs_db", "-r", "-c", "freesp -s", volume))
    assert said is not None
    assert listed.bytes_of(ExtentClass.UNALLOCATED) == int(said.group(1)) * 4096
    assert listed.account()[ExtentClass.UNLISTED] == 0


@pytest.mark.parametrize("seed", range(12))
def test_damage_ends_in_rows_or_a_refusal(lived_in: Path, seed: int) -> None:
    dice = random.Random(seed)
    layout = read_layout(Bent(lived_in, {}))
    heads = [0, 512, 1024, 1536, *(layout.inode_place(layout.root) + 512 * n for n in range(12)), 4096, 8192, 12288]
    changes = {dice.choice(heads) + dice.randrange(256): dice.randrange(1, 256) for _ in range(12)}
    volume = Volume(
        address="EX-01", exhibit="EX-01", start=0, length=310 << 20, direct=True, scheme="none", part_type="",
        file_system="XFS", label="", serial="", block_size=0, encryption="", state="open", reader="own",
    )  # fmt: skip
    bent = Bent(lived_in, changes)
    try:
        fs: XfsFileSystem = open_xfs(bent, volume, FileSystemOptions())
    except ParseError:
        return
    entries = list(fs.entries())
    assert len(entries) < 5000
    assert all(isinstance(item, Region | Diagnostic) for item in fs.regions())
    for entry in entries:
        if isinstance(entry, FileEntry) and entry.size < 1 << 21:
            try:
                fs.read(entry, 0, entry.size)
            except UnreadableError:
                continue


def test_allocated_space_of_overlapping_free_runs() -> None:
    blocks = used_of([(30, 10), (0, 5), (35, 20), (90, 10)], 100)
    assert [blocks.starts.tolist(), blocks.ends.tolist()] == [[5, 55], [30, 90]]
