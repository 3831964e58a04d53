"""Laws of the own NTFS reader on tables built record by record: paths, sequences, damage, names."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest

from pipeline.access import ntfs_listing
from pipeline.access.ntfs import open_mft_file
from pipeline.access.ntfs_runs import Piece, decode_runs, join_pieces
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, FileEntry, Origin, Volume
from tests.builders.mft import data, file_name, record, runs, standard, table


class Bytes:
    """A table in memory."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.size = len(raw)

    def read(self, start: int, length: int) -> bytes:
        return self._raw[start : start + max(length, 0)]


VOLUME = Volume(
    address="M", exhibit="M", start=0, length=0, direct=False, scheme="none", part_type="", file_system="NTFS",
    label="", serial="", block_size=4096, encryption="", state="open", reader="own",
)  # fmt: skip


def listed(records: dict[int, bytes]) -> tuple[dict[str, FileEntry], list[Diagnostic]]:
    rows = list(open_mft_file(Bytes(table(records)), VOLUME).entries())
    files = [row for row in rows if isinstance(row, FileEntry)]
    assert len({row.id for row in files}) == len(files)
    found = {row.path if not row.stream else f"{row.path}:{row.stream}": row for row in files}
    return found, [row for row in rows if isinstance(row, Diagnostic)]


def file(name: str, parent: int = 5, meant: int = 5, *, content: bytes = b"x", **head: int) -> bytes:
    return record(standard(), file_name(name, parent, meant), data(content), **head)


def folder(name: str, parent: int = 5, meant: int = 5, **head: int) -> bytes:
    return record(standard(), file_name(name, parent, meant), **{"flags": 3, **head})


def test_times_are_utc_with_microseconds() -> None:
    stamps = tuple(133_500_000_000_000_019 + 10_000_000 * n for n in range(4))
    rows, _ = listed({24: record(standard(0x22, stamps), file_name("a", 5, 5), data(b"x"))})
    row = rows["/a"]
    first = datetime(2024, 1, 17, 21, 20, 0, 1, tzinfo=UTC)
    assert (row.created, row.created_zone, row.created_precision_us) == (first, "UTC", 1)
    seconds = [(moment - first).total_seconds() for moment in (row.modified, row.changed, row.accessed) if moment]
    assert seconds == [1, 2, 3]
    assert row.flags == "hidden"


@pytest.mark.parametrize("number", [24, 8])
def test_times_of_the_name_stand_beside_the_others(number: int) -> None:
    stamps = tuple(133_500_000_000_000_010 + 10_000_000 * n for n in range(4))
    rows, _ = listed({number: record(standard(0), file_name("a", 5, 5, times=stamps), data(b"x"))})
    row = rows["/a"]
    first = datetime(2024, 1, 17, 21, 20, 0, 1, tzinfo=UTC)
    named = (row.name_created, row.name_modified, row.name_changed, row.name_accessed)
    assert [(moment - first).total_seconds() for moment in named if moment] == [0, 1, 2, 3]
    assert row.created != row.name_created


def test_time_before_1970_or_beyond_the_calendar_is_none() -> None:
    rows, _ = listed({24: record(standard(0, (0, 2**64 - 1, 2**63, 1)), file_name("a", 5, 5), data(b"x"))})
    row = rows["/a"]
    assert (row.created, row.modified, row.changed, row.accessed) == (None, None, None, None)


def test_stale_parent_makes_an_orphan() -> None:
    rows, _ = listed({24: folder("now", sequence=9), 25: file("lost", 24, 7), 26: file("kept", 24, 9)})
    assert rows["/$OrphanFiles/lost"].origin == Origin.ORPHAN
    assert rows["/now/kept"].origin == Origin.ALLOCATED


def test_freed_folder_is_known_by_the_sequence_before() -> None:
    rows, _ = listed({24: folder("gone", sequence=9, flags=2), 25: file("inside", 24, 8, flags=0)})
    assert rows["/gone/inside"].origin == Origin.DELETED
    assert rows["/gone"].origin == Origin.DELETED


def test_folders_that_contain_each_other_end_as_orphans_and_are_told() -> None:
    rows, told = listed({24: folder("a", 25, 1), 25: folder("b", 24, 1), 26: file("f", 24, 1), 27: folder("c", 27, 1)})
    assert {"/$OrphanFiles/a/f", "/$OrphanFiles/c/c"} <= rows.keys()
    assert {row.code for row in told} == {"folder-cycle"}


def test_ten_thousand_folders_deep() -> None:
    depth = 10_000
    records = {24: folder("d")}
    records |= {24 + n: folder("d", 23 + n, 1) for n in range(1, depth)}
    records[24 + depth] = file("leaf", 23 + depth, 1)
    rows, told = listed(records)
    assert rows["/d" * depth + "/leaf"].size == 1
    assert told == []


def test_longer_than_ntfs_allows_is_cut_and_told() -> None:
    depth, name = 200, "n" * 250
    records = {24: folder(name)} | {24 + n: folder(name, 23 + n, 1) for n in range(1, depth)}
    rows, told = listed(records)
    assert len(rows) == depth + 2
    assert max(map(len, rows)) <= 32_767 + 260
    assert "path-too-long" in {row.code for row in told}


