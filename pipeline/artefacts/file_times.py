"""Times of files that were set by a program: creation earlier than the time NTFS keeps beside the name.

A name's own times ($FILE_NAME) are copied when the name is made and rarely reached by programs. A creation earlier than
that of the name was set afterwards: by an unpacker or a copier that keeps times, or to mislead. Whole seconds, which a
clock practically never gives, tell them from what the system itself wrote. When it was done stands in the
time of the record's change. SOURCE: [MS-FSCC] 2.4.7; B. Carrier, "File System Forensic Analysis", ch. 13.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pipeline.artefacts.base import Action, Audit, Event, Fact, Trouble, VolumeArtefact, Window
from pipeline.artefacts.times import Span
from pipeline.records import FileEntry, Origin, Volume

__all__ = ["FileTimes"]

_SYSTEM: Final = ("/windows/", "/program files", "/programdata/", "/$extend/", "/windows.old/", "/recovery/", "/boot/")
"""Folders that installers fill, which keep the times of what they unpack."""
_LEAST: Final = timedelta(seconds=2)
_MOST: Final = 10_000
_LIMIT: Final = "unpackers and copiers that keep times do the same; it is no proof of deceit"


@dataclass(frozen=True)
class FileTimes(VolumeArtefact):
    """Compares both creations of each file of an NTFS volume."""

    name: str = "file-times"
    version: int = 1

    def examine(
        self, volume: Volume, entries: Iterable[FileEntry], window: Window | None = None
    ) -> Iterator[tuple[FileEntry | None, Fact]]:
        """Yield the files whose creation was set back, at most 10,000, then the audit."""
        del window
        span, found = Span(step_s=10**9), 0
        for entry in entries:
            if entry.stream or entry.kind != "file" or entry.name_created is None or entry.created is None:
                continue
            span.add(entry.changed)
            if _set_back(entry, entry.created, entry.name_created):
                found += 1
                if found <= _MOST:
                    yield entry, _event(entry, entry.created, entry.name_created)
        if found > _MOST:
            yield None, Trouble("file-times-many", f"{found - _MOST} more files with times set back are not listed")
        yield None, Audit(
            system=volume.file_system, owner=volume.label, first=span.first, last=span.last, records=span.records,
            gaps=(), enabled="yes" if span.records else "unknown", state_only=True, status="read",
        )  # fmt: skip


def _set_back(entry: FileEntry, created: datetime, named: datetime) -> bool:
    whole = created.microsecond == 0 and (entry.modified is None or entry.modified.microsecond == 0)
    path = f"/{entry.path.lower().lstrip('/')}"
    kept = entry.origin in (Origin.ALLOCATED, Origin.DELETED, Origin.ORPHAN)
    return kept and whole and named - created > _LEAST and not path.startswith(_SYSTEM)


def _event(entry: FileEntry, created: datetime, named: datetime) -> Event:
    detail: dict[str, str | int] = {
        "target_created": created.isoformat(), "name_created": named.isoformat(), "limit": _LIMIT,
    }  # fmt: skip
    return Event(
        time=entry.changed, time_meaning="record changed last", action=Action.TIMES_SET, subject=entry.path,
        place="times", precision_us=max(entry.changed_precision_us, 1), zone=entry.changed_zone or "UTC", detail=detail,
    )  # fmt: skip
