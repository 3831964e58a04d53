"""Jump lists: entries with their links, links alone, damage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.artefacts import Action, Candidate
from tests.builders.jump_list import Opening, automatic, custom
from tests.builders.shell_link import Link
from tests.unit.artefacts.candidates import Held
from tests.unit.artefacts.damage import check_damage, parted, read

T = datetime(2022, 6, 22, 3, 0, tzinfo=UTC)
FOLDER = "/Users/tanto/AppData/Roaming/Microsoft/Windows/Recent"
AUTOMATIC = f"{FOLDER}/AutomaticDestinations/5f7b5f1e01b83767.automaticDestinations-ms"
CUSTOM = f"{FOLDER}/CustomDestinations/28c8b86deab549a1.customDestinations-ms"


def link(name: str) -> Link:
    return Link(path=f"E:\\{name}", created=T - timedelta(days=3), modified=T - timedelta(days=2))


OPENINGS = [
    Opening(path=f"E:\\名簿{number}.xlsx", time=T + timedelta(hours=number), link=link(f"名簿{number}.xlsx"), count=3)
    for number in range(20)
]


@pytest.mark.parametrize("version", [1, 3, 4])
def test_each_entry_says_what_was_opened_last_with_which_program(version: int) -> None:
    events, audit, troubles = read("jump-list", automatic(OPENINGS, version=version), AUTOMATIC)
    assert [event.subject for event in events] == [f"E:\\名簿{number}.xlsx" for number in range(20)]
    assert events[2].time == T + timedelta(hours=2)
    assert events[2].detail["volume_serial"] == "1234ABCD"
    assert (events[2].detail["app_id"], events[2].detail["count"]) == ("5f7b5f1e01b83767", 3)
    assert (events[2].action, events[2].actor) == (Action.FILE_OPENED, "tanto")
    assert (audit.first, audit.last, audit.records, audit.state_only) == (T, T + timedelta(hours=19), 20, True)
    assert (audit.status, troubles) == ("read", [])


def test_a_path_that_its_link_contradicts_keeps_both() -> None:
    (event,), _, _ = read("jump-list", automatic([Opening(path="E:\\a", time=T, link=link("b"))]), AUTOMATIC)
    assert (event.subject, event.detail["link_target"]) == ("E:\\a", "E:\\b")


def test_fewer_entries_than_stated_is_a_gap() -> None:
    data = automatic([Opening(path="E:\\a", time=T)]).replace(b"\x04\0\0\0\x01\0\0\0", b"\x04\0\0\0\x03\0\0\0", 1)
    events, audit, _ = read("jump-list", data, AUTOMATIC)
    assert (len(events), [gap.reason for gap in audit.gaps]) == (1, ["2 of 3 entries of the list are missing"])


def test_custom_links_are_shortcuts_dated_by_the_list() -> None:
    wanted = Candidate(path=CUSTOM, content=Held(custom([link("a"), link("b")])), modified=T)
    events, audit, troubles = parted("custom-jump-list", wanted)
    assert [(event.subject, event.action, event.time) for event in events] == [
        ("E:\\a", Action.SHORTCUT_MADE, T), ("E:\\b", Action.SHORTCUT_MADE, T),
    ]  # fmt: skip
    assert (audit.records, audit.status, troubles) == (2, "read", [])


def test_an_empty_custom_list_is_sound() -> None:
    events, audit, troubles = read("custom-jump-list", custom([]), CUSTOM)
    assert (events, audit.status, audit.enabled, troubles) == ([], "read", "unknown", [])


@pytest.mark.parametrize("version", [1, 4])
def test_damage_is_never_silent(version: int) -> None:
    check_damage("jump-list", automatic(OPENINGS, version=version), AUTOMATIC)
    check_damage("custom-jump-list", custom([link("a"), link("b"), link("c")]), CUSTOM)
