"""What a negative must not overlook: profiles out of their usual place, lists that match nobody."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Any

import pytest

from pipeline.stages.verdict import evaluate
from pipeline.verdict_rules import Question, load_verdict_rules
from tests.builders.verdicts import BACK, INSIDE, LOST, RULES, Rows, case_of, negative_rows, tables_of


@lru_cache(maxsize=1)
def rules() -> dict[str, Question]:
    return {question.id: question for question in load_verdict_rules(RULES)}


def level(rows: Rows, question: str) -> str:
    found = evaluate(tables_of(rows), (rules()[question],), case_of()).verdict["questions"]
    return next(str(item["level"]) for item in found if (item["id"], item["exhibit"]) == (question, "pc"))


@pytest.mark.parametrize(
    "path",
    [
        "Users/b/AppData/Local/Google/Chrome/User Data/Profile 1/Network/Cookies",
        "Users/b/AppData/Local/Google/Chrome/User Data/Profile 1/Favicons",
        "Users/b/Desktop/Tor Browser/Browser/TorBrowser/Data/Browser/profile.default/places.sqlite",
        "PortableApps/FirefoxPortable/Data/profile/places.sqlite",
        "PortableApps/GoogleChromePortable/Data/profile/Default/History",
    ],
)
def test_a_profile_anywhere_needs_its_history(path: str) -> None:
    rows = negative_rows()
    file = {"exhibit": "pc", "id": "b", "address": f"pc!p1!fs:/{path}", "origin": "allocated", "type": "sqlite"}
    assert level({**rows, "files": [*rows["files"], file]}, "web-upload") == "undetermined"


@pytest.mark.parametrize(("count", "expected"), [(9, "not-confirmed"), (10, "undetermined")])
def test_a_list_that_matches_nobody_is_not_denied(count: int, expected: str) -> None:
    found = [
        {"exhibit": "pc", "id": f"n{number}", "kind": "name", "value_tag": f"{number:032x}", "file": "pc-f"}
        for number in range(count)
    ]
    assert level({**negative_rows(), "findings": found}, "unauthorised-copy") == expected


@pytest.mark.parametrize("start", [LOST - timedelta(hours=1), LOST, INSIDE])
@pytest.mark.parametrize("end", [BACK, BACK + timedelta(hours=1)])
@pytest.mark.parametrize("question", ["web-upload", "removable-media", "anti-forensics"])
def test_a_gap_that_ends_behind_the_window_is_in_it(question: str, start: Any, end: Any) -> None:
    rows = negative_rows()
    hole = [{"start": start, "end": end, "reason": "removed"}]
    assert level(rows, question) == "not-confirmed"
    assert level({**rows, "sources": [row | {"gaps": hole} for row in rows["sources"]]}, question) == "undetermined"
