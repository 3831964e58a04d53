"""Columns and rows say the same of every record: of ordinary, odd and damaged ones, whatever stands beside them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.access import ntfs_listing
from pipeline.access.allocation import Blocks
from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.ntfs import NtfsFileSystem, open_mft_file, open_ntfs
from pipeline.access.ntfs_columns import Columns
from pipeline.access.ntfs_faults import Faults
from pipeline.access.ntfs_runs import decode_runs
from pipeline.access.ntfs_runs_batch import decode_many
from pipeline.access.ntfs_text import decode_names, escaped
from pipeline.access.raw import RawImage
from pipeline.address import escape
from pipeline.records import Diagnostic, FileEntry, Volume, identify
from tests.builders.mft import data, file_name, record, rich_volume, runs, standard, table

NAMES: Final = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["a", "A", "..", "a/b", "100%", "x!y", "\ud800", "a\udfffb", "\U0001f600", "\u202ex", "名簿", "\0"]
    ),
)
TIMES: Final = (0, 1, 116_444_736_000_000_000, 133_500_000_000_000_001, (1 << 64) - 1)


class Bytes:
    """A table in memory."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.size = len(raw)

    def read(self, start: int, length: int) -> bytes:
        return self._raw[start : start + max(length, 0)]


class Rows(Columns):
    """Leaves every record to the rows."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.cold = self.cold | self.hot
        self.hot = np.zeros_like(self.hot)


def volume(*, direct: bool, length: int = 1 << 30) -> Volume:
    return Volume(
        address="M", exhibit="M", start=512, length=length, direct=direct, scheme="none", part_type="",
        file_system="NTFS", label="", serial="", block_size=4096, encryption="", state="open", reader="own",
    )  # fmt: skip


def both(fs: NtfsFileSystem) -> tuple[list[FileEntry | Diagnostic], list[FileEntry | Diagnostic]]:
    """Return what columns list, and what rows list."""
    by_columns = list(fs.entries())
    fs._mft.faults.__init__()  # type: ignore[misc]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ntfs_listing, "Columns", Rows)
        return by_columns, list(fs.entries())


@st.composite
def records(draw: st.DrawFn) -> dict[int, bytes]:
    """Return records with everything that one may hold, folders in circles and folders of nobody among them."""
    found: dict[int, bytes] = {}
    for number in range(24, 24 + draw(st.integers(1, 12))):
        parts = [standard(draw(st.integers(0, 0xFFFF)), [draw(st.sampled_from(TIMES)) for _ in range(4)])]
        parts = parts[: draw(st.integers(0, 1))]
        for _ in range(draw(st.integers(0, 3))):
            parent, sequence = draw(st.sampled_from([5, 24, 25, 26, 30, 99])), draw(st.integers(1, 3))
            sequence = 5 if parent == 5 and draw(st.booleans()) else sequence
            parts.append(file_name(draw(NAMES), parent, sequence, space=draw(st.sampled_from([0, 1, 2]))))
        for _ in range(draw(st.integers(0, 3))):
            name = draw(st.sampled_from(["", "", "s", "Zone.Identifier", "a!"]))
            packed = draw(
                st.sampled_from([b"\x11\x05\x0a\0", b"\x11\x05\x0a", b"\x01\x03\x21\x02\x10\x00\0", b"\x19\0"])
            )
            size, flags = draw(st.sampled_from([0, 5000])), draw(st.sampled_from([0, 1, 0x4000]))
            parts.append(draw(st.sampled_from([data(b"abc", name), runs(packed, size, name=name, flags=flags)])))
        found[number] = record(*parts, flags=draw(st.integers(0, 3)), sequence=draw(st.integers(1, 3)))
    return found


@given(records(), st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_columns_list_what_rows_list(built: dict[int, bytes], direct: bool, chance: random.Random) -> None:
    raw = bytearray(table(built))
    for _ in range(chance.choice((0, 0, 20))):
        at = chance.randrange(24 * 1024, len(raw))
        raw[at] = chance.randrange(256)
    fs = open_mft_file(Bytes(bytes(raw)), volume(direct=False))
    fs._volume = volume(direct=direct)
    patched = Blocks(np.array([40_000]), np.array([50_000]), 1 << 30)
    fs._allocated = lambda: (patched, [])  # type: ignore[method-assign]
    by_columns, by_rows = both(fs)
    assert by_columns == by_rows
    ids = [row.id for row in by_columns if isinstance(row, FileEntry)]
    assert len(set(ids)) == len(ids)
    assert all(row.id == identify("file", row.address) for row in by_columns if isinstance(row, FileEntry))


@pytest.mark.tools("mkntfs", "ntfs-3g")
@pytest.mark.parametrize("deleted", [False, True])
def test_columns_list_what_rows_list_of_a_volume(deleted: bool, tmp_path: Path) -> None:
    image = RawImage([rich_volume(tmp_path, deleted=deleted)])
    fs = open_ntfs(image, volume(direct=True, length=image.size), FileSystemOptions())
    by_columns, by_rows = both(fs)
    assert by_columns == by_rows
    assert len(by_columns) > 1_900
    image.close()


@given(st.lists(st.binary(max_size=40), max_size=80), st.integers(1, 1 << 40), st.integers(0, 70))
@settings(max_examples=200, deadline=None)
def test_many_run_lists_are_decoded_as_each_alone(raws: list[bytes], clusters: int, few: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.access.ntfs_runs_batch._FEW", few)
        ends = np.cumsum([len(raw) for raw in raws], dtype=np.int64)
        starts = ends - [len(raw) for raw in raws] if raws else ends
        found = decode_many(b"".join(raws) + bytes(64), starts, ends, clusters)
    for number, raw in enumerate(raws):
        low, high = found.bounds[number], found.bounds[number + 1]
        runs_found = list(zip(found.start[low:high].tolist(), found.count[low:high].tolist(), strict=True))
        assert (runs_found, bool(found.sound[number])) == decode_runs(raw, clusters)


@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=6), max_size=20))
@settings(deadline=None)
def test_many_names_are_decoded_as_each_alone(names: list[str]) -> None:
    raws = [name.encode("utf-16-le", "surrogatepass") for name in names]
    ends = np.cumsum([len(raw) for raw in raws], dtype=np.int64)
    starts = ends - [len(raw) for raw in raws] if raws else ends
    texts, sound = decode_names(b"".join(raws), starts, ends, separator=True)
    alone = [raw.decode("utf-16-le", "surrogatepass").replace("/", "\u2215") for raw in raws]
    lone = [any(0xD800 <= ord(letter) < 0xE000 for letter in name) for name in alone]
    assert texts.to_pylist() == [None if odd else name for name, odd in zip(alone, lone, strict=True)]
    assert sound.tolist() == [not odd for odd in lone]
    valid = [name for name, odd in zip(alone, lone, strict=True) if not odd]
    assert escaped(pa.array(valid, pa.string())).to_pylist() == [escape(name) for name in valid]


def test_sizes_beyond_what_tables_hold_are_cut(tmp_path: Path) -> None:
    size = (1 << 64) - 1
    head = runs(b"\x01\x05\0", 5).replace((5).to_bytes(8, "little"), size.to_bytes(8, "little"))
    fs = open_mft_file(Bytes(table({24: record(standard(), file_name("a", 5, 5), head)})), volume(direct=False))
    rows = [row for row in fs.entries() if isinstance(row, FileEntry) and row.path == "/a"]
    assert [row.size for row in rows] == [(1 << 63) - 1]
    stream = fs._streams(24)[0]
    assert (stream.size, stream.initialised) == ((1 << 63) - 1, (1 << 63) - 1)


def test_faults_name_the_lowest_records() -> None:
    faults = Faults()
    for number in (9, 3, 7, 5, 1, 8, 3):
        faults.add("fixup", number)
    (row,) = faults.diagnostics("V")
    assert row.message.endswith("7 times, first in MFT records 1, 3, 5, 7, 8")
