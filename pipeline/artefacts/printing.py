"""What CUPS keeps of printing: requests, pages where ``PageLogFormat`` is set, and the control files of jobs.

SOURCE: CUPS access_log(5) and page_log(5) (``PageLogFormat %p %u %j %T %P %C …``) and the IPP encoding of RFC 8010 §3
(version, operation, request id, then attribute groups; value tags 0x21 integer, 0x23 enum; 0x01 to 0x0f delimit
groups) in ``/var/spool/cups/c*``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.linelog import Line, LineLog, clf_stamp
from pipeline.artefacts.times import Span, from_unix_us
from pipeline.errors import ParseError
from pipeline.records import Gap

__all__ = ["PageLog", "PrintJob", "PrintServerLog"]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


@dataclass(frozen=True)
class PageLog(LineLog):
    """Pages that CUPS printed; a printer's own memory is another matter."""

    name: str = "cups-page-log"
    version: int = 1
    system: ClassVar[str] = "CUPS"
    patterns: ClassVar[tuple[str, ...]] = ("/var/log/cups/page_log*", "/private/var/log/cups/page_log*")
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"^(\S{1,127}) (\S{1,255}) (\d{1,10}) \[([^\]\n]{20,32})\] (total|\d{1,9}) (\d{1,9}) ([^\n]*)", re.MULTILINE
    )
    stamped: ClassVar[int] = 4

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read the stamp, which names its offset."""
        del candidate
        return clf_stamp(stamp)

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Read a page, or the total of a job: billing, host, job name, media and sides follow."""
        rest = _text(found[7]).rstrip("\r").split(" ")
        host = rest[1] if len(rest) > 1 else ""
        title = " ".join(rest[2:-2]) if len(rest) > 4 else " ".join(rest[2:])
        detail: dict[str, str | int] = {
            "printer": _text(found[1]), "job": int(found[3]), "client": host, "page": _text(found[5]),
            ("pages" if found[5] == b"total" else "copies"): int(found[6]),
        }  # fmt: skip
        yield line.event(Action.PRINTED, title, actor=_text(found[2]), zone=_text(found[4][-5:]), detail=detail)


@dataclass(frozen=True)
class PrintServerLog(LineLog):
    """Requests to CUPS: jobs that were sent to a printer, without their names. It is written where page_log is not."""

    name: str = "cups-access-log"
    version: int = 1
    system: ClassVar[str] = "CUPS requests"
    patterns: ClassVar[tuple[str, ...]] = ("/var/log/cups/access_log*", "/private/var/log/cups/access_log*")
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb'^(\S{1,255}) \S{1,64} (\S{1,255}) \[([^\]\n]{20,32})\] "([A-Z]{1,16}) ([^"\n]{0,1024}) HTTP/[\d.]+" (\d{3}) (\d{1,15}) '  # noqa: E501
        rb"(\S{1,64}) (\S{1,64})",
        re.MULTILINE,
    )
    stamped: ClassVar[int] = 3

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read the stamp, which names its offset."""
        del candidate
        return clf_stamp(stamp)

    def matters(self, found: re.Match[bytes]) -> bool:
        """Tell jobs that were taken."""
        return found[8] in {b"Print-Job", b"Send-Document", b"Print-URI"} and found[9].startswith(b"successful")

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Read a request."""
        printer = _text(found[5]).rpartition("/")[2]
        detail: dict[str, str | int] = {"client": _text(found[1]), "printer": printer, "method": _text(found[8])}
        yield line.event(
            Action.PRINTED, f"job for {printer}", actor=_text(found[2]).strip("-"), zone=_text(found[3][-5:]), detail=detail  # noqa: E501
        )  # fmt: skip


_LARGEST: Final = 4 << 20
_MOST_ATTRIBUTES: Final = 5000
_NUMBERS: Final = frozenset((0x21, 0x23))
_STATES: Final = {3: "pending", 4: "held", 5: "printing", 6: "stopped", 7: "cancelled", 8: "aborted", 9: "completed"}
"""job-state (RFC 8011 §5.3.7)."""
_TIMES: Final = ("time-at-completed", "time-at-processing", "time-at-creation")


def attributes(data: bytes) -> dict[str, bytes | int]:
    """Return the first value of each attribute of an IPP message.

    Raises:
        ParseError: it is no IPP message or breaks off before its end.
    """
    found: dict[str, bytes | int] = {}
    at, seen = 8, 0
    while at < len(data) and seen < _MOST_ATTRIBUTES:
        tag, at, seen = data[at], at + 1, seen + 1
        if tag == 3:
            return found
        if tag < 0x10:
            continue
        name, at = _sized(data, at)
        value, at = _sized(data, at)
        if name:
            number = int.from_bytes(value[:4], "big", signed=True) if tag in _NUMBERS and len(value) == 4 else value
            found.setdefault(_text(name), number)
    message = "the job's control file breaks off"
    raise ParseError(message)


def _sized(data: bytes, at: int) -> tuple[bytes, int]:
    length = int.from_bytes(data[at : at + 2], "big")
    if at + 2 + length > len(data):
        message = "the job's control file breaks off"
        raise ParseError(message)
    return data[at + 2 : at + 2 + length], at + 2 + length


@dataclass(frozen=True)
class PrintJob(Artefact):
    """One print job; old jobs are removed, so it never carries a negative."""

    name: str = "cups-job"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = ("/var/spool/cups/c*", "/private/var/spool/cups/c*")

    def wants(self, path: str, system: str = "") -> bool:
        """Return whether a path is a control file; the folder also holds a cache."""
        return super().wants(path, system) and not path.endswith("/cache")

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the event, then the audit."""
        span, gaps, status = Span(), tuple[Gap, ...](), "read"
        try:
            data = candidate.content.read(0, min(candidate.content.size, _LARGEST)) if candidate.content.size else b""
            said = attributes(data)
            event = _job(said)
            span.add(event.time)
            yield event
        except ParseError as error:
            status, gaps = "unreadable", (Gap(start=None, end=None, reason=str(error)),)
            yield Trouble("print-job-damaged", str(error))
        yield Audit(
            system="CUPS", owner="", first=span.first, last=span.last, records=span.records, gaps=gaps,
            enabled="unknown", state_only=True, status=status,
        )  # fmt: skip


def _job(said: dict[str, bytes | int]) -> Event:
    def text(name: str) -> str:
        value = said.get(name, b"")
        return _text(value) if isinstance(value, bytes) else str(value)

    stamps = [(name, value) for name in _TIMES if isinstance(value := said.get(name), int) and value > 0]
    meaning, seconds = stamps[0] if stamps else ("no time kept", 0)
    state = said.get("job-state")
    detail: dict[str, str | int] = {
        "printer": text("job-printer-uri").rpartition("/")[2] or text("printer-uri").rpartition("/")[2],
        "client": text("job-originating-host-name"), "state": _STATES.get(state, "") if isinstance(state, int) else "",
    }  # fmt: skip
    for name, key in (
        ("job-id", "job"),
        ("job-media-sheets-completed", "pages"),
        ("copies", "copies"),
        ("job-k-octets", "kib"),
    ):
        value = said.get(name)
        detail |= {key: value} if isinstance(value, int) else {}
    return Event(
        time=from_unix_us(seconds * 1_000_000) if seconds else None, time_meaning=meaning, action=Action.PRINTED,
        subject=text("job-name"), actor=text("job-originating-user-name"), place="job",
        detail={key: value for key, value in detail.items() if value != ""},
    )  # fmt: skip
