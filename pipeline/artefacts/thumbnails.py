"""Thumbnails: pictures that Explorer made of files, which outlive the files.

A cache names a file by a number that Windows Search keeps too (``thumbnail``); the old Thumbs.db by its name. SOURCE:
Joachim Metz, "Windows Explorer Thumbnail Cache database format": file header CMMM, version at 4,
first entry at 12 (from 8 on at 16); entry CMMM, size at 4,
number at 8; sizes of name, padding and data from 16 on (in Vista, 20, from 24), header of 56 bytes (in 7, 21, of 48);
"Windows Explorer Thumbnail Database (Thumbs.db)": Catalog, header of 16 bytes; entry size, number, FILETIME, name.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

import olefile

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.reading import Reading
from pipeline.artefacts.times import from_filetime
from pipeline.errors import ParseError

__all__ = ["ThumbnailCache", "ThumbsDatabase"]

_MARK: Final = b"CMMM"
_PAGE: Final = 1 << 20
_VISTA, _SEVEN = 20, 21
_MOST: Final = 1_000_000
_MOST_LOST: Final = 1000
_LARGEST: Final = 256 << 20
_HASHED: Final = re.compile(r"\d+_[0-9A-Fa-f]+")
"""Names of pictures since Windows Vista, which keeps no catalog: size and number."""
_FAULTS: Final = (OSError, ValueError, IndexError, TypeError, AttributeError, OverflowError, RecursionError, KeyError)
"""What olefile raises on damaged compound files."""


@dataclass(frozen=True)
class ThumbnailCache(Artefact):
    """Reads thumbcache_*.db of Windows Vista and later; entries bear no time."""

    name: str = "thumbnail-cache"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = ("/users/*/appdata/local/microsoft/windows/explorer/thumbcache_*.db",)

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per picture, then the audit."""
        reading = Reading("Windows thumbnail cache", owner_of(candidate.path))
        yield from reading.facts(_pictures(candidate, reading))


@dataclass(frozen=True)
class ThumbsDatabase(Artefact):
    """Reads Thumbs.db, wherever it lies: names of the files of its folder, and when each was last written."""

    name: str = "thumbs-db"
    version: int = 1

    def wants(self, path: str, system: str = "") -> bool:
        """Return whether a path is one, in whatever folder."""
        del system
        return path.endswith(("/thumbs.db", "/ehthumbs.db", "/ehthumbs_vista.db"))

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per picture, then the audit."""
        reading = Reading("Windows Thumbs.db")
        yield from reading.facts(_catalogued(candidate, reading))


def _pictures(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    content = candidate.content
    head = content.read(0, min(24, content.size))
    if head[:4] != _MARK or len(head) < 24:
        message = "the header is destroyed"
        raise ParseError(message)
    version, first = struct.unpack_from("<I", head, 4)[0], _first(head)
    at = _next(candidate, 20)
    if at > first or (at < 0 and content.size > first):
        reading.lose(f"the first entry, at {first}, is destroyed")
    lost = 0
    for _ in range(_MOST):
        if at < 0:
            return
        entry = content.read(at, max(min(1024, content.size - at), 0))
        size = int.from_bytes(entry[4:8], "little")
        if len(entry) < 56 or size < 48 or at + size > content.size:
            reading.lose(f"the entry at {at} is destroyed or cut off")
            lost += 1
            if lost > _MOST_LOST:
                message = f"more than {_MOST_LOST} entries are destroyed"
                raise ParseError(message)
            at = _next(candidate, at + 4)
            continue
        event = _picture(candidate, entry, at, version)
        if event is not None:
            reading.span.add(None)
            yield event
        at = _follow(candidate, at, size, reading)


def _first(head: bytes) -> int:
    """Return where the first entry begins: stated at 12, from Windows 8 on at 16."""
    return next((place for place in struct.unpack_from("<II", head, 12) if 24 <= place <= 256), 24)


def _follow(candidate: Candidate, at: int, size: int, reading: Reading) -> int:
    """Return where the next entry begins; what lies between is lost, unless it is zeros to the end."""
    expected = at + size
    if expected >= candidate.content.size or candidate.content.read(expected, 4) == _MARK:
        return expected if expected < candidate.content.size else -1
    found = _next(candidate, expected)
    if found >= 0:
        reading.lose(f"bytes {expected} to {found} are no entry")
    return found


def _next(candidate: Candidate, start: int) -> int:
    for at in range(start, candidate.content.size, _PAGE):
        piece = candidate.content.read(at, min(_PAGE + 3, candidate.content.size - at))
        found = piece.find(_MARK)
        if found >= 0:
            return at + found
    return -1


def _picture(candidate: Candidate, entry: bytes, at: int, version: int) -> Event | None:
    number = int.from_bytes(entry[8:16], "little")
    place = 24 if version == _VISTA else 16
    length, _, data = struct.unpack_from("<3I", entry, place)
    if not data or not number:
        return None
    head = 48 if version == _SEVEN else 56
    name = entry[head : head + min(length, 800)].decode("utf-16-le", "replace").rstrip("\0")
    return Event(
        time=None, time_meaning="thumbnail kept", action=Action.FILE_PRESENT, subject=name, place=f"entry at {at}",
        actor=owner_of(candidate.path), detail={"thumbnail": f"{number:016X}", "picture_bytes": data},
    )  # fmt: skip


def _catalogued(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    data = candidate.content.read(0, min(candidate.content.size, _LARGEST))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            file = olefile.OleFileIO(io.BytesIO(data))
            names = [path[-1] for path in file.listdir(streams=True, storages=False)]
            catalog = file.openstream("Catalog").read(_LARGEST) if "Catalog" in names else b""
        except _FAULTS as error:
            message = "it is no readable compound file"
            raise ParseError(message) from error
    pictures = [name for name in names if name != "Catalog"]
    if "Catalog" in names:
        yield from _entries(catalog, len(pictures), reading)
        return
    if not all(_HASHED.fullmatch(name) for name in pictures):
        reading.lose("the catalog of names is missing")
    for name in pictures[:_MOST]:
        reading.span.add(None)
        yield Event(
            time=None, time_meaning="thumbnail kept", action=Action.FILE_PRESENT, subject="", place=f"stream {name}",
            detail={"thumbnail": name.rpartition("_")[2].upper()},
        )  # fmt: skip


def _entries(catalog: bytes, pictures: int, reading: Reading) -> Iterator[Event]:
    head, _, stated = struct.unpack_from("<HHI", catalog) if len(catalog) >= 16 else (0, 0, 0)
    stated = max(stated, pictures)
    if head != 16:
        message = "the catalog is cut off or destroyed"
        raise ParseError(message)
    at, found = head, 0
    while at + 16 <= len(catalog) and found < min(stated, _MOST):
        size, number, stamp = struct.unpack_from("<IIQ", catalog, at)
        if size < 20 or at + size > len(catalog):
            break
        time = from_filetime(stamp)
        reading.span.add(time)
        yield Event(
            time=time, time_meaning="file written last", action=Action.FILE_PRESENT, place=f"entry {number}",
            subject=catalog[at + 16 : at + size].decode("utf-16-le", "replace").split("\0", 1)[0], precision_us=1,
        )  # fmt: skip
        at, found = at + size, found + 1
    if found < stated:
        reading.lose(f"{stated - found} of {stated} entries of the catalog are missing")
