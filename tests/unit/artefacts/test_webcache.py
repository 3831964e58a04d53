"""WebCacheV01.dat and Windows Search: visits, local files, downloads, indexed items."""

from __future__ import annotations

import sqlite3
import struct
from datetime import UTC, datetime
from pathlib import Path

from pipeline.artefacts import Action
from tests.builders.ese import BINARY, CURRENCY, LONG, LONG_TEXT, PAGE, TEXT, Table, database
from tests.builders.evtx import filetime
from tests.unit.artefacts.damage import check_damage, read

T = datetime(2022, 6, 22, 3, 0, tzinfo=UTC)
PATH = "/Users/tanto/AppData/Local/Microsoft/Windows/WebCache/WebCacheV01.dat"
COLUMNS = {
    "EntryId": CURRENCY,
    "AccessedTime": CURRENCY,
    "AccessCount": LONG,
    "Url": LONG_TEXT,
    "ResponseHeaders": BINARY,
}


def row(number: int, url: str, headers: bytes | None = None) -> dict[str, int | str | bytes | None]:
    return {"EntryId": number, "AccessedTime": filetime(T), "AccessCount": 3, "Url": url, "ResponseHeaders": headers}


def webcache(*visits: str, downloads: bytes = b"") -> bytes:
    names = {"ContainerId": CURRENCY, "Name": TEXT}
    told = [{"ContainerId": 2, "Name": "History"}, {"ContainerId": 9, "Name": "iedownload"}]
    told += [{"ContainerId": 4, "Name": "Content"}]
    return database([
        Table("Containers", names, told),
        Table("Container_2", COLUMNS, [row(number, url) for number, url in enumerate(visits, 1)]),
        Table("Container_4", COLUMNS, [row(1, "Visited: x@http://cached.example/")]),
        Table("Container_9", COLUMNS, [row(1, "iedownload:{1}", downloads)] if downloads else []),
    ])  # fmt: skip


def test_visits_local_files_and_shares_are_told_apart() -> None:
    urls = [
        "Visited: tanto@https://www.example.com/a?q=secret", ":2022062220220623: tanto@file:///E:/%E5%90%8D%E7%B0%BF.csv",
        "Visited: tanto@file://fs01/zei/a%20b.xlsx", ":2022062220220623: tanto@:Host: www.example.com",
    ]  # fmt: skip
    events, audit, troubles = read("webcache", webcache(*urls), PATH)
    assert [(event.action, event.subject) for event in events] == [
        (Action.VISITED, "https://www.example.com/a"), (Action.FILE_OPENED, "E:\\名簿.csv"),
        (Action.FILE_OPENED, "\\\\fs01\\zei\\a b.xlsx"),
    ]  # fmt: skip
    assert {(event.time, event.actor, event.detail["count"]) for event in events} == {(T, "tanto", 3)}
    assert (audit.records, audit.state_only, audit.status, audit.owner, troubles) == (3, True, "read", "tanto", [])


def test_a_download_names_its_target_and_address() -> None:
    texts = [
        "http://r/",
        "application/zip",
        "C:\\cache\\a.zip",
        "https://example.com/a.zip?t=1",
        "C:\\Users\\x\\a.zip",
        "",
    ]
    events, _, _ = read("webcache", webcache(downloads=bytes(0x148) + "\0".join(texts).encode("utf-16-le")), PATH)
    (event,) = events
    assert (event.action, event.subject) == (Action.DOWNLOADED, "C:\\Users\\x\\a.zip")
    assert event.detail == {"url": "https://example.com/a.zip"}


def test_zeroed_pages_and_damage_are_never_silent() -> None:
    data = webcache(*[f"Visited: a@file:///E:/{number}.txt" for number in range(60)])
    whole, _, _ = read("webcache", data, PATH)
    assert len(whole) == 60
    for page in range(2, len(data) // PAGE):
        events, audit, _ = read("webcache", data[: page * PAGE] + bytes(PAGE) + data[(page + 1) * PAGE :], PATH)
        assert len(events) == 60 or audit.status != "read", page
    check_damage("webcache", data, PATH)


def search_index() -> bytes:
    columns = {
        "WorkID": LONG, "4631F-System_Search_GatherTime": BINARY, "13F-System_Size": BINARY,
        "4447-System_ItemPathDisplay": LONG_TEXT, "4155-System_Author": BINARY, "33-System_ItemUrl": LONG_TEXT,
    }  # fmt: skip
    items = [
        {
            "WorkID": 7, "4631F-System_Search_GatherTime": struct.pack("<Q", filetime(T)),
            "13F-System_Size": struct.pack("<Q", 4096), "4447-System_ItemPathDisplay": "E:\\名簿.csv",
            "4155-System_Author": "担当\0".encode("utf-16-le"),
        },
        {"WorkID": 8, "4631F-System_Search_GatherTime": struct.pack(">Q", filetime(T)), "13F-System_Size": b"*" * 8,
         "33-System_ItemUrl": "iehistory://x/https://a.example/?q=secret"},
        {"WorkID": 9},
    ]  # fmt: skip
    return database([Table("SystemIndex_PropertyStore", columns, items)])


def test_the_index_says_what_file_was_there_when_and_by_whom() -> None:
    events, audit, troubles = read("windows-search", search_index())
    assert [(event.subject, event.time) for event in events] == [
        ("E:\\名簿.csv", T),
        ("iehistory://x/https://a.example/", T),
    ]
    assert (events[0].action, events[0].detail) == (Action.FILE_PRESENT, {"bytes": 4096, "author": "担当"})
    assert events[1].detail == {}
    assert (audit.records, audit.state_only, audit.status, troubles) == (2, True, "read", [])
    check_damage("windows-search", search_index())


def test_windows_11_keeps_the_index_in_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "Windows.db"
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE SystemIndex_1_PropertyStore_Metadata (Id INTEGER PRIMARY KEY, UniqueKey TEXT)")
    base.execute("CREATE TABLE SystemIndex_1_PropertyStore (WorkId INTEGER, ColumnId INTEGER, Value)")
    keys = ["4631F-System_Search_GatherTime", "4447-System_ItemPathDisplay", "13F-System_Size", "1-Other"]
    base.executemany("INSERT INTO SystemIndex_1_PropertyStore_Metadata VALUES (?,?)", list(enumerate(keys, 1)))
    values = [(5, 2, "E:\\a.csv"), (5, 1, struct.pack("<Q", filetime(T))), (6, 2, "C:\\b"), (5, 3, 12), (6, 4, "x")]
    base.executemany("INSERT INTO SystemIndex_1_PropertyStore VALUES (?,?,?)", values)
    base.commit()
    base.close()
    events, audit, troubles = read("windows-search", path.read_bytes())
    assert [(event.subject, event.time, event.place) for event in events] == [
        ("E:\\a.csv", T, "item 5"), ("C:\\b", None, "item 6"),
    ]  # fmt: skip
    assert (events[0].detail, audit.status, troubles) == ({"bytes": 12}, "read", [])
