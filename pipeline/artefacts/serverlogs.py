"""Logs of servers, a line each: web access, log-ons, ftp transfers, Windows firewall.

SOURCE: Apache "Common Log Format", RFC 3164 and RFC 5424 stamps of syslog, vsftpd.conf(5), pfirewall.log ``#Fields``.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import lines
from pipeline.artefacts.times import Span, from_local, parse_iso
from pipeline.artefacts.upload_sites import without_query
from pipeline.records import Gap

__all__ = ["AccessLog", "AuthLog", "FirewallLog", "FtpLog"]

_LARGE: Final = 1 << 20
"""Bytes from which a served response is an event; every line counts for the span."""


@dataclass(frozen=True)
class _LineLog(Artefact):
    """A log of which every line has a time."""

    system: ClassVar[str] = ""

    @abstractmethod
    def line(self, text: str, offset: int, candidate: Candidate) -> tuple[datetime | None, Event | None] | None:
        """Return a line's time and its event, if it is one; None where it is no line of this log."""

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield events, then the audit."""
        span, foreign, zeros = Span(), 0, False
        for offset, raw in lines(candidate.content):
            found = self.line(raw.decode("utf-8", "replace"), offset, candidate)
            zeros = zeros or b"\0\0\0\0" in raw
            if found is None:
                foreign += bool(raw.strip()) and not raw.startswith(b"#")
                continue
            span.add(found[0])
            if found[1] is not None:
                yield found[1]
        gaps = span.gaps
        if foreign or zeros:
            gaps.append(Gap(start=None, end=None, reason=f"{foreign} lines are not of this log's form, or overwritten"))
            yield Trouble("log-damaged", f"{foreign} lines could not be read; what they recorded is missing")
        status = "read" if not (foreign or zeros) else "damaged" if span.records else "unreadable"
        yield Audit(
            system=self.system, owner="", first=span.first, last=span.last, records=span.records, gaps=tuple(gaps),
            enabled="yes" if span.records else "unknown", state_only=False, status=status,
        )  # fmt: skip


def _parsed(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007
    except ValueError:
        return None


_ACCESS: Final = re.compile(
    r'(\S{1,255}) \S+ (\S+) \[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "(?:(\S{1,16}) (\S*)[^"]*|[^"]*)" (\d{3}) (\d+|-)'  # noqa: E501
)


@dataclass(frozen=True)
class AccessLog(_LineLog):
    """Web access: responses of a mebibyte or more, and successful uploads, are events."""

    name: str = "web-access-log"
    version: int = 1
    system: ClassVar[str] = "web server"
    patterns: ClassVar[tuple[str, ...]] = (
        "/var/log/apache2/*access*.log", "/var/log/nginx/*access*.log", "/var/log/httpd/*access_log",
        "/var/log/nginx/*access*.log.1", "/var/log/apache2/*access*.log.1",
    )  # fmt: skip

    def line(self, text: str, offset: int, candidate: Candidate) -> tuple[datetime | None, Event | None] | None:
        """Read a line of the common or combined format."""
        del candidate  # the line carries its own offset
        found = _ACCESS.match(text)
        if found is None:
            return None
        client, user, stamp, method, target, status, size = found.groups()
        naive = _parsed(stamp, "%d/%b/%Y:%H:%M:%S %z")
        time = parse_iso(naive.isoformat()) if naive is not None else None
        count = int(size) if size != "-" and len(size) < 16 else 0
        upload = method in {"POST", "PUT"} and status.startswith("2")
        if not upload and count < _LARGE:
            return time, None
        detail: dict[str, str | int] = {"client": client, "status": status, "bytes": count, "method": method or ""}
        return time, Event(
            time=time, time_meaning="request received", action=Action.REQUEST_SERVED, place=f"offset {offset}",
            subject=without_query(target or ""), actor="" if user == "-" else user, zone=stamp[-5:], detail=detail,
        )  # fmt: skip


_AUTH: Final = re.compile(
    r"(?:(\d{4}-\d\d-\d\dT\S+)|([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)) \S+ ([\w./() -]{1,60}?)(?:\[\d+\])?: (.*)",
    re.DOTALL,
)
_DAY: Final = timedelta(days=1)
_SSH: Final = re.compile(r"(Accepted|Failed) (\S+) for (?:invalid user )?(\S+) from (\S+)")


def _yearless(stamp: str, candidate: Candidate) -> datetime | None:
    """Return the latest time with this stamp that is not after the file's last change."""
    if candidate.modified is None:
        return None
    for year in (candidate.modified.year + 1, candidate.modified.year, candidate.modified.year - 1):
        naive = _parsed(f"{year} {stamp}", "%Y %b %d %H:%M:%S")
        time = from_local(naive, candidate.timezone) if naive is not None else None
        if time is not None and time <= candidate.modified + _DAY:
            return time
    return None


