"""ISO 9660 of genisoimage and xorriso: trees, sessions, bridges, extents; judged by The Sleuth Kit and isoinfo."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.iso import open_iso
from pipeline.access.iso_record import long_time, short_time
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Certainty, Diagnostic, ExtentClass, FileEntry, Origin, Region, Volume
from tests.builders.file_systems import run
from tests.builders.reading_volumes import Bent, Listed

pytestmark = pytest.mark.tools
BIG = bytes(range(256)) * 400
NAMES = {"a.txt": b"hello", "folder/住民票の写し.csv": BIG, "folder/inner/b.txt": b"b" * 5000, "empty": b""}


def plant(folder: Path, names: dict[str, bytes]) -> Path:
    for name, content in names.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def burn(folder: Path, *options: str, names: dict[str, bytes] = NAMES) -> Path:
    volume = folder / "volume"
    run("genisoimage", "-quiet", "-V", "RAVEN", *options, "-o", volume, plant(folder / "tree", names))
    return volume


@pytest.mark.parametrize("options", [("-R", "-J", "-joliet-long"), ("-R",), ("-J",), ("-R", "-J", "-udf")])
def test_names_and_bytes_are_those_of_the_tree(options: tuple[str, ...], tmp_path: Path) -> None:
    listed = Listed(burn(tmp_path, "-input-charset", "utf-8", *options))
    assert [(row.file_system, row.reader, row.label) for row in listed.volumes] == [("ISO9660", "own", "RAVEN")]
    assert listed.remarks == []
    files = {row.path: row for row in listed.entries if row.kind == "file" and row.origin == Origin.ALLOCATED}
    assert set(files) == {f"/{name}" for name in NAMES}
    for name, content in NAMES.items():
        assert listed.read(files[f"/{name}"]) == listed.through(files[f"/{name}"]) == content
    assert {row.listed_by for row in files.values()} == {"own+tsk"}
    assert [row.path for row in listed.entries if row.modified is None] == []
    assert (files["/a.txt"].modified_precision_us, files["/a.txt"].modified_zone[:9]) == (1_000_000, "recorded ")
    wanted = int((tmp_path / "tree" / "a.txt").stat().st_mtime)
    assert files["/a.txt"].modified == datetime.fromtimestamp(wanted, UTC)


def test_what_isoinfo_finds_is_where_we_find_it(tmp_path: Path) -> None:
    volume = burn(tmp_path, "-R")
    listed = Listed(volume)
    said = run("isoinfo", "-R", "-l", "-i", volume).decode("utf-8", "replace")
    places = {
        int(size): int(block) * 2048 for size, block in re.findall(r"(\d+) \w{3} +\d+ \d{4} \[ *(\d+) \d+\]", said)
    }
    for name in ("a.txt", "folder/inner/b.txt"):
        entry = listed.named(f"/{name}")
        assert entry.runs[0].start == places[entry.size]


def test_account_closes(tmp_path: Path) -> None:
    listed = Listed(burn(tmp_path, "-R", "-J"))
    found = listed.account()
    assert found[ExtentClass.FILE_CONTENT] == len(BIG) + 5005
    assert {"system area", "volume descriptor", "path table", "directory"} == {
        row.name for row in listed.regions if row.class_ == ExtentClass.FILE_SYSTEM_METADATA
    }
    assert len([row for row in listed.regions if row.name == "path table"]) == 4


def test_links_and_deep_folders_are_as_they_were(tmp_path: Path) -> None:
    deep = "/".join(f"d{number}" for number in range(12))
    tree = plant(tmp_path / "tree", {f"{deep}/x.txt": b"deep", "a.txt": b"a"})
    (tree / "link").symlink_to("d0/../a.txt")
    listed = Listed(burn(tmp_path, "-R", "-D", names={}))
    assert listed.read(listed.named("/link")) == b"d0/../a.txt"
    moved = tmp_path / "moved"
    run("genisoimage", "-quiet", "-R", "-o", moved, tree)
    again = Listed(moved)
    assert again.read(again.named(f"/{deep}/x.txt")) == b"deep"


def test_what_a_later_session_hides_is_a_deleted_entry(tmp_path: Path) -> None:
    volume = burn(tmp_path, "-R")
    first = -(-volume.stat().st_size // 2048 // 32) * 32
    second = tmp_path / "second"
    tree = plant(tmp_path / "later", {"new.txt": b"new"})
    run("genisoimage", "-quiet", "-R", "-C", f"0,{first}", "-o", second, tree)
    disc = tmp_path / "disc"
    disc.write_bytes(volume.read_bytes().ljust(first * 2048, b"\0") + second.read_bytes())
    listed = Listed(disc)
    assert {row.path for row in listed.entries if row.origin == Origin.ALLOCATED} == {"/", "/new.txt"}
    gone = {row.path: row for row in listed.entries if row.origin == Origin.DELETED and row.kind == "file"}
    assert set(gone) == {f"/{name}" for name in NAMES}
    entry = gone["/folder/住民票の写し.csv"]
    assert (listed.read(entry), entry.certainty) == (BIG, Certainty.INTACT)
    assert listed.read(listed.named("/new.txt")) == b"new"


def test_folders_that_no_session_names_any_more_are_orphans(tmp_path: Path) -> None:
    volume = burn(tmp_path, "-R")
    run("xorriso", "-dev", volume, "-rm_r", "/folder", "--", "-commit")
    listed = Listed(volume)
    lost = [row for row in listed.entries if row.origin in {Origin.ORPHAN, Origin.DELETED} and row.size == len(BIG)]
    assert [listed.read(row) for row in lost] == [BIG]
    assert lost[0].path.endswith("/folder/住民票の写し.csv")


def test_extents_of_one_file_are_put_together(tmp_path: Path) -> None:
    volume = burn(tmp_path, names={"AA": b"1" * 4096, "AB": b"2" * 3000})
    raw = bytearray(volume.read_bytes())
    one, two = raw.index(b"AA.;1") - 33, raw.index(b"AB.;1") - 33
    raw[one + 25] |= 0x80
    raw[two + 33 : two + 38] = b"AA.;1"
    volume.write_bytes(raw)
    listed = Listed(volume)
    (entry,) = [row for row in listed.entries if row.path == "/AA" and row.listed_by.startswith("own")]
    assert (entry.size, listed.read(entry), listed.through(entry)) == (
        7096,
        b"1" * 4096 + b"2" * 3000,
        listed.read(entry),
    )


def _interleaved(folder: Path, size: int, unit: int, gap: int) -> Listed:
    """A file AA whose record says that it lies in units with gaps between them."""
    volume = burn(folder, names={"AA": b"".join(bytes([65 + n]) * 2048 for n in range(9))})
    raw = bytearray(volume.read_bytes())
    at = raw.index(b"AA.;1") - 33
    raw[at + 10 : at + 18] = size.to_bytes(4, "little") + size.to_bytes(4, "big")
    raw[at + 26], raw[at + 27] = unit, gap
    volume.write_bytes(raw)
    return Listed(volume)


def test_interleaved_file_is_put_together(tmp_path: Path) -> None:
    listed = _interleaved(tmp_path, 2048 * 4 + 5, 2, 1)
    entry = listed.named("/AA")
    wanted = b"A" * 2048 + b"B" * 2048 + b"D" * 2048 + b"E" * 2048 + b"G" * 5
    assert listed.read(entry) == listed.through(entry) == wanted
    assert [row.code for row in listed.remarks if row.severity == "loss"] == []
    assert listed.account()[ExtentClass.FILE_CONTENT] == len(wanted)


@pytest.mark.parametrize(("size", "unit", "gap"), [(9000, 0, 1), (1 << 31, 1, 1)])
def test_interleaved_file_of_impossible_units_is_a_loss(size: int, unit: int, gap: int, tmp_path: Path) -> None:
    listed = _interleaved(tmp_path, size, unit, gap)
    entry = listed.named("/AA")
    assert (entry.size, entry.runs, entry.reader) == (size, (), "file-system")
    with pytest.raises(UnreadableError, match="interleaved"):
        listed.read(entry)
    assert [row.code for row in listed.remarks if row.severity == "loss"] == ["iso-damage"]


def _two_extents(folder: Path, unit: int, gap: int) -> Listed:
    """A file AA of two extents: the first of 5000 bytes in units with gaps between them, the second AB's 3 bytes."""
    names = {"AA": b"".join(bytes([65 + n]) * 2048 for n in range(9)), "AB": b"end"}
    volume = burn(folder, names=names)
    raw = bytearray(volume.read_bytes())
    at = raw.index(b"AA.;1") - 33
    raw[at + 10 : at + 18] = (5000).to_bytes(4, "little") + (5000).to_bytes(4, "big")
    raw[at + 25 : at + 28] = raw[at + 25] | 0x80, unit, gap
    volume.write_bytes(raw)
    return Listed(volume)


