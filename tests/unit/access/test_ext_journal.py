"""Deleted files of ext3 and ext4 by the journal: what was written must come back; debugfs is the judge."""

from __future__ import annotations

import contextlib
import os
import random
import re
from pathlib import Path

import pytest

from pipeline.access.ext import JOURNAL, open_ext
from pipeline.access.ext_dir import DirName, dir_names
from pipeline.access.interfaces import FileSystemOptions
from pipeline.errors import UnreadableError
from pipeline.records import Certainty, Diagnostic, ExtentClass, FileEntry, Origin, Region
from tests.builders.file_systems import mounted, run
from tests.builders.reading_volumes import Bent, Listed

pytestmark = pytest.mark.tools


def content(number: int) -> bytes:
    return random.Random(number).randbytes(number * 9000 + 5)


def lived_in(folder: Path, kind: str, *options: str) -> Path:
    """A volume whose files were written, touched a mount later, and some then deleted."""
    volume = folder / "volume"
    with volume.open("wb") as file:
        file.truncate(24 << 20)
    run("mke2fs", "-q", "-F", "-t", kind, "-b", "1024", "-J", "size=2", *options, volume)
    with mounted(volume, kind) as place:
        (place / "d").mkdir()
        for number in range(1, 9):
            (place / "d" / f"f{number}").write_bytes(content(number))
    with mounted(volume, kind) as place:
        for number in range(1, 9):
            os.utime(place / "d" / f"f{number}", ns=(1_655_800_000_123_456_789, 1_655_800_000_123_456_789))
        run("sync", "-f", place)
        for number in (2, 4, 8):
            (place / "d" / f"f{number}").unlink()
    return volume


@pytest.mark.parametrize(("kind", "options"), [
    ("ext4", ()), ("ext3", ()), ("ext4", ("-O", "^64bit,^metadata_csum")), ("ext4", ("-I", "128")),
])  # fmt: skip
def test_deleted_files_come_back_by_the_journal(kind: str, options: tuple[str, ...], tmp_path: Path) -> None:
    volume = lived_in(tmp_path, kind, *options)
    listed = Listed(volume)
    gone = {row.path: row for row in listed.entries if row.listed_by == JOURNAL}
    assert {"/d/f2", "/d/f4", "/d/f8"} <= set(gone)
    for number in (2, 4, 8):
        entry = gone[f"/d/f{number}"]
        assert (entry.origin, entry.certainty) == (Origin.DELETED, Certainty.INTACT)
        assert listed.read(entry) == listed.through(entry) == content(number)
        fine = options != ("-I", "128")
        assert (entry.modified_precision_us, entry.modified and entry.modified.microsecond) == (
            (1, 123456) if fine else (1_000_000, 0)
        )
    assert {f"/d/f{number}" for number in (1, 3, 5, 6, 7)} <= listed.paths()
    kept = listed.named("/d/f1")
    if kind == "ext4":  # of ext3 The Sleuth Kit gives seconds alone
        assert (kept.modified_precision_us, kept.modified) == (entry.modified_precision_us, entry.modified)
    else:
        assert (kept.modified_precision_us, kept.modified and kept.modified.microsecond) == (1_000_000, 0)
    assert not {row.path for row in listed.entries if row.listed_by == JOURNAL and row.path in listed.paths()}
    assert len({row.id for row in listed.entries}) == len(listed.entries)
    found = listed.account()
    assert found[ExtentClass.DELETED_CONTENT] >= sum(len(content(number)) for number in (2, 4, 8))


def test_journal_is_a_named_structure_where_debugfs_finds_it(tmp_path: Path) -> None:
    volume = lived_in(tmp_path, "ext4")
    said = run("debugfs", "-R", "stat <8>", volume).decode()
    blocks = [(int(a), int(b or a)) for a, b in re.findall(r"\(\d+(?:-\d+)?\):(\d+)(?:-(\d+))?", said)]
    parts = [(row.start // 1024, row.length // 1024) for row in Listed(volume).regions if row.name == "journal"]
    assert parts == [(first, last - first + 1) for first, last in blocks]


def test_file_whose_blocks_were_given_away_is_not_called_intact(tmp_path: Path) -> None:
    volume = lived_in(tmp_path, "ext4")
    with mounted(volume, "ext4") as place:
        filler = os.open(place / "filler", os.O_WRONLY | os.O_CREAT)
        with contextlib.suppress(OSError):
            while os.write(filler, b"x" * 8192):
                pass
        os.close(filler)
    listed = Listed(volume)
    gone = {row.path: row for row in listed.entries if row.listed_by == JOURNAL and row.path.startswith("/d/")}
    for number in (2, 4, 8):
        entry = gone.get(f"/d/f{number}")
        if entry is not None and entry.certainty == Certainty.INTACT:
            assert listed.read(entry) == content(number)
    assert listed.account()[ExtentClass.UNALLOCATED] < 2 << 20


def test_names_in_the_space_behind_names_are_found() -> None:
    """Deleting a name adds its record's length to the one before: the bytes stay."""

    def entry(inode: int, name: bytes, length: int) -> bytes:
        return (inode.to_bytes(4, "little") + length.to_bytes(2, "little") + bytes([len(name), 1]) + name).ljust(
            -(-(8 + len(name)) // 4) * 4, b"\0"
        )

    raw = entry(12, b"kept.txt", 16 + 20) + entry(13, b"gone-1.txt", 20) + entry(14, b"last", 1024 - 36)
    assert list(dir_names(raw.ljust(1024, b"\0"))) == [
        DirName("kept.txt", 12, 1, True), DirName("gone-1.txt", 13, 1, False), DirName("last", 14, 1, True),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_bent_journal_ends_in_rows(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    volume = _shared(tmp_path_factory)
    whole = Listed(volume)
    (row,) = whole.volumes
    dice = random.Random(seed)
    places = [part.start + dice.randrange(part.length) for part in whole.regions if part.name == "journal"]
    base = min(part.start for part in whole.regions if part.name == "journal")
    changes = {base + dice.randrange(200 << 10): dice.randrange(1, 256) for _ in range(300)}
    changes |= dict.fromkeys(places, 255)
    fs = open_ext(Bent(volume, changes), row, FileSystemOptions())
    entries = list(fs.entries())
    assert len(entries) < 1000
    assert all(isinstance(item, Region | Diagnostic) for item in fs.regions())
    for entry in entries:
        if isinstance(entry, FileEntry) and entry.listed_by == JOURNAL and entry.size < 1 << 21:
            try:
                fs.read(entry, 0, entry.size)
            except UnreadableError:
                continue


_MADE: dict[str, Path] = {}


def _shared(factory: pytest.TempPathFactory) -> Path:
    if "volume" not in _MADE:
        _MADE["volume"] = lived_in(factory.mktemp("bent"), "ext4")
    return _MADE["volume"]


def test_journal_that_cannot_be_read_is_a_loss(tmp_path_factory: pytest.TempPathFactory) -> None:
    volume = _shared(tmp_path_factory)
    whole = Listed(volume)
    assert not [row for row in whole.remarks if row.code.startswith("journal-")]
    at = min(part.start for part in whole.regions if part.name == "journal")
    fs = open_ext(Bent(volume, {at: 255}), whole.volumes[0], FileSystemOptions())
    (row,) = [row for row in fs.entries() if isinstance(row, Diagnostic) and row.code == "journal-unread"]
    assert (row.severity, "super block" in row.message) == ("loss", True)
