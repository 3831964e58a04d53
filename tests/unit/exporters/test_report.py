"""Laws of the report: nothing of the evidence acts, nothing is left out, nothing is told that must not be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from pipeline.errors import SettingsError
from pipeline.exporters.html import render_report
from pipeline.exporters.model import build_model
from pipeline.schemas import TABLES
from pipeline.store import rows_to_table, table_to_rows
from tests.unit.exporters import report_case as small


class _Page(HTMLParser):
    """What a page holds: its tags, its attributes and its text, a line per block."""

    _BLOCKS = frozenset({"p", "li", "tr", "h1", "h2", "h3", "h4", "dt", "dd", "div", "title", "text"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self._parts: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._inside = tag
        self._parts.append("\n" if tag in self._BLOCKS else " | " if tag in {"td", "th"} else "")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside != "style":
            self._parts.append(data.replace("\n", " "))

    @property
    def text(self) -> str:
        lines = (re.sub(r"\s+", " ", line).strip(" |") for line in "".join(self._parts).split("\n"))
        return "\n".join(line for line in lines if line) + "\n"


def page_of(**changes: Any) -> str:
    return render_report(build_model(small.inputs(**changes)))


@pytest.mark.parametrize("edition", ["committee", "public"])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_report_reads_as_reviewed(golden: Callable[[str, str], None], edition: str, language: str) -> None:
    golden(f"report-{edition}-{language}.txt", _Page(page_of(edition=edition, language=language)).text)


def test_names_in_evidence_cannot_become_markup() -> None:
    page = page_of()
    assert "script" not in _Page(page).tags
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "紛失 &lt;事案&gt;" in page


def test_controls_that_steer_the_eye_are_written_out() -> None:
    page = page_of()
    assert "\u202e" not in page
    assert "report⟦U+202E⟧xcod.exe" in page


def test_a_lone_surrogate_in_a_name_can_be_written() -> None:
    tables = small.tables()
    address = tables["files"].column("address").to_pylist()[0]
    assert "⟦U+D800⟧" in page_of(mask=lambda text: text.replace(address, "EX-01!\ud800"))


def test_text_like_a_formula_stays_text() -> None:
    page = _Page(page_of())
    assert small.FORMULA in page.text
    assert not [value for name, value in page.attributes if "HYPERLINK" in value or "example.com" in value]


def test_values_are_masked_wherever_they_are_printed() -> None:
    page = page_of()
    assert small.SECRET not in page
    assert "scp [name:0123]" in page
    assert "locked; [name:0123]" in page


def test_the_same_inputs_give_the_same_bytes() -> None:
    tables = {name: table.take(list(reversed(range(table.num_rows)))) for name, table in small.tables().items()}
    assert page_of() == page_of(tables=tables)


def test_every_question_of_the_verdict_is_answered_in_the_page() -> None:
    page = page_of()
    for entry in small.verdict()["questions"]:
        assert f'<article id="c{entry["claim"]}">' in page
        assert entry["sentence"] in page


def test_the_public_edition_tells_no_place_person_or_serial() -> None:
    page = page_of(edition="public")
    told = ["part:p1", "alert(1)", "xcod", "SERIAL77", "DEVICE88", "Examiner One", "Finder", "scp", "/log", "act1"]
    assert [text for text in told if text in page] == []
    committee = page_of()
    assert [text for text in told if text not in committee] == []


def test_an_unknown_edition_is_refused() -> None:
    with pytest.raises(SettingsError, match="editions are committee, public"):
        small.inputs(edition="publc")


@pytest.mark.parametrize("place", ["overall", "question"])
def test_an_unknown_level_fails(place: str) -> None:
    verdict = small.verdict()
    (verdict["overall"] if place == "overall" else verdict["questions"][0])["level"] = "probably"
    with pytest.raises(SettingsError, match="'probably'"):
        build_model(small.inputs(verdict=verdict))


def test_an_unknown_language_fails() -> None:
    with pytest.raises(SettingsError, match="written in en, ja"):
        build_model(small.inputs(language="fr"))


def test_nothing_is_fetched_and_nothing_runs() -> None:
    page = page_of()
    parsed = _Page(page)
    assert set(parsed.tags) & {"script", "img", "iframe", "object", "embed", "audio", "video", "form", "base"} == set()
    links = [value for name, value in parsed.attributes if name in {"href", "src", "srcset", "action", "xlink:href"}]
    assert [value for value in links if not value.startswith(("#", "data:,"))] == []
    assert [name for name, _ in parsed.attributes if name.startswith("on")] == []
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    assert "url(" not in page
    assert "@import" not in page


def test_links_inside_the_page_have_their_places() -> None:
    parsed = _Page(page_of())
    places = {value for name, value in parsed.attributes if name == "id"}
    assert {value[1:] for name, value in parsed.attributes if name == "href" and value[0] == "#"} <= places


def test_an_exhibit_nothing_is_known_of_is_named_not_passed_over() -> None:
    text = _Page(page_of()).text
    assert "ボリュームが一つも見つからなかった証拠品: EX-02" in text
    assert "調査の記録が無い証拠品: EX-02" in text


def test_grounds_beyond_the_shown_are_counted() -> None:
    tables = small.tables()
    events = [small.row("activity", id=f"a{n:03}", exhibit="EX-01", address=f"EX-01!at:{n}", action="logon")
              for n in range(40)]  # fmt: skip
    grounds = [
        small.row("grounds", claim="claim1", relation="supports", table="activity", row=one.id) for one in events
    ]
    tables["activity"] = rows_to_table(TABLES["activity"], events)
    tables["grounds"] = rows_to_table(TABLES["grounds"], grounds)
    model = build_model(small.inputs(tables=tables))
    assert model.answers[0].grounds.total == 40
    assert len(model.answers[0].grounds.shown) == 6
    assert model.answers[0].grounds.left == 34
    assert "ほか 34 件は省略した。" in render_report(model)


def test_a_row_that_two_tests_name_is_one_ground() -> None:
    tables = small.tables()
    grounds = [
        small.row("grounds", claim="claim1", relation="supports", table="activity", row="act1", note=note)
        for note in ("one test", "another")
    ]
    model = build_model(small.inputs(tables=tables | {"grounds": rows_to_table(TABLES["grounds"], grounds)}))
    assert (model.answers[0].grounds.total, len(model.answers[0].grounds.shown)) == (1, 1)
    assert model.timeline.events[0].numbers == ("2.1",)


def test_bytes_that_no_class_holds_are_said() -> None:
    tables = small.tables()
    page = page_of(tables=tables | {"extents": tables["extents"].slice(0, 2)})
    assert "媒体の大きさと合わないバイト: " not in page_of()
    assert "媒体の大きさと合わないバイト: " in page


def test_a_digest_that_differs_is_marked_so() -> None:
    exhibit = build_model(small.inputs()).exhibits[0]
    assert {one.name: one.match for one in exhibit.digests} == {"MD5": "yes", "SHA-1": "no", "SHA-256": ""}
    assert exhibit.integrity == "differs"


@pytest.mark.parametrize(
    ("values", "said"),
    [({"state_only": True}, "最後の状態のみ"), ({"first": None, "last": None}, "時刻なし"), ({}, "空白の記録なし"),
     ({"status": "damaged"}, "損傷 1")],
)  # fmt: skip
def test_a_source_is_not_called_whole_without_reason(values: dict[str, Any], said: str) -> None:
    tables = small.tables()
    source = replace(next(iter(table_to_rows(TABLES["sources"], tables["sources"]))), **values)
    model = build_model(small.inputs(tables=tables | {"sources": rows_to_table(TABLES["sources"], [source])}))
    assert model.method.sources[0][-1] == said


def test_records_are_those_of_the_exhibit() -> None:
    count = build_model(small.inputs()).people.counts[0]
    assert (count.records, count.low, count.high, count.households) == (4, 1, 2, 2)


def test_times_are_those_of_the_case_with_their_offset() -> None:
    lisbon = replace(small.case(), timezone="Europe/Lisbon")
    assert build_model(small.inputs()).answers[0].grounds.shown[0].clock == "2022-06-22 21:14:08 +09:00"
    assert build_model(small.inputs(case=lisbon)).answers[0].grounds.shown[0].clock == "2022-06-22 13:14:08 +01:00"


def test_the_window_and_its_event_lie_on_the_axis_where_time_puts_them() -> None:
    timeline = build_model(small.inputs()).timeline
    left, right = timeline.window
    assert (round(left, 4), round(right, 4)) == (0.3054, 0.6946)
    assert [(lane.group, [dot.count for dot in lane.dots]) for lane in timeline.lanes] == [("transfer", [1])]
    assert left < timeline.lanes[0].dots[0].at < right
    assert (timeline.shown, timeline.outside, timeline.timeless) == (1, 0, 1)
