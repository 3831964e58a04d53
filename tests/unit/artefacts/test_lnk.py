"""Shell links: what was opened from which volume, also where the link is damaged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.artefacts import Action, Candidate
from tests.builders.shell_link import Link, file_item, volume_item
from tests.unit.artefacts.candidates import Held
from tests.unit.artefacts.damage import check_damage, parted

MADE = datetime(2022, 6, 1, 0, 0, tzinfo=UTC)
OPENED = datetime(2022, 6, 22, 3, 0, tzinfo=UTC)
LINK = Link(path="E:\\給付金\\名簿.csv", created=MADE, modified=MADE + timedelta(days=1))
RECENT = "/Users/tanto/AppData/Roaming/Microsoft/Windows/Recent/名簿.csv.lnk"


def opened(data: bytes, path: str = RECENT) -> Candidate:
    return Candidate(path=path, content=Held(data), modified=OPENED, created=OPENED - timedelta(hours=2))


@pytest.mark.parametrize("wide", [True, False])
def test_a_link_in_recent_says_when_the_file_was_opened_first_and_last_and_from_where(wide: bool) -> None:
    (last, first), audit, troubles = parted("shell-link", opened(replace(LINK, wide=wide).data()))
    assert (last.action, last.subject, last.actor) == (Action.FILE_OPENED, "E:\\給付金\\名簿.csv", "tanto")
    assert (last.time, last.time_meaning) == (OPENED, "last opened")
    assert (first.time, first.time_meaning) == (OPENED - timedelta(hours=2), "first opened")
    assert last.detail == {
        "bytes": 4096, "target_created": "2022-06-01T00:00:00+00:00", "target_modified": "2022-06-02T00:00:00+00:00",
        "drive_type": "removable", "volume_serial": "1234ABCD", "volume_label": "KYUFU", "host": "pc-0042",
        "droid_volume": "00000000-0000-0000-0000-000000000007",
        "droid_file": "9b1ce58a-4a4c-11e5-b5c9-080027ac3d7f", "mac": "080027AC3D7F",
    }  # fmt: skip
    assert (audit.state_only, audit.status, audit.gaps, troubles) == (True, "read", (), [])


def test_a_link_elsewhere_is_a_shortcut_that_was_made() -> None:
    (event,), _, _ = parted("shell-link", opened(LINK.data(), "/Users/tanto/Desktop/a.lnk"))
    assert (event.action, event.time_meaning) == (Action.SHORTCUT_MADE, "link made")


def test_a_network_target_names_its_share() -> None:
    (event, _), _, _ = parted("shell-link", opened(replace(LINK, share="\\\\FS01\\zei", path="R4\\a.xlsx").data()))
    assert event.subject == "\\\\FS01\\zei\\R4\\a.xlsx"
    assert (event.detail["share"], event.detail["drive_type"]) == ("\\\\FS01\\zei", "network")


def test_without_link_info_the_items_spell_the_path() -> None:
    link = replace(LINK, info=False, items=(volume_item("E"), file_item("給付金"), file_item("名簿.csv")))
    (event, _), _, _ = parted("shell-link", opened(link.data()))
    assert event.subject == "E:\\給付金\\名簿.csv"


def test_a_folder_was_opened_and_arguments_are_kept() -> None:
    link = replace(LINK, directory=True, arguments="/select")
    (event, _), _, _ = parted("shell-link", opened(link.data()))
    assert (event.action, event.detail["link_arguments"]) == (Action.FOLDER_OPENED, "/select")


def test_a_cut_link_tells_what_is_left_and_that_it_is_cut() -> None:
    data = LINK.data()
    (event, _), audit, troubles = parted("shell-link", opened(data[:-80]))
    assert (event.subject, "host" in event.detail) == ("E:\\給付金\\名簿.csv", False)
    assert (audit.status, troubles) == ("damaged", ["artefact-damaged"])


def test_damage_is_never_silent() -> None:
    check_damage("shell-link", LINK.data(), RECENT)
