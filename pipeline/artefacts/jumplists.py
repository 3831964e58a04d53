"""Jump lists: which documents and folders a user opened with which program, and the links that it keeps for them.

SOURCE: Joachim Metz, "Jump lists format": DestList (header of 32 bytes: version at 0, entries at 4; entry: host at 72,
number at 88, FILETIME at 100, pinned at 108; path length at 112 in version 1, else count at 116 and length at 128, four
bytes behind the path).
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

import olefile

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.reading import Reading
from pipeline.artefacts.shell_link import ShellLink, parse_link
from pipeline.artefacts.times import from_filetime
from pipeline.errors import ParseError

__all__ = ["AutomaticJumpList", "kept", "link_of"]


_LARGEST: Final = 64 << 20
_MOST_ENTRIES: Final = 50_000
_HEAD: Final = 32
_FAULTS: Final = (OSError, ValueError, IndexError, TypeError, AttributeError, OverflowError, RecursionError, KeyError)
"""What olefile raises on damaged compound files."""


@dataclass(frozen=True, slots=True)
class _Entry:
    number: int
    path: str
    host: str
    time: datetime | None
    pinned: bool
    count: int


@dataclass(frozen=True)
class AutomaticJumpList(Artefact):
    """Reads the list (DestList, versions 1 to 4) and the links, which the entries name by number."""

    name: str = "jump-list"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        "/users/*/appdata/roaming/microsoft/windows/recent/automaticdestinations/*.automaticdestinations-ms",
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield one event per entry, then the audit; a list holds the last opening of each document."""
        reading = Reading("Windows jump list", owner_of(candidate.path))
        yield from reading.facts(_automatic(candidate, reading))


def _automatic(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    streams = dict(_streams(candidate, reading))
    listed = streams.pop("DestList", b"")
    links = {int(name, 16): data for name, data in streams.items() if _is_number(name)}
    for entry in _entries(listed, reading):
        reading.span.add(entry.time)
        yield _opened(candidate, entry, link_of(links.pop(entry.number, b""), reading))
    for number, data in sorted(links.items()):
        link = link_of(data, reading)
        if link is not None:
            reading.span.add(None)
            yield kept(candidate, link, f"link {number}", None, "kept without an entry in the list")


def _is_number(name: str) -> bool:
    return 0 < len(name) <= 8 and all(letter in "0123456789abcdefABCDEF" for letter in name)


def _streams(candidate: Candidate, reading: Reading) -> Iterator[tuple[str, bytes]]:
    data = candidate.content.read(0, min(candidate.content.size, _LARGEST))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            file = olefile.OleFileIO(io.BytesIO(data))
            names = file.listdir(streams=True, storages=False)
        except _FAULTS as error:
            message = "it is no readable compound file"
            raise ParseError(message) from error
        for path in names[:_MOST_ENTRIES]:
            try:
                stream = file.openstream(path).read(_LARGEST)
                if len(stream) < min(file.get_size(path), _LARGEST):
                    reading.lose("a stream of the list is cut off")
                yield path[-1], stream
            except _FAULTS:
                reading.lose("a stream of the list cannot be read")


def _entries(data: bytes, reading: Reading) -> Iterator[_Entry]:
    version, stated = struct.unpack_from("<II", data) if len(data) >= _HEAD else (0, 0)
    if version not in (1, 2, 3, 4):
        reading.lose("the list of entries (DestList) is destroyed, or of an unknown version")
        return
    at, found, head = _HEAD, 0, 114 if version == 1 else 130
    while found < min(stated, _MOST_ENTRIES) and at + head <= len(data):
        (number,) = struct.unpack_from("<I", data, at + 88)
        stamp, pinned = struct.unpack_from("<Qi", data, at + 100)
        (length,) = struct.unpack_from("<H", data, at + head - 2)
        raw = data[at + head : at + head + 2 * length]
        count = (
            struct.unpack_from("<f", data, at + 96)[0] if version == 1 else struct.unpack_from("<I", data, at + 116)[0]
        )
        if len(raw) < 2 * length:
            break
        host = data[at + 72 : at + 88].split(b"\0")[0].decode("ascii", "replace")
        path = raw.decode("utf-16-le", "replace")
        yield _Entry(number, path, host, from_filetime(stamp), pinned >= 0, _whole(count))
        found, at = found + 1, at + head + 2 * length + (0 if version == 1 else 4)
    if found < stated:
        reading.lose(f"{stated - found} of {stated} entries of the list are missing")


def _whole(count: float) -> int:
    """Return a count that version 1 keeps as a floating-point number; 0 where it is none."""
    return int(count) if 0 <= count < 1 << 32 else 0


def link_of(data: bytes, reading: Reading) -> ShellLink | None:
    """Return the link at the start of some bytes; None where there are none, or, noted as damage, no link."""
    if not data:
        return None
    try:
        link = parse_link(data)
    except ParseError:
        reading.lose("a link of the list is destroyed")
        return None
    if link.cut:
        reading.lose(link.cut)
    return link


def _opened(candidate: Candidate, entry: _Entry, link: ShellLink | None) -> Event:
    detail: dict[str, str | int] = {} if link is None else dict(link.detail)
    detail |= {"app_id": _app(candidate), "count": entry.count, "pinned": "yes" if entry.pinned else "no"}
    if entry.host:
        detail["host"] = entry.host
    if link is not None and link.target and link.target != entry.path:
        detail["link_target"] = link.target
    folder = detail.get("kind") == "directory"
    return Event(
        time=entry.time, time_meaning="last opened", action=Action.FOLDER_OPENED if folder else Action.FILE_OPENED,
        subject=entry.path or (link.target if link is not None else ""), place=f"entry {entry.number}",
        precision_us=1, actor=owner_of(candidate.path), detail=detail,
    )  # fmt: skip


def kept(candidate: Candidate, link: ShellLink, place: str, time: datetime | None, meaning: str) -> Event:
    """Return the event of a link that a list keeps, which is no opening by itself."""
    detail: Mapping[str, str | int] = link.detail | {"app_id": _app(candidate)}
    return Event(
        time=time, time_meaning=meaning, action=Action.SHORTCUT_MADE, subject=link.target, place=place,
        actor=owner_of(candidate.path), detail=detail,
    )  # fmt: skip


def _app(candidate: Candidate) -> str:
    """Return the identifier of the program: the file's name."""
    return candidate.path.rpartition("/")[2].partition(".")[0]
