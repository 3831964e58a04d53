"""Copies: which contents hold the same people, how far one is in another, and what was changed on the way."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import Case, Exhibit, Incident
from pipeline.records import Copy, FileEntry, Finding, Holding, Person, identify
from pipeline.review.chain import walk
from pipeline.schemas import TABLES, rows_to_table
from pipeline.stages.base import Item
from pipeline.stages.context import Context
from pipeline.stages.copies import CopiesStage
from pipeline.stages.copies_columns import COLUMNS, gather, hexadecimal
from pipeline.stages.copies_relation import Side, compare

KINDS: Final = ("name", "phone", "birth-date", "household-number")


@dataclass(frozen=True, kw_only=True)
class List:
    """A list of people in a file; ``swap`` : each row has the next one's phone; ``named``: people are known."""

    path: str
    people: tuple[int, ...]
    exhibit: str = "EX-01"
    kinds: tuple[str, ...] = KINDS
    encoding: str = "cp932"
    content: str = ""
    named: bool = True
    swap: bool = False
    type: str = "text"

    @property
    def address(self) -> str:
        return f"{self.exhibit}!fs:{self.path}"

    @property
    def file(self) -> str:
        return identify("file", self.address)

    @property
    def sha256(self) -> str:
        return sha256((self.content or self.address).encode()).hexdigest()

    def findings(self) -> Iterator[Finding]:
        """Yield the findings of the list, row by row."""
        for row, person in enumerate(self.people):
            for column, kind in enumerate(self.kinds):
                whose = self.people[(row + 1) % len(self.people)] if self.swap and kind == "phone" else person
                yield self._finding(row, column, kind, whose, person)

    def _finding(self, row: int, column: int, kind: str, value: int, person: int) -> Finding:
        number = value // 2 if kind == "household-number" else value % 50 if kind == "birth-date" else value
        offset = 100 * row + 10 * column
        place = f"{self.address}!bytes:{offset}+8"
        return Finding(
            id=identify("finding", place, kind), exhibit=self.exhibit, address=place, path=self.path, file=self.file,
            origin="allocated", kind=kind, rule="r", content=self.sha256, locator="", offset=offset, image_offset=None,
            length=8, encoding=self.encoding, shape="A", value_tag=sha256(f"{kind}{number}".encode()).hexdigest()[:32],
            validated=True, score=1.0, record=identify("record", self.address, row),
            person=identify("person", person) if self.named else None,
        )  # fmt: skip

    def entry(self) -> FileEntry:
        """Return the file."""
        return FileEntry(
            id=self.file, exhibit=self.exhibit, volume="", address=self.address, path=self.path, stream="",
            kind="file", origin="allocated", meta=0, parent="", size=1, initialised_size=1, content=self.sha256,
            type=self.type,
        )  # fmt: skip


def judged(tmp_path: Path, lists: Sequence[List]) -> tuple[dict[str, Holding], dict[tuple[str, str], Copy]]:
    """Run the stage over lists; holdings by path, copies by the paths of part and whole."""
    context = case_with(tmp_path, lists)
    rows = list(CopiesStage().examine(context, Item(exhibit="", address="copies")))
    holdings = {row.id: row for table, row in rows if table == "holdings"}
    name = {key: f"{row.exhibit}{row.path}" for key, row in holdings.items()}
    copies = {(name[row.part], name[row.whole]): row for table, row in rows if table == "copies"}
    return {name[key]: row for key, row in holdings.items()}, copies


def case_with(tmp_path: Path, lists: Sequence[List]) -> Context:
    exhibits = tuple(Exhibit(label=label, role="server", image=tmp_path) for label in ("EX-01", "EX-02"))
    moment = datetime(2022, 6, 21, tzinfo=UTC)
    case = Case(
        root=tmp_path, id="x", title="x", timezone="UTC", language="en", exhibits=exhibits, keys_directory=tmp_path,
        incident=Incident(lost_from=moment, recovered_at=moment), datasets=(), rules_directory=tmp_path,
    )  # fmt: skip
    context = Context(case)
    findings = [finding for one in lists for finding in one.findings()]
    known = sorted({row.person for row in findings if row.person})
    people = [Person(person=key, dataset="register", basis="register:name", exhibits=(), findings=1, records=1,
                     household=None) for key in known]  # fmt: skip
    entries = list({one.file: one.entry() for one in lists}.values())
    for table, rows in (("findings", findings), ("people", people), ("files", entries)):
        write(context, table, rows)
    return context


def write(context: Context, table: str, rows: Sequence[Any]) -> None:
    path = context.store.path(table)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows_to_table(TABLES[table], rows), path)


WHOLE: Final = List(path="/all.csv", people=tuple(range(100)))


