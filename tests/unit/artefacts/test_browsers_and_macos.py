"""Browsers' other stores, Safari, and what macOS keeps."""

from __future__ import annotations

import gzip
import plistlib
import struct
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.artefacts import Action
from tests.builders.rows import database
from tests.unit.artefacts.test_logs import MODIFIED, facts

NOON = datetime(2022, 6, 21, 13, tzinfo=UTC)
COCOA = (NOON - datetime(2001, 1, 1, tzinfo=UTC)).total_seconds()
WEBKIT = (NOON - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
PROFILE = "/users/op/appdata/local/google/chrome/user data/default"
SAFARI = """CREATE TABLE history_items (id INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT NOT NULL UNIQUE);
CREATE TABLE history_visits (id INTEGER PRIMARY KEY AUTOINCREMENT, history_item INTEGER NOT NULL, visit_time REAL NOT NULL,
 title TEXT NULL, http_non_get BOOLEAN NOT NULL DEFAULT 0);
CREATE TABLE history_tombstones (id INTEGER PRIMARY KEY AUTOINCREMENT, start_time REAL NOT NULL, end_time REAL NOT NULL,
 url TEXT, generation INTEGER NOT NULL DEFAULT 0);"""  # noqa: E501


def safari(*, without: int = 0, tombstone: bool = False) -> bytes:
    rows = {
        "history_items": [(1, "https://www.example.jp/?q=1"), (2, "https://up.example.jp/send")],
        "history_visits": [
            row for row in ((n, 1 + (n == 3), COCOA + n, "", int(n == 3)) for n in range(1, 6)) if row[0] != without
        ],
        "history_tombstones": [(1, COCOA - 100, COCOA - 50, "", 0)] if tombstone else [],
    }
    return database(SAFARI, rows)


def test_safari_tells_visits_and_forms_that_were_sent() -> None:
    events, audit, troubles = facts("safari-history", safari(), "/users/op/library/safari/history.db")
    assert [event.action for event in events] == [
        Action.VISITED, Action.VISITED, Action.UPLOAD_HINT, Action.VISITED, Action.VISITED,
    ]  # fmt: skip
    assert (events[0].subject, events[0].time) == ("https://www.example.jp/", NOON + timedelta(seconds=1))
    assert (audit.records, audit.gaps, audit.status, troubles) == (5, (), "read", [])


def test_visits_removed_from_safari_are_gaps() -> None:
    _, audit, _ = facts("safari-history", safari(without=4))
    assert [gap.reason for gap in audit.gaps] == ["1 visit records removed"]
    events, audit, _ = facts("safari-history", safari(tombstone=True))
    assert (events[-1].action, audit.gaps[0].start) == (Action.LOG_CLEARED, NOON - timedelta(seconds=100))


def test_safari_downloads() -> None:
    tree = {"DownloadHistory": [{
        "DownloadEntryURL": "https://www.example.jp/a.zip?x=1", "DownloadEntryPath": "/Users/op/Downloads/a.zip",
        "DownloadEntryDateAddedKey": NOON.replace(tzinfo=None), "DownloadEntryProgressBytesSoFar": 900,
    }]}  # fmt: skip
    data = plistlib.dumps(tree, fmt=plistlib.FMT_BINARY)
    (event,), _, _ = facts("safari-downloads", data)
    assert (event.subject, event.time, event.detail["bytes"]) == ("/Users/op/Downloads/a.zip", NOON, 900)
    assert facts("safari-downloads", data[:-30])[1].status == "unreadable"


def test_a_form_that_sends_is_a_hint_and_one_that_asks_is_a_visit() -> None:
    from tests.builders import chromium

    visits = [
        chromium.Visit(time=NOON, url="https://a.example/send", transition=chromium.FORM_SUBMIT),
        chromium.Visit(time=NOON, url="https://a.example/find?q=x", transition=chromium.FORM_SUBMIT),
    ]
    events, _, _ = facts("chromium-history", chromium.history(visits), f"{PROFILE}/history")
    assert [event.action for event in events] == [Action.UPLOAD_HINT, Action.VISITED]


def test_stores_of_chromium_tell_hosts_and_times_but_no_values() -> None:
    cookies = database(
        "CREATE TABLE cookies(creation_utc INTEGER, host_key TEXT, name TEXT, value TEXT, last_access_utc INTEGER);",
        {
            "cookies": [
                (WEBKIT, ".www.dropbox.com", "sid", "SECRET", WEBKIT),
                (WEBKIT, "news.example", "a", "SECRET", WEBKIT),
            ]
        },
    )
    (event,), audit, _ = facts("chromium-cookies", cookies, f"{PROFILE}/network/cookies")
    assert (event.subject, event.time, event.detail["site"]) == ("www.dropbox.com", NOON, "cloud")
    assert audit.state_only
    logins = database(
        "CREATE TABLE logins(origin_url TEXT, username_value TEXT, password_value BLOB, date_created INTEGER, date_last_used INTEGER);",  # noqa: E501
        {"logins": [("https://mail.google.com/x?y", "SECRET", b"SECRET", WEBKIT, WEBKIT)]},
    )
    (event,), _, _ = facts("chromium-logins", logins, f"{PROFILE}/login data")
    assert (event.action, event.subject) == (Action.TOOL_CONFIGURED, "https://mail.google.com/x")
    assert "SECRET" not in str(event)
    forms = database(
        "CREATE TABLE autofill(name VARCHAR, value VARCHAR, value_lower VARCHAR, date_created INTEGER, date_last_used INTEGER, count INTEGER);",  # noqa: E501
        {"autofill": [("address", "SECRET", "SECRET", 1655816000, 1655816400, 2)]},
    )
    (event,), _, _ = facts("chromium-forms", forms, f"{PROFILE}/web data")
    assert (event.time, event.detail["field"]) == (NOON, "address")
    assert "SECRET" not in str(event)
    icons = database(
        "CREATE TABLE icon_mapping(id INTEGER PRIMARY KEY, page_url TEXT, icon_id INTEGER);"
        "CREATE TABLE favicon_bitmaps(id INTEGER PRIMARY KEY, icon_id INTEGER, last_updated INTEGER);",
        {
            "icon_mapping": [(1, "https://firestorage.jp/up", 7), (2, "https://news.example/", 7)],
            "favicon_bitmaps": [(1, 7, WEBKIT)],
        },
    )
    (event,), _, _ = facts("chromium-icons", icons, f"{PROFILE}/favicons")
    assert (event.subject, event.time) == ("https://firestorage.jp/up", NOON)
    top = database(
        "CREATE TABLE top_sites(url TEXT, url_rank INTEGER, title TEXT);",
        {"top_sites": [("https://a.example/?x", 0, "")]},
    )
    assert [event.subject for event in facts("chromium-top-sites", top, f"{PROFILE}/top sites")[0]] == [
        "https://a.example/"
    ]


def test_firefox_forms_tell_fields_without_values() -> None:
    data = database(
        "CREATE TABLE moz_formhistory(id INTEGER PRIMARY KEY, fieldname TEXT, value TEXT, timesUsed INTEGER, firstUsed INTEGER, lastUsed INTEGER, guid TEXT);",  # noqa: E501
        {
            "moz_formhistory": [
                (n, name, "SECRET", 1, 1655816400000000, 1655816400000000, "")
                for n, name in enumerate(("subject", "searchbar-history", "city"))
            ]
        },
    )
    events, _, _ = facts("firefox-forms", data)
    assert [event.action for event in events] == [Action.UPLOAD_HINT, Action.SEARCHED, Action.VISITED]
    assert "SECRET" not in str(events)


def page(records: list[tuple[str, int, int]], magic: bytes = b"2SLD") -> bytes:
    extra = {b"1SLD": 0, b"2SLD": 8, b"3SLD": 12}[magic]
    body = b"".join(
        path.encode() + b"\0" + struct.pack("<Q", number) + struct.pack(">I", flags) + bytes(extra)
        for path, number, flags in records
    )
    return magic + bytes(4) + struct.pack("<I", 12 + len(body)) + body


RECORDS = [
    ("list.csv", 100, 0x01008000),
    ("", 101, 0x00000002),
    ("private/var/x", 102, 0x01008000),
    ("a.zip", 103, 0x12008000),
]


@pytest.mark.parametrize("magic", [b"1SLD", b"2SLD", b"3SLD"])
def test_file_system_events_tell_changes_and_mounts(magic: bytes) -> None:
    data = gzip.compress(page(RECORDS[:2], magic) + page(RECORDS[2:], magic))
    events, audit, troubles = facts("macos-fsevents", data, "/.fseventsd/0000000000000068")
    assert [(event.action, event.subject) for event in events] == [
        (Action.ENTRY_CREATED, "/list.csv"), (Action.VOLUME_MOUNTED, "/"), (Action.ENTRY_DELETED, "/a.zip"),
    ]  # fmt: skip
    assert (events[0].time, audit.owner, audit.records, audit.status, troubles) == (
        MODIFIED,
        "events 100 to 103",
        4,
        "read",
        [],
    )


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
def test_file_system_events_cut_off_are_damaged(cut: float) -> None:
    data = gzip.compress(page([(f"file{n}.csv", n, 0x01008000) for n in range(5000)]))
    _, audit, _ = facts("macos-fsevents", data[: int(len(data) * cut)], "/.fseventsd/00000000000fffff")
    assert audit.status == "unreadable"
    assert audit.gaps


def test_an_event_higher_than_the_name_of_its_file_is_damage() -> None:
    _, audit, _ = facts("macos-fsevents", gzip.compress(page(RECORDS)), "/.fseventsd/0000000000000010")
    assert audit.status == "damaged"


def bookmark(parts: list[str], label: str) -> bytes:
    body, places = bytearray(4), []
    for text in (*parts, label):
        places.append(len(body))
        raw = text.encode()
        body += struct.pack("<II", len(raw), 0x0101) + raw + bytes(-len(raw) % 4)
    array = len(body)
    body += struct.pack("<II", 4 * len(parts), 0x0601) + struct.pack(f"<{len(parts)}I", *places[:-1])
    toc = len(body)
    entries = [(0x1004, array), (0x2010, places[-1])]
    body += struct.pack("<IIIII", 12 + 12 * len(entries), 0xFFFFFFFE, 1, 0, len(entries))
    body += b"".join(struct.pack("<III", key, at, 0) for key, at in entries)
    body[:4] = struct.pack("<I", toc)
    return b"book" + struct.pack("<III", 48 + len(body), 0, 48) + bytes(32) + bytes(body)


def archive(items: list[dict[str, object]]) -> bytes:
    objects: list[object] = ["$null"]

    def add(value: object) -> plistlib.UID:
        if isinstance(value, dict):
            keys = [add(key) for key in value]
            objects.append({"NS.keys": keys, "NS.objects": [add(item) for item in value.values()]})
        elif isinstance(value, list):
            objects.append({"NS.objects": [add(item) for item in value]})
        else:
            objects.append(value)
        return plistlib.UID(len(objects) - 1)

    top = {"root": add({"items": items})}
    tree = {"$archiver": "NSKeyedArchiver", "$version": 100000, "$objects": objects, "$top": top}
    return plistlib.dumps(tree, fmt=plistlib.FMT_BINARY)


def test_shared_file_lists_tell_paths_and_volumes() -> None:
    data = archive(
        [{"Name": "list.csv", "Bookmark": bookmark(["Volumes", "STICK", "list.csv"], "STICK")}, {"Name": "gone"}]
    )
    path = (
        "/users/op/library/application support/com.apple.sharedfilelist/com.apple.lsshardfilelist.recentdocuments.sfl2"
    )
    first, second = facts("macos-file-list", data, path)[0]
    assert (first.action, first.subject, first.detail["volume_label"]) == (
        Action.FILE_OPENED,
        "/Volumes/STICK/list.csv",
        "STICK",
    )
    assert second.subject == "gone"
    for damaged in (data[: len(data) // 2], data[:40] + b"\xff" * 40 + data[80:], b"bplist00"):
        _, audit, troubles = facts("macos-file-list", damaged, path)
        assert audit.status in {"damaged", "unreadable"}
        assert troubles


def test_finder_names_volumes_with_their_creation() -> None:
    tree = {"FXDesktopVolumePositions": {f"STICK_{COCOA.hex()}": {}}, "FXRecentFolders": [{"name": "Data"}]}
    volume, folder = facts("macos-finder", plistlib.dumps(tree))[0]
    assert (volume.subject, volume.detail["volume_created"]) == ("STICK", NOON.isoformat())
    assert (folder.action, folder.subject) == (Action.FOLDER_OPENED, "Data")


def test_quarantine_knowledge_and_fsck() -> None:
    data = database(
        "CREATE TABLE LSQuarantineEvent(LSQuarantineEventIdentifier TEXT PRIMARY KEY, LSQuarantineTimeStamp REAL, LSQuarantineAgentName TEXT, LSQuarantineDataURLString TEXT, LSQuarantineOriginURLString TEXT);",  # noqa: E501
        {"LSQuarantineEvent": [("1", COCOA, "Safari", "https://a.example/x.zip?t=1", "https://a.example/")]},
    )
    (event,), _, _ = facts("macos-quarantine", data)
    assert (event.subject, event.time, event.detail["program"]) == ("https://a.example/x.zip", NOON, "Safari")
    data = database(
        "CREATE TABLE ZOBJECT(Z_PK INTEGER PRIMARY KEY, ZSTARTDATE TIMESTAMP, ZENDDATE TIMESTAMP, ZSTREAMNAME VARCHAR, ZVALUESTRING VARCHAR);",  # noqa: E501
        {
            "ZOBJECT": [
                (1, COCOA, COCOA + 60, "/app/usage", "com.apple.finder"),
                (2, COCOA, COCOA, "/display/isBacklit", ""),
            ]
        },
    )
    (event,), _, _ = facts("macos-knowledge", data)
    assert (event.action, event.subject, event.detail["until"]) == (
        Action.PROGRAM_RUN,
        "com.apple.finder",
        (NOON + timedelta(seconds=60)).isoformat(),
    )
    log = (
        "\n/dev/rdisk2s1: fsck_hfs started at Tue Jun 21 22:00:00 2022\n/dev/rdisk2s1: ** /dev/rdisk2s1 (NO WRITE)\n"
        "   Executing fsck_hfs (version hfs-556).\n/dev/rdisk2s1: ** The volume STICK appears to be OK.\n"
        "/dev/rdisk2s1: fsck_hfs completed at Tue Jun 21 22:00:01 2022\n\n"
    )
    (event,), _audit, troubles = facts("macos-fsck-log", log)
    assert (event.action, event.time, event.detail["volume_label"]) == (Action.VOLUME_MOUNTED, NOON, "STICK")
    assert troubles == []
