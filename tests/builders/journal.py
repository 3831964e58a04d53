"""systemd journal files, from the documentation of their layout: header, data objects and entries.

SOURCE: systemd docs/JOURNAL_FILE_FORMAT.md and journal-def.h (header of 272 bytes; compact entries hold 32-bit
offsets).
"""

from __future__ import annotations

import lzma
import struct
from collections.abc import Sequence
from typing import Final

import pyarrow as pa

__all__ = ["COMPRESSIONS", "journal"]

HEADER: Final = 272
COMPRESSIONS: Final = {"none": 0, "xz": 1, "lz4": 2, "zstd": 4}


def _packed(data: bytes, kind: str) -> bytes:
    if kind == "xz":
        return lzma.compress(data)
    if kind == "lz4":
        return struct.pack("<Q", len(data)) + pa.Codec("lz4_raw").compress(data, asbytes=True)
    return pa.Codec("zstd").compress(data, asbytes=True) if kind == "zstd" else data


def journal(
    entries: Sequence[tuple[int, dict[str, str]]], *, compression: str = "none", compact: bool = False, first: int = 1
) -> bytes:
    """Return a file of entries, each with its time in microseconds; MESSAGE fields are compressed."""
    body, known, at = bytearray(), dict[bytes, int](), HEADER
    last = at
    for number, (time, fields) in enumerate(entries):
        places = []
        for name, value in fields.items():
            data = f"{name}={value}".encode()
            if data not in known:
                flags = COMPRESSIONS[compression] if name == "MESSAGE" else 0
                payload = _packed(data, compression) if flags else data
                head = struct.pack("<QQQQQQ", 0, 0, 0, 0, 0, 1) + (bytes(8) if compact else b"")
                last = known[data] = at + len(body)
                _add(body, 1, flags, head + payload)
            places.append(known[data])
        items = b"".join(struct.pack("<I", place) if compact else struct.pack("<QQ", place, 0) for place in places)
        last = at + len(body)
        _add(body, 3, 0, struct.pack("<QQQ16sQ", first + number, time, number, b"\xaa" * 16, 0) + items)
    head = struct.pack(
        "<8sIIB7x16s16s16s16sQQQQQQQQQQQQQQ", b"LPKSHHRH", 0, 16 if compact else 0, 0, b"f" * 16, b"m" * 16, b"\xaa" * 16,  # noqa: E501
        b"s" * 16, HEADER, len(body), 0, 0, 0, 0, last, len(known) + len(entries), len(entries),
        first + len(entries) - 1, first, 0, entries[0][0] if entries else 0, entries[-1][0] if entries else 0,
    )  # fmt: skip
    return head.ljust(HEADER, b"\0") + bytes(body)


def _add(body: bytearray, kind: int, flags: int, rest: bytes) -> None:
    body += struct.pack("<BB6xQ", kind, flags, 16 + len(rest)) + rest
    body += bytes(-len(body) % 8)
