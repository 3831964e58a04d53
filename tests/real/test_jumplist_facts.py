"""The field's own jump lists.

R050 counts 35 event data of plaso: 7 entries of the list, their 7 links, and 21 records of file identifiers (each
entry's, and each link's identifier and birth identifier). Here an entry and its link are one event, and the identifiers
are its detail: 7 events.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.artefacts import Action
from tests.real_data import real_path
from tests.unit.artefacts.damage import read

FOLDER = "/Users/x/AppData/Roaming/Microsoft/Windows/Recent"


def test_r050_seven_entries_with_their_links_and_identifiers() -> None:
    data = real_path("plaso/test_data/automaticDestinations-ms/1b4dd67f29cb1962.automaticDestinations-ms").read_bytes()
    events, audit, troubles = read("jump-list", data, f"{FOLDER}/AutomaticDestinations/1b4dd67f29cb1962.x")
    assert (len(events), audit.records, audit.status, troubles) == (7, 7, "read", [])
    assert {event.detail["volume_serial"] for event in events} == {"885029E6"}
    assert all("droid_file" in event.detail for event in events)
    assert 7 + 7 + 3 * len(events) == 35
    first = events[0]
    assert (first.subject, first.action) == ("C:\\Users\\bperry\\Downloads", Action.FOLDER_OPENED)
    assert first.time == datetime(2015, 8, 29, 15, 32, 44, 34300, tzinfo=UTC)
    assert (first.detail["host"], first.detail["count"], first.detail["mac"]) == ("student-pc1", 4, "080027AC3D7F")


def test_r052_an_empty_custom_list_has_no_links() -> None:
    data = real_path("plaso/test_data/customDestinations-ms/c98dce577f884ef8.customDestinations-ms").read_bytes()
    events, audit, troubles = read("custom-jump-list", data, f"{FOLDER}/CustomDestinations/c98dce577f884ef8.x")
    assert (events, audit.records, audit.status, troubles) == ([], 0, "read", [])
