"""RAR archives of stored members, as technote.txt (RAR 4) and the RAR 5.0 archive format lay them out."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

__all__ = ["rar4", "rar5"]


def rar4(files: Mapping[str, bytes], *, ended: bool = True) -> bytes:
    """Return a RAR 4 archive."""
    out = b"Rar!\x1a\x07\0" + _four(0x73, 0, bytes(6))
    for name, data in files.items():
        raw = name.encode()
        fields = struct.pack(
            "<IIBIIBBHI", len(data), len(data), 3, zlib.crc32(data), 0x54D96800, 29, 0x30, len(raw), 0o644
        )
        out += _four(0x74, 0x8000, fields + raw) + data
    return out + (_four(0x7B, 0x4000, b"") if ended else b"")


def _four(kind: int, flags: int, fields: bytes) -> bytes:
    head = struct.pack("<BHH", kind, flags, 7 + len(fields)) + fields
    return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head


def rar5(files: Mapping[str, bytes], *, ended: bool = True) -> bytes:
    """Return a RAR 5 archive."""
    out = b"Rar!\x1a\x07\x01\0" + _five(_vint(1) + _vint(0) + _vint(0))
    for name, data in files.items():
        raw = name.encode()
        fields = _vint(4) + _vint(len(data)) + _vint(0o644) + struct.pack("<I", zlib.crc32(data))
        fields += _vint(0) + _vint(1) + _vint(len(raw)) + raw
        out += _five(_vint(2) + _vint(2) + _vint(len(data)) + fields) + data
    return out + (_five(_vint(5) + _vint(0) + _vint(0)) if ended else b"")


def _five(fields: bytes) -> bytes:
    body = _vint(len(fields)) + fields
    return struct.pack("<I", zlib.crc32(body)) + body


def _vint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes((number & 0x7F | 0x80,))
        number >>= 7
    return out + bytes((number,))
