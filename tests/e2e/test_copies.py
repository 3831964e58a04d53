"""Copies in the demo: the same list on stick and PC is linked, and matched sectors are those of the known file."""

from __future__ import annotations

import pytest

from pipeline.config import load_case
from pipeline.review.reading import Reader
from pipeline.stages.context import Context
from pipeline.store import Store
from tests.e2e.conftest import ROOT, Demo, akashi

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]


def test_the_list_on_stick_and_pc_is_one_content_and_show_walks_to_both(demo: Demo) -> None:
    store = Store(demo.case("demo-leak") / "out")
    holdings = {row.id: row for row in store.rows("holdings")}
    copies = list(store.rows("copies"))
    same = [row for row in copies if row.relation == "same-content"]
    assert [(row.part_exhibit, row.whole_exhibit, row.people) for row in same] == [("USB-01", "PC-01", 1000)]
    assert holdings[same[0].part].content == holdings[same[0].whole].content
    assert any(row.relation == "part" and "re-encoded" in row.changes and row.lineage for row in copies)
    shown = akashi("show", demo.case("demo-leak"), same[0].id, check=0).stdout
    assert "USB-01" in shown
    assert "PC-01" in shown


def test_matched_sectors_hold_the_bytes_of_the_known_file(demo: Demo) -> None:
    case = load_case(demo.case("demo-leak"), ROOT / "rules")
    context, reader = Context(case), Reader(case)
    matches = list(context.store.rows("block_matches"))
    assert matches
    for row in matches:
        known = reader.content(reader.file(row.known_file)).read(row.content_offset, row.length)
        found = context.image(row.exhibit).read(row.image_offset, row.length)
        equal = sum(found[at : at + 512] == known[at : at + 512] for at in range(0, row.length, 512))
        assert equal >= row.blocks >= 2


def test_a_clean_case_has_no_copy_where_data_is_not_authorised(demo: Demo) -> None:
    case = load_case(demo.case("demo-clean"), ROOT / "rules")
    barred = {exhibit.label for exhibit in case.exhibits if not exhibit.authorised}
    store = Store(case.out)
    assert not [row for row in store.rows("holdings") if row.exhibit in barred and row.datasets and row.people > 2]
    assert not [row for row in store.rows("block_matches") if row.exhibit in barred]
