"""Many records matched at once give what each of them gives by itself."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest

from pipeline import register_match
from pipeline.register import Register, build_register
from pipeline.register_match import TagTable
from pipeline.rules_values import value_tag
from tests.builders.people import HEADERS, Resident, generate

KEY = b"k" * 32
FIELDS = {
    "citizen-code": "citizen_code", "name": "name", "name-kana": "kana", "birth-date": "birth_date",
    "address": "address", "postal-code": "postal_code", "phone": "phone", "email": "email", "my-number": "my_number",
    "household-number": "household_number", "bank-account": "account", "yara": "marker",
}  # fmt: skip


def build(folder: Path, people: list[Resident], columns: list[int]) -> Register:
    with (folder / "r.csv").open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow([HEADERS[index] for index in columns])
        rows.writerows([[one.cells()[index] for index in columns] for one in people])
    build_register(folder / "r.csv", "d", KEY, folder / "r.akr")
    return Register.open(folder / "r.akr", KEY)


def records(chance: random.Random, people: list[Resident], count: int) -> list[dict[str, tuple[str, ...]]]:
    """Records of some fields of one person, now and then with a field of another."""
    made = []
    for _ in range(count):
        one, other = chance.choice(people), chance.choice(people)
        tags: dict[str, tuple[str, ...]] = {}
        for kind in chance.sample(sorted(FIELDS), chance.randint(1, 7)):
            owners = {0: [other], 1: [one, other]}.get(chance.randint(0, 9), [one])
            tags[kind] = tuple(sorted({value_tag(KEY, kind, str(getattr(who, FIELDS[kind]))) for who in owners}))
        made.append(tags)
    return made


def table(tagged: list[dict[str, tuple[str, ...]]]) -> TagTable:
    kinds = sorted(FIELDS)
    rows = [
        (number, kinds.index(kind), int.from_bytes(bytes.fromhex(tag)[:8], "little"))
        for number, tags in enumerate(tagged)
        for kind, values in tags.items()
        for tag in values
    ]
    rows.sort()
    owners, kind, tags = zip(*rows, strict=True)
    return TagTable(kinds, np.array(owners), np.array(kind), np.array(tags, np.uint64))


@pytest.mark.parametrize("columns", [range(len(HEADERS)), [2, 3, 4], [3, 7, 8, 9], [0, 2], [1, 7, 10]])
@pytest.mark.parametrize("many", [5000, 12])
def test_many_records_match_as_each_does(
    tmp_path: Path, columns: list[int], many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register_match, "MANY", many)
    monkeypatch.setattr("pipeline.register.MANY", many)
    monkeypatch.setattr(register_match, "_CHUNK", 500)
    chance = random.Random(str(columns))
    people = generate(400, 5)
    people += [generate(401, 5)[-1], people[0]]
    register = build(tmp_path, people, list(columns))
    tagged = records(chance, [*people, *generate(60, 6)], 1500)
    found = register.match_many(table(tagged), len(tagged))
    kinds = sorted(FIELDS)
    for number, tags in enumerate(tagged):
        match = register.match_tags(tags)
        basis = "+".join(kind for place, kind in enumerate(kinds) if found.kinds[number] >> place & 1)
        assert (found.rows[number], basis) == ((-1, "") if match is None else (match.row, match.basis))
    assert (found.rows >= 0).sum() > 20
