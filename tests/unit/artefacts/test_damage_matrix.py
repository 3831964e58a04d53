"""Damage of logs, databases and stores: no exception, one audit, and what is lost shows."""

from __future__ import annotations

import gzip
import plistlib

import pytest

from tests.builders.ipp import job
from tests.builders.journal import journal
from tests.unit.artefacts import test_browsers_and_macos as macos
from tests.unit.artefacts import test_cloud as cloud
from tests.unit.artefacts import test_linux as linux
from tests.unit.artefacts import test_logs as logs
from tests.unit.artefacts import test_mail_sent as mail
from tests.unit.artefacts.test_logs import facts

ZEEK = "".join(
    f'{{"ts":165581640{n % 10}.5,"id.orig_h":"192.0.2.7","id.resp_h":"203.0.113.9","id.resp_p":443,"orig_bytes":7,"resp_bytes":5}}\n'  # noqa: E501
    for n in range(60)
)
XFER = "Tue Jun 21 22:00:00 2022 3 203.0.113.9 5000 /srv/list.csv b _ o r op ftp 0 * c\n"
SQUID = "1655816400.123   250 192.0.2.7 TCP_TUNNEL/200 39000 CONNECT a.example:443 op HIER_DIRECT/203.0.113.9 -\n"
FIREWALL = "2022-06-21 22:00:00 ALLOW TCP 192.0.2.7 203.0.113.9 50000 443 0 - 0 0 0 - - - SEND\n"
EXIM = "2022-06-21 22:00:00 1o3abc-0001AB-2C => a@example.com R=dnslookup T=remote_smtp H=mx.example.com\n"
PAGES = "HP-1 op 7 [21/Jun/2022:22:00:00 +0900] total 3 - 192.0.2.7 list.csv A4 one-sided\n"
SAMPLES: dict[str, tuple[bytes, str]] = {
    "web-access-log": (logs.ACCESS.encode() * 40, "/x"),
    "auth-log": (logs.AUTH.encode() * 9, "/x"),
    "system-log": (logs.USB.encode() * 9, "/x"),
    "mail-log": (logs.MAIL.encode() * 9, "/x"),
    "exim-log": (EXIM.encode() * 40, "/x"),
    "iis-log": (logs.IIS.encode() + b"2022-06-21 13:00:01 192.0.2.1 GET / - 443 - 203.0.113.9 a 200 50 300\n" * 40, "/x"),  # noqa: E501
    "windows-firewall-log": (FIREWALL.encode() * 40, "/x"),
    "zeek-log": (ZEEK.encode(), "/zeek/conn.log"),
    "transfer-log": (XFER.encode() * 40, "/x"),
    "squid-access-log": (SQUID.encode() * 40, "/x"),
    "cups-page-log": (PAGES.encode() * 40, "/x"),
    "audit-log": (linux.AUDIT.encode() * 9, "/x"),
    "systemd-journal": (journal(linux.entries() * 9, first=5), "/x"),
    "login-records": (linux.WTMP * 20, "/x"),
    "google-sync-log": (cloud.SYNC.encode() * 12, "/x"),
    "dropbox-sync": (cloud.dropbox(), "/x"),
    "onedrive-log": (b"EBFGONED".ljust(256, b"\0") + cloud.block(cloud.START * 1000, "a.cpp", "Upload") * 60, "/x"),
    "cups-job": (job({"job-name": "list.csv" * 40, "job-state": 9, "time-at-completed": cloud.START}), "/x"),
    "safari-history": (macos.safari(), "/x"),
    "macos-fsevents": (gzip.compress(macos.page([(f"f{n}.csv", n, 0x01008000) for n in range(900)])), "/.fseventsd/00000000000fffff"),  # noqa: E501
    "macos-file-list": (macos.archive([{"Name": f"{n}.csv"} for n in range(200)]), "/x.sfl2"),
    "safari-downloads": (plistlib.dumps({"DownloadHistory": [{"DownloadEntryURL": f"https://a.example/{n}"} for n in range(99)]}), "/x"),  # noqa: E501
    "sent-message": (mail.letter(), "/mail/sent/1.eml"),
    "sent-mailbox": (b"".join(b"From - x\n" + mail.letter(str(n)) + b"\n" for n in range(9)), mail.SENT),
    "outlook-message": (mail.saved(0x21), "/x.msg"),
}  # fmt: skip


def damaged(data: bytes, how: str) -> bytes:
    size, bad = len(data), bytearray(data)
    if how.startswith("cut"):
        at = size * int(how[3:]) // 100 + 1
        return data[: at - (data[at - 1 : at] == b"\n")]
    if how == "zeros":
        bad[size // 2 : size // 2 + min(4096, size // 3)] = bytes(min(4096, size // 3))
    elif how == "high":
        bad[size // 2 : size // 2 + min(4096, size // 3)] = b"\xff" * min(4096, size // 3)
    else:
        bad[:64] = bytes(byte ^ 0xFF for byte in bad[:64])
    return bytes(bad)


@pytest.mark.parametrize("how", ["cut20", "cut55", "cut97", "zeros", "high", "head"])
@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_lost_shows(name: str, how: str) -> None:
    data, path = SAMPLES[name]
    before = facts(name, data, path)
    assert before[1].status == "read"
    events, audit, troubles = facts(name, damaged(data, how), path)
    lost = audit.records < before[1].records or len(events) < len(before[0])
    if lost:
        assert audit.status in {"damaged", "unreadable"} or set(audit.gaps) - set(before[1].gaps)
        assert troubles


@pytest.mark.parametrize("name", SAMPLES)
def test_no_two_events_of_a_source_are_the_same(name: str) -> None:
    events, _, _ = facts(name, *SAMPLES[name])
    keys = [(event.place, event.time_meaning, event.action, event.time, event.subject) for event in events]
    assert len(set(keys)) == len(keys)
