"""HFS+ of xorriso and of macOS: forks, special files, leftovers, the account; The Sleuth Kit is the judge."""

from __future__ import annotations

import random
import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.access.hfs import open_hfs
from pipeline.access.hfs_tree import CATALOG, read_header
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.overlay import Slice
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Certainty, Diagnostic, ExtentClass, FileEntry, Origin, Region, Volume
from tests.builders.file_systems import run
from tests.builders.reading_volumes import Bent, Listed
from tests.real_data import real_path

BIG = bytes(range(256)) * 400
NAMES = {
    "a.txt": b"hello",
    "folder/住民票の写し.csv": BIG,
    "folder/inner/b.txt": b"b" * 5000,
    "zz-last.txt": b"z" * 3000,
}


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An HFS+ volume cut out of a hybrid disc."""
    folder = tmp_path_factory.mktemp("hfs")
    for name, content in NAMES.items():
        (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "tree" / name).write_bytes(content)
    for number in range(60):
        (folder / "tree" / "folder" / f"f{number:03}").write_bytes(b"%d" % number)
    disc = folder / "disc"
    run("xorriso", "-as", "mkisofs", "-quiet", "-hfsplus", "-R", "-o", disc, folder / "tree")
    (row,) = [row for row in Listed(disc).volumes if row.file_system == "HFS+"]
    cut = folder / "volume"
    cut.write_bytes(disc.read_bytes()[row.start : row.start + row.length])
    return cut


@pytest.mark.tools
def test_names_and_bytes_are_those_of_the_tree(volume: Path) -> None:
    listed = Listed(volume)
    assert [(row.file_system, row.reader) for row in listed.volumes] == [("HFS+", "own")]
    assert listed.remarks == []
    for name, content in NAMES.items():
        entry = listed.named(f"/{name}")
        assert listed.read(entry) == listed.through(entry) == content
        assert (entry.listed_by, entry.modified_precision_us) == ("own+tsk", 1_000_000)
    assert len([row for row in listed.entries if row.path.startswith("/folder/f")]) == 60
    assert {"volume header", "spare volume header", "$CatalogFile", "$AllocationFile", "$ExtentsFile"} <= {
        row.name for row in listed.regions
    }
    listed.account()


def test_real_volume_of_macos_is_listed_and_accounted_for() -> None:
    listed = Listed(real_path("plaso/test_data/hfsplus_zlib.dmg"))
    assert (listed.remarks, listed.volumes[0].label) == ([], "hfsplus_test")
    entry = listed.named("/passwords.txt")
    assert listed.read(entry) == listed.through(entry)
    assert entry.modified == datetime(2021, 3, 27, 7, 52, 56, tzinfo=UTC)
    assert [row.path for row in listed.entries if row.modified is None] == []
    row = listed.volumes[0]
    header = read_header(Slice(listed.image, row.start, row.length))
    assert listed.bytes_of(ExtentClass.UNALLOCATED, "free") == header.free * header.block
    assert listed.account()[ExtentClass.UNLISTED] == 0
    assert {row.listed_by for row in listed.entries if row.path != "/"} == {"own+tsk"}


@pytest.mark.tools
def test_journal_is_a_structure_and_tells_of_deleted_files(volume: Path, tmp_path: Path) -> None:
    """TN1150, "Journal": the header names a block that says where the journal lies; it keeps old catalogue nodes."""
    raw = bytearray(volume.read_bytes())
    header = read_header(open_image(volume))
    place = len(raw) - len(raw) % header.block
    record = _leaf_record(raw, header.block, "zz-last.txt")
    struct.pack_into(">I", record, 2 + struct.unpack_from(">H", record)[0] + 8, 4711)  # a number that is not live
    raw += bytes(place + 3 * header.block - len(raw))
    raw[place : place + 52] = struct.pack(">I32xQQ", 1, place + header.block, header.block)
    raw[place + header.block : place + header.block + len(record)] = record
    struct.pack_into(">I", raw, 1024 + 4, struct.unpack_from(">I", raw, 1024 + 4)[0] | 1 << 13)
    struct.pack_into(">I", raw, 1024 + 12, place // header.block)
    path = tmp_path / "journaled"
    path.write_bytes(raw)
    listed = Listed(path)
    assert listed.bytes_of(ExtentClass.FILE_SYSTEM_METADATA, "journal") == 2 * header.block
    gone = listed.named("/zz-last.txt", origin=Origin.DELETED)
    assert (gone.meta, gone.flags, listed.read(gone)) == (4711, "journal", b"z" * 3000)


def _leaf_record(raw: bytearray, block: int, name: str) -> bytearray:
    encoded = name.encode("utf-16-be")
    at = raw.index(encoded + b"\0\2") - 8
    assert block >= 512
    return raw[at : at + 8 + len(encoded) + 248]


def _unlinked(volume: Path, folder: Path, name: str) -> Path:
    """Take a name's records out of the catalogue's leaves, as deleting does: the bytes behind the last one stay."""
    raw = bytearray(volume.read_bytes())
    header = read_header(open_image(volume))
    ((start, count),) = header.forks[CATALOG].extents
    base, encoded = start * header.block, name.encode("utf-16-be")
    size = struct.unpack_from(">H", raw, base + 32)[0]
    for node in range(base, base + count * header.block, size):
        if raw[node + 8] != 0xFF:
            continue
        records = struct.unpack_from(">H", raw, node + 10)[0]
        offsets = list(struct.unpack_from(f">{records + 1}H", raw, node + size - 2 * (records + 1)))[::-1]
        for index in range(records - 1, -1, -1):
            record = raw[node + offsets[index] : node + offsets[index + 1]]
            length = struct.unpack_from(">H", record)[0]
            if record[8 : 2 + length] == encoded and index == records - 1:
                struct.pack_into(">H", raw, node + 10, records - 1)
                found = folder / "unlinked"
                found.write_bytes(raw)
                return found
    raise AssertionError("the name is not the last of a leaf")


@pytest.mark.tools
def test_record_that_deleting_left_behind_is_a_deleted_entry(volume: Path, tmp_path: Path) -> None:
    names = [path for path in Listed(volume).entries if path.kind == "file" and path.size]
    for entry in names:
        try:
            path = _unlinked(volume, tmp_path, entry.path.rsplit("/", 1)[1])
        except AssertionError:
            continue
        break
    listed = Listed(path)
    gone = listed.named(entry.path, origin=Origin.DELETED)
    assert (gone.meta, gone.size) == (entry.meta, entry.size)
    assert gone.certainty == Certainty.OVERWRITTEN  # its blocks are still marked as used
    assert listed.read(gone) == listed.through(gone) == Listed(volume).read(entry)
    assert entry.path not in listed.paths()


@pytest.mark.tools
@pytest.mark.parametrize("seed", range(15))
def test_damage_ends_in_rows_or_a_refusal(volume: Path, seed: int) -> None:
    raw, dice = volume.read_bytes(), random.Random(seed)
    header = read_header(open_image(volume))
    places = [1024, *(start * header.block for fork in header.forks.values() for start, _ in fork.extents)]
    changes = {dice.choice(places) + dice.randrange(6000): dice.randrange(1, 256) for _ in range(40)}
    row = Volume(
        address="EX-01", exhibit="EX-01", start=0, length=len(raw), direct=True, scheme="none", part_type="",
        file_system="HFS+", label="", serial="", block_size=0, encryption="", state="open", reader="own",
    )  # fmt: skip
    try:
        fs = open_hfs(Bent(volume, changes), row, FileSystemOptions())
    except ParseError:
        return
    entries = list(fs.entries())
    assert len(entries) < 1000
    assert all(isinstance(item, Region | Diagnostic) for item in fs.regions())
    for entry in entries:
        if isinstance(entry, FileEntry) and entry.size < 1 << 21:
            try:
                fs.read(entry, 0, entry.size)
            except UnreadableError:
                continue
