"""Windows device installation logs: when a device was set up for the first time, in local time.

SOURCE: Microsoft, "SetupAPI text logs" (section header, body and footer). Windows XP wrote another form, not read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import lines
from pipeline.artefacts.times import Span, from_local
from pipeline.errors import UnreadableError
from pipeline.records import Gap

__all__ = ["SetupLog", "serial_of"]

_HEADER: Final = re.compile(rb">>>\s+\[(.{1,2000})\]\s*$")
_START: Final = re.compile(rb">>>\s+Section start (\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)(?:\.(\d{3}))?")
_END: Final = re.compile(rb"<<<\s+Section end ")
_DEVICE: Final = re.compile(r"\b((?:USBSTOR|USB|SCSI|SWD|STORAGE|WPDBUSENUMROOT)[\\#][^\s\]\"]+)", re.IGNORECASE)


def serial_of(instance: str) -> tuple[str, str]:
    """Return the serial of a device instance id, and ``device`` or ``generated`` (``&`` as its second character)."""
    last = re.split(r"[\\#]", instance)[-1]
    generated = last[1:2] == "&"
    serial = last if generated else last.split("&")[0]
    return serial, "generated" if generated else "device"


@dataclass(frozen=True)
class SetupLog(Artefact):
    """Reads sections; one that installs a USB device is an event. Only a first connection leaves one."""

    name: str = "setupapi-log"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        "/windows/inf/setupapi*.log",
        "/windows/setupapi*.log",
        "/windows/panther/setupapi*.log",
    )

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield events, then the audit."""
        span, status = Span(step_s=7200), "read"
        opened = 0
        gaps: list[Gap] = []
        try:
            for fact, change in _sections(candidate, span):
                opened += change
                if fact is not None:
                    yield fact
        except UnreadableError as error:
            status = "damaged"
            yield Trouble("log-damaged", str(error))
        zeros = _zeros(candidate)
        if opened > 0 or zeros or not span.records:
            status = "damaged" if span.records else "unreadable"
            gaps.append(Gap(start=None if zeros else span.last, end=None, reason="the log is cut off or overwritten"))
            yield Trouble("log-damaged", "sections are unfinished, overwritten or absent; devices may be missing")
        yield Audit(
            system="Windows setup", owner="", first=span.first, last=span.last, records=span.records,
            gaps=(*gaps, *span.gaps), enabled="yes" if span.records else "unknown", state_only=False, status=status,
        )  # fmt: skip


def _zeros(candidate: Candidate) -> bool:
    return any(b"\0\0\0\0" in raw for _, raw in lines(candidate.content))


def _sections(candidate: Candidate, span: Span) -> Iterator[tuple[Event | None, int]]:
    title, at, open_sections = "", 0, 0
    for offset, raw in lines(candidate.content):
        header, start = _HEADER.match(raw), _START.match(raw)
        if start is not None and title:
            open_sections += 1
            time = _time(start, candidate.timezone)
            span.add(time)
            yield _event(title, time, at, candidate.timezone), 1
            title = ""
        elif header is not None:
            title, at = header.group(1).decode("utf-8", "replace"), offset
        elif _END.match(raw) and open_sections:
            open_sections -= 1
            yield None, -1


def _time(found: re.Match[bytes], timezone: str) -> datetime | None:
    try:
        naive = datetime.strptime(found.group(1).decode("ascii"), "%Y/%m/%d %H:%M:%S")  # noqa: DTZ007
    except ValueError:
        return None
    return from_local(naive.replace(microsecond=int(found.group(2) or 0) * 1000), timezone)


def _event(title: str, time: datetime | None, at: int, timezone: str) -> Event | None:
    found = _DEVICE.search(title)
    if found is None or not title.lower().startswith("device install"):
        return None
    instance = found.group(1)
    serial, origin = serial_of(instance)
    return Event(
        time=time, time_meaning="first installation", action=Action.DEVICE_FIRST_CONNECTED, subject=instance,
        place=f"offset {at}", precision_us=1000, zone=f"local {timezone}", device=serial,
        detail={"serial_origin": origin, "shows": "the first connection to this Windows; later ones leave no section"},
    )  # fmt: skip
