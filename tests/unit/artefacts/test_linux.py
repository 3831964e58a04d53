"""Linux: the journal, records of log-ons, auditd, what desktops and accounts keep."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest

from pipeline.artefacts import ARTEFACTS, Action
from tests.builders.journal import COMPRESSIONS, journal
from tests.unit.artefacts.test_logs import facts

START = 1655816400  # 2022-06-21 13:00 UTC
KERNEL = (
    "Linux version 5.10", "usb 1-1: New USB device found, idVendor=0781, idProduct=5581", "usb 1-1: Product: Ultra",
    "usb 1-1: SerialNumber: AB12CD34", "usb 1-1: USB disconnect, device number 5",
)  # fmt: skip


def entries() -> list[tuple[int, dict[str, str]]]:
    found = [((START + n) * 10**6, {"SYSLOG_IDENTIFIER": "kernel", "MESSAGE": text}) for n, text in enumerate(KERNEL)]
    long = "op : TTY=pts/0 ; PWD=/home/op ; USER=root ; COMMAND=/usr/bin/scp " + "/srv/list.csv " * 200
    found.append(((START + 9) * 10**6, {"_COMM": "sudo", "_PID": "7", "MESSAGE": long}))
    return [*found, ((START + 10) * 10**6, {"_COMM": "app", "MESSAGE": "nothing"})]


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("compact", [False, True])
def test_a_journal_reads_like_syslog(compression: str, compact: bool) -> None:
    events, audit, troubles = facts("systemd-journal", journal(entries(), compression=compression, compact=compact))
    assert [event.action for event in events] == [
        Action.POWER, Action.POWER, Action.DEVICE_CONNECTED, Action.DEVICE_REMOVED, Action.TRANSFER_COMMAND,
    ]  # fmt: skip
    assert events[2].device == events[3].device == "AB12CD34"
    assert (audit.records, audit.status, audit.gaps, troubles) == (7, "read", (), [])
    assert audit.first == datetime(2022, 6, 21, 13, tzinfo=UTC)
    assert audit.last == datetime(2022, 6, 21, 13, 0, 10, tzinfo=UTC)


@pytest.mark.parametrize("cut", [100, 300, 700, 1500])
def test_a_journal_cut_anywhere_is_damaged(cut: int) -> None:
    data = journal(entries())
    assert cut < len(data)
    _, audit, troubles = facts("systemd-journal", data[:cut])
    assert audit.status in {"damaged", "unreadable"}
    assert audit.gaps
    assert troubles


@pytest.mark.parametrize("at", [0, 96, 152, 272, 560])
def test_a_journal_with_bytes_overwritten_is_damaged(at: int) -> None:
    data = bytearray(journal(entries()))
    data[at : at + 16] = b"\xff" * 16
    _, audit, _ = facts("systemd-journal", bytes(data))
    assert audit.status in {"damaged", "unreadable"}
    assert audit.gaps


def test_an_entry_taken_out_of_a_journal_is_missing() -> None:
    data = bytearray(journal(entries()))
    data[152:160] = (8).to_bytes(8, "little")
    _, audit, _ = facts("systemd-journal", bytes(data))
    assert "counts 8 entries to number 7; 7 to 7 were found" in audit.gaps[0].reason


def record(kind: int, line: str, user: str, seconds: int, host: str = "", address: bytes = bytes(16)) -> bytes:
    texts = line.encode(), b"", user.encode(), host.encode()
    return struct.pack("<hxxi32s4s32s256s4xiii16s20x", kind, 7, *texts, 0, seconds, 0, address)


WTMP = (
    record(2, "~", "reboot", START)
    + record(7, "pts/0", "op", START + 60, "pc.example.jp", bytes([192, 0, 2, 7]) + bytes(12))
    + record(8, "pts/0", "", START + 90)
    + record(4, "~", "date", START + 100)
    + record(3, "~", "date", START + 900)
)


def test_wtmp_tells_sessions_boots_and_clocks() -> None:
    events, audit, troubles = facts("login-records", WTMP)
    assert [(event.action, event.subject) for event in events] == [
        (Action.POWER, "start"), (Action.LOGON, "op"), (Action.LOGOFF, "op"), (Action.TIME_CHANGED, "clock set"),
    ]  # fmt: skip
    assert events[1].detail == {"line": "pts/0", "host": "pc.example.jp", "client": "192.0.2.7"}
    assert events[3].detail["old_time"] == "2022-06-21 13:01:40+00:00"
    assert (audit.records, audit.status, audit.gaps, troubles) == (5, "read", (), [])


@pytest.mark.parametrize(
    "damage", [WTMP[:-100], WTMP[:384] + bytes(384) + WTMP[768:], WTMP[:400] + b"\xff" * 384 + WTMP[784:]]
)
def test_wtmp_cut_or_wiped_is_damaged(damage: bytes) -> None:
    _, audit, _ = facts("login-records", damage)
    assert audit.status == "damaged"
    assert audit.gaps


def test_btmp_tells_failures_and_lastlog_the_last_state() -> None:
    (event,), _, _ = facts("failed-login-records", record(6, "ssh:notty", "root", START, "203.0.113.9"))
    assert (event.action, event.subject) == (Action.LOGON_FAILED, "root")
    last = bytes(292 * 1000) + struct.pack("<i32s256s", START, b"pts/0", b"192.0.2.7")
    (event,), audit, _ = facts("last-logins", last)
    assert (event.subject, event.detail["client"], audit.state_only) == ("uid 1000", "192.0.2.7", True)


AUDIT = """\
type=SYSCALL msg=audit(1655816400.123:100): arch=c000003e syscall=257 success=yes exit=3 ppid=1 pid=2 auid=1000 uid=0 comm="cp" exe="/usr/bin/cp" key="secret"
type=CWD msg=audit(1655816400.123:100): cwd="/srv"
type=PATH msg=audit(1655816400.123:100): item=0 name="list.csv" inode=5 nametype=NORMAL
type=SYSCALL msg=audit(1655816401.123:101): arch=c000003e syscall=59 success=yes exit=0 auid=1000 uid=1000 comm="scp" exe="/usr/bin/scp" key=(null)
type=EXECVE msg=audit(1655816401.123:101): argc=3 a0="scp" a1=2F7372762F6C6973742E637376 a2="a@203.0.113.9:"
type=CONFIG_CHANGE msg=audit(1655816402.123:102): auid=1000 op=remove_rule key="secret" list=4 res=1
type=DAEMON_END msg=audit(1655816403.123:9001): op=terminate auid=0
"""  # noqa: E501


def test_auditd_joins_the_records_of_an_event() -> None:
    events, audit, troubles = facts("audit-log", AUDIT.replace(":9001", ":103"))
    assert sorted((str(event.action), event.subject) for event in events) == [
        ("audit-changed", "audit remove_rule"), ("entry-accessed", "/srv/list.csv"), ("logging-stopped", "auditd"),
        ("transfer-command", "scp /srv/list.csv a@203.0.113.9:"),
    ]  # fmt: skip
    assert (audit.records, audit.enabled, audit.gaps, troubles) == (7, "yes", (), [])


def test_events_that_auditd_lacks_are_a_gap() -> None:
    _, audit, _ = facts("audit-log", AUDIT)
    assert [gap.reason for gap in audit.gaps] == ["audit events 103 to 9000 are not in the log"]


XBEL = """<?xml version="1.0" encoding="UTF-8"?><xbel version="1.0" xmlns:bookmark="http://www.freedesktop.org/standards/desktop-bookmarks">
<bookmark href="file:///media/op/STICK/%E5%8F%B0%E5%B8%B3.csv" added="2022-06-21T12:00:00Z" modified="2022-06-21T13:00:00Z" visited="2022-06-21T13:00:00Z">
<info><metadata owner="http://freedesktop.org"><bookmark:applications><bookmark:application name="gedit" exec="gedit %u" modified="2022-06-21T13:00:00.5Z" count="2"/></bookmark:applications></metadata></info>
</bookmark></xbel>"""  # noqa: E501


def test_recently_used_names_file_and_program() -> None:
    (event,), audit, troubles = facts("recently-used", XBEL)
    assert (event.action, event.subject, event.detail) == (
        Action.FILE_OPENED,
        "/media/op/STICK/台帳.csv",
        {"program": "gedit"},
    )
    assert (audit.state_only, audit.status, troubles) == (True, "read", [])
    assert facts("recently-used", XBEL[:300])[1].status == "unreadable"


def test_trash_info_is_local_time() -> None:
    data = "[Trash Info]\nPath=/home/op/%E5%8F%B0%E5%B8%B3.csv\nDeletionDate=2022-06-21T22:00:00\n"
    (event,), audit, _ = facts("trash-info", data)
    assert (event.subject, event.time) == ("/home/op/台帳.csv", datetime(2022, 6, 21, 13, tzinfo=UTC))
    assert facts("trash-info", data[:20])[1].status == "unreadable"
    assert audit.status == "read"


def test_histories_of_fish_and_mysql() -> None:
    fish = f"- cmd: scp /srv/list.csv a@b:\n  when: {START}\n  paths:\n    - /srv/list.csv\n- cmd: ls\n  when: {START + 5}\n"  # noqa: E501
    events, audit, _ = facts("shell-history", fish, "/home/op/.local/share/fish/fish_history")
    assert [(event.action, event.subject) for event in events] == [
        (Action.TRANSFER_COMMAND, "scp /srv/list.csv a@b:"), (Action.COMMAND_RUN, "ls"),
    ]  # fmt: skip
    assert (audit.system, audit.last) == ("fish", datetime(2022, 6, 21, 13, 0, 5, tzinfo=UTC))
    sql = "_HiStOrY_V2_\nalter\\040user\\040a\\040identified\\040by\\040'geheim';\n"
    (event,), audit, _ = facts("shell-history", sql, "/home/op/.mysql_history")
    assert (event.subject, audit.system) == ("alter user a identified by •••;", "MySQL")


def test_known_hosts_and_crontabs_are_states() -> None:
    hosts = "backup.example.jp,203.0.113.9 ssh-ed25519 AAAA\n|1|abc=|def= ssh-rsa AAAA\n"
    first, second = facts("known-hosts", hosts, "/home/op/.ssh/known_hosts")[0]
    assert (first.subject, first.detail["host"]) == ("backup.example.jp,203.0.113.9", "backup.example.jp")
    assert second.detail["shows"] == "the host's name is hashed"
    table = "SHELL=/bin/sh\n0 3 * * * root rclone copy /srv remote:\n"
    (event,), audit, _ = facts("crontab", table, "/etc/crontab")
    assert (event.action, event.subject, event.actor) == (Action.TASK_SCHEDULED, "rclone copy /srv remote:", "root")
    assert (event.detail["kind"], audit.state_only) == ("transfer-command", True)


@pytest.mark.parametrize("name", [known.name for known in ARTEFACTS])
@pytest.mark.parametrize("data", [b"\xff" * 5000, b"\0" * 5000, bytes(range(256)) * 20, b"\x1f\x8b\x08" + b"a" * 500])
def test_bytes_of_another_kind_never_read_as_whole(name: str, data: bytes) -> None:
    _, audit, _ = facts(name, data)
    assert audit.status != "read" or audit.state_only or not audit.records
