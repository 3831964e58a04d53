"""What an NTFS stream lost is not made up: it is read as far as it has a place; clusters are their last owner's."""

from __future__ import annotations

import struct

import pytest

from pipeline.access.content import Opener
from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.ntfs import NtfsFileSystem, open_ntfs
from pipeline.errors import UnreadableError
from pipeline.records import Certainty, Diagnostic, FileEntry, Volume
from tests.builders.mft import CREATED, SIZE, attribute, data, file_name, record, runs, standard, table

CLUSTER = 4096
CLUSTERS = 512
VOLUME = Volume(
    address="EX-01!part:p1", exhibit="EX-01", start=0, length=CLUSTERS * CLUSTER, direct=True, scheme="none",
    part_type="", file_system="NTFS", label="", serial="", block_size=CLUSTER, encryption="", state="open",
    reader="own",
)  # fmt: skip


class Medium:
    """A volume in memory; every cluster behind the table is filled with its own number."""

    def __init__(
        self, records: dict[int, bytes], *, used: bytes = b"", patches: dict[int, bytes] | None = None
    ) -> None:
        boot = bytearray(512)
        boot[3:16] = b"NTFS    \0\x02\x08\0\0"
        boot[40:80] = struct.pack("<QQQbxxxbxxxQ", CLUSTERS * 8, 1, 500, -10, 1, 7)
        last = max(records) + 1
        own = {
            0: record(standard(), file_name("$MFT", 5, 5), runs(b"\x11\x40\x01\0", last * SIZE)),
            6: record(standard(), file_name("$Bitmap", 5, 5), data(used.ljust(CLUSTERS // 8, b"\0"))),
        }
        raw = bytearray(b"".join(struct.pack("<H", 0x8000 | number) * (CLUSTER // 2) for number in range(CLUSTERS)))
        raw[:CLUSTER] = bytes(boot).ljust(CLUSTER, b"\0")
        made = table(own | records)
        raw[CLUSTER : CLUSTER + len(made)] = made
        for number, patch in (patches or {}).items():
            raw[number * CLUSTER : number * CLUSTER + len(patch)] = patch
        self._raw, self.size = bytes(raw), len(raw)

    def read(self, start: int, length: int) -> bytes:
        return self._raw[start : start + max(length, 0)]

    def clusters(self, *numbers: int) -> bytes:
        return b"".join(self.read(number * CLUSTER, CLUSTER) for number in numbers)


def listed(medium: Medium) -> tuple[NtfsFileSystem, dict[str, FileEntry], set[str]]:
    fs = open_ntfs(medium, VOLUME, FileSystemOptions())
    rows = list(fs.entries())
    found = {f"{row.path}:{row.stream}".rstrip(":"): row for row in rows if isinstance(row, FileEntry)}
    return fs, found, {row.code for row in rows if isinstance(row, Diagnostic)}


def content(medium: Medium, row: FileEntry) -> tuple[int, bytes]:
    """Return the size that is promised to whoever reads, and what there is."""
    readable = Opener(medium, {VOLUME.address: VOLUME}, FileSystemOptions()).open(row)  # type: ignore[arg-type]
    return readable.size, readable.read(0, row.size)


@pytest.mark.parametrize(
    ("packed", "size", "places"),
    [
        (b"\x18\x05", 50_000, ()),  # torn
        (b"\x38" + b"\xff" * 7 + b"\x7f\1\1\1\0", 50_000, ()),  # a run of 2^63 clusters
        (b"\x11\x02\x7d\x12\x00\x02\x01\0", 50_000, (125, 126)),  # the second one leaves the volume
        (b"\x11\x02\x7d\0", 50_000, (125, 126)),  # ends before the size
    ],
)  # fmt: skip
def test_a_stream_is_read_as_far_as_it_has_a_place(packed: bytes, size: int, places: tuple[int, ...]) -> None:
    medium = Medium({24: record(standard(), file_name("a", 5, 5), runs(packed, size))})
    fs, rows, _ = listed(medium)
    row = rows["/a"]
    assert row.size == size
    assert content(medium, row)[1] == medium.clusters(*places)
    assert fs.read(row, 0, size) == medium.clusters(*places)


def test_holes_and_what_was_never_written_stay_zeros() -> None:
    sparse = bytearray(runs(b"\x11\x01\x7d\x01\x02\x11\x01\x02\0", 4 * CLUSTER))
    struct.pack_into("<Q", sparse, 56, 3 * CLUSTER + 100)  # the initialised size
    medium = Medium({24: record(standard(), file_name("a", 5, 5), bytes(sparse))})
    _, rows, told = listed(medium)
    whole = medium.clusters(125) + bytes(2 * CLUSTER) + medium.clusters(127)[:100].ljust(CLUSTER, b"\0")
    assert content(medium, rows["/a"]) == (4 * CLUSTER, whole)
    assert told == set()


def _listing(*items: tuple[int, int, int]) -> bytes:
    """Return an attribute list of $DATA pieces: (first virtual cluster, record, attribute number)."""
    rows = [
        struct.pack("<IHBBQQH", 0x80, 32, 0, 26, first, number | 1 << 48, one).ljust(32, b"\0")
        for first, number, one in items
    ]
    return attribute(0x20, b"".join(rows))


def _part(packed: bytes, first: int, size: int) -> bytes:
    return record(runs(packed, size, first=first), base=24 | 1 << 48)


def test_a_lost_middle_piece_ends_the_stream_and_a_lost_first_one_leaves_its_least_size() -> None:
    head = standard(), file_name("a", 5, 5)
    pieces = _listing((0, 25, 0), (2, 26, 0), (4, 27, 0))
    parts = {
        25: _part(b"\x11\x02\x7d\0", 0, 6 * CLUSTER), 26: _part(b"\x11\x02\x70\0", 2, 0),
        27: _part(b"\x11\x02\x78\0", 4, 0),
    }  # fmt: skip
    medium = Medium({24: record(*head, pieces), **parts})
    _, rows, told = listed(medium)
    assert content(medium, rows["/a"])[1] == medium.clusters(125, 126, 112, 113, 120, 121)
    assert told == set()
    medium = Medium({24: record(*head, pieces), 25: parts[25], 26: record(flags=0), 27: parts[27]})
    _, rows, told = listed(medium)
    assert rows["/a"].size == 6 * CLUSTER
    assert content(medium, rows["/a"])[1] == medium.clusters(125, 126)
    assert {"extension-missing", "runs-damaged"} <= told
    medium = Medium({24: record(*head, pieces), 25: record(flags=0), 26: parts[26], 27: parts[27]})
    _, rows, told = listed(medium)
    assert (rows["/a"].size, content(medium, rows["/a"])[1]) == (6 * CLUSTER, b"")
    assert {"extension-missing", "runs-damaged"} <= told


def _packed_run(packed: bytes, size: int) -> bytes:
    made = bytearray(runs(packed, size, flags=1))
    made[34] = 4  # units of 16 clusters
    return bytes(made)


def test_a_compressed_stream_ends_where_its_runs_do() -> None:
    unit = struct.pack("<H", 0x3000 | CLUSTER - 1) + b"p" * CLUSTER + bytes(CLUSTER - 2)
    first, lost = b"\x11\x02\x7d\x01\x0e", b"\x11\x02\x03"
    plain = (b"p" * CLUSTER).ljust(16 * CLUSTER, b"\0")
    sizes = {"whole": (first + b"\0", 16), "short": (first + b"\0", 40), "torn": (first + lost + b"\x18\x05", 40)}
    for packed, clusters in sizes.values():
        one = record(standard(), file_name("a", 5, 5), _packed_run(packed, clusters * CLUSTER))
        medium = Medium({24: one}, patches={125: unit})
        fs, rows, _ = listed(medium)
        assert rows["/a"].size == clusters * CLUSTER
        assert fs.read(rows["/a"], 0, clusters * CLUSTER) == plain
        assert fs.read(rows["/a"], 16 * CLUSTER, 100) == b""


def test_a_unit_that_was_wiped_is_not_zeros() -> None:
    one = record(standard(), file_name("a", 5, 5), _packed_run(b"\x11\x02\x7d\x01\x0e\0", 16 * CLUSTER))
    fs, rows, _ = listed(Medium({24: one}, patches={125: bytes(2 * CLUSTER)}))
    with pytest.raises(UnreadableError, match="its bytes are lost"):
        fs.read(rows["/a"], 0, 100)


def test_a_bitmap_that_ends_early_leaves_everything_allocated() -> None:
    bitmap = record(standard(), file_name("$Bitmap", 5, 5), runs(b"\x18\x05", CLUSTERS // 8))
    _, _, told = listed(Medium({6: bitmap, 24: record(standard(), file_name("a", 5, 5), data(b"x"))}))
    assert "bitmap-damaged" in told


def test_a_table_whose_runs_end_early_is_told() -> None:
    own = record(standard(), file_name("$MFT", 5, 5), runs(b"\x11\x08\x01\0", 100 * SIZE))
    _, _, told = listed(Medium({0: own, 24: record(standard(), file_name("a", 5, 5), data(b"x"))}))
    assert "mft-runs-damaged" in told


@pytest.mark.parametrize("cold", [False, True])
def test_clusters_of_two_deleted_files_are_the_newer_ones(cold: bool) -> None:
    """``cold``: by single records, for a name that is no Unicode."""

    def gone(name: str, changed: int, packed: bytes, size: int) -> bytes:
        times = (CREATED, CREATED, CREATED + changed * 10_000_000, CREATED)
        text = name + ("\ud800" if cold else "")
        return record(standard(0x20, times), file_name(text, 5, 5), runs(packed, size), flags=0)

    medium = Medium({
        24: gone("older", 1, b"\x11\x02\x7d\0", 2 * CLUSTER), 25: gone("newer", 9, b"\x11\x04\x7d\0", 4 * CLUSTER),
        26: gone("half", 2, b"\x21\x04\x7f\x00\0", 4 * CLUSTER),
        27: gone("alone", 1, b"\x21\x02\xa0\x00\0", 2 * CLUSTER), 28: gone("one", 3, b"\x21\x02\xb0\x00\0", CLUSTER),
        29: gone("two", 3, b"\x21\x02\xb0\x00\0", CLUSTER),
    })  # fmt: skip
    _, rows, _ = listed(medium)
    said = {row.path.strip("/").split("\\")[0]: row.certainty for row in rows.values() if row.meta >= 24}
    assert said == {
        "older": Certainty.OVERWRITTEN, "newer": Certainty.INTACT, "half": Certainty.PARTLY_OVERWRITTEN,
        "alone": Certainty.INTACT, "one": Certainty.OVERWRITTEN, "two": Certainty.OVERWRITTEN,
    }  # fmt: skip
