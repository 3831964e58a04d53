"""What an ext volume has that is not read must be said; mke2fs and debugfs make it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.access.ext import open_ext
from pipeline.access.interfaces import FileSystemOptions
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, FileEntry, VolumeState
from tests.builders.file_systems import TEXT, make_ext, run
from tests.builders.reading_volumes import Bent, Listed

pytestmark = pytest.mark.tools
_INCOMPATIBLE, _READ_ONLY = 1024 + 96, 1024 + 100
_JOURNAL_INODE, _JOURNAL_DEVICE = 1024 + 224, 1024 + 228


def remarks(volume: Path, changes: dict[int, int]) -> dict[str, Diagnostic]:
    """Return the diagnostics about a volume some of whose bytes are changed, by code."""
    fs = open_ext(Bent(volume, changes), Listed(volume).volumes[0], FileSystemOptions())
    return {row.code: row for row in fs.entries() if isinstance(row, Diagnostic)}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a volume without anything special."""
    return make_ext(tmp_path_factory.mktemp("plain"))


def test_ordinary_volume_has_nothing_unread(plain: Path) -> None:
    assert remarks(plain, {}) == {}
    assert Listed(plain).remarks == []


@pytest.mark.parametrize(("changes", "code", "severity"), [
    ({_INCOMPATIBLE: 4}, "journal-not-replayed", "loss"),
    ({_INCOMPATIBLE + 1: 0x10}, "feature-dirdata", "loss"),
    ({_READ_ONLY: 0x80}, "feature-has-snapshot", "loss"),
    ({_INCOMPATIBLE + 3: 0x40}, "feature-unknown", "loss"),
    ({_READ_ONLY + 3: 0x40}, "feature-unknown", "loss"),
    ({_JOURNAL_INODE: 8, _JOURNAL_DEVICE: 7}, "journal-external", "loss"),
    ({_JOURNAL_INODE: 8 ^ 99}, "journal-unread", "loss"),
])  # fmt: skip
def test_what_is_not_read_is_named(plain: Path, changes: dict[int, int], code: str, severity: str) -> None:
    found = remarks(plain, changes)
    assert {name: row.severity for name, row in found.items()} == {code: severity}


def test_fast_commits_are_a_note_until_they_are_the_newest_changes(tmp_path: Path) -> None:
    volume = make_ext(tmp_path, "-O", "fast_commit", size=64 << 20)
    assert {code: row.severity for code, row in remarks(volume, {}).items()} == {"journal-fast-commit": "note"}
    dirty = {code: row.severity for code, row in remarks(volume, {_INCOMPATIBLE: 4}).items()}
    assert dirty == {"journal-fast-commit": "loss", "journal-not-replayed": "loss"}


def test_volume_that_cannot_be_opened_names_its_features(tmp_path: Path) -> None:
    listed = Listed(make_ext(tmp_path, "-O", "bigalloc", "-C", "16384", size=64 << 20))
    assert [row.state for row in listed.volumes] == [VolumeState.UNSUPPORTED]
    (row,) = listed.remarks
    assert (row.code, row.severity, "it has bigalloc" in row.message) == ("file-system-damaged", "loss", True)


def test_journal_device_is_named(tmp_path: Path) -> None:
    volume = tmp_path / "journal"
    volume.write_bytes(bytes(8 << 20))
    run("mke2fs", "-q", "-F", "-O", "journal_dev", "-b", "1024", volume)
    listed = Listed(volume)
    assert [(row.file_system, row.state) for row in listed.volumes] == [("journal of an ext volume", "unsupported")]
    assert [(row.code, row.severity) for row in listed.remarks] == [("unsupported", "loss")]


@pytest.mark.parametrize(("flag", "word"), [(0x80800, "encrypted"), (0x80004, "")])
def test_enciphered_file_is_not_called_read(flag: int, word: str, tmp_path: Path) -> None:
    volume = make_ext(tmp_path)
    run("debugfs", "-w", "-R", f"set_inode_field /x.txt flags {flag}", volume)
    listed = Listed(volume)
    assert listed.named("/x.txt").flags == word
    losses = [row.code for row in listed.remarks if row.severity == "loss"]
    assert losses == ["ext-damage"] * bool(word)


def test_content_inside_an_inode_is_the_files_own(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "in.txt").write_bytes(b"x" * 100)
    listed = Listed(make_ext(tmp_path, "-O", "inline_data", "-I", "256"))
    entry = listed.named("/in.txt")
    assert (listed.read(entry), entry.listed_by) == (b"x" * 100, "tsk+dfvfs")
    assert listed.remarks == []


def test_blocks_outside_the_volume_are_not_trusted(tmp_path: Path) -> None:
    volume = make_ext(tmp_path, "-O", "^metadata_csum", files=3)
    whole = Listed(volume)
    place = whole.named("/x.txt").runs[0].start
    block = whole.volumes[0].block_size
    raw = volume.read_bytes()
    at = raw.index((place // block).to_bytes(4, "little"), raw.index(b"\x0a\xf3\x01\x00"))
    fs = open_ext(Bent(volume, {at + 3: 0x40}), whole.volumes[0], FileSystemOptions())
    rows = list(fs.entries())
    (entry,) = [row for row in rows if isinstance(row, FileEntry) and row.path == "/x.txt"]
    assert (entry.runs, entry.reader, entry.size) == ((), "file-system", len(TEXT))
    with pytest.raises(UnreadableError, match="outside the volume"):
        fs.read(entry, 0, entry.size)
    assert ("ext-damage", "loss") in {(row.code, row.severity) for row in rows if isinstance(row, Diagnostic)}
