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
