"""Logs that syslogd writes: log-ons, mail, the kernel's messages. What programs say is read in ``messages*``.

SOURCE: RFC 3164 §4.1 and RFC 5424 §6 as rsyslog and syslog-ng write them to files; Exim's main log; pfSense's
"Raw Filter Log Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Candidate, Event
from pipeline.artefacts.linelog import Line, LineLog, naive_stamp, syslog_stamp
from pipeline.artefacts.messages import Memory, Teller, Told, accounts, cron, smb, sshd, su, sudo
from pipeline.artefacts.messages_mail import dovecot, exim, postfix, sendmail
from pipeline.artefacts.messages_system import clock, kernel, logger, mounts, power
from pipeline.artefacts.times import from_local

__all__ = ["TELLERS", "AuthLog", "EximLog", "MailLog", "SystemLog", "event_of", "teller_of"]


def _filter(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """Connections of pfSense's filterlog, of IPv4 and IPv6 tcp and udp."""
    del process, memory
    parts = text.split(",")
    at = {"4": 18, "6": 15}.get(parts[8] if len(parts) > 8 else "", 0)
    if not at or len(parts) < at + 4:
        return
    detail: dict[str, str | int] = {
        "decision": parts[6], "protocol": parts[16 if at == 18 else 12], "source": parts[at], "direction": parts[7],
    }  # fmt: skip
    yield Told(Action.CONNECTION, f"{parts[at + 1]}:{parts[at + 3]}", "", detail)


TELLERS: Final[Mapping[str, Teller]] = {
    **dict.fromkeys(("sshd", "sshd-session", "sftp-server", "internal-sftp"), sshd),
    "sudo": sudo,
    **dict.fromkeys(("su", "su-l"), su),
    **dict.fromkeys(("cron", "crond", "crontab", "anacron"), cron),
    **dict.fromkeys(("useradd", "userdel", "usermod", "adduser"), accounts),
    **dict.fromkeys(("smbd_audit", "smbd"), smb),
    "kernel": kernel,
    **dict.fromkeys(("udisksd", "ntfs-3g", "udisks-daemon"), mounts),
    **dict.fromkeys(("systemd", "systemd-logind", "systemd-sleep"), power),
    **dict.fromkeys(("systemd-timesyncd", "systemd-timedated", "chronyd", "ntpd", "ntpdate"), clock),
    **dict.fromkeys(("rsyslogd", "syslogd", "syslog-ng", "systemd-journald"), logger),
    "postfix": postfix,
    **dict.fromkeys(("sendmail", "sm-mta", "sm-msp-queue"), sendmail),
    "exim": exim,
    "dovecot": dovecot,
    "filterlog": _filter,
}
"""Programs, by name without folder and instance, and who reads what they say."""
_KNOWN: Final = frozenset(name.encode() for name in TELLERS)


def teller_of(program: str) -> Teller | None:
    """Return who reads a program's messages; ``postfix/smtp`` is ``postfix``."""
    name = program.lower()
    return TELLERS.get(name) or TELLERS.get(name.split("/", 1)[0]) or TELLERS.get(name.rpartition("/")[2])


def event_of(told: Told, line: Line, zone: str) -> Event:
    """Return the event of what a message told."""
    detail = dict(told.detail)
    if line.time is None:
        detail |= {"shows": "the log keeps no year"}
    return line.event(
        told.action, told.subject, actor=told.actor, device=told.device, zone=zone, detail=detail
    )  # fmt: skip


@dataclass(frozen=True)
class _Syslog(LineLog):
    """A file of syslog. Old stamps have no year: the file's last change gives it, for a log under a year."""

    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"^(?:<\d{1,3}>\d? ?)?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.]*(?:Z|[+-]\d\d:?\d\d)|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) "  # noqa: E501
        rb"\S{1,255} ([^\s\[:]{1,128}(?: \(\S+\))?)(?:\[(\d{1,10})\])?: ?([^\n]*)",
        re.MULTILINE,
    )
    loose: ClassVar[re.Pattern[bytes] | None] = re.compile(
        rb"^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [^\n:]{0,255}(?:-- MARK --|last message repeated)[^\n]*", re.MULTILINE
    )

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read either stamp."""
        return syslog_stamp(stamp, candidate)

    def matters(self, found: re.Match[bytes]) -> bool:
        """Tell programs of which the messages are read."""
        name = found[2].lower()
        return name in _KNOWN or (b"/" in name and teller_of(name.decode("ascii", "replace")) is not None)

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Read a message."""
        program = found[2].decode("utf-8", "replace")
        teller = teller_of(program)
        text = found[4].rstrip(b"\r").decode("utf-8", "replace")
        zone = "UTC" if found[1][:1].isdigit() else line.local
        for told in teller((found[3] or b"").decode(), text, line.memory) if teller is not None else ():
            extra = {"stamp": found[1].decode()} if line.time is None else {}
            yield event_of(told._replace(detail={**told.detail, **extra}), line, zone)


@dataclass(frozen=True)
class AuthLog(_Syslog):
    """Log-ons, transfers by sftp, and commands run as another user."""

    name: str = "auth-log"
    version: int = 2
    system: ClassVar[str] = "auth"
    patterns: ClassVar[tuple[str, ...]] = ("/var/log/auth.log*", "/var/log/secure*", "/var/log/authlog*")


@dataclass(frozen=True)
class SystemLog(_Syslog):
    """What the kernel and services say: devices, mounts, power, shares, firewalls."""

    name: str = "system-log"
    version: int = 1
    system: ClassVar[str] = "syslog"
    patterns: ClassVar[tuple[str, ...]] = (
        "/var/log/syslog*", "/var/log/messages*", "/var/log/kern.log*", "/var/log/cron*", "/var/log/daemon.log*",
        "/var/log/user.log*", "/var/log/samba/audit.log*", "/var/log/samba/full_audit.log*", "/var/log/filter.log*",
    )  # fmt: skip


@dataclass(frozen=True)
class MailLog(_Syslog):
    """Deliveries of Postfix, sendmail and Dovecot."""

    name: str = "mail-log"
    version: int = 1
    system: ClassVar[str] = "mail server"
    patterns: ClassVar[tuple[str, ...]] = ("/var/log/mail.log*", "/var/log/maillog*", "/var/log/mail.info*")


@dataclass(frozen=True)
class EximLog(LineLog):
    """Deliveries of Exim, in local time."""

    name: str = "exim-log"
    version: int = 1
    system: ClassVar[str] = "mail server"
    patterns: ClassVar[tuple[str, ...]] = (
        "/var/log/exim*/mainlog*",
        "/var/log/exim_mainlog*",
        "/var/log/exim/main.log*",
    )
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)?(?: ([+-]\d{4}))?(?: \[\d+\])? ([^\n]*)", re.MULTILINE
    )

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read a local time."""
        naive = naive_stamp([int(stamp[a:b]) for a, b in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))])
        return from_local(naive, candidate.timezone) if naive is not None else None

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Read a line of the main log."""
        for told in exim("", found[3].decode("utf-8", "replace"), line.memory):
            yield event_of(told, line, line.local)
