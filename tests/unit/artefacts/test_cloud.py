"""Cloud clients, transfer tools and printing."""

from __future__ import annotations

import gzip
import struct
from datetime import UTC, datetime

import pytest

from pipeline.artefacts import Action
from tests.builders.ipp import job
from tests.builders.rows import database
from tests.unit.artefacts.test_logs import facts

START = 1655816400  # 2022-06-21 13:00 UTC
NOON = datetime(2022, 6, 21, 13, tzinfo=UTC)
DROPBOX = """CREATE TABLE sync_history (event_type TEXT NOT NULL, file_event_type TEXT, direction TEXT, file_id TEXT,
 local_path TEXT, timestamp INTEGER NOT NULL, other_user INTEGER);"""
ONEDRIVE = """CREATE TABLE od_ClientFile_Records(resourceID TEXT PRIMARY KEY,parentResourceID TEXT,fileName TEXT,
 size INTEGER,lastChange INTEGER,fileStatus INTEGER);
CREATE TABLE od_ClientFolder_Records(resourceID TEXT PRIMARY KEY,parentResourceID TEXT,folderName TEXT);"""
DRIVE = """CREATE TABLE items(stable_id INTEGER PRIMARY KEY, id TEXT, trashed INTEGER, is_owner INTEGER, is_folder INTEGER,
 local_title TEXT, file_size INTEGER, modified_date INTEGER, mime_type TEXT);
CREATE TABLE stable_parents(item_stable_id INTEGER, parent_stable_id INTEGER);"""  # noqa: E501
NEXTCLOUD = """CREATE TABLE metadata(phash INTEGER(8), pathlen INTEGER, path VARCHAR(4096), inode INTEGER, modtime INTEGER(8),
 type INTEGER, md5 VARCHAR(32), fileid VARCHAR(128), filesize BIGINT);
CREATE TABLE uploadinfo(path VARCHAR(4096), chunk INTEGER, transferid INTEGER, errorcount INTEGER, size INTEGER(8),
 modtime INTEGER(8), contentChecksum TEXT);"""  # noqa: E501


def dropbox() -> bytes:
    rows = [
        ("file", "add", "upload", "id1", "/home/op/Dropbox/list.csv", START, 0),
        ("file", "delete", "upload", "id1", "/home/op/Dropbox/list.csv", START + 5, 0),
        ("file", "add", "download", "id2", "/home/op/Dropbox/in.pdf", START + 9, 0),
    ]
    return database(DROPBOX, {"sync_history": rows})


def test_dropbox_tells_what_went_up() -> None:
    events, audit, troubles = facts("dropbox-sync", dropbox(), "/home/op/.dropbox/instance1/sync_history.db")
    assert [(event.action, event.subject) for event in events] == [
        (Action.UPLOADED, "/home/op/Dropbox/list.csv"), (Action.SYNCED, "/home/op/Dropbox/list.csv"),
        (Action.SYNCED, "/home/op/Dropbox/in.pdf"),
    ]  # fmt: skip
    assert (events[0].time, events[0].actor) == (NOON, "op")
    assert (audit.records, audit.state_only, audit.status, troubles) == (3, False, "read", [])


def test_onedrive_is_a_state_with_folders() -> None:
    data = database(ONEDRIVE, {
        "od_ClientFile_Records": [("r1", "f2", "list.csv", 5000, START, 2)],
        "od_ClientFolder_Records": [("f2", "f1", "Data"), ("f1", "f1", "OneDrive")],
    })  # fmt: skip
    (event,), audit, _ = facts("onedrive-files", data)
    assert (event.action, event.time, event.detail["bytes"]) == (Action.SYNCED, NOON, 5000)
    assert event.subject.endswith("OneDrive/Data/list.csv")
    assert audit.state_only


def test_google_drive_for_desktop_is_a_state_with_folders() -> None:
    data = database(DRIVE, {
        "items": [(1, "a", 0, 1, 1, "My Drive", 0, 0, ""), (2, "b", 0, 1, 0, "list.csv", 5000, START * 1000, "text/csv")],  # noqa: E501
        "stable_parents": [(2, 1)],
    })  # fmt: skip
    (event,), audit, _ = facts("google-drive-files", data)
    assert (event.action, event.subject, event.time) == (Action.SYNCED, "list.csv", NOON)
    assert audit.state_only


def test_nextcloud_tells_states_and_uploads_under_way() -> None:
    data = database(NEXTCLOUD, {
        "metadata": [(1, 8, "a/list.csv", 5, START, 0, "", "", 5000), (2, 1, "a", 6, START, 2, "", "", 0)],
        "uploadinfo": [("a/big.zip", 3, 1, 0, 9000, START, "")],
    })  # fmt: skip
    first, second = facts("nextcloud-journal", data)[0]
    assert (first.action, first.subject, first.detail["bytes"]) == (Action.SYNCED, "a/list.csv", 5000)
    assert (second.action, second.subject) == (Action.UPLOAD_HINT, "a/big.zip")