def test_the_same_content_on_two_exhibits_is_one_copy(tmp_path: Path) -> None:
    there = replace(WHOLE, exhibit="EX-02", path="/b.csv", content="same")
    twice = replace(WHOLE, content="same", path="/c.csv")
    holdings, copies = judged(tmp_path, [replace(WHOLE, content="same"), twice, there])
    assert set(holdings) == {"EX-01/all.csv", "EX-02/b.csv"}
    first = holdings["EX-01/all.csv"]
    assert (first.files, first.records, first.people, first.households) == (2, 100, 100, 50)
    assert first.datasets == ("register",)
    found = copies["EX-02/b.csv", "EX-01/all.csv"]
    assert (found.relation, found.lineage, found.nearest, found.people) == ("same-content", True, True, 100)
    assert first.family == holdings["EX-02/b.csv"].family != ""


CHANGED: Final = (
    (replace(WHOLE, path="/u.csv", encoding="utf-8"), "same-records", ("re-encoded",)),
    (replace(WHOLE, path="/r.csv", people=tuple(sorted(range(100), key=lambda n: n * 37 % 100))), "same-records",
     ("re-ordered",)),
    (replace(WHOLE, path="/f.csv", people=tuple(range(20, 40))), "part", ("filtered",)),
    (replace(WHOLE, path="/d.csv", kinds=("name", "birth-date")), "same-records", ("columns-dropped",)),
    (replace(WHOLE, path="/x.xlsx", encoding="text", type="xlsx"), "same-records", ("repacked",)),
    (replace(WHOLE, path="/n.csv", people=tuple(range(30)), kinds=("name",), encoding="utf-16-le"), "part",
     ("re-encoded", "filtered", "columns-dropped")),
)  # fmt: skip


@pytest.mark.parametrize(("changed", "relation", "changes"), CHANGED, ids=lambda value: str(value)[:12])
def test_a_near_copy_is_linked_with_what_was_changed(
    tmp_path: Path, changed: List, relation: str, changes: tuple[str, ...]
) -> None:
    holdings, copies = judged(tmp_path, [WHOLE, replace(changed, exhibit="EX-02")])
    (found,) = copies.values()
    assert (found.relation, found.changes, found.lineage) == (relation, changes, True)
    assert found.part_exhibit == "EX-02" or relation == "same-records"
    count = len(changed.people)
    assert (found.people, found.part_records_held, found.whole_records) == (count, count, 100)
    assert len({row.family for row in holdings.values()}) == 1


def test_containment_is_counted_both_ways(tmp_path: Path) -> None:
    half = replace(WHOLE, path="/half.csv", people=tuple(range(60, 140)))
    _, copies = judged(tmp_path, [WHOLE, half])
    found = copies["EX-01/half.csv", "EX-01/all.csv"]
    assert (found.relation, found.lineage, found.people) == ("overlap", False, 40)
    assert (found.part_share, found.whole_share) == (0.5, 0.4)
    assert (found.part_records_held, found.part_records) == (40, 80)
    assert (found.whole_records_held, found.whole_records) == (40, 100)


def test_a_value_in_another_row_is_not_held(tmp_path: Path) -> None:
    _, copies = judged(tmp_path, [WHOLE, replace(WHOLE, path="/s.csv", swap=True)])
    (found,) = copies.values()
    assert (found.people, found.part_records_held, found.relation, found.lineage) == (100, 0, "overlap", False)


def test_a_list_that_names_nobody_known_is_linked_by_its_values(tmp_path: Path) -> None:
    names = replace(WHOLE, path="/names.txt", people=tuple(range(30)), kinds=("name",), named=False)
    holdings, copies = judged(tmp_path, [WHOLE, names])
    found = copies["EX-01/names.txt", "EX-01/all.csv"]
    assert (found.relation, found.people, found.values, found.part_records_held) == ("part", 0, 30, 30)
    assert holdings["EX-01/names.txt"].people == 0


def test_strangers_and_a_few_shared_people_are_no_copy(tmp_path: Path) -> None:
    others = replace(WHOLE, path="/o.csv", people=tuple(range(1000, 1100)))
    letter = replace(WHOLE, path="/l.txt", people=(5, 6))
    note = replace(WHOLE, path="/n.txt", people=(5, 6, 7, 8))
    _, copies = judged(tmp_path, [WHOLE, others, letter, note])
    assert set(copies) == {("EX-01/n.txt", "EX-01/all.csv")}
    assert not copies["EX-01/n.txt", "EX-01/all.csv"].lineage


@pytest.mark.parametrize("bound", ["COMMON", "PARTNERS", "PAIRS"])
def test_copies_that_bounds_leave_out_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    daily = [replace(WHOLE, path=f"/{day}.csv", people=tuple(range(day, 100))) for day in range(4)]
    assert limits_said(tmp_path / "whole", daily) == []
    monkeypatch.setattr(f"pipeline.stages.copies_pairs.{bound}", 2)
    assert limits_said(tmp_path / "bound", daily) == ["copies-limit"]


