"""Laws of the scanner."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detectors import OVERLAP, Hit, Scanner, Window
from pipeline.detectors.check import encoded
from pipeline.rules import load_rules

RULES = Path(__file__).parents[2] / "rules"
ROWS = (
    "山田太郎,ヤマダ タロウ,S60.4.1,兵庫県尼崎市東七松町1丁目23-1,06-6489-6000",
    "電話:090-1234-5678",
    "〒660-8501",
    "a" * 700,
)
ENCODINGS = ("utf-8", "cp932", "euc-jp", "iso-2022-jp", "utf-16-le")


@cache
def scanner() -> Scanner:
    return Scanner(load_rules(RULES))


def paged(data: bytes, page: int) -> list[Hit]:
    table = scanner().table(data)
    found: list[Hit] = []
    for start in range(0, len(data), page):
        low, high = max(0, start - OVERLAP), start + page
        window = Window(data=data[low : high + OVERLAP], start=low, own_start=start, own_end=high, table=table)
        found += scanner().scan(window)
    return found


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    parts = []
    for _ in range(draw(st.integers(1, 12))):
        raw = encoded(draw(st.sampled_from(ROWS)), draw(st.sampled_from(ENCODINGS))) or b""
        filler = draw(st.sampled_from([b"\n", b"\r\n", b"\0\0", b"\n\0", bytes(900), b"x" * 3000, b"\xff\x00\x81"]))
        parts.append(raw + filler)
    return b"".join(parts)


@settings(max_examples=25, deadline=None)
@given(contents(), st.sampled_from([512, 1000, 4096, 5001]))
def test_page_size_does_not_change_findings(data: bytes, page: int) -> None:
    assert paged(data, page) == paged(data, 1 << 20)


@settings(max_examples=25, deadline=None)
@given(contents())
def test_hits_are_ordered_disjoint_and_inside(data: bytes) -> None:
    hits = paged(data, 1 << 20)
    assert [hit.start for hit in hits] == sorted(hit.start for hit in hits)
    for kind in {hit.kind for hit in hits}:
        ends = 0
        for hit in (hit for hit in hits if hit.kind == kind):
            assert ends <= hit.start < hit.start + hit.length <= len(data)
            ends = hit.start + hit.length


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(ENCODINGS), st.integers(0, 40).map(lambda count: 2 * count))
def test_offset_points_at_the_bytes_of_the_value(encoding: str, lead: int) -> None:
    row = encoded("氏名,山田太郎,電話,06-6489-6000", encoding)
    assert row is not None
    gap = "\n".encode("utf-16-le" if encoding == "utf-16-le" else "ascii")
    hits = paged(bytes(lead) + gap + row + gap, 1 << 20)
    assert [(hit.kind, hit.value) for hit in hits] == [("name", "山田太郎"), ("phone", "0664896000")]
    phone = encoded("06-6489-6000", encoding)
    assert phone is not None
    assert (bytes(lead) + gap + row)[hits[1].start : hits[1].start + hits[1].length] == phone
