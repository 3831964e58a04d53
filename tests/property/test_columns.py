"""Rows read by columns give what each of them gives by itself, whatever table, encoding and page."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detectors import OVERLAP, Hit, Scanner, Window
from pipeline.detectors.check import encoded
from pipeline.detectors.texts import Texts
from pipeline.detectors.validators import VALIDATORS, valid_many
from pipeline.rules import load_rules
from pipeline.rules_values import canonical, canonical_many
from tests.builders.people import HEADERS, generate

RULES = Path(__file__).parents[2] / "rules"
ENCODINGS = ("utf-8", "cp932", "euc-jp", "iso-2022-jp", "ascii")
SPOILED = (
    "", " ", "***", "ー", "氏名", "電話", "生活保護", "０９０－１２３４－５６７８", "0ー1",
    "１２３４　５６７８　９０１８",
    "髙橋　﨑子", "𠮷田 太郎", "\ue000田", 'a"b', '""', "山田，太郎", "x" * 2100, "\x1b", "\x80",
    "尼崎市潮江1-2-3", "注文番号", "2月30日",
    "S60.4.1", "a@example.jp", "12", "\u3000", "  山田太郎\u3000 ", "²", "ﾔﾏﾀﾞ ﾀﾛｳ", "\ufeff", "¨",
)  # fmt: skip
NUMBERS = st.sampled_from(
    ["123456789018", "111111111111", "+81 90-1234-5678", "090-1234-5678", "0611111111", "", "a.b@jp", "a.b.c.d.e.f@jp",
     "taro.yamada@mail.example.jp", ".taro@mail.example.jp", "taro..y@example.jp", "taro.yamada@x.png", "a@b.co",
     "long.local.part@com", "１２３", "٣٣٣"]
)  # fmt: skip
KINDS = ("name", "name-kana", "address", "phone", "email", "my-number", "birth-date", "bank-account")


@cache
def scanner() -> Scanner:
    return Scanner(load_rules(RULES))


@cache
def people() -> list[dict[str, str]]:
    return [dict(zip(HEADERS, one.cells(), strict=True)) for one in generate(60, 11)]


@st.composite
def lines(draw: st.DrawFn, columns: list[str], delimiter: str, encoding: str) -> bytes:
    """A row, mostly as the table has it."""
    person = people()[draw(st.integers(0, 59))]
    cells = [person[column] for column in columns]
    if draw(st.integers(0, 3)) == 0:
        cells[draw(st.integers(0, len(cells) - 1))] = draw(st.sampled_from(SPOILED))
    change = draw(st.integers(0, 20))
    cells = {0: cells[:-1], 1: [*cells, "末尾"], 2: [f'"{cell}"' for cell in cells]}.get(change, cells)
    own = draw(st.sampled_from(ENCODINGS)) if change == 3 else encoding
    raw = encoded(delimiter.join(cells), own) or delimiter.join(cells).encode("utf-8", "surrogatepass")
    return raw[: draw(st.integers(0, len(raw)))] if change == 4 else raw


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """A table with a header: some columns typed, some not, and rows that spoil its shape."""
    columns = draw(st.lists(st.sampled_from(HEADERS), min_size=3, max_size=9, unique=True))
    delimiter = draw(st.sampled_from([",", "\t", "|", ";"]))
    encoding = draw(st.sampled_from(ENCODINGS[:4]))
    rows = [encoded(delimiter.join(columns), encoding) or b""]
    rows += draw(st.lists(lines(columns, delimiter, encoding), min_size=1, max_size=25))
    return draw(st.sampled_from([b"\n", b"\r\n", b"\r", b"\0\n"])).join(rows)


def windows(data: bytes, page: int) -> list[Window]:
    table = scanner().table(data)
    starts = range(0, len(data), page)
    return [
        Window(
            data=data[max(0, start - OVERLAP) : start + page + OVERLAP],
            start=max(0, start - OVERLAP), own_start=start, own_end=start + page, table=table,
        )
        for start in starts
    ]  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(tables(), st.sampled_from([700, 4096, 1 << 20]))
def test_columns_say_what_rows_say(data: bytes, page: int) -> None:
    for window in windows(data, page):
        assert scanner().sweep(window).all() == scanner().scan(window)


@settings(max_examples=40, deadline=None)
@given(tables())
def test_page_size_does_not_change_what_columns_say(data: bytes) -> None:
    def found(page: int) -> list[Hit]:
        return [hit for window in windows(data, page) for hit in scanner().sweep(window).all()]

    assert found(900) == found(1 << 20)


@st.composite
def wide_tables(draw: st.DrawFn) -> bytes:
    """A table in UTF-16 with rows that spoil its shape, halves of characters and long lines."""
    columns = draw(st.lists(st.sampled_from(HEADERS), min_size=3, max_size=9, unique=True))
    rows = [columns]
    for number in draw(st.lists(st.integers(0, 59), min_size=1, max_size=25)):
        cells = [people()[number][column] for column in columns]
        change = draw(st.integers(0, 12))
        if change == 0:
            cells[draw(st.integers(0, len(cells) - 1))] = draw(st.sampled_from([*SPOILED, "\ud842", "𠮷" * 3]))
        rows.append({1: cells[:-1], 2: [f'"{cell}"' for cell in cells], 3: [*cells, "末尾"]}.get(change, cells))
    text = draw(st.sampled_from(["\n", "\r\n", "\r", "\0\n"])).join(map(",".join, rows))
    raw = (draw(st.sampled_from(["", "\ufeff"])) + text).encode(
        draw(st.sampled_from(["utf-16-le", "utf-16-be"])), "surrogatepass"
    )
    return raw + draw(st.sampled_from([b"", b"\n", "\n電話 090-1234-5678".encode("cp932")]))


@settings(max_examples=60, deadline=None)
@given(wide_tables(), st.sampled_from([700, 901, 4096, 1 << 20]))
def test_columns_in_utf_16_say_what_rows_say(data: bytes, page: int) -> None:
    for window in windows(data, page):
        assert scanner().sweep(window).all() == scanner().scan(window)


@pytest.mark.parametrize("encoding", [*ENCODINGS[:3], "utf-16"])
def test_plain_rows_are_read_by_columns(encoding: str) -> None:
    rows = [HEADERS, *(one.cells() for one in generate(50, 3))]
    data = "\r\n".join(map(",".join, rows)).encode("euc_jp" if encoding == "euc-jp" else encoding)
    (window,) = windows(data, 1 << 20)
    found = scanner().sweep(window)
    assert sum(map(len, found.columns)) > 50 * 10
    assert {hit.kind for hit in found.hits} <= {"sensitive-marker"} | {column.kind for column in found.columns}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(KINDS), st.lists(st.sampled_from(SPOILED) | st.text(max_size=12), max_size=8))
def test_many_values_are_what_each_of_them_is(kind: str, texts: list[str]) -> None:
    values = [text.replace("\0", "").strip() for text in texts]
    assert canonical_many(kind, values) == [canonical(kind, value) for value in values]


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(VALIDATORS)), st.lists(st.text("0123456789- １２+", max_size=14) | NUMBERS, max_size=8))
def test_many_validated_are_what_each_of_them_is(name: str, values: list[str]) -> None:
    assert valid_many([name], Texts.of(values)).tolist() == [VALIDATORS[name](value) for value in values]
