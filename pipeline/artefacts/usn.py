"""The NTFS change journal: what was created, written, renamed and deleted, record by record.

SOURCE: Microsoft, "Change Journal Records": reasons accumulate from the first change of a file to its close. The
journal is a sparse stream: what was cut off at its start has no clusters and is not read. Reads are not journalled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Final

from pipeline.access.interfaces import Readable, Sparse, stored_ranges
from pipeline.access.usn import PAGE, UsnRecord, reasons_of, walk_page
from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.times import Span, from_filetime
from pipeline.artefacts.wiping import Wipes
from pipeline.errors import UnreadableError
from pipeline.records import Gap

__all__ = ["ChangeJournal"]

_PIECE: Final = 1 << 20
_ZEROS: Final = 32 << 20
_MOST_GAPS: Final = 1000
_ACTIONS: Final = (
    (0x200, Action.ENTRY_DELETED),
    (0x3000, Action.ENTRY_RENAMED),
    (0x100, Action.ENTRY_CREATED),
    (0x77, Action.ENTRY_MODIFIED),
)
"""The reasons that decide what an event is called, the strongest first; all others change what is said of a file."""


@dataclass(slots=True)
class _Walk:
    """What the walk knows: the time and USN that it reached, what is missing, and when the clock was set back."""

    span: Span = field(default_factory=Span)
    time: datetime | None = None
    expected: int = -1
    gaps: list[Gap] = field(default_factory=list)
    damaged: bool = False
    wipes: Wipes = field(default_factory=Wipes)

    def lose(self, reason: str, until: datetime | None = None) -> None:
        """Note what is missing behind the last record."""
        self.damaged = True
        if len(self.gaps) < _MOST_GAPS:
            start, end = self.time, until
            if start is not None and end is not None and end < start:
                start, end = end, start
            self.gaps.append(Gap(start=start, end=end, reason=reason))

    def count(self, record: UsnRecord) -> datetime | None:
        """Count a record and compare its USN with where the one before it ended."""
        time = from_filetime(record.stamp) if record.stamp else None
        page_end = -(-self.expected // PAGE) * PAGE
        if 0 <= self.expected < record.usn and record.usn != page_end:
            self.lose(f"journal bytes {self.expected} to {record.usn} hold no readable record", time)
        self.expected = record.usn + record.length
        self.span.add(time)
        self.time = time or self.time
        return time


@dataclass(frozen=True)
class ChangeJournal(Artefact):
    """Reads versions 2, 3 and 4; each record is an event, its place the USN."""

    name: str = "usn-journal"
    version: int = 2
    patterns: ClassVar[tuple[str, ...]] = ("/$extend/$usnjrnl",)
    stream: ClassVar[str] = "$j"

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield events, then the audit; damage and missing records are gaps."""
        walk, status = _Walk(), "read"
        try:
            for start, length in _stored(candidate.content):
                yield from _stretch(candidate.content, start, length, walk)
        except UnreadableError as error:
            walk.lose(str(error))
        if walk.damaged or not walk.span.records:
            status = "damaged" if walk.span.records else "unreadable"
            yield Trouble("journal-damaged", "records are missing, overwritten or absent; changes may not be listed")
        yield Audit(
            system="NTFS change journal", owner="", first=walk.span.first, last=walk.span.last,
            records=walk.span.records, gaps=(*walk.gaps, *walk.span.gaps)[:_MOST_GAPS],
            enabled="yes" if walk.span.records else "unknown", state_only=False, status=status,
        )  # fmt: skip


def _stored(content: Readable) -> Iterator[tuple[int, int]]:
    """Yield the stretches that have bytes; where only the file system knows, what follows 32 MiB of zeros."""
    if isinstance(content, Sparse) or content.size <= _ZEROS:
        yield from stored_ranges(content)
        return
    start, empty = content.size, 0
    while start and empty < _ZEROS:
        size = start % _PIECE or _PIECE
        start -= size
        empty = 0 if any(content.read(start, size)) else empty + size
    yield start + empty, content.size - start - empty


def _stretch(content: Readable, start: int, length: int, walk: _Walk) -> Iterator[Event]:
    """Yield the events of one stretch that has bytes, page by page."""
    for at in range(start, start + length, _PIECE):
        piece = content.read(at, min(_PIECE, start + length - at))
        for page in range(0, len(piece), PAGE):
            data = piece[page : page + PAGE]
            if not any(data):
                continue
            for place, record in walk_page(data):
                if record is None:
                    walk.lose(f"bytes at {at + page + place} are no record")
                else:
                    time = walk.count(record)
                    yield _event(record, time)
                    wiped = walk.wipes.after(record, time)
                    if wiped is not None:
                        yield wiped


def _event(record: UsnRecord, time: datetime | None) -> Event:
    action = next((action for bits, action in _ACTIONS if record.reason & bits), Action.ENTRY_CHANGED)
    return Event(
        time=time, time_meaning="journalled", action=action, subject=record.name or f"file {_reference(record.file)}",
        place=f"usn {record.usn}", precision_us=1,
        detail={
            "reasons": reasons_of(record.reason), "file": _reference(record.file), "parent": _reference(record.parent),
            "kind": "directory" if record.attributes & 0x10 else "file", "usn": record.usn, "version": record.version,
        },
    )  # fmt: skip


def _reference(number: int) -> str:
    """Return a file reference as record number and sequence; a 128-bit one (ReFS) in hexadecimal."""
    return f"{number & 0xFFFFFFFFFFFF}-{number >> 48}" if number < 1 << 64 else f"{number:032x}"