SYNC = (
    "2022-06-21 22:00:00,000 +0900 INFO pid=1 2:Worker-1   workers.py:204 Worker successfully completed "
    "[ImmutableChange(Direction.UPLOAD, Action.CREATE, local_id=LocalID(inode=1L, volume='serial:2882343476'), "
    r"path=u'\\\\?\\E:\\data', name=u'\u53f0\u5e33.csv', parent_local_id=LocalID(inode=2L, volume='serial:2882343476'), "  # noqa: E501
    "is_folder=False, modified=1516847267, size=5000, shared=False)]\n"
)


def test_the_google_sync_log_tells_uploads_with_the_volume() -> None:
    (event,), audit, troubles = facts("google-sync-log", SYNC + "Traceback:\n  File x\n")
    assert (event.action, event.subject) == (Action.UPLOADED, "E:\\data\\台帳.csv")
    assert (event.time, event.detail["bytes"], event.detail["volume_serial"]) == (NOON, 5000, "ABCD1234")
    assert (audit.records, audit.status, troubles) == (1, "read", [])


def test_azcopy_and_filezilla_tell_completed_uploads_without_tokens() -> None:
    log = (
        "2022/06/21 13:00:00 AzcopyVersion  10.15.0\n"
        "2022/06/21 13:00:01 INFO: [P#0-T#0] UPLOADSUCCESSFUL: https://acct.blob.core.windows.net/c/list.csv?sig=SECRET\n"
    )
    (event,), audit, _ = facts("azcopy-log", log, "/home/op/.azcopy/x.log")
    assert (event.action, event.subject) == (Action.UPLOADED, "https://acct.blob.core.windows.net/c/list.csv")
    assert "SECRET" not in str(event)
    assert audit.records == 2
    log = (
        "2022-06-21 22:00:00 4711 1 Status: Connected\n"
        "2022-06-21 22:00:01 4711 1 Status: Starting upload of C:\\data\\list.csv\n"
        "2022-06-21 22:00:03 4711 1 Status: File transfer successful, transferred 5,000 bytes in 1 second\n"
    )
    (event,), _, troubles = facts("filezilla-log", log)
    assert (event.action, event.subject, event.detail["bytes"]) == (Action.UPLOADED, "C:\\data\\list.csv", 5000)
    assert troubles == []


def block(milliseconds: int, source: str, function: str) -> bytes:
    names = [struct.pack("<I", len(name)) + name.encode() for name in (source, function)]
    data = names[0] + bytes(4) + names[1] + b"obfuscated"
    return struct.pack("<QQ32xII", 0xFFEEDDCC, milliseconds, len(data), 0) + data


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_onedrive_logs_tell_times_and_functions_and_that_names_are_hidden(pack) -> None:  # type: ignore[no-untyped-def]
    blocks = block(START * 1000, "UploadEngine.cpp", "UploadFile") + block(START * 1000 + 9000, "a.cpp", "Find")
    data = b"EBFGONED".ljust(0x100, b"\0") + pack(blocks)
    (event,), audit, troubles = facts("onedrive-log", data)
    assert (event.action, event.subject, event.time) == (Action.UPLOAD_HINT, "UploadFile", NOON)
    assert (audit.records, audit.state_only, audit.status) == (2, True, "read")
    assert [trouble.code for trouble in troubles] == ["names-obfuscated"]
    _, audit, _ = facts("onedrive-log", data[:-30])
    assert audit.status == "damaged"
    assert audit.gaps


RCLONE = "[geheim]\ntype = webdav\nurl = https://u:pw@dav.example.jp/x?token=SECRET\nuser = op\npass = SECRET\n[b]\ntype = s3\nsecret_access_key = SECRET\n"  # noqa: E501
WINSCP = (
    "[Sessions\\my%20site]\nHostName=sftp.example.jp\nUserName=op\nPassword=SECRET\n[Configuration\\Interface]\nX=1\n"
)
SSH = "Host backup\n  HostName 203.0.113.9\n  User op\n"
NETRC = "machine ftp.example.jp login op password SECRET\n"


@pytest.mark.parametrize(
    ("path", "text", "subjects"),
    [
        ("/home/op/.config/rclone/rclone.conf", RCLONE, ["rclone geheim", "rclone b"]),
        ("/users/op/appdata/roaming/winscp.ini", WINSCP, ["winscp Sessions\\my site"]),
        ("/home/op/.ssh/config", SSH, ["ssh backup"]),
        ("/home/op/.netrc", NETRC, ["netrc ftp.example.jp"]),
        (
            "/home/op/.aws/credentials",
            "[default]\naws_access_key_id = SECRET\naws_secret_access_key = SECRET\n",
            ["aws default"],
        ),
    ],
)
def test_settings_name_hosts_and_never_secrets(path: str, text: str, subjects: list[str]) -> None:
    events, audit, _ = facts("transfer-tool-settings", text, path)
    assert [event.subject for event in events] == subjects
    assert "SECRET" not in str(events)
    assert "pw@" not in str(events)
    assert audit.state_only
    assert {event.action for event in events} == {Action.TOOL_CONFIGURED}


