"""People counted in columns are the people that records name one by one."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.records import Finding, Person, identify
from pipeline.register import Register
from pipeline.rules_values import value_tag
from pipeline.schemas import TABLES, rows_to_table, table_to_rows
from pipeline.stages.people import people_batch
from pipeline.stages.people_columns import owners_of, read_detections
from tests.builders.people import Resident, generate
from tests.unit.test_register_match import FIELDS, KEY, build

SUPPORT = ("address", "postal-code", "phone", "email", "bank-account", "household-number")


def finding(number: int, record: str, kind: str, tag: str, exhibit: str) -> Finding:
    return Finding(
        id=identify("finding", number), exhibit=exhibit, address=f"{exhibit}!bytes:{number}+1", path="", file="",
        origin="", kind=kind, rule="", content="", locator="", offset=number, image_offset=None, length=1,
        encoding="utf-8", shape="", value_tag=tag, validated=True, score=4.0, record=record, person=None,
    )  # fmt: skip


def detections(chance: random.Random, people: Sequence[Resident], records: int) -> list[Finding]:
    """Findings of records of some fields, in an order that mixes records; some stand alone."""
    found = []
    for number in range(records):
        one, other = chance.choice(people), chance.choice(people)
        record = identify("record", number) if chance.random() < 0.9 else ""
        exhibit = f"EX-0{chance.randint(1, 3)}"
        for kind in chance.sample(sorted(FIELDS), chance.randint(1, 6)):
            for who in {0: [other], 1: [one, other]}.get(chance.randint(0, 9), [one]):
                place = chance.randrange(10**9)
                found.append(
                    finding(place, record, kind, value_tag(KEY, kind, str(getattr(who, FIELDS[kind]))), exhibit)
                )
    return sorted(found, key=lambda row: (row.exhibit, row.address, row.id))


def one_by_one(rows: Sequence[Finding], registers: Mapping[str, Register]) -> tuple[list[str | None], list[Person]]:
    """The rule as it reads: each record by itself, then each person by what was gathered."""
    groups: dict[str, list[Finding]] = defaultdict(list)
    for row in rows:
        groups[row.record or row.id].append(row)
    person: dict[str, str] = {}
    reasons: dict[str, tuple[str, str | None]] = {}
    members: dict[str, list[Finding]] = defaultdict(list)
    for record, group in groups.items():
        who, basis, dataset = single_out(group, registers)
        if who is not None:
            reasons.setdefault(who, (basis, dataset))
            members[who] += group
            person[record] = who
    people = [
        Person(
            person=who, dataset=reasons[who][1], basis=reasons[who][0],
            exhibits=tuple(sorted({row.exhibit for row in group})), findings=len(group),
            records=len({row.record for row in group}),
            household=min((row.value_tag for row in group if row.kind == "household-number"), default=None),
        )
        for who, group in sorted(members.items())
    ]  # fmt: skip
    return [person.get(row.record or row.id) for row in rows], people


def single_out(group: Sequence[Finding], registers: Mapping[str, Register]) -> tuple[str | None, str, str | None]:
    tags = {kind: tuple(sorted({row.value_tag for row in group if row.kind == kind})) for kind in FIELDS}
    tags = {kind: values for kind, values in tags.items() if values}
    for dataset in sorted(registers):
        match = registers[dataset].match_tags(tags)
        if match is not None:
            return identify("person", dataset, match.row), f"register:{match.basis}", dataset
    for kind in ("citizen-code", "my-number", "resident-code"):
        if len(tags.get(kind, ())) == 1:
            return identify("person", kind, tags[kind][0]), kind, None
    names, dates = tags.get("name", ()), tags.get("birth-date", ())
    if len(names) == 1 and len(dates) == 1:
        support = [kind for kind in SUPPORT if len(tags.get(kind, ())) == 1]
        basis = "name+birth-date" + (f"+{support[0]}" if support else "")
        return identify("person", "name", names[0], dates[0]), basis, None
    return None, "", None


@pytest.mark.parametrize("registers", [0, 1, 2])
@pytest.mark.parametrize("records", [0, 1, 900])
def test_columns_name_whom_records_name(tmp_path: Path, registers: int, records: int) -> None:
    people = generate(150, 5)
    folders = [tmp_path / str(number) for number in range(registers)]
    for folder in folders:
        folder.mkdir()
    built = {folder.name: build(folder, people[: 80 + 40 * int(folder.name)], [0, 2, 4, 8]) for folder in folders}
    found = detections(random.Random(records), [*people, *generate(40, 6)], records)
    table = rows_to_table(TABLES["detections"], found)
    rows = read_detections(table.to_batches(max_chunksize=101) if records else [])
    owners = owners_of(rows, built)
    names = [owners.people[number] if number >= 0 else None for number in owners.person[rows.record].tolist()]
    counted = (
        list(table_to_rows(TABLES["people"], pa.Table.from_batches([people_batch(rows, owners)])))
        if owners.people
        else []
    )
    assert (names, counted) == one_by_one(found, built)
    assert len(counted) >= records // 10
