"""Laws of the rows of coverage: streams add up for every examination, and no row can be lost without notice."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import NOT_CALLED_FOR, Coverage, Examination, Extent
from pipeline.schemas import TABLES, rows_to_table
from pipeline.stages.coverage_bytes import byte_rows
from pipeline.stages.coverage_streams import STREAM_EXAMINATIONS, stream_rows
from pipeline.stages.verdict_account import missing_rows, uncounted, unlisted, unmatched
from pipeline.verdict_tables import open_tables
from tests.builders.verdicts import case_of, tables_of

WORST = ("not-examined", "partial", "examined")
KINDS = {
    "carved": "deleted-content", "gone": "deleted-content", "layered": "file-content", "member": "member",
    "resident": "file-content",
}  # fmt: skip
EXTENTS = [
    Extent(exhibit="pc", start=0, length=300, class_="unallocated", owner=None, volume="pc!p1"),
    Extent(exhibit="pc", start=300, length=200, class_="file-content", owner="placed", volume="pc!p1"),
]


def examined(subject: str, class_: str, name: str, outcome: str, size: int) -> Examination:
    volume = "pc!snapshot" if subject.startswith("layered") else "pc!p1"
    return Examination(
        exhibit="pc", volume=volume, address="pc!x", subject=subject, class_=class_, bytes=size, examined_by=name,
        outcome=outcome, reason="" if outcome == "examined" else "why",
    )  # fmt: skip


@st.composite
def streams(draw: st.DrawFn) -> list[Examination]:
    rows = []
    for number in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(sorted(KINDS)))
        size = draw(st.integers(0, 50))
        for name in draw(st.lists(st.sampled_from(STREAM_EXAMINATIONS), min_size=1, max_size=5)):
            outcome = draw(st.sampled_from(WORST))
            rows.append(examined(f"{kind}{number}", KINDS[kind], name, outcome, draw(st.integers(0, size))))
    return rows


def rows_of_streams(rows: list[Examination]) -> list[Coverage]:
    carved = pa.array(sorted({row.subject for row in rows if row.subject.startswith("carved")}), pa.string())
    return list(stream_rows("pc", rows_to_table(TABLES["examinations"], rows), carved, pa.array(["pc!snapshot"])))


@settings(deadline=None, max_examples=60)
@given(streams())
def test_every_stream_is_in_one_row_of_each_examination_with_the_worst_that_was_said(rows: list[Examination]) -> None:
    items: dict[tuple[str, str], int] = defaultdict(int)
    bad: dict[tuple[str, str], int] = defaultdict(int)
    for subject in {row.subject for row in rows}:
        said = {name: [row.outcome for row in rows if (row.subject, row.examined_by) == (subject, name)]
                for name in STREAM_EXAMINATIONS}  # fmt: skip
        worst = {name: min(map(WORST.index, found)) for name, found in said.items() if found}
        class_ = subject.rstrip("0123456789")
        class_ = "resident" if class_ == "gone" and worst.get("hashed", 0) else class_
        for name in (*STREAM_EXAMINATIONS, "accounted"):
            items[class_, name] += 1
        for name in STREAM_EXAMINATIONS:
            silent = 2 if name == "decoded" and worst.get("hashed", 0) else 0
            bad[class_, name] += worst.get(name, silent) < 2
    found = rows_of_streams(rows)
    for (class_, name), count in items.items():
        mine = [row for row in found if (row.class_, row.examined_by) == (class_, name)]
        assert sum(row.items for row in mine) == count
        assert sum(row.items for row in mine if not fine(row)) == bad[class_, name]
    assert {(row.class_, row.examined_by) for row in found} == set(items)
    assert len({(row.class_, row.bytes) for row in totals(found)}) == len({row.class_ for row in found})


def fine(row: Coverage) -> bool:
    return row.outcome == "examined" or row.reason.startswith(NOT_CALLED_FOR)


def totals(rows: list[Coverage]) -> list[Coverage]:
    """Return a row for each class and examination with all its bytes."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        sums[row.class_, row.examined_by] += row.bytes
    return [
        Coverage(exhibit="pc", volume="", class_=class_, bytes=size, items=0, examined_by=name, outcome="", reason="")
        for (class_, name), size in sums.items()
    ]  # fmt: skip


@settings(deadline=None, max_examples=15)
@given(streams())
def test_no_row_of_coverage_of_any_class_can_be_lost_without_notice(rows: list[Examination]) -> None:
    """The law behind every negative: a row that is there is weighed, one that is not there is missed."""
    raw = [
        Examination(
            exhibit="pc", volume="pc!p1", address="pc!bytes:0+300", subject="raw", class_="unallocated", bytes=300,
            examined_by=name, outcome="examined", reason="",
        )
        for name in ("carved", "detected")
    ]  # fmt: skip
    placed = [examined("placed", "file-content", name, "examined", 200) for name in ("hashed", "detected")]
    extents = rows_to_table(TABLES["extents"], EXTENTS)
    coverage = [dict(column) for column in rows_to_table(TABLES["coverage"], [
        *rows_of_streams(rows),
        *byte_rows("pc", 500, extents, rows_to_table(TABLES["examinations"], [*raw, *placed])),
        *(_whole("accounted", one.class_, one.length) for one in EXTENTS), _whole("listed", "volume", 500),
    ]).to_pylist()]  # fmt: skip
    subjects = {row.subject for row in rows}
    held = {kind: sum(one.startswith(kind) for one in subjects) for kind in ("carved", "member")}
    held["listed"] = len(subjects) - sum(held.values())
    volumes, account = [{"address": "pc!p1"}], {one.class_: one.length for one in EXTENTS}

    def noticed(coverage: list[dict[str, Any]]) -> list[Any]:
        return [*uncounted(account, 500, coverage), *unmatched(held, coverage), *unlisted(volumes, coverage)]

    assert not noticed(coverage)
    for number in range(len(coverage)):
        assert noticed(coverage[:number] + coverage[number + 1 :]), coverage[number]
    for class_ in {row["class"] for row in coverage} - {"gone", "layered", "resident"}:
        assert noticed([row for row in coverage if row["class"] != class_]), class_


def test_streams_that_were_read_and_have_no_row_at_all_are_missed() -> None:
    """The files told of each class; a content that an extent owns, under whatever name, is the account's."""
    kinds = {"a": "carved", "b": "member", "c": "allocated", "d": "allocated", "e": "allocated"}
    files = [{"exhibit": "pc", "id": key, "content": "C" if key in "de" else key, "origin": origin}
             for key, origin in kinds.items()]  # fmt: skip
    files.append(files[1])  # a second member of the same name has the same address
    extents = [{"exhibit": "pc", "start": 0, "length": 5, "class": "file-content", "owner": "d"}]
    tables = tables_of({"evidence": [{"exhibit": "pc", "size": 5}], "files": files, "extents": extents})
    with open_tables(tables, case_of()) as database:
        told = [text["en"] for text in missing_rows(database, "pc", [])]
    assert [text for text in told if "contents" in text] == [
        f"{kind}: 1 contents have no record of being examined" for kind in ("carved", "listed", "member")
    ]


def _whole(name: str, class_: str, size: int) -> Coverage:
    return Coverage(exhibit="pc", volume="pc!p1", class_=class_, bytes=size, items=1, examined_by=name,
                    outcome="examined", reason="")  # fmt: skip
