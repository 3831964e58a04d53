"""The end of a long row is read, however little of it lies behind the last border of the grid."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.detectors import Scanner, Window
from pipeline.rules import load_rules

SCANNER = Scanner(load_rules(Path(__file__).parents[3] / "rules"))
HEAD = "氏名,電話番号\n".encode()
TAIL = b" yamada.hanako@mail.example.jp"


@pytest.mark.parametrize("length", range(2100, 3200, 50))
def test_the_end_of_a_long_row_is_read(length: int) -> None:
    data = HEAD + b"x" * length + TAIL
    window = Window(data=data, start=0, own_start=0, own_end=len(data), table=SCANNER.table(data))
    assert window.table is not None
    assert [hit.kind for hit in SCANNER.scan(window)] == ["email"]
    assert SCANNER.sweep(window).all() == SCANNER.scan(window)
