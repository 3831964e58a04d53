"""Print jobs, thumbnails, tabs of Notepad, noted programs, the timeline."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.artefacts import ARTEFACTS, Action, Candidate
from tests.builders.windows_files import noted_programs, notepad_tab, print_job, spool_file, thumbnail_cache, thumbs
from tests.unit.artefacts.candidates import Held, candidate
from tests.unit.artefacts.damage import check_damage, parted, read

T = datetime(2022, 6, 22, 3, 4, 5, 678000, tzinfo=UTC)
TAB = "/Users/tanto/AppData/Local/Packages/Microsoft.WindowsNotepad_8wekyb3d8bbwe/LocalState/TabState/a.bin"


def dated(data: bytes, path: str = "/x") -> Candidate:
    return Candidate(path=path, content=Held(data), modified=T)


@pytest.mark.parametrize("wide", [True, False])
def test_a_print_job_names_document_user_printer_and_pages(wide: bool) -> None:
    data = print_job("tanto", "名簿.xlsx", "複合機 3F", T, wide=wide)
    (event,), audit, troubles = read("spool-job", data, "/Windows/System32/spool/PRINTERS/00007.SHD")
    assert (event.action, event.subject, event.actor, event.time) == (Action.PRINTED, "名簿.xlsx", "tanto", T)
    assert (event.detail["printer"], event.detail["pages"], event.detail["job"]) == ("複合機 3F", 3, 7)
    assert event.detail["content"] == "no spool file beside it"
    assert wide or event.detail["host"] == "PC-0042"
    assert (audit.state_only, audit.status, troubles) == (True, "read", [])
    check_damage("spool-job", data)


def test_the_spool_file_beside_a_job_is_seen_and_not_told_twice() -> None:
    path = "/Windows/System32/spool/PRINTERS/00007"
    job = replace(candidate(print_job("u", "d", "p", T), f"{path}.SHD"), companions={"spl": Held(b"12345")})
    (event,), _, _ = parted("spool-job", job)
    assert event.detail["bytes"] == 5
    (artefact,) = (known for known in ARTEFACTS if known.name == "spool-job")
    assert list(artefact.beside(f"{path}.SHD")) == [("spl", f"{path}.SPL")]
    spool = replace(dated(spool_file("名簿.xlsx", "p"), f"{path}.SPL"), companions={"shd": Held(b"x")})
    events, audit, _ = parted("spool-file", spool)
    assert (events, audit.records) == ([], 1)


def test_a_spool_file_alone_names_its_document() -> None:
    (event,), audit, troubles = parted("spool-file", dated(spool_file("名簿.xlsx", "複合機")))
    assert (event.subject, event.time, event.detail["printer"]) == ("名簿.xlsx", T, "複合機")
    assert (audit.status, troubles) == ("read", [])
    (raw,), _, _ = parted("spool-file", dated(b"\x1b%-12345X@PJL"))
    assert (raw.subject, raw.detail["content"]) == ("", "raw")
    check_damage("spool-file", spool_file("名簿.xlsx", "複合機"))


@pytest.mark.parametrize("version", [20, 21, 32])
def test_thumbnails_are_told_by_their_number(version: int) -> None:
    data = thumbnail_cache([(0xE1629DD118FAAEBD, b"\xff\xd8" + bytes(5000)), (0, b""), (7, bytes(90))], version=version)
    path = "/Users/tanto/AppData/Local/Microsoft/Windows/Explorer/thumbcache_256.db"
    events, audit, troubles = read("thumbnail-cache", data, path)
    assert [event.detail["thumbnail"] for event in events] == ["E1629DD118FAAEBD", "0000000000000007"]
    assert (events[0].subject, events[0].actor, events[0].time) == ("e1629dd118faaebd", "tanto", None)
    assert events[0].detail["picture_bytes"] == 5002
    assert (audit.records, audit.status, troubles) == (2, "read", [])
    check_damage("thumbnail-cache", data)


def test_thumbs_db_names_the_files_of_its_folder() -> None:
    data = thumbs([(f"写真{number}.jpg", T + timedelta(days=number)) for number in range(40)])
    events, audit, troubles = read("thumbs-db", data)
    assert [event.subject for event in events] == [f"写真{number}.jpg" for number in range(40)]
    assert (events[3].time, events[3].action) == (T + timedelta(days=3), Action.FILE_PRESENT)
    assert (audit.records, audit.status, troubles) == (40, "read", [])
    check_damage("thumbs-db", data)


def test_a_tab_names_its_file_and_digest() -> None:
    digest = bytes(range(32))
    data = notepad_tab("E:\\名簿.txt", T, digest)
    (event,), audit, troubles = parted("notepad-tab", dated(data, TAB))
    assert (event.action, event.subject, event.actor, event.time) == (Action.FILE_OPENED, "E:\\名簿.txt", "tanto", T)
    assert event.detail == {"bytes": 1234, "sha256": digest.hex(), "target_modified": T.isoformat()}
    assert (audit.status, troubles) == ("read", [])
    check_damage("notepad-tab", data, TAB)


def test_a_note_never_saved_is_told_without_its_text() -> None:
    (event,), _, _ = parted("notepad-tab", dated(notepad_tab("", T, b"", text="secret"), TAB))
    assert (event.action, event.subject, event.detail) == (Action.FILE_PRESENT, "", {"state": "never saved"})


def test_the_view_of_a_tab_is_not_wanted() -> None:
    (artefact,) = (known for known in ARTEFACTS if known.name == "notepad-tab")
    assert artefact.wants(TAB.lower())
    assert not artefact.wants(TAB.lower().replace("a.bin", "a.0.bin"))


@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "utf-16-le"])
def test_the_compatibility_assistant_says_what_ran(codec: str) -> None:
    lines = "C:\\x\\rclone.exe|2022-06-22 03:04:05.678\r\nC:\\y.exe|2022-06-23 00:00:00.000\r\n"
    events, audit, troubles = read("compatibility-assistant", lines.encode(codec))
    assert [(event.subject, event.time_meaning) for event in events] == [
        ("C:\\x\\rclone.exe", "started last"), ("C:\\y.exe", "started last"),
    ]  # fmt: skip
    assert (events[0].time, audit.records, audit.status, troubles) == (T, 2, "read", [])
    if codec != "utf-8":
        check_damage("compatibility-assistant", (lines * 7 + "C:\\ende.exe|2022-06-24 00:00:00.000\r\n").encode(codec))


def test_programs_that_failed_carry_maker_and_message() -> None:
    line = "2022-06-22 03:04:05.678|2|%programfiles%\\r.exe|rclone|maker|1.6|0006aa|Abnormal process exit with code 0x1"
    (event,), _, troubles = read("compatibility-assistant", line.encode("utf-16"))
    assert (event.time, event.subject, event.detail["company"]) == (T, "%programfiles%\\r.exe", "maker")
    assert (event.detail["message"], troubles) == ("Abnormal process exit with code 0x1", [])


def test_a_line_that_is_no_entry_is_damage() -> None:
    events, audit, _ = read("compatibility-assistant", b"C:\\a.exe|2022-06-22 03:04:05.678\nC:\\b.exe|2022-99-22\n")
    assert (len(events), audit.status, audit.gaps[0].reason) == (1, "damaged", "line 2 is no entry")


def test_noted_programs_and_crashes() -> None:
    data = noted_programs(["c:\\users\\a\\rclone.exe", "c:\\b.exe"])
    events, audit, troubles = parted("recent-file-cache", dated(data))
    assert [event.subject for event in events] == ["c:\\users\\a\\rclone.exe", "c:\\b.exe"]
    assert (events[0].action, events[0].time, audit.status, troubles) == (Action.PROGRAM_PRESENT, T, "read", [])
    check_damage("recent-file-cache", data)
    report = "Version=1\r\nEventType=APPCRASH\r\nEventTime=133003406456780000\r\nAppName=r\r\nAppPath=C:\\r.exe\r\n"
    (event,), _, _ = read("crash-report", report.encode("utf-16"))
    assert (event.subject, event.time, event.detail["kind"]) == ("C:\\r.exe", T, "APPCRASH")
    check_damage("crash-report", report.encode("utf-16"))


def timeline(folder: Path) -> bytes:
    path = folder / "ActivitiesCache.db"
    base = sqlite3.connect(path)
    base.execute(
        "CREATE TABLE Activity (Id BLOB, AppId TEXT, ActivityType INT, StartTime INT, EndTime INT, "
        "LastModifiedTime INT, Payload BLOB, PlatformDeviceId TEXT, 'Group' TEXT)"
    )
    app = json.dumps(
        [{"platform": "host", "application": "h"}, {"platform": "windows_win32", "application": "EXCEL.EXE"}]
    )
    uri = "file://E:/%E5%90%8D%E7%B0%BF.xlsx?VolumeId={0a0b0c0d-0000-0000-0000-000000000001}&ObjectId={9b1ce58a-4a4c-11e5-b5c9-080027ac3d7f}"
    start = int(T.timestamp())
    rows = [
        (5, start, 0, json.dumps({"displayText": "名簿.xlsx", "contentUri": uri}), None),
        (6, start, start + 60, json.dumps({"activeDurationSeconds": 42}), None),
        (16, start, 0, b"[]", "Copy"), (11, start, 0, "{}", None), (5, 0, 0, "{broken", None),
    ]  # fmt: skip
    for kind, begin, end, payload, group in rows:
        values = (b"i", app, kind, begin, end, 0, payload, "dev", group)
        base.execute("INSERT INTO Activity VALUES (?,?,?,?,?,?,?,?,?)", values)
    base.commit()
    base.close()
    return path.read_bytes()


def test_the_timeline_says_what_was_opened_used_and_copied(tmp_path: Path) -> None:
    data = timeline(tmp_path)
    path = "/Users/tanto/AppData/Local/ConnectedDevicesPlatform/L.tanto/ActivitiesCache.db"
    events, audit, troubles = read("windows-timeline", data, path)
    whole = T.replace(microsecond=0)
    opened, used, copied, broken = events
    assert (opened.action, opened.subject, opened.time) == (Action.FILE_OPENED, "E:\\名簿.xlsx", whole)
    assert opened.detail == {
        "title": "名簿.xlsx", "program": "EXCEL.EXE", "volume_id": "0a0b0c0d-0000-0000-0000-000000000001",
        "droid_file": "9b1ce58a-4a4c-11e5-b5c9-080027ac3d7f",
    }  # fmt: skip
    assert (used.action, used.subject, used.detail["seconds"]) == (Action.PROGRAM_RUN, "EXCEL.EXE", 42)
    assert used.detail["until"] == (whole + timedelta(minutes=1)).isoformat()
    assert (copied.action, copied.detail["group"]) == (Action.CLIPBOARD_USED, "Copy")
    assert (broken.subject, broken.time) == ("", None)
    assert (audit.records, audit.state_only, audit.status, audit.owner, troubles) == (5, True, "read", "tanto", [])
    check_damage("windows-timeline", data, path)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/users/a/desktop/x.lnk", "shell-link"),
        (
            "/users/a/appdata/roaming/microsoft/windows/recent/automaticdestinations/1.automaticdestinations-ms",
            "jump-list",
        ),
        ("/windows/prefetch/a.exe-00000000.pf", "prefetch"),
        ("/$recycle.bin/s-1-5-21-1-2-3-1001/$iabcdef.csv", "recycle-bin"),
        ("/windows/system32/sru/srudb.dat", "srum"),
        ("/users/a/appdata/local/microsoft/windows/webcache/webcachev01.dat", "webcache"),
        ("/programdata/microsoft/search/data/applications/windows/windows.edb", "windows-search"),
        ("/windows/system32/spool/printers/00002.shd", "spool-job"),
        ("/windows/system32/spool/printers/fp00002.spl", "spool-file"),
        ("/photos/thumbs.db", "thumbs-db"),
        ("/windows/system32/tasks/microsoft/x", "task-file"),
        ("/windows/appcompat/pca/pcageneraldb1.txt", "compatibility-assistant"),
        ("/windows.old/windows/appcompat/programs/recentfilecache.bcf", "recent-file-cache"),
    ],
)
def test_each_usual_path_is_wanted_by_one_reader(path: str, name: str) -> None:
    assert [known.name for known in ARTEFACTS if known.wants(path)] == [name]
