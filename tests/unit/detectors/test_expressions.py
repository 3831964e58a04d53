"""An expression says of many cells what Python says of each."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detectors.expressions import Expression
from pipeline.rules import load_rules

RULES = load_rules(Path(__file__).parents[3] / "rules")
SOURCES = sorted({rule.match.column for rule in RULES.rules if rule.match.column})
OTHERS = [
    r"a?[^b]",
    r"[^\s@]{1,64}@x",
    r"(?=.*\d).{2,4}|ab*?",
    r"(a)\1",
    r"\w+",
    r"^a$",
    r"(?!a)[a-c]",
    r"[^\D]",
    ".{0,500}",
]
CELLS = st.lists(
    st.text("0123456789-/. aMS@年月日平成元昭和12山田ー﨑𠮷٣\u00a0\u3000\n\x1cexample.jp", max_size=14)
    | st.text(max_size=6)
    | st.sampled_from(["平成16年10月23日", "1985-04-01", "1985/04-01", "123456789018", "1234 5678 9018",
                       "1234-5678 9018", "090-1234-5678", "尼崎市潮江1-2-3", "S600401", "a@example.jp"]),
    max_size=12,
)  # fmt: skip


@pytest.mark.parametrize("source", [*SOURCES, *OTHERS])
@settings(max_examples=25, deadline=None)
@given(cells=CELLS)
def test_many_cells_fit_as_each_does(source: str, cells: list[str]) -> None:
    one = Expression(source)
    assert one.fits(pa.array(cells, pa.string())).tolist() == [
        one.pattern.fullmatch(cell) is not None for cell in cells
    ]


def test_the_columns_of_the_rules_need_no_cell_by_cell() -> None:
    assert [source for source in SOURCES if Expression(source)._conditions is None] == []