@pytest.mark.parametrize(
    ("name", "path"),
    [("a/b", "/a\u2215b"), ("\ud800x", "/\\ud800x"), ("..", "/.."), ("a\0b", "/a\0b"), ("\u202ex", "/\u202ex")],
)
def test_names_stay_as_recorded_but_for_the_separator(name: str, path: str) -> None:
    rows, _ = listed({24: file(name)})
    assert path in rows
    rows[path].address.encode("utf-8")


def test_dos_name_is_no_file_of_its_own() -> None:
    both = record(standard(), file_name("LONGNA~1.TXT", 5, 5, space=2), file_name("long name.txt", 5, 5), data(b"x"))
    rows, _ = listed({24: both})
    assert rows["/long name.txt"].short_name == "LONGNA~1.TXT"
    assert not any("~1" in path for path in rows)


def test_each_hard_link_and_stream_is_a_row() -> None:
    rows, _ = listed({24: record(standard(), file_name("a", 5, 5), file_name("b", 5, 5), data(b"1"), data(b"22", "s"))})
    assert {path: rows[path].size for path in ("/a", "/b", "/a:s", "/b:s")} == {"/a": 1, "/b": 1, "/a:s": 2, "/b:s": 2}


def test_deleted_record_without_name_is_listed_for_its_content() -> None:
    rows, _ = listed({24: record(standard(), data(b"content"), flags=0), 25: record(flags=0)})
    assert rows["/$OrphanFiles/inode-24"].size == 7
    assert "/$OrphanFiles/inode-25" not in rows


def test_attributes_of_an_extension_record_join_their_base() -> None:
    def item(kind: int, holder: int, number: int) -> bytes:
        return struct.pack("<IHBBQQH6x", kind, 32, 0, 26, 0, holder | 1 << 48, number)

    listing = item(0x30, 25, 0) + item(0x80, 25, 0)
    head = struct.pack("<IIBBHHHIHBB", 0x20, 24 + len(listing), 0, 0, 24, 0, 0, len(listing), 24, 0, 0)
    base = record(standard(), head + listing)
    extension = record(file_name("far", 5, 5), data(b"far away"), base=24 | 1 << 48)
    rows, told = listed({24: base, 25: extension})
    assert (rows["/far"].size, rows["/far"].meta) == (8, 24)
    assert told == []
    rows, told = listed({24: base, 25: file("other")})
    assert "/far" not in rows
    assert "extension-missing" in {row.code for row in told}


def test_size_of_a_batch_does_not_change_the_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    records = {24: folder("f")} | {25 + n: file(f"n{n}", 24, 1, flags=n % 2) for n in range(60)}
    before = listed(records)
    for size in (1, 7, 16):
        monkeypatch.setattr(ntfs_listing, "_BATCH", size)
        assert listed(records) == before


def test_empty_list_of_runs_and_lists_that_leave_the_volume() -> None:
    assert decode_runs(b"\0", 100) == ([], True)
    assert decode_runs(bytes.fromhex("11 05 0A 01 03 11 02 FE 00"), 100) == ([(10, 5), (-1, 3), (8, 2)], True)
    assert decode_runs(bytes.fromhex("11 05 0A 11 60 0A 00"), 100) == ([(10, 5)], False)
    assert decode_runs(bytes.fromhex("11 05 F0 00"), 100) == ([], False)
    assert decode_runs(bytes.fromhex("18 05"), 100) == ([], False)
    assert decode_runs(bytes.fromhex("11 05 0A"), 100) == ([(10, 5)], False)


def test_pieces_are_put_in_order_and_end_where_one_is_missing() -> None:
    assert join_pieces([Piece(4, [(50, 2)]), Piece(0, [(10, 4)])]) == ([(10, 4), (50, 2)], True)
    broken = [Piece(0, [(10, 4)]), Piece(6, [(50, 2)])]
    assert join_pieces(broken) == ([(10, 4)], False)
    assert join_pieces(broken, across=True) == ([(10, 4), (-1, 2), (50, 2)], False)
    assert join_pieces([Piece(0, [(10, 4)]), Piece(2, [(50, 2)])]) == ([(10, 4)], False)


def test_damaged_run_list_is_told() -> None:
    rows, told = listed({24: record(standard(), file_name("a", 5, 5), runs(b"\x18\x05", 5000))})
    assert rows["/a"].size == 5000
    assert [row.code for row in told] == ["runs-damaged"]


def test_clusters_of_a_bare_table_are_an_error_when_read() -> None:
    rows, _ = listed({24: record(standard(), file_name("a", 5, 5), runs(bytes.fromhex("11 05 0A 00"), 5000))})
    fs = open_mft_file(
        Bytes(table({24: record(standard(), file_name("a", 5, 5), runs(b"\x11\x05\x0a\0", 5000))})), VOLUME
    )
    with pytest.raises(UnreadableError, match="holds no clusters"):
        fs.read(rows["/a"], 0, 10)
