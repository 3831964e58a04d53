"""Logs of a line each, whatever writes them: forms matched over whole blocks, times read once a second.

A rotated part that is missing between two others is a gap; so is what a damaged or packed part does not give.
"""

from __future__ import annotations

import itertools
import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.packed import is_packed, text_blocks
from pipeline.artefacts.times import Span, from_local, parse_iso
from pipeline.errors import ParseError
from pipeline.records import Gap

__all__ = ["MONTHS", "ROTATED", "Line", "LineLog", "Reading", "clf_stamp", "naive_stamp", "syslog_stamp", "texts"]

_MOST_TIMES: Final = 50_000
_ENDINGS: Final = ("", ".gz", ".xz", ".bz2", ".zst")
ROTATED: Final = tuple(f".{number}{ending}" for number in range(1, 60) for ending in _ENDINGS)
"""Suffixes that logrotate(8) gives to the older parts of a log."""
_ROTATION: Final = re.compile(r"\.(\d{1,2})(?:\.\w+)?$")
_ENTRY: Final = re.compile(rb"^(?!#)[^\n]*[^\s\0][^\n]*", re.MULTILINE)
MONTHS: Final = {
    name: number
    for number, name in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), 1
    )
}
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Line:
    """Where and when a line was written, and what lines before it left in memory."""

    time: datetime | None
    place: str
    candidate: Candidate
    memory: dict[str, Any]

    def event(self, action: Action, subject: str, *, meaning: str = "recorded", **said: Any) -> Event:
        """Return an event of this line; what is said besides goes to the event's own fields."""
        return Event(time=self.time, time_meaning=meaning, action=action, subject=subject, place=self.place, **said)

    @property
    def local(self) -> str:
        """The zone of a stamp without an offset."""
        return f"local {self.candidate.timezone}"


@dataclass(slots=True)
class Reading:
    """What the lines read so far have shown."""

    candidate: Candidate
    place: str
    span: Span = field(default_factory=Span)
    times: dict[bytes, datetime | None] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    last: bytes | None = None
    time: datetime | None = None
    foreign: int = 0
    zeros: bool = False
    fault: str = ""
    open_end: bool = False

    def overwritten(self, block: bytes) -> None:
        """Note bytes that no log holds: where a medium was erased or never written."""
        self.zeros = self.zeros or b"\0\0\0\0" in block or b"\xff\xff\xff\xff" in block

    def gaps(self) -> list[Gap]:
        """Return the stretches that were not read."""
        found = list(self.span.gaps)
        if self.foreign or self.zeros:
            reason = f"{self.foreign} lines are not of this log's form, or overwritten"
            found.append(Gap(start=None, end=None, reason=reason))
        if self.open_end and not self.fault:
            found.append(Gap(start=self.span.last, end=None, reason="the log ends inside a line"))
        if self.fault:
            found.append(Gap(start=self.span.last, end=None, reason=self.fault))
        return found

    @property
    def status(self) -> str:
        """How the source is: read, damaged, or unreadable."""
        if not (self.foreign or self.zeros or self.fault):
            return "read"
        return "damaged" if self.span.records else "unreadable"


