"""Laws of keys that were deleted from a hive."""

from __future__ import annotations

import pytest

from pipeline.artefacts import Action, Event
from pipeline.artefacts.hive_cells import deleted_keys
from tests.builders import regf
from tests.unit.artefacts.candidates import Held
from tests.unit.artefacts.hives import WHEN, audit, built, read

ABOVE = "Disk&Ven_ACME&Prod_Flash&Rev_1.00"
STICK = "AB12CD34&0"
PLACE = f"ControlSet001\\Enum\\USBSTOR\\{ABOVE}\\{STICK}"
DATA = built({PLACE: [], "Select": [regf.number("Current", 1)]})


def device_events(data: bytes) -> list[Event]:
    facts = read("system-hive", data)
    assert audit(facts).status == "read"
    return [fact for fact in facts if isinstance(fact, Event) and fact.device]


def test_a_deleted_stick_is_still_told_with_its_path_and_time() -> None:
    (event,) = device_events(regf.without(DATA, ABOVE, STICK))
    assert (event.device, event.time, event.action) == ("AB12CD34", WHEN, Action.DEVICE_CONFIGURED)
    assert (event.time_meaning, event.detail["state"]) == ("deleted key last changed", "deleted")
    assert event.place.endswith(PLACE)
    assert event.detail["path"] == "whole"


def test_a_key_that_stands_is_not_told_as_deleted() -> None:
    assert [event.time_meaning for event in device_events(DATA)] == ["key last changed"]
    assert list(deleted_keys(Held(DATA))) == []


def test_a_key_whose_place_above_was_written_over_keeps_what_is_left_of_its_path() -> None:
    gone = regf.without(regf.without(DATA, ABOVE, STICK), "USBSTOR", ABOVE)
    at = gone.find(ABOVE.encode()) - 76
    (key,) = deleted_keys(Held(gone[:at] + b"\xff" * 8 + gone[at + 8 :]))
    assert (key.path, key.whole) == (STICK, False)


def test_a_users_deleted_volumes_are_told() -> None:
    guid = "{17431e0e-7842-11ec-8368-e8f4081d3176}"
    place = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\MountPoints2"
    data = regf.without(built({f"{place}\\{guid}": []}), "MountPoints2", guid)
    (event,) = [fact for fact in read("ntuser-hive", data, "/Users/kyufu/NTUSER.DAT") if isinstance(fact, Event)]
    assert (event.action, event.subject, event.actor) == (Action.VOLUME_MOUNTED, guid, "kyufu")


@pytest.mark.parametrize("place", [4096 + 8, 4096 + 32])
def test_lost_sizes_end_the_walk_of_a_bin_and_nothing_else(place: int) -> None:
    gone = regf.without(DATA, ABOVE, STICK)
    assert list(deleted_keys(Held(gone[:place] + b"\xff" * 4 + gone[place + 4 :]))) == []


def test_a_path_that_turns_back_on_itself_ends() -> None:
    gone = regf.without(DATA, ABOVE, STICK)
    node = gone.find(STICK.encode()) - 76
    (key,) = deleted_keys(Held(gone[: node + 16] + (node - 4096 - 4).to_bytes(4, "little") + gone[node + 20 :]))
    assert not key.whole
    assert key.path.count(STICK) == 65
