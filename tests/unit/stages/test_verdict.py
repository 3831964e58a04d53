"""Laws of the verdict: a negative needs records, a positive needs rows, a confirmation needs two of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

import pytest

from pipeline.records import ENCIPHERED
from pipeline.stages.verdict import VerdictOutcome, evaluate
from pipeline.verdict_rules import Question, load_verdict_rules
from tests.builders.verdicts import EARLY, INSIDE, LOST, RULES, Rows, case_of, negative_rows, tables_of

NEGATIVES = {
    "web-upload": ("pc", "chromium-history"),
    "removable-media": ("pc", "windows-event-log"),
    "anti-forensics": ("pc", "windows-event-log"),
    "network": ("sv", "web-access-log"),
}
DAY = 86_400_000_000


@lru_cache(maxsize=1)
def rules() -> dict[str, Question]:
    return {question.id: question for question in load_verdict_rules(RULES)}


def judge(rows: Rows, language: str = "ja") -> VerdictOutcome:
    return evaluate(tables_of(rows), tuple(rules().values()), case_of(language=language))


def entry(rows: Rows, question: str, exhibit: str) -> dict[str, Any]:
    found = evaluate(tables_of(rows), (rules()[question],), case_of()).verdict["questions"]
    return next(item for item in found if item["exhibit"] == exhibit)


def level(rows: Rows, question: str, exhibit: str) -> str:
    return str(entry(rows, question, exhibit)["level"])


def protected(rows: Rows, exhibit: str, *, file: str = "", fields: int = 2) -> Rows:
    """Add one person of the register to an exhibit."""
    kinds = ("name", "phone")[:fields]
    found = [
        {"exhibit": exhibit, "id": f"{exhibit}{file}{kind}", "person": "p1", "kind": kind, "record": "r", "file": file}
        for kind in kinds
    ]
    people = [{"person": "p1", "dataset": "register", "basis": "register:name+phone", "exhibits": [exhibit]}]
    return {**rows, "findings": rows.get("findings", []) + found, "people": people}


def with_file(rows: Rows, **columns: Any) -> Rows:
    return {**rows, "files": [*rows["files"], columns]}


def with_event(rows: Rows, exhibit: str, action: str, **columns: Any) -> Rows:
    event = {"exhibit": exhibit, "id": f"e-{len(rows['activity'])}", "action": action, **columns}
    return {**rows, "activity": [*rows["activity"], event]}


def with_source(artefact: str, **changes: Any) -> Rows:
    rows = negative_rows()
    changed = [row | (changes if row["artefact"] == artefact else {}) for row in rows["sources"]]
    return {**rows, "sources": changed}


@pytest.mark.parametrize("question", sorted(NEGATIVES))
def test_whole_records_over_the_window_carry_a_negative(question: str) -> None:
    found = entry(negative_rows(), question, NEGATIVES[question][0])
    assert (found["level"], found["strength"]) == ("not-confirmed", "ordinary")


FLAWS: dict[str, dict[str, Any]] = {
    "damaged": {"status": "damaged"},
    "a last state only": {"state_only": True},
    "switched off": {"enabled": "no"},
    "begins in the window": {"first": INSIDE},
    "ends in the window": {"last": INSIDE},
    "no times": {"first": None, "last": None},
    "cleared in the window": {"gaps": [{"start": LOST, "end": INSIDE, "reason": "cleared"}]},
    "gap of unknown time": {"gaps": [{"start": None, "end": None, "reason": "ids"}]},
}


@pytest.mark.parametrize("flaw", sorted(FLAWS))
@pytest.mark.parametrize("question", sorted(NEGATIVES))
def test_a_flawed_record_never_carries_a_negative(question: str, flaw: str) -> None:
    exhibit, artefact = NEGATIVES[question]
    assert level(with_source(artefact, **FLAWS[flaw]), question, exhibit) == "undetermined"


@pytest.mark.parametrize("question", sorted(NEGATIVES))
@pytest.mark.parametrize("origin", ["deleted", "orphan", "carved"])
def test_a_record_that_is_not_allocated_never_carries_a_negative(question: str, origin: str) -> None:
    exhibit, artefact = NEGATIVES[question]
    rows = negative_rows()
    files = {row["file"] for row in rows["sources"] if row["artefact"] == artefact}
    rows["files"] = [row | ({"origin": origin} if row["id"] in files else {}) for row in rows["files"]]
    assert level(rows, question, exhibit) == "undetermined"


@pytest.mark.parametrize("question", sorted(NEGATIVES))
@pytest.mark.parametrize("state", ["locked", "unsupported"])
def test_a_volume_that_was_not_read_forbids_every_negative_of_its_exhibit(question: str, state: str) -> None:
    exhibit = NEGATIVES[question][0]
    rows = negative_rows()
    rows["volumes"].append({"exhibit": exhibit, "address": f"{exhibit}!p2", "state": state})
    assert level(rows, question, exhibit) == "undetermined"


@pytest.mark.parametrize("question", sorted(NEGATIVES))
def test_a_loss_on_the_exhibit_forbids_its_negatives(question: str) -> None:
    exhibit = NEGATIVES[question][0]
    rows = negative_rows() | {"diagnostics": [{"id": "d", "severity": "loss", "address": f"{exhibit}!p1!fs:/x"}]}
    assert level(rows, question, exhibit) == "undetermined"


@pytest.mark.parametrize("code", ["blocks-limit", "blocks-not-sought"])
def test_pieces_that_were_not_looked_for_may_lie_on_every_exhibit(code: str) -> None:
    assert level(negative_rows(), "unauthorised-copy", "usb") == "not-confirmed"
    said = {"id": "d", "severity": "warning", "code": code, "address": "sv!p1!fs:/x"}
    assert level(negative_rows() | {"diagnostics": [said]}, "unauthorised-copy", "usb") == "undetermined"


def test_the_uncovered_stretch_is_told_in_both_languages() -> None:
    found = entry(with_source("chromium-history", first=INSIDE), "web-upload", "pc")
    stretch = "2022-06-21T00:00:00Z/2022-06-22T00:00:00Z"
    assert any(stretch in reason for reason in found["coverage_by_language"]["ja"])
    assert any(stretch in reason for reason in found["coverage_by_language"]["en"])


def test_a_rotated_log_and_the_next_speak_for_the_window_together() -> None:
    rows = with_source("web-access-log", first=INSIDE)
    whole = next(row for row in rows["sources"] if row["artefact"] == "web-access-log")
    older = whole | {"id": "old", "file": "old", "address": whole["address"] + ".1", "first": EARLY}
    older["last"] = INSIDE - timedelta(minutes=5)
    rows["sources"].append(older)
    rows = with_file(rows, exhibit="sv", id="old", address=older["address"], path="/l", origin="allocated", kind="file",
                     volume="sv!p1", created=EARLY, listed_by="own+tsk")  # fmt: skip
    assert level(rows, "network", "sv") == "not-confirmed"
    older["last"] = INSIDE - timedelta(minutes=11)
    assert level(rows, "network", "sv") == "undetermined"


def test_a_profile_without_its_history_forbids_the_negative() -> None:
    rows = negative_rows()
    address = "pc!p1!fs:/Users/b/AppData/Local/Google/Chrome/User Data/Default/Preferences"
    assert level(with_file(rows, exhibit="pc", id="b", address=address, origin="allocated"), "web-upload", "pc") == (
        "undetermined"
    )


@pytest.mark.parametrize("action", ["log-cleared", "logging-stopped", "time-changed"])
@pytest.mark.parametrize("time", [INSIDE, None])
def test_cleared_or_stopped_records_forbid_negatives_by_sources(action: str, time: Any) -> None:
    rows = with_event(negative_rows(), "pc", action, time=time)
    assert level(rows, "web-upload", "pc") == "undetermined"
    assert level(rows, "removable-media", "pc") == "undetermined"


@pytest.mark.parametrize(
    ("question", "exhibit", "action"),
    [("removable-media", "pc", "device-connected"), ("web-upload", "pc", "uploaded-hint"),
     ("network", "sv", "transfer-command"), ("anti-forensics", "pc", "wiping-tool")],
)  # fmt: skip
def test_an_event_without_time_neither_shows_the_act_nor_lets_it_be_denied(
    question: str, exhibit: str, action: str
) -> None:
    assert level(with_event(negative_rows(), exhibit, action), question, exhibit) == "undetermined"


def test_an_internal_disk_is_no_removable_medium() -> None:
    rows = with_event(
        negative_rows(), "pc", "device-connected", time=INSIDE, device="DISK0001", detail='{"bus_type": "17"}'
    )
    assert level(rows, "removable-media", "pc") == "not-confirmed"


def test_an_unknown_stick_in_the_window_is_indicated_and_its_earlier_use_contradicts() -> None:
    rows = with_event(negative_rows(), "pc", "device-connected", time=INSIDE, device="99001122")
    rows = with_event(rows, "pc", "device-connected", time=EARLY, device="99001122")
    found = entry(rows, "removable-media", "pc")
    assert (found["level"], len(found["contradicting"])) == ("indicated", 1)


def stick(rows: Rows, path: str, **columns: Any) -> Rows:
    base = {
        "exhibit": "usb", "id": path, "address": f"usb!p1!fs:{path}", "path": path, "kind": "file",
        "origin": "allocated", "listed_by": "own+tsk", "volume": "usb!p1", "created": EARLY, "created_zone": "UTC",
    }  # fmt: skip
    return with_file(rows, **(base | columns))


def test_a_stick_with_whole_listings_and_no_times_inside_was_not_written() -> None:
    assert level(negative_rows(), "access-written", "usb") == "not-confirmed"


@pytest.mark.parametrize("columns", [{"listed_by": "tsk"}, {"created": None}, {"created": LOST - timedelta(hours=1),
                                     "created_precision_us": DAY}])  # fmt: skip
def test_a_doubtful_listing_never_shows_that_nothing_was_written(columns: dict[str, Any]) -> None:
    assert level(stick(negative_rows(), "/x", **columns), "access-written", "usb") == "undetermined"


def test_one_kind_of_trace_is_indicated_and_two_are_confirmed() -> None:
    one = stick(negative_rows(), "/copy.csv", created=INSIDE)
    assert level(one, "access-connected", "usb") == level(one, "access-written", "usb") == "indicated"
    two = stick(one, "/System Volume Information/WPSettings.dat", created=INSIDE)
    assert level(two, "access-written", "usb") == "confirmed"
    host = with_event(one, "pc", "device-connected", time=INSIDE, device="SERIAL-recovered-media")
    assert level(host, "access-connected", "usb") == "confirmed"


@pytest.mark.parametrize(("time", "expected"), [(INSIDE, "indicated"), (LOST - timedelta(hours=1), "undetermined")])
def test_a_day_counts_only_where_all_of_it_lies_inside(time: Any, expected: str) -> None:
    rows = stick(negative_rows(), "/x", accessed=time, accessed_precision_us=DAY, accessed_zone="local Asia/Tokyo")
    assert level(rows, "access-connected", "usb") == expected


MAIL = {"Sent": "confirmed", "Outbox": "confirmed", "Drafts": "indicated", "Inbox": "undetermined"}


@pytest.mark.parametrize("folder", sorted(MAIL))
def test_only_a_sent_folder_shows_that_data_was_mailed(folder: str) -> None:
    address = f"pc!p1!fs:/Mail/{folder}/1.eml"
    rows = with_file(negative_rows(), exhibit="pc", id="m", address=address, path=f"/Mail/{folder}/1.eml", type="mail",
                     origin="allocated")  # fmt: skip
    rows = with_file(rows, exhibit="pc", id="a", address=f"{address}!member:list.csv", path="x", origin="member")
    assert level(protected(rows, "pc", file="a"), "mail", "pc") == MAIL[folder]
    assert level(rows, "mail", "pc") == "undetermined"


def served(size: int, client: str) -> Rows:
    rows = with_file(negative_rows(), exhibit="sv", id="d", address="sv!p1!fs:/srv/d.csv", path="/srv/d.csv", size=700,
                     origin="allocated")  # fmt: skip
    detail = f'{{"bytes": {size}, "client": "{client}"}}'
    return with_event(protected(rows, "sv", file="d"), "sv", "request-served", time=INSIDE, subject="/srv/d.csv",
                      detail=detail)  # fmt: skip


@pytest.mark.parametrize(
    ("size", "client", "expected"),
    [(700, "203.0.113.9", "confirmed"), (699, "203.0.113.9", "indicated"), (700, "192.168.0.9", "indicated")],
)
def test_a_served_file_is_confirmed_by_name_size_and_an_outside_client(size: int, client: str, expected: str) -> None:
    assert level(served(size, client), "network", "sv") == expected


def test_a_transfer_command_alone_is_indicated() -> None:
    rows = served(1, "192.168.0.9") | {"activity": []}
    rows = with_event(
        rows, "sv", "transfer-command", time=INSIDE, subject="scp /srv/d.csv h:", artefact="shell-history"
    )
    assert level(rows, "network", "sv") == "indicated"
    read = {**rows, "files": [row | ({"accessed": INSIDE} if row["id"] == "d" else {}) for row in rows["files"]]}
    assert level(read, "network", "sv") == "confirmed"


def test_an_archive_with_data_needs_a_time_inside_or_a_command() -> None:
    rows = with_file(negative_rows(), exhibit="pc", id="z", address="pc!p1!fs:/b.zip", path="/b.zip", type="zip",
                     origin="allocated", created=EARLY)  # fmt: skip
    rows = with_file(rows, exhibit="pc", id="a", address="pc!p1!fs:/b.zip!member:d.csv", path="x", origin="member")
    rows = protected(rows, "pc", file="a")
    assert level(rows, "staging", "pc") == "indicated"
    packed = with_event(rows, "pc", "archive-command", subject="Compress-Archive C:\\d.csv C:\\b.zip")
    assert level(packed, "staging", "pc") == "confirmed"
    assert level(with_event(negative_rows(), "pc", "archive-command", time=INSIDE), "staging", "pc") == "indicated"


def test_data_found_on_an_unlocked_stick_is_readable_and_a_locked_one_may_be_not_confirmed() -> None:
    rows = protected(negative_rows(), "usb", file="usb-f")
    assert level(rows, "encryption", "usb") == "confirmed"
    assert level(negative_rows(), "encryption", "usb") == "undetermined"
    locked = negative_rows()
    locked["volumes"][2] |= {"state": "locked", "encryption": "BitLocker"}
    assert level(locked, "encryption", "usb") == "not-confirmed"
    searched = {"exhibit": "usb", "volume": locked["volumes"][2]["address"], "class": "locked", "bytes": 0}
    searched |= {"examined_by": "detected", "outcome": "not-examined"}
    for reason, expected in ((ENCIPHERED, "not-confirmed"), ("locked", "undetermined"), ("crash", "undetermined")):
        rows = {**locked, "coverage": [*locked["coverage"], searched | {"reason": reason}]}
        assert level(rows, "encryption", "usb") == expected, reason
    locked["volumes"][2]["encryption"] = "unknown"
    assert level(locked, "encryption", "usb") == "undetermined"


def test_a_copy_on_another_device_shows_that_not_all_copies_were_recovered() -> None:
    rows = protected(negative_rows(), "pc", file="pc-f")
    verdict = judge(rows).verdict
    assert level(rows, "recovery", "usb") == "confirmed"
    assert level(rows, "unauthorised-copy", "pc") == "confirmed"
    assert verdict["overall"]["level"] == "confirmed"


OBJECTS = {
    "whole": ({"type": "zip", "flags": ""}, "files"),
    "partial": ({"type": "zip", "flags": "partial"}, "findings"),
    "unchecked": ({"type": "7z", "flags": "unchecked"}, "findings"),
    "run of text": ({"type": "text", "flags": "cp932"}, "findings"),
}


@pytest.mark.parametrize("inside", ["", "!member:x%21carved"])
@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_no_unvalidated_object_is_a_ground_but_what_was_found_in_its_bytes_is(name: str, inside: str) -> None:
    columns, table = OBJECTS[name]
    rows = with_file(negative_rows(), exhibit="pc", id="o", address="pc!p1!carved:512+90", origin="carved", **columns)
    if inside:
        rows = with_file(rows, exhibit="pc", id="m", address=f"pc!p1!carved:512+90{inside}", origin="member", path="m")
    found = entry(protected(rows, "pc", file="m" if inside else "o"), "unauthorised-copy", "pc")
    assert (found["level"], {ground["table"] for ground in found["grounds"]}) == ("confirmed", {table})


@pytest.mark.parametrize(("flags", "table"), [("", "files"), ("partial", "findings"), ("unchecked", "findings")])
@pytest.mark.parametrize("inside", ["", "!member:x%2F1+2"])
def test_an_object_in_pages_of_memory_is_held_to_the_same(flags: str, table: str, inside: str) -> None:
    where = "pc!p1!fs:/hiberfil.sys!member:pages-000003/512+90"
    rows = with_file(negative_rows(), exhibit="pc", id="o", address=where, origin="member", type="pdf", flags=flags)
    if inside:
        rows = with_file(rows, exhibit="pc", id="m", address=f"{where}{inside}", origin="member", path="m")
    found = entry(protected(rows, "pc", file="m" if inside else "o"), "unauthorised-copy", "pc")
    assert (found["level"], {ground["table"] for ground in found["grounds"]}) == ("confirmed", {table})


def test_the_name_of_an_unvalidated_object_shows_no_transfer() -> None:
    for flags, expected in (("", "confirmed"), ("partial", "indicated")):
        rows = served(700, "203.0.113.9")
        carved = {"address": "sv!p1!carved:512+700", "origin": "carved", "flags": flags}
        rows["files"] = [row | (carved if row["id"] == "d" else {}) for row in rows["files"]]
        assert level(rows, "network", "sv") == expected, flags


def test_one_value_of_one_person_is_only_indicated() -> None:
    assert level(protected(negative_rows(), "pc", fields=1), "unauthorised-copy", "pc") == "indicated"


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_text_is_in_the_language_of_the_case_and_kept_in_both(language: str) -> None:
    verdict = judge(negative_rows(), language).verdict
    assert verdict["overall"]["sentence"] == verdict["overall"]["sentences"][language]
    for item in verdict["questions"]:
        assert item["sentence"] == item["sentences"][language]
        for key in ("question", "limits", "coverage", "hypotheses"):
            assert item[key] == item[f"{key}_by_language"][language]
            assert set(item[f"{key}_by_language"]) == {"ja", "en"}


def test_no_rows_at_all_give_no_negative() -> None:
    levels = {item["level"] for item in judge({}).verdict["questions"]}
    assert levels == {"undetermined"}


def test_an_answer_says_how_sure_its_facts_are_and_what_it_hangs_on() -> None:
    one = with_event(negative_rows(), "pc", "uploaded", artefact="some-log", id="a", time=INSIDE)
    told = entry(one, "web-upload", "pc")
    assert (told["level"], told["certainty"], told["independent"], told["turning"]) == (
        "confirmed",
        "C2",
        ["pc: some-log"],
        ["a"],
    )
    two = with_event(one, "pc", "uploaded", artefact="windows-event-log", id="b", time=INSIDE)
    told = entry(two, "web-upload", "pc")
    assert (told["certainty"], told["turning"]) == ("C4", [])
    assert told["independent"] == ["pc: event-log", "pc: some-log"]
    assert entry(negative_rows(), "web-upload", "pc")["certainty"] == ""


def test_a_requirement_is_asked_of_its_own_operating_system_only() -> None:
    question = rules()["web-upload"]
    (first, *rest) = question.sources["ordinary"]
    asked = replace(
        question, sources={"ordinary": (replace(first, optional=False, hosts=("macos",), artefacts=("none",)), *rest)}
    )

    def answer(rows: Rows) -> str:
        found = evaluate(tables_of(rows), (asked,), case_of()).verdict["questions"]
        return str(next(item["level"] for item in found if item["exhibit"] == "pc"))

    rows = negative_rows()
    assert answer(rows) == "not-confirmed"
    unknown = [row for row in rows["files"] if not row["path"].endswith("/SYSTEM")]
    assert answer({**rows, "files": unknown}) == "undetermined"


def test_hours_without_traffic_are_no_hole_where_the_host_was_off() -> None:
    rows = negative_rows()
    night, morning = INSIDE - timedelta(hours=8), INSIDE
    gap = {
        "start": night,
        "end": morning - timedelta(hours=1),
        "reason": "no hour is recorded: the host was off, or nothing was",
    }
    traffic = {**rows["sources"][0], "id": "s-srum", "artefact": "srum", "system": "Windows SRUM", "gaps": [gap]}
    rows = {**rows, "sources": [*rows["sources"], traffic]}
    assert level(rows, "network", "pc") == "undetermined"
    off = with_event(rows, "pc", "power", subject="stopped", artefact="windows-event-log", time=night)
    assert level(off, "network", "pc") == "undetermined"
    off = with_event(off, "pc", "power", subject="started", artefact="windows-event-log", time=morning)
    assert level(off, "network", "pc") == "not-confirmed"
    sent = with_event(off, "pc", "data-sent", artefact="srum", time=INSIDE, detail='{"bytes": 5000}')
    assert (
        level(
            protected(
                with_file(sent, **{**rows["files"][0], "id": "x", "path": "/d.csv", "size": 4000}), "pc", file="x"
            ),
            "network",
            "pc",
        )
        == "undetermined"
    )
    off["sources"] = [row | ({"gaps": [gap]} if row["system"] == "System" else {}) for row in off["sources"]]
    assert level(off, "network", "pc") == "undetermined"


def test_whole_sources_do_not_suffice_where_a_query_says_so() -> None:
    question = rules()["web-upload"]
    (*rest, last) = question.sources["ordinary"]
    short = replace(last, unless="SELECT id FROM sources WHERE exhibit = $exhibit")
    asked = replace(question, sources={"ordinary": (*rest, short)})
    found = evaluate(tables_of(negative_rows()), (asked,), case_of()).verdict["questions"]
    (told,) = (item for item in found if item["exhibit"] == "pc")
    assert (told["level"], "足りない" in told["coverage"][0]) == ("undetermined", True)
