"""What is wrong with an image is caught: damaged pieces, bad sectors, segments, a change while a run goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.access.raw import raw_segments
from pipeline.errors import IntegrityError, UnreadableError
from pipeline.store import Store
from tests.builders.cases import make_case, rows_of, run_to
from tests.builders.ewf import EwfShape, build_ewf, build_segments, write_segments

CHUNK = 64 * 512


def medium() -> bytes:
    """A medium without a partition table or a file system, of eight chunks of text."""
    return b"".join(bytes([65 + number]) * CHUNK for number in range(8))


def classes(case: object) -> dict[str, int]:
    sums: dict[str, int] = {}
    for extent in rows_of(case, "extents"):  # type: ignore[arg-type]
        sums[extent.class_] = sums.get(extent.class_, 0) + extent.length
    return sums


def test_a_damaged_chunk_is_unreadable_and_the_rest_is_examined(tmp_path: Path) -> None:
    raw = bytearray(build_ewf(medium(), compress=False))
    raw[raw.index(b"C" * 1000) + 5] ^= 1
    (tmp_path / "a.E01").write_bytes(bytes(raw))
    case = make_case(tmp_path, "a.E01")
    outcome = run_to(case, "examine")
    assert outcome.exit_code == 3
    assert [(row.start, row.length, row.reason) for row in rows_of(case, "unreadable")] == [
        (2 * CHUNK, CHUNK, "damaged")
    ]
    assert classes(case)["unreadable"] == CHUNK
    assert sum(classes(case).values()) == 8 * CHUNK
    (evidence,) = rows_of(case, "evidence")
    assert (evidence.verified, evidence.unreadable) == (False, CHUNK)
    scanned = [row for row in rows_of(case, "examinations") if row.examined_by == "detected"]
    assert sum(row.bytes for row in scanned if row.outcome == "examined") == 7 * CHUNK
    codes = {row.code for row in rows_of(case, "diagnostics") if row.severity == "loss"}
    assert {"unreadable-sectors", "hash-mismatch"} <= codes


def test_sectors_that_could_not_be_acquired_are_unreadable(tmp_path: Path) -> None:
    (first,) = write_segments(tmp_path, build_segments(medium(), EwfShape(errors=((3, 5), (500, 900)))))
    case = make_case(tmp_path, first.name)
    assert run_to(case, "extents").exit_code == 3
    held = [(row.start, row.length) for row in rows_of(case, "extents") if row.class_ == "unreadable"]
    assert held == [(3 * 512, 5 * 512), (500 * 512, 12 * 512)]
    assert {row.reason for row in rows_of(case, "unreadable")} == {"acquisition"}


def change(path: Path, *, keep_time: bool) -> None:
    found = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    if keep_time:
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


@pytest.mark.parametrize(("name", "stage", "last"), [("a.E01", "evidence", "extents"), ("a.raw", "extents", "examine")])
def test_an_image_that_changes_during_a_run_is_caught(tmp_path: Path, name: str, stage: str, last: str) -> None:
    path = tmp_path / name
    path.write_bytes(medium() if name == "a.raw" else build_ewf(medium(), compress=False))
    case = make_case(tmp_path, name)
    with pytest.raises(IntegrityError, match="changed during the run"):
        run_to(case, last, lambda done: change(path, keep_time=True) if done == stage else None)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:CHUNK])


def put_back(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data)


@pytest.mark.parametrize("what", [cut, Path.unlink, put_back], ids=["cut", "removed", "written again"])
def test_an_image_that_is_touched_during_a_run_is_caught(tmp_path: Path, what: Callable[[Path], None]) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(medium())
    case = make_case(tmp_path, "a.raw")
    with pytest.raises(IntegrityError, match=r"changed during the run|went away"):
        run_to(case, "volumes", lambda done: what(path) if done == "evidence" else None)


def test_an_image_changed_between_runs_under_its_old_time_is_caught(tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(medium())
    case = make_case(tmp_path, "a.raw")
    run_to(case, "extents")
    change(path, keep_time=True)
    with pytest.raises(IntegrityError, match="not those that were hashed"):
        run_to(case, "extents")


@pytest.mark.parametrize("sizes", [(4, 3, 4), (4, 4, 5), (4, 5, 4)])
def test_segments_of_a_raw_medium_that_do_not_fit_are_refused(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    for number, size in enumerate(sizes, 1):
        (tmp_path / f"a.{number:03}").write_bytes(bytes(size * 512))
    with pytest.raises(UnreadableError, match="cut off or of another image"):
        raw_segments(tmp_path / "a.001")


def test_a_short_last_segment_of_a_raw_medium_is_as_it_should_be(tmp_path: Path) -> None:
    for number, size in enumerate((4, 4, 1), 1):
        (tmp_path / f"a.{number:03}").write_bytes(bytes(size * 512))
    assert len(raw_segments(tmp_path / "a.001")) == 3


@pytest.mark.parametrize("segments", [(1, 3), (1, 2), (1, 3, 2)])
def test_segments_that_are_missing_or_out_of_order_end_with_code_3(tmp_path: Path, segments: tuple[int, ...]) -> None:
    made = build_segments(medium(), EwfShape(segments=3))
    for place, number in enumerate(segments, 1):
        (tmp_path / f"a.E{place:02}").write_bytes(made[number - 1])
    case = make_case(tmp_path, "a.E01")
    assert run_to(case, "evidence").exit_code == 3
    assert not Store(case.out).table("evidence").num_rows
    (lost,) = [row for row in rows_of(case, "diagnostics") if row.severity == "loss"]
    assert "segment" in lost.message
