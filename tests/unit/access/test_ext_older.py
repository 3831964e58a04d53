"""Deleted files of ext4 whose folder is gone, whose inode or whose blocks others used: named and judged rightly."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.access.ext import open_ext
from pipeline.access.ext_dir import DirName, dir_names, own_inode
from pipeline.access.ext_inode import InodeTables, mapped, stream_of_inode
from pipeline.access.ext_journal import Journal
from pipeline.access.ext_older import ASSUMED, JOURNAL, LATER
from pipeline.access.interfaces import FileSystemOptions
from pipeline.records import Certainty, FileEntry, Origin
from tests.builders.file_systems import mounted, run
from tests.builders.reading_volumes import Bent, Listed
from tests.unit.access.test_ext_journal import content, lived_in

BLOCK = 1024
OPTIONS = FileSystemOptions()


def blank(folder: Path, size: int = 12 << 20, *options: str) -> Path:
    volume = folder / "volume"
    with volume.open("wb") as file:
        file.truncate(size)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-b", str(BLOCK), "-J", "size=2", *options, volume)
    return volume


def settle(place: Path) -> None:
    """End a transaction."""
    run("sync", "-f", place)


def of_journal(volume: Path) -> tuple[Listed, dict[str, FileEntry]]:
    """Return a volume's listing, and its files by the journal alone."""
    listed = Listed(volume)
    return listed, {row.path: row for row in listed.entries if row.listed_by == JOURNAL and row.kind == "file"}


@pytest.mark.tools
def test_files_of_deleted_folders_keep_their_paths(tmp_path: Path) -> None:
    volume = blank(tmp_path)
    names = [f"top/{inner}file {number}" for number in range(6) for inner in ("", "middle/", "middle/low/")]
    with mounted(volume, "ext4") as place:
        (place / "top/middle/low").mkdir(parents=True)
        for number, name in enumerate(names):
            (place / name).write_bytes(content(number + 1))
        settle(place)
        run("rm", "-r", place / "top")
    listed, gone = of_journal(volume)
    assert set(gone) == {f"/{name}" for name in names}
    for number, name in enumerate(names):
        entry = gone[f"/{name}"]
        assert (entry.origin, entry.certainty, entry.flags) == (Origin.DELETED, Certainty.INTACT, JOURNAL)
        assert listed.read(entry) == listed.through(entry) == content(number + 1)


@pytest.mark.tools
def test_inode_used_again_keeps_both_owners_apart(tmp_path: Path) -> None:
    volume = blank(tmp_path)
    with mounted(volume, "ext4") as place:
        for number, name in enumerate(("one", "two", "three"), 1):
            (place / name).write_bytes(content(number))
            settle(place)
            (place / name).unlink()
            settle(place)
    listed, gone = of_journal(volume)
    assert set(gone) == {"/one", "/two", "/three"}
    assert len({row.meta for row in gone.values()}) == 1
    assert (listed.read(gone["/three"]), gone["/three"].certainty) == (content(3), Certainty.INTACT)
    for number, name in enumerate(("one", "two", "three"), 1):
        if gone[f"/{name}"].certainty == Certainty.INTACT:
            assert listed.read(gone[f"/{name}"]) == content(number)
    assert LATER in gone["/one"].flags.split(",")


@pytest.mark.tools
def test_blocks_that_a_deleted_file_used_since_are_not_called_intact(tmp_path: Path) -> None:
    volume = blank(tmp_path, 8 << 20)
    with mounted(volume, "ext4") as place:
        (place / "first").write_bytes(content(60))
        settle(place)
        (place / "first").unlink()
        settle(place)
        run("sh", "-c", f"head -c 20000000 /dev/zero | tr '\\0' x > {place}/filler 2>/dev/null || true")
        settle(place)
        (place / "filler").unlink()
    listed, gone = of_journal(volume)
    assert listed.read(gone["/first"]) != content(60)
    assert gone["/first"].certainty in {Certainty.OVERWRITTEN, Certainty.PARTLY_OVERWRITTEN}
    assert gone["/filler"].certainty == Certainty.INTACT


@pytest.mark.tools
def test_blocks_used_by_transactions_that_are_gone_are_contested(tmp_path: Path) -> None:
    """Drivers without ``s_head`` begin the journal anew with each mount: transactions of a short one are lost first."""
    volume = blank(tmp_path, 12 << 20, "-O", "^metadata_csum")
    for fill, size, steps in (("A", 3 << 20, 40), ("B", 20 << 20, 0), ("", 0, 20)):
        with mounted(volume, "ext4") as place:
            for number in range(steps):
                (place / "other").write_text(str(number))
                settle(place)
            if fill:
                run("sh", "-c", f"head -c {size} /dev/zero | tr '\\0' {fill} > {place}/{fill} || true")
                settle(place)
                (place / fill).unlink()
        forget_head(volume)
    listed, gone = of_journal(volume)
    assert listed.read(gone["/A"]).startswith(b"B")
    assert gone["/A"].certainty == Certainty.CONTESTED


