"""Events, gaps and masks of the artefact readers, on built bytes."""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.artefacts import ARTEFACTS, Action, Audit, Event, Fact
from pipeline.artefacts.commands import action_of, mask_secrets
from pipeline.artefacts.stick import StickTraces
from pipeline.records import FileEntry, Origin, Volume
from tests.builders import chromium, windows_logs
from tests.unit.artefacts.candidates import candidate

START = datetime(2022, 6, 21, 1, 0, tzinfo=UTC)
STICK = windows_logs.Device(
    vendor="ACME", product="Flash", revision="1.00", serial="AB12CD34", capacity=1 << 30, mbr=bytes(512),
    vbr=b"\xeb\x58\x90MSDOS5.0".ljust(67, b"\0") + bytes.fromhex("78563412") + b"KYUFU      FAT32   " + bytes(422),
    stays=((START, START + timedelta(hours=1)),),
)  # fmt: skip


def read(name: str, data: bytes, path: str = "/x", **beside: bytes) -> list[Fact]:
    (artefact,) = (known for known in ARTEFACTS if known.name == name)
    return list(artefact.read(candidate(data, path, **beside)))


def history(*, without: str = "", wal: bool = False) -> tuple[bytes, bytes]:
    visits = [
        chromium.Visit(time=START + timedelta(hours=hour), url=f"https://www.example.com/{hour}") for hour in range(5)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "h"
        path.write_bytes(chromium.history(visits))
        base = sqlite3.connect(path)
        base.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
        if without:
            base.execute(f"DELETE FROM visits WHERE {without}")
        base.commit()
        log = Path(f"{path}-wal")
        found = path.read_bytes(), log.read_bytes() if log.exists() else b""
        base.close()
    return found


def audit(facts: list[Fact]) -> Audit:
    (found,) = (fact for fact in facts if isinstance(fact, Audit))
    return found


def test_a_visit_removed_in_the_middle_is_a_gap_between_its_neighbours() -> None:
    data, _ = history(without="id=3")
    gaps = audit(read("chromium-history", data)).gaps
    assert (gaps[0].start, gaps[0].end) == (START + timedelta(hours=1), START + timedelta(hours=3))


def test_visits_removed_at_the_end_leave_an_open_gap() -> None:
    data, _ = history(without="id>=4")
    gap = audit(read("chromium-history", data)).gaps[0]
    assert (gap.start, gap.end, gap.reason) == (START + timedelta(hours=2), None, "2 visit records removed")


def test_the_write_ahead_log_is_read() -> None:
    data, log = history(without="id=3", wal=True)
    assert audit(read("chromium-history", data)).records == 5
    assert audit(read("chromium-history", data, wal=log)).records == 4


def test_a_query_string_never_leaves_the_reader() -> None:
    data = chromium.history([chromium.Visit(time=START, url="https://drive.google.com/drive/my?name=secret#x")])
    (event,) = (fact for fact in read("chromium-history", data) if isinstance(fact, Event))
    assert (event.action, event.subject) == (Action.UPLOAD_HINT, "https://drive.google.com/drive/my")


def test_partition_events_bind_device_serial_to_volume_serial() -> None:
    data = windows_logs.partition_log(START - timedelta(days=1), START + timedelta(days=1), [STICK])
    events = [fact for fact in read("windows-event-log", data) if isinstance(fact, Event) and fact.device == "AB12CD34"]
    assert [event.action for event in events] == [Action.DEVICE_CONNECTED, Action.DEVICE_REMOVED]
    assert events[0].detail["volume_serial"] == "12345678"
    assert events[0].detail["volume_label"] == "KYUFU"


def test_the_windows_10_layout_gives_four_times() -> None:
    data = windows_logs.system_hive(START, START, [STICK])
    events = [fact for fact in read("system-hive", data) if isinstance(fact, Event) and fact.time is not None]
    assert [event.time_meaning for event in events] == [
        "last installation", "first installation", "last arrival", "last removal",
    ]  # fmt: skip
    assert {event.device for event in events} == {"AB12CD34"}


def test_the_setup_log_is_read_in_local_time() -> None:
    data = windows_logs.setupapi(START - timedelta(days=9), [STICK])
    (event,) = (fact for fact in read("setupapi-log", data) if isinstance(fact, Event))
    assert (event.time, event.device) == (START.replace(microsecond=214000), "AB12CD34")


@pytest.mark.parametrize(
    ("command", "action"),
    [
        ("scp a.csv x@host:", Action.TRANSFER_COMMAND), ("curl -T a.zip ftp://h/", Action.TRANSFER_COMMAND),
        ("7z a -pX a.7z d", Action.ARCHIVE_COMMAND), ("shred -u a", Action.WIPING_TOOL),
        ("history -c", Action.LOG_CLEARED), ("unset HISTFILE", Action.LOG_CLEARED), ("ls -l", Action.COMMAND_RUN),
        ("aws s3 cp a s3://b", Action.TRANSFER_COMMAND), ("dd if=/dev/zero of=/dev/sdb", Action.WIPING_TOOL),
    ],
)  # fmt: skip
def test_commands_are_classified(command: str, action: Action) -> None:
    assert action_of(command) is action


@pytest.mark.parametrize(
    "command",
    ["7z a -pHUSH a.7z d", "curl -u me:HUSH h", "mysql --password=HUSH", "ftp://u:HUSH@h/", "export API_TOKEN=HUSH"],
)
def test_passwords_in_commands_are_masked(command: str) -> None:
    assert "HUSH" not in mask_secrets(command)


def test_entries_are_events_only_inside_the_window_and_its_doubt() -> None:
    volume = Volume(
        address="U!part:p1", exhibit="U", start=0, length=1, direct=True, scheme="", part_type="", file_system="exfat",
        label="", serial="", block_size=512, encryption="", state="open", reader="",
    )  # fmt: skip

    def entry(path: str, time: datetime, zone: str) -> FileEntry:
        return FileEntry(
            id=path, exhibit="U", volume="U!part:p1", address=path, path=path, stream="", kind="file", meta=1,
            origin=Origin.ALLOCATED, parent="", size=1, initialised_size=1, modified=time, modified_zone=zone,
            modified_precision_us=2_000_000,
        )  # fmt: skip

    entries = [
        entry("/in", START, "UTC"), entry("/before", START - timedelta(hours=5), "recorded +09:00"),
        entry("/doubt", START - timedelta(hours=5), "local Asia/Tokyo"),
        entry("/System Volume Information/IndexerVolumeGuid", START - timedelta(days=9), "UTC"),
    ]  # fmt: skip
    facts = [fact for _, fact in StickTraces().examine(volume, entries, (START, START + timedelta(hours=2)))]
    told = [(fact.subject, fact.detail.get("fits_window")) for fact in facts if isinstance(fact, Event)]
    assert told == [
        ("/in", "inside"), ("/doubt", "only in another zone"),
        ("/System Volume Information/IndexerVolumeGuid", None),
    ]  # fmt: skip
    assert audit(facts).state_only


def test_a_log_without_years_takes_them_from_its_last_change() -> None:
    (artefact,) = (known for known in ARTEFACTS if known.name == "auth-log")
    lines = [
        f"{stamp} srv sshd[1]: Accepted publickey for op from 192.0.2.1 port 1 ssh2\n"
        for stamp in ("Dec 31 23:00:00", "Jan  2 09:00:00")
    ]
    held = replace(candidate("".join(lines).encode()), modified=datetime(2022, 1, 3, tzinfo=UTC))
    times = [fact.time for fact in artefact.read(held) if isinstance(fact, Event)]
    assert times == [datetime(2021, 12, 31, 14, tzinfo=UTC), datetime(2022, 1, 2, 0, tzinfo=UTC)]
    assert audit(list(artefact.read(held))).gaps == ()