@dataclass(frozen=True)
class LineLog(Artefact):
    """A log of which every line has a time; a group of its form is the stamp."""

    system: ClassVar[str] = ""
    form: ClassVar[re.Pattern[bytes]]
    stamped: ClassVar[int] = 1
    """The group of the form that is the stamp."""
    silent: ClassVar[int] = 0
    """The last group of a line that only counts for the span: forms tell by it before a line is looked at."""
    loose: ClassVar[re.Pattern[bytes] | None] = None
    """Lines that belong to the log without a stamp, such as those that continue the one before."""
    state_only: ClassVar[bool] = False
    companion_suffixes: ClassVar[tuple[str, ...]] = ROTATED

    @abstractmethod
    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Return the time of a stamp as UTC."""

    def matters(self, found: re.Match[bytes]) -> bool:
        """Return whether a line may tell an event; any other only counts for the span."""
        del found
        return True

    @abstractmethod
    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Return the events of a line."""

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield events, then the audit."""
        packed = is_packed(candidate.content)
        reading = Reading(candidate, "unpacked offset" if packed else "offset")
        try:
            for start, block in text_blocks(candidate.content):
                yield from self.block(block, start, reading)
                reading.open_end = not block.endswith(b"\n")
            yield from self.ended(reading)
        except ParseError as error:
            reading.fault = str(error)
            yield Trouble("log-damaged", str(error))
        if reading.foreign or reading.zeros:
            yield Trouble("log-damaged", f"{reading.foreign} lines could not be read; what they recorded is missing")
        elif reading.open_end and reading.span.records:
            yield Trouble("log-open-end", "the log ends inside a line; what followed is not in it")
        span = reading.span
        yield Audit(
            system=self.system, owner="", first=span.first, last=span.last, records=span.records,
            gaps=(*reading.gaps(), *self._missing_parts(candidate, span.first)), enabled=self.enabled(reading), state_only=self.state_only, status=reading.status,  # noqa: E501
        )  # fmt: skip

    def block(self, block: bytes, start: int, reading: Reading) -> Iterator[Event]:
        """Yield the events of whole lines, and note in the reading what they show."""
        if not block.strip(b"\0\r\n "):
            reading.overwritten(block)
            return
        matters, told, candidate = self.matters, self.told, reading.candidate
        count, place, group, silent = 0, reading.place, self.stamped, self.silent
        last, time = reading.last, reading.time
        for found in self.form.finditer(block):
            count += 1
            stamp = found[group]
            if stamp != last:
                last, time = stamp, self.timed(stamp, reading)
            if found.lastindex != silent and matters(found):
                at = f"{place} {start + found.start()}"
                yield from told(found, Line(time, at, candidate, reading.memory))
        if start == 0 and self.loose is not None:
            reading.foreign += self._unled(block)
        reading.last, reading.time = last, time
        reading.span.records += count
        reading.overwritten(block)
        if count < block.count(b"\n") + (not block.endswith(b"\n")):
            others = sum(1 for _ in _ENTRY.finditer(block))
            others -= sum(1 for _ in self.loose.finditer(block)) if self.loose is not None else 0
            reading.foreign += max(others - count, 0)

    def _unled(self, block: bytes) -> int:
        """Count the loose lines above the first line of the log; nothing was there that they could continue."""
        first = self.form.search(block)
        return sum(1 for _ in _ENTRY.finditer(block, 0, first.start() if first is not None else len(block)))

    def enabled(self, reading: Reading) -> str:
        """Return whether the log was being written at both ends of its span."""
        return "yes" if reading.span.records else "unknown"

    def ended(self, reading: Reading) -> Iterable[Event]:
        """Return what is left to tell when the last line was read."""
        del reading
        return ()

    def timed(self, stamp: bytes, reading: Reading) -> datetime | None:
        """Return a stamp's time, and let it count for the span; the record itself is counted by its block."""
        times = reading.times
        if stamp not in times:
            if len(times) > _MOST_TIMES:
                times.clear()
            times[stamp] = self.moment(stamp, reading.candidate)
        reading.span.add(times[stamp])
        reading.span.records -= 1
        return times[stamp]

    def _missing_parts(self, candidate: Candidate, first: datetime | None) -> Iterator[Gap]:
        """Yield a gap per run of rotated parts that are missing between two others, or before the first."""
        parts: dict[int, str] = {}
        for suffix in candidate.companions:
            if (found := _ROTATION.fullmatch(suffix)) is not None:
                parts[int(found.group(1))] = suffix
        have = [0, *sorted(parts)]
        for newer, older in itertools.pairwise(have):
            if older > newer + 1:
                end = first if newer == 0 else self._first(candidate, parts[newer])
                names = ", ".join(f".{number}" for number in range(newer + 1, older))
                start = self._first(candidate, parts[older])
                start, end = (None, None) if start is None or end is None or end < start else (start, end)
                yield Gap(start=start, end=end, reason=f"rotated parts {names} of the log are missing")

    def _first(self, candidate: Candidate, suffix: str) -> datetime | None:
        """Return the time of the first line of a part beside; None where it has none."""
        try:
            for _, block in text_blocks(candidate.companions[suffix]):
                found = self.form.search(block)
                return self.moment(found[self.stamped], candidate) if found is not None else None
        except ParseError:
            pass
        return None


def naive_stamp(parts: Sequence[int]) -> datetime | None:
    """Return a wall-clock time of year, month, day, hour, minute and second; a leap second counts as the 59th."""
    try:
        year, month, day, hour, minute, second = parts
        return datetime(year, month, day, hour, minute, min(second, 59))  # noqa: DTZ001
    except ValueError:
        return None


def clf_stamp(stamp: bytes) -> datetime | None:
    """Return the time of ``21/Jun/2022:07:45:13 +0900`` as UTC; None where it is none."""
    month = MONTHS.get(stamp[3:6], 0)
    try:
        text = (
            f"{int(stamp[7:11]):04}-{month:02}-{int(stamp[:2]):02}T{stamp[12:20].decode('ascii')}"
            f"{stamp[21:24].decode('ascii')}:{stamp[24:26].decode('ascii')}"
        )
    except ValueError:
        return None
    return parse_iso(text)


def syslog_stamp(stamp: bytes, candidate: Candidate) -> datetime | None:
    """Return the time of a syslog line: RFC 5424's, or the latest of RFC 3164's that is not after the last change."""
    if stamp[:1].isdigit():
        return parse_iso(stamp.decode("ascii", "replace").replace(" ", "T", 1))
    if candidate.modified is None:
        return None
    month, clock = MONTHS.get(stamp[:3], 0), stamp[7:15]
    for year in (candidate.modified.year + 1, candidate.modified.year, candidate.modified.year - 1):
        try:
            parts = (year, month, int(stamp[4:6]), int(clock[:2]), int(clock[3:5]), int(clock[6:8]))
        except ValueError:
            return None
        naive = naive_stamp(parts)
        time = from_local(naive, candidate.timezone) if naive is not None else None
        if time is not None and time <= candidate.modified + _DAY:
            return time
    return None


def texts(found: re.Match[bytes]) -> Mapping[str, str]:
    """Return the named groups of a line as text."""
    return {key: (value or b"").decode("utf-8", "replace") for key, value in found.groupdict().items()}
