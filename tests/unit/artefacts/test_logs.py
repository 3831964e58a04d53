"""Logs of a line each: forms, rotation, packing, damage."""

from __future__ import annotations

import bz2
import gzip
import lzma
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from pipeline.artefacts import ARTEFACTS, Action, Audit, Candidate, Event, Fact, Trouble, packed
from tests.unit.artefacts.candidates import Held

MODIFIED = datetime(2022, 6, 30, tzinfo=UTC)
ACCESS = (
    '203.0.113.9 - op [21/Jun/2022:22:30:00 +0900] "GET /list.csv?q=1 HTTP/1.1" 200 5000000 "-" "a"\n'
    '203.0.113.9 - - [21/Jun/2022:22:31:00 +0900] "GET / HTTP/1.1" 200 12 "-" "a"\n'
)


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


def facts(name: str, data: bytes | str, path: str = "/x", **parts: bytes) -> tuple[list[Event], Audit, list[Trouble]]:
    (artefact,) = (known for known in ARTEFACTS if known.name == name)
    raw = data.encode() if isinstance(data, str) else data
    beside = {"." + key.removeprefix("part").replace("_", "."): Held(part) for key, part in parts.items()}
    candidate = Candidate(path=path, content=Held(raw), companions=beside, modified=MODIFIED)
    found: list[Fact] = list(artefact.read(candidate))
    (audit,) = (fact for fact in found if isinstance(fact, Audit))
    events = [fact for fact in found if isinstance(fact, Event)]
    return events, audit, [fact for fact in found if isinstance(fact, Trouble)]


def test_a_large_answer_is_an_event_and_each_line_counts_for_the_span() -> None:
    (event,), audit, troubles = facts("web-access-log", ACCESS)
    assert (event.action, event.subject, event.actor, event.zone) == (
        Action.REQUEST_SERVED, "/list.csv", "op", "+0900",
    )  # fmt: skip
    assert (event.time, event.place) == (datetime(2022, 6, 21, 13, 30, tzinfo=UTC), "offset 0")
    assert event.detail == {"client": "203.0.113.9", "status": "200", "bytes": 5000000, "method": "GET"}
    assert (audit.records, audit.status, audit.gaps, troubles) == (2, "read", (), [])
    assert audit.last == datetime(2022, 6, 21, 13, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        'www.example.jp:443 203.0.113.9 - - [21/Jun/2022:22:30:00 +0900] "POST /up HTTP/1.1" 201 12 "-" "a"',
        '203.0.113.9 - - [21/Jun/2022:22:30:00 +0900] "POST /up HTTP/1.1" 201 12 "-" "a \\" b" 900 1200',
        '2001:db8::9 - user name [21/Jun/2022:22:30:00 +0900] "PUT /up HTTP/1.1" 204 -',
    ],
)
def test_forms_of_access_logs(line: str) -> None:
    (event,), audit, troubles = facts("web-access-log", line + "\n")
    assert (event.subject, audit.status, troubles) == ("/up", "read", [])
    assert event.detail.get("received") == (900 if " 900 " in line else None)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress, zstd])
