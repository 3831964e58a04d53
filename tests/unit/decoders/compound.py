"""Compound files (MS-CFB version 3) with whole-sector streams, and a small BIFF8 workbook (MS-XLS) to put in one."""

from __future__ import annotations

import struct
from collections.abc import Mapping

__all__ = ["biff", "compound"]

SECTOR, END, FREE = 512, 0xFFFFFFFE, 0xFFFFFFFF


def compound(streams: Mapping[str, bytes]) -> bytes:
    """Return a file with one FAT sector; streams are padded to the 4096 bytes below which they would be small."""
    padded = {name: data.ljust(4096, b"\0") for name, data in streams.items()}
    entries = 1 + len(padded)
    directory = -(-entries // 4)
    fat, body, places = [0xFFFFFFFD, *_chain(1, directory)], b"", {}
    for name, data in padded.items():
        count = -(-len(data) // SECTOR)
        places[name] = (len(fat), len(data))
        fat += _chain(len(fat), count)
        body += data.ljust(count * SECTOR, b"\0")
    assert len(fat) <= 128
    table = struct.pack("<128I", *fat, *[FREE] * (128 - len(fat)))
    rows = _row("Root Entry", 5, FREE, 1 if padded else FREE, END, 0)
    for number, (name, (start, size)) in enumerate(sorted(places.items(), key=_by_length), 1):
        rows += _row(name, 2, number + 1 if number < len(padded) else FREE, FREE, start, size)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<IIIIIIIIII", 0, 1, 1, 0, 4096, END, 0, END, 0, 0) + b"\xff" * 432
    return head + table + rows.ljust(directory * SECTOR, b"\0") + body


def _by_length(item: tuple[str, tuple[int, int]]) -> tuple[int, str]:
    return len(item[0]), item[0].upper()


def _chain(first: int, count: int) -> list[int]:
    return [*range(first + 1, first + count), END]


def _row(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
    raw = name.encode("utf-16-le")
    head = raw.ljust(64, b"\0") + struct.pack("<HBBIII", len(raw) + 2, kind, 1, FREE, right, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)


def biff(rows: Mapping[int, str], sheet: str) -> bytes:
    """Return a workbook stream of one hidden sheet with a label in column A of the given rows (from 1)."""
    name = sheet.encode("utf-16-le")
    begin = _record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 6))
    size = len(begin) + 4 + 8 + len(name) + 4
    bound = _record(0x85, struct.pack("<IBBBB", size, 1, 0, len(sheet), 1) + name)
    labels = b"".join(
        _record(0x204, struct.pack("<HHHHB", row - 1, 0, 0, len(text), 1) + text.encode("utf-16-le"))
        for row, text in rows.items()
    )
    inner = _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 6)) + labels + _record(0x0A, b"")
    return begin + bound + _record(0x0A, b"") + inner


def _record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data
