"""Traces on a medium itself, from its listing: what hosts leave, and entries touched inside the window.

SOURCE: field knowledge of Windows, macOS, Linux and Android, as each rule says. A mount or a read that writes nothing
leaves no trace, so this source never carries a negative.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pipeline.artefacts.base import Action, Audit, Event, Fact, Trouble, VolumeArtefact, Window
from pipeline.artefacts.times import Span
from pipeline.records import FileEntry, Origin, Volume

__all__ = ["StickTraces"]

_TRACES: Final[tuple[tuple[str, str, str], ...]] = (
    ("windows", r"/system volume information/indexervolumeguid", "Windows' indexer met the volume; created once"),
    ("windows", r"/system volume information/wpsettings\.dat", "a Windows mounted the volume; created once"),
    ("windows", r"/system volume information/tracking\.log", "a Windows kept object ids on the volume"),
    ("windows", r"/system volume information/(?:clientrecoverypassword|aadrecoverypassword)\w+", "BitLocker met it"),
    ("windows", r"/system volume information", "a Windows mounted the volume for writing"),
    ("windows", r"/\$recycle\.bin/s-1-5-21-[\d-]+", "a Windows user of this SID deleted here, or opened the volume"),
    ("windows", r"/(?:recycler/s-1-5-21-[\d-]+|recycled|\$recycle\.bin)", "a Windows deleted here, or opened it"),
    ("windows", r"(?:/.*)?/(?:thumbs\.db|ehthumbs\.db)", "a Windows showed the folder's pictures"),
    ("office", r"(?:/.*)?/~\$[^/]+\.(?:do|xl|pp)[^/]{1,4}", "an Office program had the document open for writing"),
    ("office", r"(?:/.*)?/\.~lock\.[^/]+#", "LibreOffice had the document open; the file holds user and host"),
    ("macos", r"/\.fseventsd(?:/fseventsd-uuid)?", "a Mac mounted the volume for writing"),
    ("macos", r"/\.spotlight-v100", "a Mac indexed the volume"),
    ("macos", r"/\.trashes(?:/\d+)?|/\.temporaryitems", "a Mac mounted the volume; the number is its user"),
    ("macos", r"(?:/.*)?/\.ds_store", "a Mac's Finder opened the folder"),
    ("macos", r"(?:/.*)?/\._[^/]+", "a Mac wrote attributes of the file of that name"),
    ("linux", r"/\.trash-\d+|/\.trash", "a Linux desktop deleted here; the number is its user"),
    ("linux", r"(?:/.*)?/\.directory|/\.xdg-volume-info", "a Linux desktop opened the folder"),
    ("android", r"/lost\.dir|/android|/\.android_secure|/\.thumbnails", "an Android device had the medium inserted"),
)  # fmt: skip
_COMPILED: Final = tuple((system, re.compile(pattern, re.DOTALL), shows) for system, pattern, shows in _TRACES)
_TIMES: Final = (
    ("created", Action.ENTRY_CREATED),
    ("modified", Action.ENTRY_MODIFIED),
    ("accessed", Action.ENTRY_ACCESSED),
    ("changed", Action.ENTRY_CHANGED),
)
_LIMIT: Final = "a time can be set by copying tools or a wrong clock; an absent one does not show that nothing was done"
_ZONE_DOUBT: Final = timedelta(hours=14)


@dataclass(frozen=True)
class StickTraces(VolumeArtefact):
    """Reads traces of hosts, and entry times inside the window widened by precision and zone doubt."""

    name: str = "medium-traces"
    version: int = 1

    def examine(
        self, volume: Volume, entries: Iterable[FileEntry], window: Window | None = None
    ) -> Iterator[tuple[FileEntry | None, Fact]]:
        """Yield traces and entry times, then the audit."""
        span, broken = Span(step_s=10**9), 0
        for entry in entries:
            if entry.origin in {Origin.CARVED, Origin.MEMBER, Origin.SLACK}:
                continue
            span.add(entry.modified or entry.created)
            broken += entry.origin == Origin.ALLOCATED and entry.modified is None and entry.created is None
            yield from ((entry, event) for event in _trace(entry))
            if window is not None:
                yield from ((entry, event) for event in _touched(entry, window))
        if broken:
            yield None, Trouble("entry-times-absent", f"{broken} entries have no readable time; none shows when")
        yield None, Audit(
            system=volume.file_system, owner=volume.label, first=span.first, last=span.last, records=span.records,
            gaps=(), enabled="unknown", state_only=True, status="read",
        )  # fmt: skip


def _trace(entry: FileEntry) -> Iterator[Event]:
    path = entry.path.lower()
    path = path if path.startswith("/") else f"/{path}"
    for system, pattern, shows in _COMPILED:
        if pattern.fullmatch(path) and not entry.stream:
            action = Action.FOLDER_OPENED if path.count("/") > 3 else Action.VOLUME_MOUNTED
            detail: dict[str, str | int] = {"system": system, "shows": shows, "origin": entry.origin, "limit": _LIMIT}
            yield Event(
                time=entry.created, time_meaning="trace created", action=action, subject=entry.path,
                actor=_user(path), place="created", precision_us=entry.created_precision_us, zone=entry.created_zone,
                detail=detail,
            )  # fmt: skip
            return


def _user(path: str) -> str:
    found = re.search(r"/(s-1-5-21-[\d-]+)$|/\.trash(?:-|es/)(\d+)$", path)
    if found is None:
        return ""
    return found.group(1).upper() if found.group(1) else f"uid {found.group(2)}"


def _touched(entry: FileEntry, window: Window) -> Iterator[Event]:
    for name, action in _TIMES:
        time: datetime | None = getattr(entry, name)
        zone: str = getattr(entry, f"{name}_zone")
        precision: int = getattr(entry, f"{name}_precision_us")
        if time is None:
            continue
        fits = _fits(time, zone, precision, window)
        if fits:
            detail: dict[str, str | int] = {
                "fits_window": fits, "origin": entry.origin, "kind": entry.kind, "limit": _LIMIT,
            }  # fmt: skip
            yield Event(
                time=time, time_meaning=name, action=action, subject=entry.path, place=name, precision_us=precision,
                zone=zone, detail=detail,
            )  # fmt: skip


def _fits(time: datetime, zone: str, precision_us: int, window: Window) -> str:
    """Return ``inside``, ``within precision`` or ``only in another zone``; nothing where it lies outside.

    A stored time stands for [time, time + precision). A local time without an offset may be of any zone.
    """
    start, end = window
    until = time + timedelta(microseconds=max(precision_us, 1) - 1)
    if start <= time and until <= end:
        return "inside"
    if until >= start and time <= end:
        return "within precision"
    doubt = _ZONE_DOUBT if zone.startswith("local") else timedelta(0)
    return "only in another zone" if doubt and until + doubt >= start and time - doubt <= end else ""
