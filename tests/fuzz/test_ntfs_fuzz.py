"""Damaged NTFS volumes: whatever the bytes, rows and diagnostics come, or one refusal; never another error."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.ntfs import describe_ntfs, open_mft_file, open_ntfs
from pipeline.errors import UnreadableError
from pipeline.records import FileEntry, Volume
from tests.builders.file_systems import make_ntfs
from tests.builders.mft import data, file_name, record, runs, standard, table

ROUNDS: Final = 60
VOLUME: Final = Volume(
    address="M", exhibit="M", start=0, length=8 << 20, direct=True, scheme="none", part_type="", file_system="NTFS",
    label="", serial="", block_size=4096, encryption="", state="open", reader="own",
)  # fmt: skip
EDGES: Final = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x18\0\0\0", b"\0\x02\0\0", b"\x01\0\0\x80")


class Bytes:
    """A volume in memory."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.size = len(raw)

    def read(self, start: int, length: int) -> bytes:
        return self._raw[start : start + max(length, 0)]


def spoilt(raw: bytes, seed: int, first: int, last: int) -> bytes:
    """Return bytes with some of one range replaced by edges, noise and copies of themselves."""
    chance, copy = random.Random(seed), bytearray(raw)
    for _ in range(chance.choice((1, 4, 40, 400))):
        at = chance.randrange(first, last - 8)
        piece = chance.choice((*EDGES, chance.randbytes(chance.randrange(1, 8)), copy[first : first + 8]))
        copy[at : at + len(piece)] = piece
    return bytes(copy[: len(raw)])


def examined(raw: bytes, *, bare: bool = False) -> int:
    """List and read everything; return the number of rows."""
    try:
        if bare:
            fs = open_mft_file(Bytes(raw), replace(VOLUME, direct=False))
        else:
            describe_ntfs(Bytes(raw))
            fs = open_ntfs(Bytes(raw), VOLUME, FileSystemOptions())
    except UnreadableError:
        return 0
    count = 0
    for row in fs.entries():
        count += 1
        row.address.encode("utf-8")
        if not isinstance(row, FileEntry):
            continue
        for start in (0, row.size // 2, row.size - 1):
            try:
                assert len(fs.read(row, start, 5000)) <= 5000
            except UnreadableError:
                continue
    assert len(list(fs.regions())) < 100_000
    return count


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    if shutil.which("mkntfs") is None:
        pytest.skip("mkntfs is missing")
    raw: bytes = Path(make_ntfs(tmp_path_factory.mktemp("fuzz"))).read_bytes()
    return raw


@pytest.mark.parametrize("part", ["boot", "table", "anywhere"])
def test_damaged_volume(volume: bytes, part: str) -> None:
    start = int.from_bytes(volume[48:56], "little") * 4096
    first, last = {"boot": (0, 100), "table": (start, start + 70 * 1024), "anywhere": (0, len(volume))}[part]
    counts = [examined(spoilt(volume, seed, first, last)) for seed in range(ROUNDS)]
    assert max(counts) > 10


def test_damaged_table() -> None:
    names = [standard(), file_name("name", 5, 5)]
    records = {24 + n: record(*names, data(b"c" * n), runs(b"\x11\x05\x0a\0", 9000, name="r")) for n in range(20)}
    records |= {50 + n: record(standard(), file_name("f", 49 + n, 1), flags=3) for n in range(1, 9)}
    raw = table(records)
    counts = [examined(spoilt(raw, seed, 24 * 1024, len(raw)), bare=True) for seed in range(ROUNDS)]
    assert max(counts) > 10


@pytest.mark.parametrize("length", [0, 1, 47, 48, 511, 512, 1023, 1024, 5 * 1024 + 7])
def test_cut_table(length: int) -> None:
    assert examined(table({24: record(standard(), file_name("a", 5, 5), data(b"x"))})[:length], bare=True) <= 3
