"""What the law asks: deadlines, thresholds, and whether a My Number is among the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.stages.verdict import evaluate
from tests.builders.verdicts import Rows, case_of, negative_rows, tables_of


def counted(rows: Rows) -> dict[str, Any]:
    people: dict[str, Any] = evaluate(tables_of(rows), (), case_of()).verdict["people"]
    return people


def test_deadlines_and_thresholds_come_from_discovery_and_regime() -> None:
    people = counted(negative_rows())
    assert people["deadlines"]["preliminary"].startswith("2022-06-26")
    assert people["deadlines"]["final"].startswith("2022-07-21")
    assert people["deadlines"]["final-if-malicious"].startswith("2022-08-20")
    assert people["threshold"] == 100


def numbered(**columns: Any) -> Callable[[], Rows]:
    return lambda: negative_rows() | {"findings": [{"exhibit": "pc", "id": "n", "kind": "my-number", **columns}]}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(negative_rows, "no"), (numbered(validated=True), "yes"), (numbered(), "undetermined"), (dict, "undetermined")],
)
def test_a_my_number_is_absent_only_where_everything_was_examined(rows: Callable[[], Rows], expected: str) -> None:
    legal = counted(rows())["legal"]
    assert next(row["my_number"] for row in legal if row["exhibit"] == "pc") == expected


def peopled(count: int, **columns: Any) -> Rows:
    people = [
        {"person": f"p{n}", "dataset": "register", "basis": "register:name", "records": 2, "household": f"h{n // 2}"}
        | columns
        for n in range(count)
    ]
    return negative_rows() | {"people": people}


@pytest.mark.parametrize(
    ("rows", "exceeds"),
    [
        (peopled(101), "yes"),
        (peopled(100), "no"),
        (peopled(101, basis="name+birth-date"), "undetermined"),
        (peopled(101, basis="my-number", dataset=None), "yes"),
        ({"people": peopled(100)["people"]}, "undetermined"),
    ],
)
def test_the_threshold_is_exceeded_by_who_is_sure_and_not_by_whom_is_all(rows: Rows, exceeds: str) -> None:
    assert counted(rows)["totals"][-1]["exceeds"] == exceeds


def test_records_people_and_households_stand_apart_for_each_dataset_and_for_everyone() -> None:
    rows = peopled(6)
    rows["people"] += [{"person": "q", "dataset": None, "basis": "name+birth-date", "records": 1, "household": None}]
    totals = counted(rows)["totals"]
    assert [(row["dataset"], row["records"], row["low"], row["high"], row["households"]) for row in totals] == [
        ("", 1, 0, 1, 0), ("register", 12, 6, 6, 3), (None, 13, 6, 7, 3),
    ]  # fmt: skip
    assert [row["without_household"] for row in totals] == [1, 0, 1]