def test_packed_logs_read_like_plain_ones(pack) -> None:  # type: ignore[no-untyped-def]
    events, audit, troubles = facts("web-access-log", pack(ACCESS.encode()))
    assert (len(events), audit.records, audit.status, troubles) == (1, 2, "read", [])
    assert events[0].place == "unpacked offset 0"


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress, zstd])
def test_a_packed_log_that_breaks_off_is_damaged(pack) -> None:  # type: ignore[no-untyped-def]
    data = pack("".join(f"{n:08x} {ACCESS}" for n in range(20000)).encode())
    _, audit, troubles = facts("web-access-log", data[: len(data) // 2])
    assert audit.status in {"damaged", "unreadable"}
    assert "log-damaged" in [trouble.code for trouble in troubles]
    assert audit.gaps


def test_two_gzip_members_are_one_log() -> None:
    _, audit, _ = facts("web-access-log", gzip.compress(ACCESS.encode()) * 2 + bytes(512))
    assert (audit.records, audit.status) == (4, "read")


def test_a_bomb_is_a_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_ALWAYS", 4 << 20)
    _, audit, troubles = facts("web-access-log", gzip.compress(bytes(8 << 20), 9))
    assert "unpacks to more than" in troubles[0].message
    assert audit.status == "unreadable"


def test_a_rotated_part_missing_from_the_middle_is_a_gap() -> None:
    older = ACCESS.replace("21/Jun", "19/Jun").encode()
    newer = ACCESS.replace("21/Jun", "20/Jun").encode()
    _, audit, _ = facts("web-access-log", ACCESS, part1=newer, part3_gz=gzip.compress(older))
    (gap,) = audit.gaps
    assert gap.reason == "rotated parts .2 of the log are missing"
    assert (gap.start, gap.end) == (
        datetime(2022, 6, 19, 13, 30, tzinfo=UTC), datetime(2022, 6, 20, 13, 30, tzinfo=UTC),
    )  # fmt: skip
    _, audit, _ = facts("web-access-log", ACCESS, part1=newer, part2_gz=gzip.compress(older))
    assert audit.gaps == ()


AUTH = """\
Jun 21 22:00:00 srv sshd[7]: Accepted password for op from 203.0.113.9 port 5 ssh2
Jun 21 22:00:01 srv sshd[7]: subsystem request for sftp by user op
Jun 21 22:00:02 srv internal-sftp[8]: session opened for local user op from [203.0.113.9]
Jun 21 22:00:03 srv internal-sftp[8]: open "/srv/list.csv" flags READ mode 0666
Jun 21 22:00:04 srv internal-sftp[8]: close "/srv/list.csv" bytes read 5000 written 0
Jun 21 22:00:05 srv internal-sftp[8]: close "/srv/up.zip" bytes read 0 written 77
Jun 21 22:00:06 srv sudo[9]:   op : TTY=pts/0 ; PWD=/home/op ; USER=root ; COMMAND=/usr/bin/scp /srv/list.csv a@b:
Jun 21 22:00:07 srv su[10]: (to root) op on pts/0
Jun 21 22:00:08 srv useradd[11]: new user: name=gast, UID=1001, GID=1001, home=/home/gast, shell=/bin/sh
Jun 21 22:00:09 srv CRON[12]: (root) CMD (tar czf /tmp/a.tgz /srv)
"""


def test_an_auth_log_tells_log_ons_transfers_and_commands() -> None:
    events, audit, troubles = facts("auth-log", AUTH)
    assert [(event.action, event.subject, event.actor) for event in events] == [
        (Action.LOGON, "op", "op"),
        (Action.REMOTE_SESSION, "sftp op", "op"),
        (Action.REMOTE_SESSION, "sftp op", "op"),
        (Action.REQUEST_SERVED, "/srv/list.csv", "op"),
        (Action.RECEIVED, "/srv/up.zip", "op"),
        (Action.TRANSFER_COMMAND, "/usr/bin/scp /srv/list.csv a@b:", "op"),
        (Action.LOGON, "root", "op"),
        (Action.ACCOUNT_KNOWN, "gast", ""),
        (Action.ARCHIVE_COMMAND, "tar czf /tmp/a.tgz /srv", "root"),
    ]
    assert events[3].detail == {"client": "203.0.113.9", "program": "sftp", "bytes": 5000}
    assert (audit.records, audit.status, troubles) == (10, "read", [])
    assert audit.first == datetime(2022, 6, 21, 13, 0, tzinfo=UTC)


USB = """\
2022-06-21T22:00:00.100000+09:00 pc kernel: [  1.0] usb 1-1: new high-speed USB device number 5 using xhci_hcd
2022-06-21T22:00:00.200000+09:00 pc kernel: [  1.1] usb 1-1: New USB device found, idVendor=0781, idProduct=5581, bcdDevice= 1.00
2022-06-21T22:00:00.200000+09:00 pc kernel: [  1.1] usb 1-1: New USB device strings: Mfr=1, Product=2, SerialNumber=3
2022-06-21T22:00:00.200000+09:00 pc kernel: [  1.1] usb 1-1: Product: Ultra
2022-06-21T22:00:00.200000+09:00 pc kernel: [  1.1] usb 1-1: Manufacturer: SanDisk
2022-06-21T22:00:00.200000+09:00 pc kernel: [  1.1] usb 1-1: SerialNumber: AB12CD34
2022-06-21T22:00:00.300000+09:00 pc kernel: [  1.2] usb-storage 1-1:1.0: USB Mass Storage device detected
2022-06-21T22:00:01.300000+09:00 pc udisksd[4]: Mounted /dev/sdb1 at /media/op/STICK on behalf of uid 1000
2022-06-21T22:09:00.300000+09:00 pc kernel: [  9.2] usb 1-1: USB disconnect, device number 5
"""  # noqa: E501


def test_the_kernel_tells_devices_by_serial() -> None:
    events, audit, troubles = facts("system-log", USB)
    assert [(event.action, event.subject, event.device) for event in events] == [
        (Action.DEVICE_CONNECTED, "SanDisk Ultra", "AB12CD34"),
        (Action.DEVICE_CONFIGURED, "SanDisk Ultra", "AB12CD34"),
        (Action.VOLUME_MOUNTED, "/media/op/STICK", ""),
        (Action.DEVICE_REMOVED, "SanDisk Ultra", "AB12CD34"),
    ]
    assert events[2].detail["volume_label"] == "STICK"
    assert (audit.records, troubles) == (9, [])


MAIL = """\
Jun 21 22:00:00 mx postfix/smtpd[1]: 4AB12CD34E: client=pc.example.jp[192.0.2.7], sasl_method=PLAIN, sasl_username=op
Jun 21 22:00:00 mx postfix/cleanup[2]: 4AB12CD34E: message-id=<x1@example.jp>
Jun 21 22:00:00 mx postfix/qmgr[3]: 4AB12CD34E: from=<op@example.jp>, size=77000, nrcpt=1 (queue active)
Jun 21 22:00:02 mx postfix/smtp[4]: 4AB12CD34E: to=<a@example.com>, relay=mx.example.com[203.0.113.5]:25, delay=2, dsn=2.0.0, status=sent (250 ok)
Jun 21 22:00:03 mx postfix/local[5]: 4AB12CD34F: to=<b@example.jp>, relay=local, delay=2, dsn=2.0.0, status=sent (delivered)
"""  # noqa: E501


def test_postfix_deliveries_are_joined_by_queue_id() -> None:
    (sent, taken), audit, _ = facts("mail-log", MAIL)
    assert (sent.action, sent.subject, sent.actor) == (Action.MAIL_SENT, "a@example.com", "op@example.jp")
    assert sent.detail["bytes"] == 77000
    assert (sent.detail["message_id"], sent.detail["account"], sent.detail["status"]) == ("x1@example.jp", "op", "sent")
    assert (taken.action, audit.records) == (Action.MAIL_RECEIVED, 5)


IIS = """\
#Software: Microsoft Internet Information Services 10.0
#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status sc-bytes cs-bytes
2022-06-21 13:00:00 192.0.2.1 GET /list.csv - 443 - 203.0.113.9 a 200 5000000 300
2022-06-21 13:00:01 192.0.2.1 GET / - 443 - 203.0.113.9 a 200 50 300
2022-06-21 13:00:02 192.0.2.1 POST /up.aspx - 443 CITY\\op 203.0.113.9 a 200 50 7000000
"""  # noqa: E501


def test_iis_names_its_columns_and_writes_utc() -> None:
    (served, sent), audit, troubles = facts("iis-log", IIS)
    assert (served.subject, served.detail["bytes"]) == ("/list.csv", 5000000)
    assert (sent.subject, sent.actor, sent.detail["received"]) == ("/up.aspx", "CITY\\op", 7000000)
    assert (audit.first, audit.records, troubles) == (datetime(2022, 6, 21, 13, tzinfo=UTC), 3, [])


def test_zeek_connections_in_both_forms() -> None:
    tsv = (
        "#separator \\x09\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\torig_bytes\tresp_bytes\tconn_state\n"  # noqa: E501
        "1655816400.123456\tC1\t192.0.2.7\t50000\t203.0.113.9\t443\ttcp\t7000000\t500\tSF\n#close\t2022-06-21\n"
    )
    text = '{"ts":1655816400.123456,"id.orig_h":"192.0.2.7","id.resp_h":"203.0.113.9","id.resp_p":443,"proto":"tcp","orig_bytes":7000000,"resp_bytes":500,"conn_state":"SF"}\n'  # noqa: E501
    for data in (tsv, text):
        (event,), audit, troubles = facts("zeek-log", data, "/opt/zeek/logs/2022-06-21/conn.log")
        assert (event.subject, event.detail["bytes"], event.detail["received"]) == ("203.0.113.9:443", 7000000, 500)
        assert (audit.first, troubles) == (datetime(2022, 6, 21, 13, 0, 0, 123456, tzinfo=UTC), [])


def test_exchange_tracking_tells_each_receiver() -> None:
    data = (
        "#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,event-id,"  # noqa: E501
        "internal-message-id,message-id,network-message-id,recipient-address,recipient-status,total-bytes,recipient-count,"
        "related-recipient-address,reference,message-subject,sender-address,return-path\r\n"
        '2022-06-21T13:00:00.000Z,,,,,,,SMTP,SENDEXTERNAL,1,<m1@example.jp>,,a@example.com;b@example.com,,81000,2,,,"A, b",op@example.jp,\r\n'  # noqa: E501
    )
    events, audit, troubles = facts("exchange-tracking", data)
    assert [(event.action, event.subject, event.detail["bytes"]) for event in events] == [
        (Action.MAIL_SENT, "a@example.com", 81000), (Action.MAIL_SENT, "b@example.com", 81000),
    ]  # fmt: skip
    assert (events[0].actor, audit.records, troubles) == ("op@example.jp", 1, [])


def test_xferlog_tells_direction_and_completion() -> None:
    data = (
        "Tue Jun 21 22:00:00 2022 3 203.0.113.9 5000 /srv/my list.csv b _ o r op ftp 0 * c\n"
        "Tue Jun 21 22:00:05 2022 1 203.0.113.9 700 /srv/in.zip b _ i r op ftp 0 * i\n"
    )
    (out, into), audit, troubles = facts("transfer-log", data)
    assert (out.action, out.subject, out.detail["bytes"]) == (Action.REQUEST_SERVED, "/srv/my list.csv", 5000)
    assert "status" not in out.detail
    assert (into.action, into.detail["status"], troubles) == (Action.RECEIVED, "incomplete", [])
    assert audit.last == datetime(2022, 6, 21, 13, 0, 5, tzinfo=UTC)


def test_squid_tells_what_sends_and_that_its_bytes_are_unknown() -> None:
    data = (
        "1655816400.123   250 192.0.2.7 TCP_TUNNEL/200 39000 CONNECT drive.google.com:443 op HIER_DIRECT/203.0.113.9 -\n"  # noqa: E501
        "1655816401.123    20 192.0.2.7 TCP_MISS/200 900 GET http://www.example.jp/ - HIER_DIRECT/203.0.113.9 text/html\n"  # noqa: E501
    )
    (event,), audit, troubles = facts("squid-access-log", data)
    assert (event.action, event.subject, event.actor) == (Action.UPLOAD_HINT, "drive.google.com:443", "op")
    assert "bytes" not in event.detail
    assert (event.detail["site"], audit.records, troubles) == ("cloud", 2, [])


def test_full_audit_tells_files_of_shares() -> None:
    data = "Jun 21 22:00:00 srv smbd_audit[5]: op|192.0.2.7|secret|pread_send|ok|list.csv\nJun 21 22:00:01 srv smbd_audit[5]: op|192.0.2.7|secret|openat|ok|r|dir/list.csv\n"  # noqa: E501
    first, second = facts("system-log", data)[0]
    assert (first.action, first.subject, first.actor) == (Action.SHARE_ACCESSED, "list.csv", "op")
    assert second.detail == {
        "client": "192.0.2.7", "method": "openat", "status": "ok", "program": "smbd", "mode": "r", "host": "secret",
    }  # fmt: skip


STOPPED = """\
2022-06-21T22:00:00+09:00 pc systemd-logind[1]: System is powering down.
2022-06-21T22:00:01+09:00 pc rsyslogd: [origin software="rsyslogd" swVersion="8"] exiting on signal 15.
2022-06-21T23:00:00+09:00 pc kernel: [ 0.0] Linux version 5.10.0-1
2022-06-21T23:30:00+09:00 pc rsyslogd: [origin software="rsyslogd" swVersion="8"] exiting on signal 15.
"""


def test_a_log_that_stops_with_the_host_is_no_trace_and_one_that_stops_alone_is() -> None:
    events, _, _ = facts("system-log", STOPPED)
    assert [event.action for event in events] == [Action.POWER, Action.POWER, Action.LOGGING_STOPPED]
    assert events[2].time == datetime(2022, 6, 21, 14, 30, tzinfo=UTC)


SAMPLES = {
    "web-access-log": ACCESS * 50, "auth-log": AUTH * 9, "system-log": USB * 9, "mail-log": MAIL * 9, "iis-log": IIS * 9,  # noqa: E501
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("damage", ["zeros", "high", "flipped"])
def test_damage_shows(name: str, damage: str) -> None:
    data = bytearray(SAMPLES[name].encode())
    middle = len(data) // 2
    if damage == "flipped":
        for at in range(0, len(data), 40):
            data[at] ^= 0xFF
    else:
        data[middle : middle + 300] = bytes(300) if damage == "zeros" else b"\xff" * 300
    _, audit, troubles = facts(name, bytes(data))
    assert audit.status in {"damaged", "unreadable"}
    assert audit.gaps
    assert troubles


ERRORS = """\
2022/06/21 22:00:00 [warn] 7#7: *1 a client request body is buffered to a temporary file /x, client: 203.0.113.9, server: , request: "POST /up?a HTTP/1.1"
[Tue Jun 21 22:00:01.123456 2022] [core:info] [pid 7:tid 9] AH00128: File does not exist: /none
"""  # noqa: E501


def test_error_logs_of_both_servers_have_times() -> None:
    (event,), audit, troubles = facts("web-error-log", ERRORS)
    assert (event.subject, event.time) == ("/up", datetime(2022, 6, 21, 13, tzinfo=UTC))
    assert (audit.records, audit.last, troubles) == (2, datetime(2022, 6, 21, 13, 0, 1, tzinfo=UTC), [])


SMBD = """\
[2022/06/21 22:00:00.123456,  2] ../../source3/smbd/smb2_service.c:900(make_connection_snum)
  pc7 (ipv4:192.0.2.7:40262) connect to service sec initially as user op (uid=0, gid=0) (pid 15883)
[2022/06/21 22:00:01.123456,  1] ../../source3/modules/vfs_full_audit.c:643(do_log)
  op|192.0.2.7|sec|pread_send|ok|/srv/sec/list.csv
[2022/06/21 22:00:02.123456,  2] ../../source3/smbd/open.c:1(open_file)
  op opened file list.csv read=Yes write=No (numopen=2)
"""


def test_samba_tells_connections_and_files_in_its_own_log() -> None:
    joined, read, opened = facts("samba-log", SMBD)[0]
    assert (joined.subject, joined.actor, joined.detail["client"]) == ("sec", "op", "192.0.2.7")
    assert (read.subject, read.detail["method"], opened.subject) == ("/srv/sec/list.csv", "pread_send", "list.csv")
    assert opened.time == datetime(2022, 6, 21, 13, 0, 2, tzinfo=UTC)
