"""What NTFS leaves in raw space: runs of change journal records, MFT records, recycle bin notes.

SOURCE: Linux-NTFS project documentation: FILE record, fixup, attributes 0x10 and 0x30; Microsoft, winioctl.h; field
knowledge of ``$I`` files as Windows Vista (version 1) and Windows 10 (version 2) write them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.access.interfaces import Readable
from pipeline.access.usn import LONGEST, PAGE, SHORTEST, parse_record
from pipeline.carvers.base import Carved, Carver

__all__ = ["JournalRecords", "MftRecords", "RecycledNote"]

_EARLIEST: Final = 119_600_064_000_000_000
_LATEST: Final = 157_469_184_000_000_000
"""FILETIME of 1980-01-01 and of 2100-01-01."""
_MOST: Final = 1 << 16
_PIECE: Final = 1 << 16


@dataclass(frozen=True)
class JournalRecords(Carver):
    """Takes journal records whose sequence numbers go on, across the ends of the journal's pages."""

    name: str = "usn"
    version: int = 1

    def locate(self, data: bytes, start: int) -> Iterable[int]:
        """Return multiples of 8 with a length and a version of a record."""
        skip = -start % 8
        words = np.frombuffer(data, "<u8", (len(data) - skip) // 8, skip) if len(data) > skip + 8 else _NONE
        places = np.flatnonzero(words - _VERSION_2 < _VERSION_5 - _VERSION_2)
        length = words[places] & np.uint64(0xFFFFFFFF)
        fits = (length >= SHORTEST) & (length <= LONGEST) & (length % 8 == 0)
        return (skip + 8 * at for at in places[fits].tolist())

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the run; two records at least, one of them with a name."""
        data = view.read(start, min(_PIECE, limit))
        base = at = 0
        count, named, expected = 0, False, -1
        while count < _MOST:
            if at + LONGEST > len(data) and base + len(data) < limit:
                base, at, data = base + at, 0, view.read(start + base + at, min(_PIECE, limit - base - at))
            record = parse_record(data, at)
            if record is None and expected % PAGE and not any(data[at : at + PAGE - expected % PAGE]):
                at += PAGE - expected % PAGE
                expected += PAGE - expected % PAGE
                record = parse_record(data, at)
            if record is None or (expected >= 0 and record.usn != expected):
                break
            count, named, expected = count + 1, named or bool(record.name), record.usn + record.length
            at += record.length
            end = base + at
        return Carved(start, end, "usn") if count > 1 and named else None


_NONE: Final = np.zeros(0, "<u8")
_VERSION_2, _VERSION_5 = np.uint64(2 << 32), np.uint64(5 << 32)
"""A record's first eight bytes with the lowest major version, and behind those with the highest (length: any)."""


@dataclass(frozen=True)
class MftRecords(Carver):
    """Takes MFT records, with the records behind: fixups in place, attributes that add up to the used size."""

    name: str = "mft-records"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"FILE0\0\x03\0", 0), (b"FILE*\0\x03\0", 0), (b"FILE0\0\x09\0", 0))

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the records; of a single one, the title is its name."""
        end, count, title = 0, 0, ""
        while count < _MOST:
            size, name = _record(view.read(start + end, min(4096, limit - end)))
            if not size:
                break
            end, count, title = end + size, count + 1, title or name
        return Carved(start, end, "mft-records", title=title if count == 1 else "") if count else None


def _record(data: bytes) -> tuple[int, str]:
    """Return an MFT record's size and name, 0 where it is none."""
    if len(data) < 1024 or data[:4] != b"FILE":
        return 0, ""
    fixups, count = struct.unpack_from("<HH", data, 4)
    first, _, used, size = struct.unpack_from("<HHII", data, 20)
    if size not in (1024, 4096) or size > len(data) or count != size // 512 + 1 or not 42 <= fixups <= 48:
        return 0, ""
    mark = data[fixups : fixups + 2]
    if not 48 <= first < used <= size or any(data[at - 2 : at] != mark for at in range(512, size + 1, 512)):
        return 0, ""
    record = bytearray(data[:size])
    for number in range(1, count):
        record[number * 512 - 2 : number * 512] = data[fixups + 2 * number : fixups + 2 * number + 2]
    return _attributes(bytes(record), first, used, size)


def _attributes(record: bytes, at: int, used: int, size: int) -> tuple[int, str]:
    """Walk the attributes to their end mark; return the record's size and its (first long) name."""
    name, kind, before = "", 0, 0
    while at + 8 <= used:
        kind, length = struct.unpack_from("<II", record, at)
        if kind == 0xFFFFFFFF:
            return (size, name) if at + 8 <= used <= at + 16 else (0, "")
        if kind % 16 or not before <= kind <= 0x1000 or length < 24 or length % 8 or at + length > used:
            return 0, ""
        if kind == 0x30 and not record[at + 8] and length >= 24 + 66 + 2:
            (place,) = struct.unpack_from("<H", record, at + 20)
            text = record[at + place + 66 : at + place + 66 + 2 * record[min(at + place + 64, size - 1)]]
            name = name or text.decode("utf-16-le", "replace") if record[at + place + 65] != 2 else name
        at, before = at + length, kind
    return 0, ""


@dataclass(frozen=True)
class RecycledNote(Carver):
    """Takes what the recycle bin notes of a deleted file: version, size, time of deletion, full path."""

    name: str = "recycled"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b":\0\\\0", 30), (b":\0\\\0", 26))

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the note; a path without a terminator, or times out of range, are none."""
        if start < 0:
            return None
        head = view.read(start, min(28, limit))
        if len(head) < 28:
            return None
        version, size, stamp, count = struct.unpack_from("<QQQI", head)
        if version not in (1, 2) or size >> 48 or not _EARLIEST <= stamp < _LATEST:
            return None
        length = 544 if version == 1 else 28 + 2 * count
        if (version == 2 and not 4 <= count <= 32768) or length > limit:
            return None
        raw = view.read(start + (24 if version == 1 else 28), length - (24 if version == 1 else 28))
        path = raw.decode("utf-16-le", "replace").partition("\0")[0]
        terminated = version == 1 or len(path) == count - 1
        if not terminated or not _PATH.fullmatch(path):
            return None
        return Carved(start, length, "recycled", title=path)


_PATH: Final = re.compile(r"[A-Z]:\\[^\x00-\x1f/:*?\"<>|\ufffd]{1,32700}")
