"""Laws of coverage: for each class and examination the bytes add up, and each byte has the outcome of the model."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import NOT_CALLED_FOR, Coverage, Examination, Extent
from pipeline.schemas import TABLES, rows_to_table
from pipeline.stages.coverage_bytes import EXAMINATIONS, byte_rows, subjects_on_medium

SIZE = 300
CLASSES = ("unallocated", "file-content", "deleted-content", "file-slack", "locked", "unreadable", "volume-gap")
CONTENT = ("file-content", "deleted-content")
WORST = ("not-examined", "partial", "examined")


@st.composite
def extents(draw: st.DrawFn) -> list[Extent]:
    cuts = sorted({0, SIZE, *draw(st.lists(st.integers(1, SIZE - 1), max_size=9))})
    rows = []
    for start, end in pairwise(cuts):
        class_ = draw(st.sampled_from(CLASSES))
        owner = draw(st.sampled_from(["f1", "f2", "f3"])) if class_ in (*CONTENT, "file-slack") else None
        rows.append(Extent(exhibit="E", start=start, length=end - start, class_=class_, owner=owner, volume="v"))
    return rows


@st.composite
def raw(draw: st.DrawFn) -> Examination:
    start, length = draw(st.integers(0, SIZE - 1)), draw(st.integers(0, SIZE))
    return _row(draw, "raw", f"E!bytes:{start}+{min(length, SIZE - start)}", ("detected", "carved"))


@st.composite
def of_file(draw: st.DrawFn) -> Examination:
    subject = draw(st.sampled_from(["f1", "f2", "f3"]))
    return _row(draw, subject, f"E!fs:/{subject}!bytes:7+9", EXAMINATIONS)


def _row(draw: st.DrawFn, subject: str, address: str, by: tuple[str, ...]) -> Examination:
    return Examination(
        exhibit="E", volume="v", address=address, subject=subject, class_="x", bytes=1,
        examined_by=draw(st.sampled_from(by)), outcome=draw(st.sampled_from(WORST)),
        reason=draw(st.sampled_from(["", "why"])),
    )  # fmt: skip


def outcome_of(byte: int, name: str, held: Extent, rows: list[Examination]) -> str | None:
    """Return the best of what the scans of raw bytes and the reading of the owner say, each the worst of its rows."""
    scans, reads = [], []
    for row in rows:
        if row.examined_by != name:
            continue
        if row.subject == "raw":
            start, length = map(int, row.address.rpartition("bytes:")[2].split("+"))
            scans += [WORST.index(row.outcome)] if start <= byte < start + length else []
        elif row.subject == held.owner and held.class_ in CONTENT:
            reads.append(WORST.index(row.outcome))
    found = [min(which) for which in (scans, reads) if which]
    return WORST[max(found)] if found else None


@settings(deadline=None, max_examples=80)
@given(extents(), st.lists(raw(), max_size=6), st.lists(of_file(), max_size=8))
def test_every_byte_of_a_class_is_in_one_row_of_each_examination(
    held: list[Extent], scans: list[Examination], reads: list[Examination]
) -> None:
    table = rows_to_table(TABLES["extents"], held)
    found = list(byte_rows("E", SIZE, table, rows_to_table(TABLES["examinations"], [*scans, *reads])))
    sums, expected = defaultdict(int), defaultdict(int)
    for row in found:
        sums[row.class_, row.examined_by, outcome(row)] += row.bytes
    for extent in held:
        for byte in range(extent.start, extent.start + extent.length):
            for name in EXAMINATIONS:
                said = outcome_of(byte, name, extent, [*scans, *reads]) or silence(name, extent, reads)
                expected[extent.class_, name, said] += 1
    assert sums == expected


def outcome(row: Coverage) -> str:
    return "spared" if row.reason.startswith(NOT_CALLED_FOR) else row.outcome


def silence(name: str, extent: Extent, reads: list[Examination]) -> str:
    hashed = any(
        row.subject == extent.owner and row.examined_by == "hashed" and row.outcome != "not-examined" for row in reads
    )
    read = extent.class_ in CONTENT and hashed
    other = extent.class_ not in (*CONTENT, "locked", "unreadable")
    spared = {"carved": read, "decoded": read or other, "hashed": other, "detected": False}
    return "spared" if spared[name] else "not-examined"


def test_slack_of_a_file_is_not_examined_by_reading_the_file() -> None:
    held = [Extent(exhibit="E", start=0, length=10, class_="file-slack", owner="f1", volume="v")]
    assert subjects_on_medium(rows_to_table(TABLES["extents"], held)).to_pylist() == []