def forget_head(volume: Path) -> None:
    """Clear ``s_head``, at 88 of the journal's super block."""
    with volume.open("r+b") as file:
        file.seek(file.read().index(bytes.fromhex("c03b3998 00000004")) + 88)
        file.write(bytes(4))


@pytest.mark.tools
def test_bytes_behind_the_end_of_a_file_are_a_later_owners(tmp_path: Path) -> None:
    volume = lived_in(tmp_path, "ext4")
    listed, gone = of_journal(volume)
    entry = gone["/d/f4"]
    fs = open_ext(Bent(volume, {entry.runs[-1].start + entry.runs[-1].length - 1: 7}), listed.volumes[0], OPTIONS)
    rows = {row.path: row for row in fs.entries() if isinstance(row, FileEntry) and row.listed_by == JOURNAL}
    assert rows["/d/f4"].certainty == Certainty.PARTLY_OVERWRITTEN
    assert rows["/d/f2"].certainty == rows["/d/f8"].certainty == Certainty.INTACT


@pytest.mark.tools
def test_name_that_was_no_longer_in_use_is_marked(tmp_path: Path) -> None:
    """Without the transactions that wrote the folder, only what deleting left of a name is there."""
    volume = lived_in(tmp_path, "ext4")
    listed, gone = of_journal(volume)
    assert {name: row.flags for name, row in gone.items() if name.startswith("/d/")} == {
        f"/d/f{number}": JOURNAL for number in (2, 4, 8)
    }
    raw = volume.read_bytes()
    block = listed.named("/d").runs[0].start
    at = raw.index(b"f1\0\0", block) + 4  # newer kernels clear what they delete; older ones leave this
    left = entry(gone["/d/f2"].meta, b"f2", 12)
    assert raw[at : at + 12] == bytes(12)
    changes = {at + number: value for number, value in enumerate(left) if value}
    for start, length in _journal(volume).stream.runs:
        for at in range(start, start + length, BLOCK):
            magic, kind, sequence = raw[at : at + 4], raw[at + 7], int.from_bytes(raw[at + 8 : at + 12], "big")
            if (magic, kind) == (b"\xc0\x3b\x39\x98", 1) and sequence < int(gone["/d/f2"].parent):
                changes[at] = 255
    fs = open_ext(Bent(volume, changes), listed.volumes[0], OPTIONS)
    rows = {row.path: row for row in fs.entries() if isinstance(row, FileEntry) and row.listed_by == JOURNAL}
    assert {name: row.flags.split(",") for name, row in rows.items()} == {
        "/d/f2": [JOURNAL, ASSUMED],
        f"/$OrphanFiles/inode-{gone['/d/f4'].meta}": [JOURNAL],
        f"/$OrphanFiles/inode-{gone['/d/f8'].meta}": [JOURNAL],
    }


def _journal(volume: Path) -> Journal:
    tables = InodeTables(Bent(volume, {}))
    return Journal(tables.data, stream_of_inode(tables.inode(8), tables.layout, tables.block), tables.layout)


@pytest.mark.tools
@pytest.mark.parametrize("kind", ["ext4", "ext3"])
def test_map_that_lacks_blocks_is_told_by_their_count(kind: str, tmp_path: Path) -> None:
    volume = lived_in(tmp_path, kind)
    tables, seen = InodeTables(Bent(volume, {})), 0
    for row in Listed(volume).entries:
        if row.origin == Origin.ALLOCATED and row.path.startswith("/d/f") and not row.stream:
            inode, seen = tables.inode(row.meta), seen + 1
            stream, complete = mapped(inode, tables.layout, tables.block)
            assert (complete, stream.size) == (True, row.size)
            raw = bytearray(inode.raw)
            raw[28] ^= 8
            assert not mapped(replace(inode, raw=bytes(raw)), tables.layout, tables.block)[1]
    assert seen == 5


def entry(inode: int, name: bytes, length: int, kind: int = 1) -> bytes:
    return (inode.to_bytes(4, "little") + length.to_bytes(2, "little") + bytes([len(name), kind]) + name).ljust(
        -(-(8 + len(name)) // 4) * 4, b"\0"
    )


def test_first_block_of_a_folder_says_whose_it_is() -> None:
    raw = (entry(700, b".", 12, 2) + entry(2, b"..", 1012, 2) + entry(13, b"gone", 1000)).ljust(1024, b"\0")
    assert own_inode(raw) == 700
    assert list(dir_names(raw)) == [DirName("gone", 13, 1, False)]
    assert own_inode(entry(13, b"x", 1024).ljust(1024, b"\0")) == own_inode(b"") == 0


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_give_names_within_bounds(seed: int) -> None:
    dice = random.Random(seed)
    raw = bytearray(entry(13, b"a" * 40, 1024).ljust(1024, b"\0"))
    for _ in range(dice.randrange(400)):
        raw[dice.randrange(1024)] = dice.randrange(256)
    for name in dir_names(bytes(raw)):
        assert name.inode
        assert 0 < len(name.name.encode("utf-8", "surrogatepass")) <= 4 * 255
        assert "/" not in name.name
