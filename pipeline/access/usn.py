"""Records of the NTFS change journal, from pages of ``$UsnJrnl:$J`` or wherever they lie.

SOURCE: Microsoft, winioctl.h: USN_RECORD_V2, _V3, _V4 and USN_RECORD_COMMON_HEADER; [MS-FSCC] 2.3.64 (V2, V3). Records
begin at multiples of 8 and do not cross a page of 4096 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["LONGEST", "PAGE", "SHORTEST", "UsnRecord", "parse_record", "reasons_of", "walk_page"]

PAGE: Final = 4096
SHORTEST: Final = 64
LONGEST: Final = 648
"""The longest V3 record: 76 bytes, a name of 255 characters, and the rounding to 8; V4 records stay below it."""
_EARLIEST: Final = 119_600_064_000_000_000
_LATEST: Final = 157_469_184_000_000_000
"""FILETIME of 1980-01-01 and of 2100-01-01: a record outside is none."""
_REASONS: Final = (
    (0x1, "data-overwrite"), (0x2, "data-extend"), (0x4, "data-truncation"), (0x10, "named-data-overwrite"),
    (0x20, "named-data-extend"), (0x40, "named-data-truncation"), (0x100, "file-create"), (0x200, "file-delete"),
    (0x400, "ea-change"), (0x800, "security-change"), (0x1000, "rename-old-name"), (0x2000, "rename-new-name"),
    (0x4000, "indexable-change"), (0x8000, "basic-info-change"), (0x10000, "hard-link-change"),
    (0x20000, "compression-change"), (0x40000, "encryption-change"), (0x80000, "object-id-change"),
    (0x100000, "reparse-point-change"), (0x200000, "stream-change"), (0x400000, "transacted-change"),
    (0x800000, "integrity-change"), (0x1000000, "desired-storage-class-change"), (0x80000000, "close"),
)  # fmt: skip
_KNOWN: Final = sum(bit for bit, _ in _REASONS)


@dataclass(frozen=True, slots=True)
class UsnRecord:
    """One record; ``stamp`` is a FILETIME, 0 in version 4, which has no name either."""

    length: int
    version: int
    file: int
    parent: int
    usn: int
    stamp: int
    reason: int
    source: int
    attributes: int
    name: str


def reasons_of(reason: int) -> str:
    """Return the reasons in words, in the order of their bits."""
    return ",".join(word for bit, word in _REASONS if reason & bit)


def parse_record(data: bytes, at: int) -> UsnRecord | None:
    """Return the record at ``at``; None where lengths, version, reasons, time or name are not those of one."""
    if at + SHORTEST > len(data):
        return None
    length, major, minor = struct.unpack_from("<IHH", data, at)
    if length % 8 or not SHORTEST <= length <= LONGEST or minor or at + length > len(data):
        return None
    if major == 2:
        return _named(data, at, length, major, struct.unpack_from("<QQQQIIIIHH", data, at + 8))
    if major == 3 and length >= 80:
        low, high, parent, over, *rest = struct.unpack_from("<QQQQQQIIIIHH", data, at + 8)
        return _named(data, at, length, major, (low | high << 64, parent | over << 64, *rest))
    return _ranges(data, at, length) if major == 4 else None


def _named(data: bytes, at: int, length: int, major: int, fields: tuple[int, ...]) -> UsnRecord | None:
    file, parent, usn, stamp, reason, source, _, attributes, size, place = fields
    head = 60 if major == 2 else 76
    fits = place == head and 0 < size <= 510 and not size % 2 and head + size <= length < head + size + 8
    if not fits or not _EARLIEST <= stamp < _LATEST or not reason or reason & ~_KNOWN or usn % 8 or usn >> 62:
        return None
    try:
        name = data[at + head : at + head + size].decode("utf-16-le", "surrogatepass")
    except UnicodeDecodeError:
        return None
    if "\0" in name or "/" in name:
        return None
    return UsnRecord(length, major, file, parent, usn, stamp, reason, source, attributes, name)


def _ranges(data: bytes, at: int, length: int) -> UsnRecord | None:
    """Return a version 4 record: extents that changed, without time and name."""
    low, high, parent, over, usn, reason, source, _, count, size = struct.unpack_from("<QQQQQIIIHH", data, at + 8)
    if size != 16 or 64 + count * 16 != length or not reason or reason & ~_KNOWN or usn % 8 or usn >> 62:
        return None
    return UsnRecord(length, 4, low | high << 64, parent | over << 64, usn, 0, reason, source, 0, "")


def walk_page(data: bytes) -> Iterator[tuple[int, UsnRecord | None]]:
    """Yield (offset, record) of one page; (offset, None) once for each stretch that holds no record and is not zero."""
    at, lost = 0, False
    while at + 8 <= len(data):
        record = parse_record(data, at)
        if record is not None:
            yield at, record
            at, lost = at + record.length, False
            continue
        if not any(data[at:]):
            return
        if not lost:
            yield at, None
        at, lost = at + 8, True