@dataclass(frozen=True)
class AuthLog(_LineLog):
    """Log-ons by ssh. Old stamps have no year: the file's last change gives it, for a log under a year."""

    name: str = "auth-log"
    version: int = 1
    system: ClassVar[str] = "auth"
    patterns: ClassVar[tuple[str, ...]] = (
        "/var/log/auth.log",
        "/var/log/auth.log.1",
        "/var/log/secure",
        "/var/log/secure-*",
    )

    def line(self, text: str, offset: int, candidate: Candidate) -> tuple[datetime | None, Event | None] | None:
        """Read a line of syslog."""
        found = _AUTH.match(text)
        if found is None:
            return None
        time = parse_iso(found.group(1)) if found.group(1) else _yearless(found.group(2), candidate)
        told = _SSH.match(found.group(4))
        if told is None:
            return time, None
        outcome, method, user, client = told.groups()
        detail: dict[str, str | int] = {"method": method, "client": client}
        detail |= {} if time is not None else {"stamp": found.group(2) or "", "shows": "the log keeps no year"}
        action = Action.LOGON if outcome == "Accepted" else Action.LOGON_FAILED
        return time, Event(
            time=time, time_meaning="recorded", action=action, subject=user, actor=user, place=f"offset {offset}",
            detail=detail,
        )  # fmt: skip


_FTP: Final = re.compile(r"(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}) \[pid \d+\] (?:\[([^\]]*)\] )?(.*)", re.DOTALL)
_TRANSFER: Final = re.compile(r'OK (DOWNLOAD|UPLOAD): Client "([^"]*)", "(.*)", (\d{1,15}) bytes')


@dataclass(frozen=True)
class FtpLog(_LineLog):
    """Transfers of vsftpd, in local time."""

    name: str = "vsftpd-log"
    version: int = 1
    system: ClassVar[str] = "vsftpd"
    patterns: ClassVar[tuple[str, ...]] = ("/var/log/vsftpd.log", "/var/log/vsftpd.log.1")

    def line(self, text: str, offset: int, candidate: Candidate) -> tuple[datetime | None, Event | None] | None:
        """Read a line of vsftpd's own format."""
        found = _FTP.match(text)
        if found is None:
            return None
        naive = _parsed(found.group(1), "%a %b %d %H:%M:%S %Y")
        time = from_local(naive, candidate.timezone) if naive is not None else None
        told = _TRANSFER.match(found.group(3))
        if told is None:
            return time, None
        kind, client, path, size = told.groups()
        action = Action.REQUEST_SERVED if kind == "DOWNLOAD" else Action.UPLOADED
        return time, Event(
            time=time, time_meaning="transfer ended", action=action, subject=path, actor=found.group(2) or "",
            place=f"offset {offset}", zone=f"local {candidate.timezone}", detail={"client": client, "bytes": int(size)},
        )  # fmt: skip


_FIREWALL: Final = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (\S+) (\S+) (\S+) (\S+) (\S+) (\S+)(?: .*)?$", re.DOTALL
)


@dataclass(frozen=True)
class FirewallLog(_LineLog):
    """The Windows firewall's log, in local time: every connection is an event."""

    name: str = "windows-firewall-log"
    version: int = 1
    system: ClassVar[str] = "Windows firewall"
    patterns: ClassVar[tuple[str, ...]] = (
        "/windows/system32/logfiles/firewall/pfirewall.log*",
        "/windows/pfirewall.log",
    )

    def line(self, text: str, offset: int, candidate: Candidate) -> tuple[datetime | None, Event | None] | None:
        """Read a line of version 1.5."""
        found = _FIREWALL.match(text)
        if found is None:
            return None
        stamp, action, protocol, source, target, _, port = found.groups()
        naive = _parsed(stamp, "%Y-%m-%d %H:%M:%S")
        time = from_local(naive, candidate.timezone) if naive is not None else None
        return time, Event(
            time=time, time_meaning="recorded", action=Action.CONNECTION, subject=f"{target}:{port}",
            place=f"offset {offset}", zone=f"local {candidate.timezone}",
            detail={"decision": action, "protocol": protocol, "source": source},
        )  # fmt: skip