def limits_said(folder: Path, lists: Sequence[List]) -> list[str]:
    context, stage = case_with(folder, lists), CopiesStage()
    items = [item for unit in stage.units(context) for item in stage.items(context, unit)]
    return [row.code for item in items for table, row in stage.examine(context, item) if table == "diagnostics"]


def test_a_member_is_no_copy_of_its_container(tmp_path: Path) -> None:
    inner = replace(WHOLE, path="/all.csv!member:a.csv")
    _, copies = judged(tmp_path, [WHOLE, inner])
    (found,) = copies.values()
    assert "inside" in found.changes
    assert not found.lineage


def test_the_chain_walks_from_a_copy_to_both_files(tmp_path: Path) -> None:
    part = replace(WHOLE, path="/f.csv", people=tuple(range(20)))
    context = case_with(tmp_path, [WHOLE, part])
    rows = list(CopiesStage().examine(context, Item(exhibit="", address="copies")))
    for table in ("holdings", "copies", "claims", "activity", "sources", "contents", "diagnostics", "volumes",
                  "evidence"):  # fmt: skip
        write(context, table, [row for name, row in rows if name == table])
    (copy,) = (row for table, row in rows if table == "copies")
    links = [(link.relation, link.table, link.row.get("path")) for link in walk(context.store, copy.id)]
    assert links == [
        ("is", "copies", None), ("part", "holdings", "/f.csv"), ("in file", "files", "/f.csv"),
        ("whole", "holdings", "/all.csv"), ("in file", "files", "/all.csv"),
    ]  # fmt: skip


def test_batches_do_not_change_the_holdings() -> None:
    lists = [WHOLE, replace(WHOLE, path="/b.csv", people=tuple(range(50))), replace(WHOLE, path="/a.csv", content="x")]
    table = rows_to_table(TABLES["findings"], [row for one in lists for row in one.findings()]).select(list(COLUMNS))
    whole = gather([("EX-01", table.to_batches())])
    cut = gather([("EX-01", table.to_batches(max_chunksize=7))])
    assert whole.places == cut.places
    for one, other in zip(whole.profiles, cut.profiles, strict=True):
        assert np.array_equal(one.facts, other.facts)
        assert np.array_equal(one.records, other.records)


def test_digests_become_their_first_64_bits() -> None:
    column = pa.array(["00", "0123456789abcdef0123", None, "f" * 24])
    assert hexadecimal(column).tolist() == [0, 0x0123456789ABCDEF, 0, (1 << 64) - 1]
    assert hexadecimal(column.slice(1, 2)).tolist() == [0x0123456789ABCDEF, 0]


@pytest.mark.parametrize("seed", range(12))
def test_counts_equal_those_of_plain_sets(seed: int) -> None:
    chance = random.Random(seed)
    lists = [
        List(path=f"/{number}", people=tuple(chance.sample(range(60), chance.randint(1, 50))),
             kinds=tuple(sorted(chance.sample(KINDS, chance.randint(1, 4)))), named=chance.random() < 0.7,
             swap=chance.random() < 0.3)
        for number in (1, 2)
    ]  # fmt: skip
    rows = [list(one.findings()) for one in lists]
    found = compare(*(side_of(one) for one in rows))
    assert found.people == len({r.person for r in rows[0] if r.person} & {r.person for r in rows[1] if r.person})
    assert found.values == len({r.value_tag for r in rows[0]} & {r.value_tag for r in rows[1]})
    common = {r.kind for r in rows[0]} & {r.kind for r in rows[1]}
    assert (found.left_held, found.right_held) == (held(rows[0], rows[1], common), held(rows[1], rows[0], common))


_WORDS: Final = {kind: number for number, kind in enumerate(KINDS)}


def side_of(rows: Sequence[Finding]) -> Side:
    table = rows_to_table(TABLES["findings"], rows).select(list(COLUMNS))
    found = gather([("EX-01", table.to_batches())])
    numbers = np.asarray([_WORDS[kind] for kind in found.kinds], dtype=np.uint8)
    return Side(replace(found.profiles[0], kinds=numbers[found.profiles[0].kinds]))


def held(side: Sequence[Finding], other: Sequence[Finding], common: set[str]) -> int:
    facts = {(row.person, row.value_tag) for row in other}
    loose = {row.value_tag for row in other if row.person is None}
    everything = {row.value_tag for row in other}
    records: dict[str, list[bool]] = {}
    for row in side:
        if row.kind in common:
            there = (row.person, row.value_tag) in facts if row.person else row.value_tag in everything
            records.setdefault(row.record, []).append(there or row.value_tag in loose)
    return sum(all(values) for values in records.values())
