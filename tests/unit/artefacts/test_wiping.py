"""Wiping in the change journal, a journal that was deleted, times that were set."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from pipeline.artefacts import VOLUME_ARTEFACTS, Action, Audit, Event, Fact
from pipeline.records import FileEntry, Volume
from tests.builders.evtx import filetime
from tests.unit.artefacts.damage import check_damage, read
from tests.unit.artefacts.test_usn import record

T = datetime(2022, 6, 22, 3, tzinfo=UTC)


def renamed(names: list[str], last: int = 0x80000200) -> list[Event]:
    data = b""
    for before, after in pairwise(names):
        data += record(len(data), before, 0x1000)
        data += record(len(data), after, 0x2000)
    data += record(len(data), names[-1], last)
    return [event for event in read("usn-journal", data)[0] if event.action is Action.WIPING_TOOL]


def test_a_file_renamed_through_the_alphabet_and_deleted_was_wiped() -> None:
    (event,) = renamed(["名簿.csv", *(f"{letter * 4}.{letter * 3}" for letter in "ABCDEFGHIJ")])
    assert (event.subject, event.time, event.detail["shows"]) == ("名簿.csv", T, "renamed 10 times, then deleted")


def test_seven_renames_to_random_names_were_a_wiping_tool() -> None:
    assert renamed(["a.csv", *(f"x{number}q" for number in range(7))])


@pytest.mark.parametrize(
    ("names", "last"),
    [
        (["a.docx", "~WRD0001.tmp", "a.docx"], 0x80000200),
        (["a.csv", *(f"x{number}q" for number in range(7))], 0x80000100),
        (["AAA.AAA"], 0x80000200),
    ],
)
def test_saving_renaming_and_deleting_alone_are_no_wiping(names: list[str], last: int) -> None:
    assert renamed(names, last) == []


def test_cipher_leaves_its_folder() -> None:
    events, _, _ = read("usn-journal", record(0, "EFSTMPWP", 0x100))
    assert [event.action for event in events] == [Action.ENTRY_CREATED, Action.WIPING_TOOL]


def state(lowest: int) -> bytes:
    return struct.pack("<QQQQ", 32 << 20, 8 << 20, filetime(T), lowest)


def test_a_journal_that_does_not_begin_at_0_was_made_after_another_was_deleted() -> None:
    (event,), audit, troubles = read("usn-journal-state", state(4096))
    assert (event.action, event.subject, event.time) == (Action.LOG_CLEARED, "NTFS change journal", T)
    assert (audit.first, audit.state_only, audit.status, troubles) == (T, True, "read", [])
    check_damage("usn-journal-state", state(4096))


def test_the_first_journal_of_a_volume_cleared_nothing() -> None:
    events, audit, _ = read("usn-journal-state", state(0))
    assert (events, audit.records) == ([], 1)


ENTRY = FileEntry(
    id="f", exhibit="PC", volume="v", address="PC!v!fs:/a.csv", path="/Users/a/a.csv", stream="", kind="file",
    origin="allocated", meta=9, parent="", size=1, initialised_size=1, created=T - timedelta(days=400),
    modified=T - timedelta(days=400), changed=T, changed_precision_us=1, changed_zone="UTC", name_created=T,
)  # fmt: skip
VOLUME = Volume(
    address="PC!v", exhibit="PC", start=0, length=1 << 20, direct=True, scheme="", part_type="", file_system="ntfs",
    label="", serial="", block_size=512, encryption="", state="open", reader="",
)  # fmt: skip


def examined(*entries: FileEntry, name: str = "file-times") -> tuple[list[Event], Audit]:
    (artefact,) = (known for known in VOLUME_ARTEFACTS if known.name == name)
    facts: list[Fact] = [fact for _, fact in artefact.examine(VOLUME, entries)]
    (audit,) = (fact for fact in facts if isinstance(fact, Audit))
    return [fact for fact in facts if isinstance(fact, Event)], audit


def test_a_creation_set_back_is_told_with_both_times() -> None:
    (event,), audit = examined(ENTRY)
    assert (event.action, event.subject, event.time) == (Action.TIMES_SET, "/Users/a/a.csv", T)
    assert event.detail["name_created"] == T.isoformat()
    assert (audit.records, audit.state_only) == (1, True)


def test_other_files_are_not_told() -> None:
    others = (
        replace(ENTRY, created=T + timedelta(days=1)), replace(ENTRY, created=T - timedelta(days=1, microseconds=7)),
        replace(ENTRY, path="/Windows/notepad.exe"), replace(ENTRY, name_created=None),
        replace(ENTRY, kind="directory"),
        replace(ENTRY, created=T),
    )  # fmt: skip
    events, audit = examined(*others)
    assert (events, audit.records) == ([], 4)


def test_files_laid_into_the_burn_folder_are_told_also_after_the_burning() -> None:
    folder = "/Users/tanto/AppData/Local/Microsoft/Windows/Burn/Burn"
    staged = replace(ENTRY, path=f"{folder}/名簿.csv", origin="deleted", created=T)
    others = (replace(staged, path=f"{folder}/desktop.ini"), ENTRY, replace(staged, origin="carved"))
    (event,), audit = examined(staged, *others, name="burn-folder")
    assert (event.action, event.time, event.actor) == (Action.BURN_STAGED, T, "tanto")
    assert event.detail == {"bytes": 1, "origin": "deleted"}
    assert (audit.records, audit.state_only) == (1, True)