def test_filezilla_names_servers_and_the_last_folder() -> None:
    xml = (
        "<FileZilla3><RecentServers><Server><Host>ftp.example.jp</Host><Port>21</Port><User>op</User>"
        '<Pass encoding="base64">U0VDUkVU</Pass></Server></RecentServers>'
        '<Settings><Setting name="Last local directory">E:\\data</Setting></Settings></FileZilla3>'
    )
    server, folder = facts("filezilla-servers", xml)[0]
    assert (server.subject, server.detail["account"]) == ("FileZilla ftp.example.jp", "op")
    assert (folder.action, folder.subject) == (Action.FOLDER_OPENED, "E:\\data")
    assert "U0VDUkVU" not in str(server)
    assert facts("filezilla-servers", xml[:60])[1].status == "unreadable"
    assert facts("filezilla-servers", '<!DOCTYPE a [<!ENTITY b "c">]>' + xml)[1].status == "unreadable"


def test_cups_tells_jobs_in_both_stores() -> None:
    log = "HP-1 op 7 [21/Jun/2022:22:00:00 +0900] total 3 - 192.0.2.7 juki list.csv A4 one-sided\n"
    (event,), audit, troubles = facts("cups-page-log", log)
    assert (event.action, event.subject, event.actor, event.time) == (Action.PRINTED, "juki list.csv", "op", NOON)
    assert (event.detail["pages"], event.detail["printer"], audit.records, troubles) == (3, "HP-1", 1, [])
    data = job({
        "job-printer-uri": "ipp://localhost/printers/HP-1", "job-name": "list.csv", "job-originating-user-name": "op",
        "job-id": 7, "job-state": 9, "time-at-creation": START - 60, "time-at-completed": START,
    })  # fmt: skip
    (event,), audit, troubles = facts("cups-job", data)
    assert (event.subject, event.actor, event.time, event.detail["state"]) == ("list.csv", "op", NOON, "completed")
    assert (audit.state_only, troubles) == (True, [])
    assert facts("cups-job", data[:-9])[1].status == "unreadable"


def test_cups_requests_tell_jobs_without_names() -> None:
    log = (
        'localhost - op [21/Jun/2022:22:00:00 +0900] "POST /printers/HP-1 HTTP/1.1" 200 310 Create-Job successful-ok\n'
        'localhost - op [21/Jun/2022:22:00:00 +0900] "POST /printers/HP-1 HTTP/1.1" 200 190 Send-Document successful-ok\n'  # noqa: E501
        'localhost - - [21/Jun/2022:22:00:01 +0900] "POST / HTTP/1.1" 200 190 CUPS-Get-Printers successful-ok\n'
    )
    (event,), audit, troubles = facts("cups-access-log", log)
    assert (event.action, event.subject, event.actor, event.time) == (Action.PRINTED, "job for HP-1", "op", NOON)
    assert (audit.records, troubles) == (3, [])


def test_a_store_that_is_not_read_says_so() -> None:
    _, audit, (trouble,) = facts("unread-store", b"x" * 10, "/private/var/db/diagnostics/Persist/1.tracev3")
    assert (audit.system, audit.status, trouble.code) == ("unified log", "unreadable", "store-not-read")


@pytest.mark.parametrize("name", ["dropbox-sync", "onedrive-files"])
@pytest.mark.parametrize("damage", ["head", "half", "page"])
def test_damaged_databases_show(name: str, damage: str) -> None:
    data = bytearray(dropbox())
    if name == "onedrive-files":
        rows = [(f"r{n}", "f", f"list{n}.csv", 5, START, 2) for n in range(3000)]
        data = bytearray(database(ONEDRIVE, {"od_ClientFile_Records": rows}))
    if damage == "head":
        data[:100] = bytes(100)
    elif damage == "half":
        del data[len(data) // 2 :]
    else:
        data[-4096:] = b"\xff" * 4096
    _, audit, troubles = facts(name, bytes(data))
    assert audit.status in {"damaged", "unreadable"}
    assert audit.gaps
    assert troubles


def test_the_aws_history_tells_uploads_that_succeeded() -> None:
    schema = (
        "CREATE TABLE records(id TEXT, request_id TEXT, source TEXT, event_type TEXT, timestamp INTEGER, payload TEXT);"
    )
    rows = [
        ("1", "", "CLI", "CLI_ARGUMENTS", START * 1000, '["s3", "cp", "/data/list.csv", "s3://bucket/x"]'),
        ("1", "", "CLI", "CLI_RC", START * 1000 + 5, "0"),
        ("2", "", "CLI", "CLI_ARGUMENTS", START * 1000, '["s3", "cp", "/data/other.csv", "s3://bucket/x"]'),
        ("2", "", "CLI", "CLI_RC", START * 1000 + 5, "1"),
    ]
    done, failed = facts("aws-history", database(schema, {"records": rows}), "/home/op/.aws/cli/history/history.db")[0]
    assert (done.action, done.subject, done.time) == (Action.UPLOADED, "/data/list.csv", NOON)
    assert (failed.action, failed.detail["outcome"]) == (Action.TRANSFER_COMMAND, "1")
