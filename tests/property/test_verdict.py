"""Laws of the verdict under any loss, addition or order of rows."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.verdict import evaluate
from pipeline.verdict_rules import Question, load_verdict_rules
from tests.builders.verdicts import EARLY, INSIDE, RULES, Rows, case_of, negative_rows, tables_of

ASKED: Final = ("access-written", "network", "removable-media", "staging", "unauthorised-copy", "web-upload")
FEW: Final = settings(max_examples=8, deadline=None)


@lru_cache(maxsize=1)
def rules() -> tuple[Question, ...]:
    return tuple(question for question in load_verdict_rules(RULES) if question.id in ASKED)


def levels(rows: Rows, labels: tuple[str, str, str] = ("pc", "sv", "usb")) -> dict[tuple[str, str], str]:
    verdict = evaluate(tables_of(rows), rules(), case_of(labels=labels)).verdict
    return {(item["id"], item["exhibit"]): str(item["level"]) for item in verdict["questions"]}


def leaky_rows() -> Rows:
    """Return rows with two independent grounds for several answers."""
    rows = negative_rows()
    for key in ("a", "b"):
        found = [
            {"exhibit": "pc", "id": f"{key}{kind}", "person": "p", "kind": kind, "record": key, "file": "pc-f"}
            for kind in ("name", "phone")
        ]
        rows.setdefault("findings", []).extend(found)
        event: dict[str, Any] = {"exhibit": "pc", "id": f"d{key}", "action": "device-connected", "time": INSIDE}
        rows["activity"] += [event | {"device": f"9900112{key}"}, event | {"id": f"u{key}", "action": "uploaded"}]
    rows["people"] = [{"person": "p", "dataset": "register", "basis": "register:name", "exhibits": ["pc"]}]
    return rows


def without(rows: Rows, table: str, position: int) -> Rows:
    return {**rows, table: [row for number, row in enumerate(rows[table]) if number != position % len(rows[table])]}


@FEW
@given(table=st.sampled_from(["sources", "files", "volumes", "coverage"]), position=st.integers(0, 99))
def test_losing_a_row_never_makes_a_negative(table: str, position: int) -> None:
    whole = negative_rows()
    before, after = levels(whole), levels(without(whole, table, position))
    assert not [key for key in before if before[key] != "not-confirmed" and after[key] == "not-confirmed"]


@FEW
@given(table=st.sampled_from(["sources", "findings", "activity"]), position=st.integers(0, 99))
def test_losing_one_of_two_grounds_never_makes_a_negative_of_an_answer(table: str, position: int) -> None:
    whole = leaky_rows()
    before, after = levels(whole), levels(without(whole, table, position))
    assert not [key for key in before if before[key] != "not-confirmed" and after[key] == "not-confirmed"]


@FEW
@given(names=st.lists(st.text("abcxyz0189", min_size=1, max_size=8), max_size=4, unique=True))
def test_unrelated_files_change_nothing(names: list[str]) -> None:
    rows = leaky_rows()
    more = [
        {
            "exhibit": label, "id": f"{label}-{name}", "address": f"{label}!p1!fs:/docs/{name}.txt", "kind": "file",
            "path": f"/docs/{name}.txt", "origin": "allocated", "listed_by": "own+tsk", "volume": f"{label}!p1",
            "created": EARLY, "modified": EARLY,
        }
        for name in names for label in ("pc", "sv", "usb")
    ]  # fmt: skip
    assert levels({**rows, "files": [*rows["files"], *more]}) == levels(rows)


@FEW
@given(data=st.data())
def test_order_of_rows_changes_nothing(data: st.DataObject) -> None:
    rows = leaky_rows()
    mixed = {name: data.draw(st.permutations(rows[name])) for name in sorted(rows)}
    first = evaluate(tables_of(rows), rules(), case_of()).verdict
    assert evaluate(tables_of(mixed), rules(), case_of()).verdict == first


@FEW
@given(labels=st.permutations(["AX-1", "BX-2", "CX-3"]))
def test_labels_of_exhibits_change_no_answer(labels: list[str]) -> None:
    names = dict(zip(("pc", "sv", "usb"), labels, strict=True))

    def renamed(value: Any) -> Any:
        label, mark, rest = value.partition("!") if isinstance(value, str) else ("", "", "")
        return names[label] + mark + rest if label in names else value

    rows = {
        name: [
            {
                key: [names[item] for item in value] if key == "exhibits" else renamed(value)
                for key, value in row.items()
            }
            for row in items
        ]
        for name, items in leaky_rows().items()
    }
    expected = {(question, names[label]): level for (question, label), level in levels(leaky_rows()).items()}
    assert levels(rows, (labels[0], labels[1], labels[2])) == expected