def test_interleaved_extent_that_is_no_multiple_of_a_block_keeps_its_units(tmp_path: Path) -> None:
    listed = _two_extents(tmp_path, 1, 1)
    entry = next(row for row in listed.entries if row.size == 5003)
    assert listed.read(entry) == listed.through(entry) == b"A" * 2048 + b"C" * 2048 + b"E" * 904 + b"end"


def test_file_ends_before_an_extent_that_cannot_be_put_together(tmp_path: Path) -> None:
    listed = _two_extents(tmp_path, 0, 1)
    entry = next(row for row in listed.entries if row.size == 5003)
    assert entry.runs == ()
    with pytest.raises(UnreadableError, match="interleaved"):
        listed.read(entry)


def test_more_units_than_are_kept_are_a_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes of a record may ask for a unit of every other block of the disc, each record again."""
    monkeypatch.setattr("pipeline.access.iso._MAX_UNITS", 4)
    listed = _interleaved(tmp_path, 2048 * 9, 1, 1)
    assert listed.named("/AA").runs == ()
    assert [row.code for row in listed.remarks if row.severity == "loss"] == ["iso-damage"]


def test_packed_file_without_its_header_is_a_loss(tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    run("mkzftree", plant(tmp_path / "plain", {"a.txt": BIG}), packed)
    volume = tmp_path / "volume"
    run("genisoimage", "-quiet", "-R", "-z", "-o", volume, packed)
    listed = Listed(volume)
    entry = listed.named("/a.txt")
    assert (entry.flags, listed.remarks) == ("compressed", [])
    raw = bytearray(volume.read_bytes())
    raw[entry.runs[0].start] ^= 1
    volume.write_bytes(raw)
    assert [(row.code, row.severity) for row in Listed(volume).remarks] == [("iso-damage", "loss")]


def test_file_of_the_udf_tree_alone_is_listed(tmp_path: Path) -> None:
    volume = burn(tmp_path, "-udf", "-hide", "a.txt")
    listed = Listed(volume)
    entry = listed.named("/a.txt")
    assert listed.read(entry) == listed.through(entry) == b"hello"
    assert "iso-damage" in {row.code for row in listed.remarks}
    assert any("UDF tree of this bridge disc only" in row.message for row in listed.remarks)


def test_disc_with_a_partition_table_is_listed_as_disc_and_by_its_partitions(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    run("xorriso", "-as", "mkisofs", "-quiet", "-hfsplus", "-R", "-J", "-o", volume, plant(tmp_path / "tree", NAMES))
    listed = Listed(volume)
    assert {row.file_system for row in listed.volumes if row.state == "open"} == {"ISO9660", "HFS+"}
    found = [row for row in listed.entries if row.size == len(BIG) and row.kind == "file"]
    assert {listed.read(row) for row in found} == {BIG}
    assert len({row.volume for row in found}) == 2
    listed.account()


def test_fields_whose_byte_orders_differ_are_named(tmp_path: Path) -> None:
    volume = burn(tmp_path, names={"AA": b"1" * 4096})
    raw = bytearray(volume.read_bytes())
    raw[raw.index(b"AA.;1") - 33 + 17] ^= 1
    volume.write_bytes(raw)
    listed = Listed(volume)
    assert listed.read(listed.named("/AA")) == b"1" * 4096
    assert any("byte orders differ" in row.message for row in listed.remarks)


def test_times_say_zone_and_precision() -> None:
    short = short_time(bytes([122, 6, 21, 9, 30, 15, 36]))
    assert short is not None
    assert (short.at, short.zone, short.precision_us) == (
        datetime(2022, 6, 21, 0, 30, 15, tzinfo=UTC), "recorded +09:00", 1_000_000,
    )  # fmt: skip
    wide = long_time(b"2022062109301512" + bytes([256 - 20]))
    assert wide is not None
    assert (wide.at, wide.zone, wide.precision_us) == (
        datetime(2022, 6, 21, 14, 30, 15, 120_000, UTC), "recorded -05:00", 10_000,
    )  # fmt: skip
    assert short_time(bytes(7)) is None
    assert long_time(b"0000000000000000\0") is None


@pytest.mark.parametrize("seed", range(15))
def test_damage_ends_in_rows_or_a_refusal(seed: int, tmp_path: Path) -> None:
    path = burn(tmp_path, "-R", "-J", "-udf")
    raw, dice = path.read_bytes(), random.Random(seed)
    blocks = [at for at in range(0x8000, len(raw), 2048) if raw[at : at + 2048].strip(b"\0")]
    changes = {dice.choice(blocks) + dice.randrange(400): dice.randrange(1, 256) for _ in range(60)}
    volume = Volume(
        address="EX-01", exhibit="EX-01", start=0, length=len(raw), direct=True, scheme="none", part_type="",
        file_system="ISO9660", label="", serial="", block_size=0, encryption="", state="open", reader="own",
    )  # fmt: skip
    try:
        fs = open_iso(Bent(path, changes), volume, FileSystemOptions())
    except ParseError:
        return
    entries = list(fs.entries())
    assert len(entries) < 500
    assert all(isinstance(item, Region | Diagnostic) for item in fs.regions())
    for entry in entries:
        if isinstance(entry, FileEntry) and entry.size < 1 << 21:
            try:
                fs.read(entry, 0, entry.size)
            except UnreadableError:
                continue
