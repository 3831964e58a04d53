"""Masking many texts gives what masking each gives; what the sieve holds back is what no rule would match."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detectors import Masker, Scanner
from pipeline.detectors.sieve import widened
from pipeline.rules import load_rules

RULES: Final = load_rules(Path(__file__).parents[3] / "rules")
MASKER: Final = Masker(Scanner(RULES), b"k" * 32)
PIECES: Final = (
    "Documents", "report 2024-05-01", "0312345678", "090-1234-5678", "taro.yamada@example.jp", "1234-5678-9012",
    "佐藤花子", "佐藤_花子", "サトウ ハナコ", "ｻﾄｳ ﾊﾅｺ", "東京都千代田区丸の内1-2-3", "名簿", "生活保護",
    "０９０ー１２３４ー５６７８", "世帯番号: 1234567", "20010203", "昭和55年3月4日", "a\nb", "\u2028", "𠮷田太郎",
    "４１１１ １１１１ １１１１ １１１１", "100-0001", "٠٩٠١٢٣٤٥٦٧٨", "x" * 300,
)  # fmt: skip


def both(texts: list[str]) -> tuple[dict[int, str], dict[int, str]]:
    alone = {number: masked for number, text in enumerate(texts) if (masked := MASKER.mask(text)) != text}
    return MASKER.mask_many(pa.array(texts, pa.string())), alone


@given(st.lists(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=4).map("/".join), max_size=8))
@settings(max_examples=60, deadline=None)
def test_many_are_masked_as_each_alone(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    many, alone = both(texts)
    assert many == alone


def test_every_example_of_the_rules_is_let_through() -> None:
    texts = [f"/folder/{text}" for rule in RULES.rules for text in (*rule.hits, *rule.misses)]
    many, alone = both(texts)
    assert many == alone
    assert len(many) > len(RULES.rules)


def test_ordinary_paths_are_held_back() -> None:
    texts = [f"/area {n // 100:02}/folder {n:04}/document number {n:06}.dat" for n in range(500)]
    texts += ["/Windows/System32/drivers/etc/hosts", "/資料/会議/議事録.docx"]
    assert MASKER._sieve.suspects(pa.array(texts)).tolist() == []


@given(st.text("019 -/aé年\n", max_size=12))
@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize(
    "source",
    [
        r"(?<!\d)0\d{1,3}-\d(?!\d)", r"(?i)A1", r"(\d)(?:-|/)\1", r"[^\d ]+$", r"^\W|\S{2}年?", r"(?i:A)9", r"(?>0+)1",
        r"(0)?(?(1)1|9)", r".a{200,}|9{0,150}-", r"\bé\B",
    ],
)  # fmt: skip
def test_wider_expressions_match_where_narrow_ones_do(source: str, text: str) -> None:
    if re.search(source, text):
        assert pc.match_substring_regex(pa.array([text]), widened(source)).to_pylist() == [True]
