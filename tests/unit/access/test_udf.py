"""UDF of mkudffs and of genisoimage: names, bytes, deleted identifiers, the account; judged by 7-Zip and udfinfo."""

from __future__ import annotations

import random
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.udf import open_udf
from pipeline.access.udf_file import timestamp
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Certainty, Diagnostic, ExtentClass, FileEntry, Origin, Region, Volume
from tests.builders.disks import gpt_disk
from tests.builders.file_systems import run, tool
from tests.builders.reading_volumes import Bent, Listed
from tests.builders.udf import Writer, stamp

pytestmark = pytest.mark.tools
LONG = bytes(range(256)) * 400
KINDS = [("hd", 512, "2.01"), ("hd", 2048, "1.02"), ("hd", 4096, "2.01"), ("dvdram", 2048, "2.01"),
         ("dvdrw", 2048, "2.01"), ("cdrw", 2048, "2.01")]  # fmt: skip


def make_udf(folder: Path, kind: str = "hd", block: int = 512, revision: str = "2.01", size: int = 12 << 20) -> Path:
    volume = folder / "volume"
    with volume.open("wb") as file:
        file.truncate(size)
    run("mkudffs", "-m", kind, "-b", str(block), "-r", revision, "-l", "RAVEN", volume)
    return volume


def fill(volume: Path, block: int) -> Path:
    writer = Writer(volume, block)
    parent = writer.root
    inner = writer.folder([("住民票.csv", writer.file(LONG, 3), 0)], parent)
    gone, lost = writer.file(LONG[::-1]), writer.file(b"lost" * 1000)
    names = [
        ("a.txt", writer.file(b"hello"), 0), ("small.txt", writer.file(b"inside", inside=True), 0),
        ("folder", inner, 2), ("gone.bin", gone, 4), ("renamed", inner, 6),
    ]  # fmt: skip
    writer.folder(names, parent, parent)
    writer.forget(gone)
    writer.forget(lost)
    return writer.save()


def _by_7zip(volume: Path) -> dict[str, int]:
    said = subprocess.run(
        [tool("7z"), "l", "-slt", "-tudf", str(volume)], capture_output=True, text=True, check=True
    ).stdout.split("----------")[1]
    rows = [dict(line.split(" = ", 1) for line in part.splitlines() if " = " in line) for part in said.split("\n\n")]
    return {"/" + row["Path"]: int(row["Size"] or 0) for row in rows if row.get("Folder") == "-"}


@pytest.mark.parametrize(("kind", "block", "revision"), KINDS)
def test_files_are_what_another_reader_lists_and_extracts(kind: str, block: int, revision: str, tmp_path: Path) -> None:
    volume = make_udf(tmp_path, kind, block, revision)
    said = re.search(rb"freeblocks=(\d+)", run("udfinfo", volume))
    assert said is not None
    assert Listed(volume).bytes_of(ExtentClass.UNALLOCATED) == int(said.group(1)) * block
    if kind not in {"hd", "dvdram"}:
        return
    listed = Listed(fill(volume, block))
    assert [(row.file_system, row.reader, row.label) for row in listed.volumes] == [("UDF", "own", "RAVEN")]
    assert listed.remarks == []
    files = {row.path: row.size for row in listed.entries if row.kind == "file" and row.origin == Origin.ALLOCATED}
    if block <= 2048:  # 7-Zip reads no larger blocks
        assert files == _by_7zip(volume)
    contents = {"/a.txt": b"hello", "/small.txt": b"inside", "/folder/住民票.csv": LONG}
    assert {path: listed.read(listed.named(path)) for path in files} == contents
    assert {path: listed.through(listed.named(path)) for path in files} == contents
    entry = listed.named("/a.txt")
    assert (entry.modified, entry.modified_zone, entry.modified_precision_us) == (
        datetime(2022, 6, 21, 0, 30, 15, 123456, UTC), "recorded +09:00", 1,
    )  # fmt: skip


def test_deleted_names_lead_to_what_is_still_there(tmp_path: Path) -> None:
    listed = Listed(fill(make_udf(tmp_path), 512))
    gone = listed.named("/gone.bin", origin=Origin.DELETED)
    assert (gone.certainty, listed.read(gone)) == (Certainty.INTACT, LONG[::-1])
    renamed = listed.named("/renamed", origin=Origin.DELETED)
    assert (renamed.certainty, renamed.size) == (Certainty.NO_CONTENT, 0)
    (orphan,) = [row for row in listed.entries if row.origin == Origin.ORPHAN]
    assert (orphan.certainty, listed.read(orphan)) == (Certainty.INTACT, b"lost" * 1000)


