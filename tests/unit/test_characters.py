"""A table says of a long text what the interpreter says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.characters import Characters

TABLES = [
    str.maketrans("髙𠮷ab", "高吉xy"),
    dict.fromkeys(map(ord, " -\u3000")),
    {0x3000: 0x20, **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}},
    {ord("a"): "あ"},
]


@pytest.mark.parametrize("table", TABLES)
@settings(max_examples=40, deadline=None)
@given(st.text(max_size=12) | st.text("ab -\u3000１髙𠮷\ud83d\ude00\0", max_size=12), st.sampled_from([1, 300]))
def test_long_texts_are_translated_alike(table: dict[int, int | str | None], text: str, times: int) -> None:
    long = text * times
    assert Characters(table)(long) == long.translate(table)
