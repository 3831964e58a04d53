"""Laws of streams read by their runs."""

from __future__ import annotations

import pytest

from pipeline.access.content import Opener, RunReadable
from pipeline.access.interfaces import FileSystemOptions
from pipeline.errors import UnreadableError
from pipeline.records import FileEntry, Origin, Run
from tests.builders.disks import Bytes

DISK = bytes(range(256)) * 16


def _entry(size: int, runs: list[tuple[int, int]], initialised: int | None = None, reader: str = "runs") -> FileEntry:
    return FileEntry(
        id="0", exhibit="EX-01", volume="EX-01", address="EX-01!fs:/a", path="/a", stream="", kind="file",
        origin=Origin.ALLOCATED, meta=1, parent="", size=size, reader=reader,
        initialised_size=size if initialised is None else initialised,
        runs=tuple(Run(start=start, length=length) for start, length in runs),
    )  # fmt: skip


def _open(entry: FileEntry, disk: bytes = DISK) -> RunReadable:
    return RunReadable(Bytes(disk), entry)  # type: ignore[arg-type]


def test_runs_are_joined_in_their_order_and_cut_to_the_size() -> None:
    stream = _open(_entry(12, [(512, 4), (16, 4), (256 + 32, 8)]))
    assert (stream.size, stream.missing) == (12, 0)
    assert stream.read(0, 99) == b"\0\1\2\3" + bytes([16, 17, 18, 19]) + bytes([32, 33, 34, 35])


def test_every_piece_is_a_piece_of_the_whole() -> None:
    stream = _open(_entry(40, [(100, 7), (-1, 9), (3, 24)], initialised=30))
    whole = stream.read(0, 40)
    assert all(stream.read(at, count) == whole[at : at + count] for at in range(41) for count in range(42 - at))


def test_holes_and_uninitialised_bytes_read_as_zeros() -> None:
    stream = _open(_entry(12, [(1, 4), (-1, 4), (20, 4)], initialised=10))
    assert stream.read(0, 12) == bytes([1, 2, 3, 4, 0, 0, 0, 0, 20, 21, 0, 0])


def test_bytes_without_a_place_are_counted_and_never_made_up() -> None:
    stream = _open(_entry(1000, [(0, 300), (512, 200)]))
    assert (stream.size, stream.missing) == (500, 500)
    assert (len(stream.read(0, 1000)), stream.read(500, 10), stream.read(499, 10)) == (500, b"", b"\xc7")


def test_entry_without_runs_misses_all_of_its_bytes() -> None:
    stream = _open(_entry(1000, []))
    assert (stream.size, stream.missing, stream.read(0, 10)) == (0, 1000, b"")


def test_negative_size_is_empty() -> None:
    stream = _open(_entry(-5, [(0, 100)]))
    assert (stream.size, stream.missing, stream.read(0, 10)) == (0, 0, b"")


def test_run_outside_the_image_is_an_error() -> None:
    with pytest.raises(UnreadableError, match="outside"):
        _open(_entry(100, [(4090, 100)])).read(0, 100)


def test_unreadable_run_is_an_error() -> None:
    stream = RunReadable(Bytes(DISK, broken=[(64, 1)]), _entry(100, [(0, 100)]))  # type: ignore[arg-type]
    assert len(stream.read(0, 64)) == 64
    with pytest.raises(UnreadableError):
        stream.read(60, 10)


@pytest.mark.parametrize("reader", ["member", "file-system"])
def test_entry_of_no_known_volume_is_an_error(reader: str) -> None:
    opener = Opener(Bytes(DISK), {}, FileSystemOptions())  # type: ignore[arg-type]
    with pytest.raises(UnreadableError, match="EX-01!fs:/a"):
        opener.open(_entry(1, [], reader=reader))


@pytest.mark.parametrize("reader", ["runs", "file-system"])
def test_a_size_beyond_any_medium_is_refused_and_not_read_for_ever(reader: str) -> None:
    volume = Bytes(DISK)
    opener = Opener(volume, {}, FileSystemOptions())  # type: ignore[arg-type]
    opener._open["EX-01"] = None  # type: ignore[assignment]
    with pytest.raises(UnreadableError, match="more than the medium"):
        opener.open(_entry(1 << 60, [(-1, 1 << 60)], reader=reader))
    assert opener.open(_entry(1 << 60, [(0, 16)])).size == 16