def test_account_closes(tmp_path: Path) -> None:
    listed = Listed(fill(make_udf(tmp_path), 512))
    found = listed.account()
    assert found[ExtentClass.FILE_CONTENT] == len(LONG) + 5
    assert found[ExtentClass.DELETED_CONTENT] >= len(LONG) + 4000
    assert {"space bitmap", "file entry", "anchor", "descriptors", "integrity sequence"} <= {
        row.name for row in listed.regions
    }
    writer = Writer(tmp_path / "volume", 512)
    first, last = writer.start * 512, (12 << 20) - 300 * 512
    inside = sum(row.length for row in listed.regions if first <= row.start < last)
    assert inside + found[ExtentClass.FILE_CONTENT] + 512 > last - first


@pytest.mark.parametrize(("kind", "revision"), [("cdr", "1.50"), ("bdr", "2.50"), ("dvdr", "2.01")])
def test_medium_written_once_is_read_by_its_table(kind: str, revision: str, tmp_path: Path) -> None:
    listed = Listed(make_udf(tmp_path, kind, 2048, revision))
    assert [(row.file_system, row.state, row.label) for row in listed.volumes] == [("UDF", "open", "RAVEN")]
    assert [(row.path, row.kind) for row in listed.entries if row.path == "/"] == [("/", "directory")]
    assert listed.remarks == []


def test_volume_in_a_partition_has_image_offsets(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(gpt_disk([fill(make_udf(tmp_path), 512).read_bytes()]))
    listed = Listed(disk)
    entry = listed.named("/folder/住民票.csv")
    assert listed.read(entry) == LONG
    assert listed.image.read(entry.runs[0].start, 512) == LONG[:512]


def test_times_say_zone_and_precision() -> None:
    plain = timestamp(stamp(2024, 2, 29, 1, 2, 3, b"\0\0\0", -2047), "Asia/Tokyo")
    assert plain is not None
    assert (plain.at, plain.zone, plain.precision_us) == (
        datetime(2024, 2, 28, 16, 2, 3, tzinfo=UTC), "local Asia/Tokyo", 1_000_000,
    )  # fmt: skip
    west = timestamp(stamp(2024, 2, 29, 1, 2, 3, b"\x05\0\0", -330), "Asia/Tokyo")
    assert west is not None
    assert (west.zone, west.precision_us) == ("recorded -05:30", 10_000)
    assert timestamp(stamp(2024, 2, 30, 1, 2, 3, b"\0\0\0", 0), "Asia/Tokyo") is None


@pytest.mark.parametrize("seed", range(15))
def test_damage_ends_in_rows_or_a_refusal(seed: int, tmp_path: Path) -> None:
    path = fill(make_udf(tmp_path, size=2 << 20), 512)
    raw, dice = path.read_bytes(), random.Random(seed)
    blocks = [at for at in range(0, len(raw), 512) if raw[at : at + 512].strip(b"\0")]
    changes = {dice.choice(blocks) + dice.randrange(512): dice.randrange(1, 256) for _ in range(40)}
    volume = Volume(
        address="EX-01", exhibit="EX-01", start=0, length=len(raw), direct=True, scheme="none", part_type="",
        file_system="UDF", label="", serial="", block_size=0, encryption="", state="open", reader="own",
    )  # fmt: skip
    try:
        fs = open_udf(Bent(path, changes), volume, FileSystemOptions())
    except ParseError:
        return
    entries = list(fs.entries())
    assert len(entries) < 100
    assert all(isinstance(item, Region | Diagnostic) for item in fs.regions())
    for entry in entries:
        if isinstance(entry, FileEntry) and entry.size < 1 << 21:
            try:
                fs.read(entry, 0, entry.size)
            except UnreadableError:
                continue


def test_metadata_partition_is_read_through_its_file(tmp_path: Path) -> None:
    writer = Writer(fill(make_udf(tmp_path, size=2 << 20), 512), 512)
    writer.with_metadata_partition()
    listed = Listed(writer.save())
    assert ([row.state for row in listed.volumes], listed.remarks) == (["open"], [])
    assert listed.named("/").meta >> 32 == 1
    contents = {"/a.txt": b"hello", "/small.txt": b"inside", "/folder/住民票.csv": LONG}
    assert {path: listed.read(listed.named(path)) for path in contents} == contents
    assert {path: listed.through(listed.named(path)) for path in contents} == contents


def test_folder_that_holds_itself_ends(tmp_path: Path) -> None:
    writer = Writer(make_udf(tmp_path, size=2 << 20), 512)
    writer.folder([("again", writer.root, 2)], writer.root, writer.root)
    listed = Listed(writer.save())
    assert len(listed.entries) == 2
