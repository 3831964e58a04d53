"""Each marked-up record is one of its own, whether its fields share a line with others' or have a line each."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from pipeline.detectors import OVERLAP, Hit, Scanner, Window
from pipeline.detectors.frames import REACH, frames_in
from pipeline.rules import load_rules
from pipeline.rules_values import canonical
from tests.builders.holdings import FORMS, Sheet, sheet_of
from tests.builders.municipal import encode
from tests.builders.people import generate

SCANNER = Scanner(load_rules(Path(__file__).parents[3] / "rules"))
FRAMED = (
    "html-lines",
    "html-run",
    "xml-lines",
    "xml-run",
    "json-run",
    "json-pretty",
    "sql-rows",
    "sql-lines",
    "vcard",
    "form",
)
SHEET = sheet_of(generate(12, 41), 3)


def hits(data: bytes, page: int) -> list[Hit]:
    found = []
    for start in range(0, len(data), page):
        low = max(0, start - OVERLAP)
        piece = data[low : start + page + OVERLAP]
        found += SCANNER.scan(Window(data=piece, start=low, own_start=start, own_end=start + page))
    return found


def records(found: list[Hit]) -> list[set[tuple[str, str]]]:
    rows: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for hit in found:
        rows[hit.record_start].add((hit.kind, hit.value))
    return [values for _, values in sorted(rows.items())]


def wanted(sheet: Sheet) -> list[set[tuple[str, str]]]:
    return [{(kind, canonical(kind, cell)) for kind, cell in row} for row in sheet.values()]


def judge(found: list[set[tuple[str, str]]]) -> None:
    """Each person's name and birth date stand in one record, and no record has values of two people."""
    people = wanted(SHEET)
    for person in people:
        names = {value for value in person if value[0] in {"name", "birth-date"}}
        assert sum(names <= values for values in found) == 1
    known = [values & set().union(*people) for values in found]
    assert all(any(values <= person for person in people) for values in known)


@pytest.mark.parametrize("form", FRAMED)
@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "iso-2022-jp", "utf-16-be"])
def test_a_record_of_bytes_is_one_person_wherever_pages_cut_it(form: str, encoding: str) -> None:
    raw = encode(FORMS[form](SHEET), encoding) or b""
    whole = hits(raw, 1 << 20)
    judge(records(whole))
    assert hits(raw, 700) == whole


@pytest.mark.parametrize("form", FRAMED)
def test_a_record_of_text_is_one_person(form: str) -> None:
    judge(records(SCANNER.scan_text(FORMS[form](SHEET))))


def test_a_fragment_that_begins_and_ends_inside_records_mixes_nobody() -> None:
    raw = encode(FORMS["json-run"](SHEET), "utf-8") or b""
    found = records(hits(raw[150:1900], 1 << 20))
    people = wanted(SHEET)
    everything = set().union(*people)
    assert sum(len(values & everything) > 1 for values in found) > 3
    assert all(any(values & everything <= person for person in people) for values in found)


@pytest.mark.parametrize("piece", [b"<tr ", b'[{"', b'},{"', b"VALUES('", b"'),('", b"BEGIN:VCARD", b"</a></b><b>"])
def test_a_flood_of_openings_gives_bounded_frames(piece: bytes) -> None:
    assert all(0 < end - start <= REACH for start, end in frames_in(piece * 3000))


def test_forms_without_a_blank_line_are_told_apart_near_their_beginning() -> None:
    raw = encode(FORMS["form-run"](SHEET), "cp932") or b""
    whole = hits(raw, 1 << 20)
    assert hits(raw, 700) == whole
    found, people = records(whole), wanted(SHEET)
    everything = set().union(*people)
    assert sum(len(values & everything) > 4 for values in found) >= 5
    assert all(any(values & everything <= person for person in people) for values in found)


@pytest.mark.parametrize(
    "head", ["INSERT INTO t (氏名,住所,電話番号) VALUES", "def write(name, address, phone):", "if (name,address) {"]
)
def test_a_statement_is_no_header(head: str) -> None:
    assert SCANNER.table(f"{head}\n".encode()) is None
    assert SCANNER.table("氏名(漢字),住所,電話番号\n".encode()) is not None
