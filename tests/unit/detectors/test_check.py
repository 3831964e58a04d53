"""What ``rules check`` says of rules that load but do not hold: where, what, and that a flood is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.detectors.check import check_rules

RULES = Path(__file__).parents[3] / "rules"
FLOOD = """id: test.number
kind: order-number
version: 1
source: a pattern that matches any long number
match: {regex: '\\d{12}', anchor: ['[0-9]{12}']}
score: {base: 3, report: 3}
tests:
  hit: ['123456789012', 'nothing here']
  miss: ['12']
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "detectors").mkdir()
    shutil.copytree(RULES / "lists", tmp_path / "lists")
    (tmp_path / "detectors" / "number.yaml").write_text("# a comment\n" + FLOOD, "utf-8")
    return tmp_path


def test_every_failure_has_file_and_line_and_a_flood_is_refused(folder: Path) -> None:
    errors = check_rules(folder)
    place = f"{folder / 'detectors' / 'number.yaml'}:2: "
    assert all(error.startswith(place) for error in errors)
    assert sum("tests.hit 2 fails" in error for error in errors) > 1
    assert sum("floods" in error and "per GB" in error for error in errors) == 1
