"""Laws of the rule files: they hold their examples, and an error is told by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.verdict_rules import check_verdict_rules
from tests.builders.verdicts import RULES


def test_shipped_rules_hold_their_examples() -> None:
    assert check_verdict_rules(RULES) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("FROM happened", "FROM nowhere", "sql: |", "does not run"),
        ("AS note", "AS nota", "sql: |", "table, row and note"),
        ("2022-06-01T03:00:00Z", "2022-06-22T03:00:00Z", "- test: printed", "must not"),
        ("shows_leak: true", "shows_leak: maybe", "shows_leak: maybe", "true or false"),
        ("level: indicated", "level: certain", "level: certain", "level must be one of"),
    ],
)
def test_an_error_in_a_rule_is_told_with_file_and_line(
    tmp_path: Path, old: str, new: str, line: str, message: str
) -> None:
    text = (RULES / "print.yaml").read_text("utf-8").replace(old, new)
    (tmp_path / "print.yaml").write_text(text, "utf-8")
    numbers = [number for number, content in enumerate(text.splitlines(), 1) if line in content]
    (error,) = check_verdict_rules(tmp_path)
    number = numbers[0] if line == "sql: |" else numbers[-1]
    assert error.startswith(f"{tmp_path / 'print.yaml'}:{number}: ")
    assert message in error
