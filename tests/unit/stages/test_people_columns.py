"""People counted in columns are the people that records name one by one."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.records import Finding, Person, identify
from pipeline.register import Register
from pipeline.rules_values import value_tag
from pipeline.schemas import TABLES, rows_to_table, table_to_rows
from pipeline.stages.people import people_batch
from pipeline.stages.people_columns import read_detections
from pipeline.stages.people_links import owners_of, people_in
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


TIES = (
    *(("name", "birth-date", kind) for kind in SUPPORT), ("name-kana", "bank-account"), ("name", "bank-account"),
    ("name", "phone"), ("name", "email"), ("name", "address"), *(("name-kana", "birth-date", kind) for kind in SUPPORT),
)  # fmt: skip
Reason = tuple[str, str | None]


class OneByOne:
    """The rule as it reads: each record by itself, then each person by what was gathered."""

    def __init__(self, rows: Sequence[Finding]) -> None:
        self.groups: dict[str, list[Finding]] = defaultdict(list)
        for row in rows:
            self.groups[row.record or row.id].append(row)
        self.who: dict[str, tuple[str, Reason]] = {}

    def tags(self, record: str, kind: str) -> tuple[str, ...]:
        return tuple(sorted({row.value_tag for row in self.groups[record] if row.kind == kind}))

    def key(self, record: str, kinds: Sequence[str]) -> tuple[str, ...] | None:
        found = [self.tags(record, kind) for kind in kinds]
        return tuple(tags[0] for tags in found) if all(len(tags) == 1 for tags in found) else None

    def tie(self, kinds: Sequence[str], *, one_to_one: bool = False) -> list[str]:
        """Tie open records to whom their key is of alone; return those whose key is nobody's."""
        people: dict[tuple[str, ...], set[str]] = defaultdict(set)
        keys: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        reasons: dict[str, Reason] = {}
        for record in self.groups:
            if record in self.who:
                reasons.setdefault(*self.who[record])
                if key := self.key(record, kinds):
                    people[key].add(self.who[record][0])
                    keys[self.who[record][0]].add(key)
        left = []
        for record in self.groups:
            key = self.key(record, kinds)
            if record in self.who or key is None:
                continue
            owners = people.get(key, set())
            void = one_to_one and len(owners) == 1 and len(keys[min(owners)]) > 1
            if not owners or void:
                left.append(record)
            elif len(owners) == 1:
                self.who[record] = min(owners), reasons[min(owners)]
        return left

    def run(self, registers: Mapping[str, Register]) -> None:
        for dataset in sorted(registers):
            for record in self.groups:
                tags = {kind: values for kind in FIELDS if (values := self.tags(record, kind))}
                match = registers[dataset].match_tags(tags)
                if match is not None and record not in self.who:
                    self.who[record] = (
                        people_in(dataset, np.array([match.row]))[0],
                        (f"register:{match.basis}", dataset),
                    )
        for kind in ("citizen-code", "my-number", "resident-code"):
            for record in self.tie((kind,), one_to_one=True):
                self.who[record] = identify("person", kind, self.tags(record, kind)[0]), (kind, None)
        for record in self.tie(("name", "birth-date")):
            support = [kind for kind in SUPPORT if self.key(record, (kind,))]
            basis = "name+birth-date" + (f"+{support[0]}" if support else "")
            self.who[record] = (
                identify("person", "name", *self.key(record, ("name", "birth-date")) or ()),
                (basis, None),
            )
        for kinds in TIES:
            self.tie(kinds)


def one_by_one(rows: Sequence[Finding], registers: Mapping[str, Register]) -> tuple[list[str | None], list[Person]]:
    rule = OneByOne(rows)
    rule.run(registers)
    members: dict[str, list[Finding]] = defaultdict(list)
    reasons: dict[str, Reason] = {}
    for record, group in rule.groups.items():
        if record in rule.who:
            who, reason = rule.who[record]
            reasons.setdefault(who, reason)
            members[who] += group
    people = [
        Person(
            person=who, dataset=reasons[who][1], basis=reasons[who][0],
            exhibits=tuple(sorted({row.exhibit for row in group})), findings=len(group),
            records=len({row.record for row in group}),
            household=min((row.value_tag for row in group if row.kind == "household-number"), default=None),
            most=max(1, len({row.value_tag for row in group if row.kind == "address"}))
            if reasons[who][0].startswith("name") else 1,
        )
        for who, group in sorted(members.items())
    ]  # fmt: skip
    known = [rule.who.get(row.record or row.id) for row in rows]
    return [one[0] if one else None for one in known], people


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


def people_of(*records: Mapping[str, str], contents: Sequence[str] = ()) -> tuple[list[str | None], list[Person]]:
    """Return who each record is of and the people, of records by kind and value in contents."""
    found = [
        replace(finding(number * 100 + place, f"{number:024x}", kind, value_tag(KEY, kind, value), "EX-01"),
                content=contents[number] if contents else "")
        for number, record in enumerate(records)
        for place, (kind, value) in enumerate(sorted(record.items()))
    ]  # fmt: skip
    rows = read_detections(rows_to_table(TABLES["detections"], found).to_batches())
    owners = owners_of(rows, {})
    who = [owners.people[number] if number >= 0 else None for number in owners.person.tolist()]
    batches = [people_batch(rows, owners)] if owners.people else []
    return who, list(table_to_rows(TABLES["people"], pa.Table.from_batches(batches))) if batches else []


ANN = {"name": "n", "birth-date": "d"}


def test_records_of_other_identifiers_names_and_accounts_follow_the_one_person_they_fit() -> None:
    who, people = people_of(
        ANN | {"citizen-code": "1111", "my-number": "22", "name-kana": "k", "bank-account": "7"},
        {"my-number": "22"}, ANN, {"name-kana": "k", "bank-account": "7"}, {"citizen-code": "1111"},
    )  # fmt: skip
    assert len({*who}) == len(people) == 1
    assert people[0].records == 5


def test_what_fits_several_is_nobodys_and_what_fits_one_by_its_home_is_hers() -> None:
    home = {"address": "a"}
    who, people = people_of(ANN | home | {"citizen-code": "1111"}, ANN | {"citizen-code": "2222"}, ANN, ANN | home)
    assert who[2] is None
    assert who[3] == who[0] != who[1]
    assert len(people) == 2


def test_a_head_of_households_code_beside_members_numbers_merges_no_family() -> None:
    head = {"citizen-code": "1111"}
    who, _ = people_of(head | {"my-number": "22"}, head | {"my-number": "33"}, {"my-number": "22"}, {"my-number": "33"})
    assert len({who[0], who[2], who[3]}) == 3


def test_by_name_and_birth_date_alone_a_list_and_homes_bound_the_number_of_people() -> None:
    _, same = people_of(ANN, ANN, contents=["list", "copy"])
    _, listed = people_of(ANN, ANN, contents=["list", "list"])
    _, homes = people_of(ANN | {"address": "a"}, ANN | {"address": "b"}, contents=["list", "copy"])
    assert [one.most for found in (same, listed, homes) for one in found] == [1, 2, 2]
