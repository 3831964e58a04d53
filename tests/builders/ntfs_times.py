"""Puts fixed times where mkntfs and ntfs-3g stamped the hour of the build."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Final

from tests.builders.evtx import filetime

__all__ = ["settle_ntfs"]

SECTOR: Final = 512
LATE: Final = (filetime(datetime(2023, 1, 1, tzinfo=UTC)), filetime(datetime(2100, 1, 1, tzinfo=UTC)))
"""Times that can only come from the build."""


def settle_ntfs(volume: bytearray, settled: int, serial: int) -> None:
    """Replace build times in FILE and INDX records, make $FILE_NAME times those of creation, set the serial number.

    SOURCE: Linux-NTFS project documentation: FILE record, fixup, attributes 0x10 and 0x30; boot sector offset 0x48.
    """
    for copy in (0, len(volume) - SECTOR):
        if volume[copy + 3 : copy + 7] == b"NTFS":
            struct.pack_into("<Q", volume, copy + 72, serial)
    for start in range(0, len(volume) - 4095, 1024):
        mark = bytes(volume[start : start + 4])
        size = {b"FILE": 1024, b"INDX": 4096}.get(mark, 0)
        if size:
            record = _unfixed(volume[start : start + size])
            _replace_late(record, settled)
            if mark == b"FILE":
                _align_names(record, settled)
            volume[start : start + size] = _fixed(record)


def _places(record: bytearray) -> list[tuple[int, int]]:
    """Return (place in a sector's end, place in the update sequence array) of a record."""
    offset, count = struct.unpack_from("<HH", record, 4)
    return [(number * SECTOR - 2, offset + 2 * number) for number in range(1, count)]


def _unfixed(raw: bytearray) -> bytearray:
    record = bytearray(raw)
    for end, saved in _places(record):
        record[end : end + 2] = record[saved : saved + 2]
    return record


def _fixed(record: bytearray) -> bytearray:
    (offset,) = struct.unpack_from("<H", record, 4)
    for end, saved in _places(record):
        record[saved : saved + 2] = record[end : end + 2]
        record[end : end + 2] = record[offset : offset + 2]
    return record


def _replace_late(record: bytearray, settled: int) -> None:
    for offset in range(48, len(record), 8):
        if LATE[0] <= struct.unpack_from("<Q", record, offset)[0] < LATE[1]:
            struct.pack_into("<Q", record, offset, settled)


def _align_names(record: bytearray, settled: int) -> None:
    """Give every $FILE_NAME the creation time of $STANDARD_INFORMATION, as Windows writes it when it makes a file."""
    (offset,) = struct.unpack_from("<H", record, 20)
    created = b""
    while offset + 24 <= len(record):
        kind, length = struct.unpack_from("<II", record, offset)
        if kind == 0xFFFFFFFF or length < 24:
            return
        content = offset + struct.unpack_from("<H", record, offset + 20)[0]
        if kind == 0x10:
            if not any(record[content : content + 8]):
                struct.pack_into("<4Q", record, content, *[settled] * 4)
            created = bytes(record[content : content + 8])
        elif kind == 0x30 and created:
            record[content + 8 : content + 40] = created * 4
        offset += length
