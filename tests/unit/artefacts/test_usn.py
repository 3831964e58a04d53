"""The change journal: records, damage, what is missing, the sparse start."""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime

from pipeline.access.content import RunReadable
from pipeline.artefacts import ARTEFACTS, Action, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.usn import ChangeJournal
from pipeline.records import FileEntry, Run
from tests.builders.evtx import filetime
from tests.real_data import real_path
from tests.unit.artefacts.candidates import Held, candidate

WHEN = filetime(datetime(2022, 6, 22, 3, tzinfo=UTC))


def record(usn: int, name: str = "名簿.csv", reason: int = 0x100, version: int = 2) -> bytes:
    text = name.encode("utf-16-le")
    if version == 4:
        return struct.pack("<IHHQQQQQIIIHHQQ", 80, 4, 0, 70, 0, 5, 0, usn, reason, 0, 0, 1, 16, 0, 4096)
    keys = struct.pack("<QQ", 70 | 2 << 48, 5 | 5 << 48) if version == 2 else struct.pack("<QQQQ", 70, 1, 5, 0)
    head = 60 if version == 2 else 76
    body = keys + struct.pack("<QQIIIIHH", usn, WHEN, reason, 0, 0, 0x20, len(text), head) + text
    length = (8 + len(body) + 7) // 8 * 8
    return (struct.pack("<IHH", length, version, 0) + body).ljust(length, b"\0")


def journal(*reasons: int, start: int = 0, version: int = 2) -> bytes:
    data = b""
    for reason in reasons:
        data += record(start + len(data), reason=reason, version=version)
    return data


def read(data: bytes) -> tuple[list[Event], Audit, list[Trouble]]:
    return parted(list(ChangeJournal().read(candidate(data))))


def parted(found: list[Fact]) -> tuple[list[Event], Audit, list[Trouble]]:
    (audit,) = (fact for fact in found if isinstance(fact, Audit))
    troubles = [fact for fact in found if isinstance(fact, Trouble)]
    return [fact for fact in found if isinstance(fact, Event)], audit, troubles


def test_reasons_decide_the_action() -> None:
    events, audit, troubles = read(journal(0x100, 0x80000102, 0x2, 0x1000, 0x2000, 0x80000200, 0x800))
    assert [event.action for event in events] == [
        Action.ENTRY_CREATED, Action.ENTRY_CREATED, Action.ENTRY_MODIFIED, Action.ENTRY_RENAMED, Action.ENTRY_RENAMED,
        Action.ENTRY_DELETED, Action.ENTRY_CHANGED,
    ]  # fmt: skip
    assert events[1].detail["reasons"] == "data-extend,file-create,close"
    assert (events[0].subject, events[0].detail["file"], events[0].detail["parent"]) == ("名簿.csv", "70-2", "5-5")
    assert events[0].time == datetime(2022, 6, 22, 3, tzinfo=UTC)
    assert (audit.records, audit.gaps, audit.status, troubles) == (7, (), "read", [])


def test_versions_3_and_4_are_read() -> None:
    for version, named in ((3, True), (4, False)):
        (event,), audit, troubles = read(journal(0x1, version=version))
        assert (event.action, event.time is not None, event.subject == "名簿.csv") == (
            Action.ENTRY_MODIFIED, named, named,
        )  # fmt: skip
        assert (audit.records, troubles) == (1, [])


def test_damage_inside_is_a_gap_and_the_rest_is_read() -> None:
    data = bytearray(journal(*[0x100] * 9))
    data[len(data) // 3 + 4] = 9
    events, audit, (trouble,) = read(bytes(data))
    assert len(events) == 8
    assert (audit.status, trouble.code) == ("damaged", "journal-damaged")
    assert [gap.reason for gap in audit.gaps] == [
        "bytes at 216 are no record",
        "journal bytes 216 to 288 hold no readable record",
    ]


def test_a_missing_page_is_a_gap() -> None:
    events, audit, _ = read(journal(0x100).ljust(4096, b"\0") + journal(0x100, start=8192))
    assert (len(events), audit.status) == (2, "damaged")
    assert [gap.reason for gap in audit.gaps] == ["journal bytes 72 to 8192 hold no readable record"]
    _, audit, _ = read(journal(0x100).ljust(4096, b"\0") + journal(0x100, start=4096))
    assert audit.gaps == ()


def test_sparse_start_is_not_read() -> None:
    class Strict(Held):
        format, segments, stored, unreadable = "raw", (), {}, ()

        def close(self) -> None: ...

    data, hole = journal(0x100, start=1 << 40), 1 << 40
    runs = (Run(start=-1, length=hole), Run(start=0, length=4096))
    entry = FileEntry(
        id="i", exhibit="EX", volume="", address="EX", path="/$Extend/$UsnJrnl", stream="$J", kind="file",
        origin="allocated", meta=40, parent="11", size=hole + len(data), initialised_size=hole + len(data), runs=runs,
    )  # fmt: skip
    content = RunReadable(Strict(data.ljust(4096, b"\0")), entry)
    assert list(content.stored()) == [(hole, len(data))]
    (event,), audit, troubles = parted(list(ChangeJournal().read(Candidate(path="/x", content=content))))
    assert (event.detail["usn"], audit.gaps, troubles) == (hole, (), [])


def test_zeros_at_the_start_of_an_unknown_stream_are_passed_over_from_behind() -> None:
    class Zeros(Held):
        size = (1 << 40) + 72  # type: ignore[assignment]

        def read(self, start: int, length: int) -> bytes:
            return bytes(max((1 << 40) - start, 0)) + self.data if start + length > 1 << 40 else bytes(length)

    content = Zeros(journal(0x100, start=1 << 40))
    (event,), audit, _ = parted(list(ChangeJournal().read(Candidate(path="/x", content=content))))
    assert (event.detail["usn"], audit.records) == (1 << 40, 1)


def test_the_stream_is_asked_for_by_name() -> None:
    assert [known.stream for known in ARTEFACTS if known.wants("/$extend/$usnjrnl")] == ["$j", "$max"]


def test_all_records_of_a_real_journal_and_three_more_are_found() -> None:
    events, audit, troubles = read(real_path("dfir_ntfs/test_data/usnjrnlj.bin").read_bytes())
    text = real_path("dfir_ntfs/test_data/usnjrnlj.fsutil.txt").read_text()
    listed = {int(usn) for usn in re.findall(r"^Usn +: (\d+)$", text, re.MULTILINE)}
    named = re.findall(r"^Usn +: (\d+)\nFile name +: (.+)\n(?:.*\n){4}File ID +: 0{16}(\w+)$", text, re.MULTILINE)
    found = {event.detail["usn"]: event for event in events}
    assert (len(listed), len(named)) == (268, 261)
    assert set(found) == listed | {29792, 29880, 29968}
    for usn, name, file in named:
        number, sequence = (int(part) for part in str(found[int(usn)].detail["file"]).split("-"))
        assert (found[int(usn)].subject, f"{sequence:04x}{number:012x}") == (name, file)
    assert (audit.records, audit.gaps, audit.status, troubles) == (271, (), "read", [])
