"""ZIP archives without a readable directory: their local headers (APPNOTE 4.3.7) as a listing."""

from __future__ import annotations

import re
import zipfile
import zlib
from typing import Final

__all__ = ["MEASURED", "local_entries"]

_HEADER: Final = re.compile(rb"PK\x03\x04.{26}", re.DOTALL)
_METHODS: Final = (0, 8, 9, 12, 14, 93, 95, 99)
_UNKNOWN: Final = 0xFFFFFFFF
_PIECE: Final = 1 << 20
MEASURED: Final = 1 << 30
"""Bytes unpacked in all to find where entries end; behind that, the next signature is taken for the end."""


def local_entries(data: bytes, limit: int, left: int = MEASURED) -> list[zipfile.ZipInfo]:
    """Return what the local headers say, in their order, ``limit + 1`` entries at most; ``left`` bytes are unpacked.

    Sizes that stand behind the data (flag bit 3) or in the ZIP64 field are found by unpacking or read from there; the
    search goes on behind each entry, so that an archive stored inside is not listed as part of this one.
    """
    found: list[zipfile.ZipInfo] = []
    match = _HEADER.search(data)
    while match and len(found) <= limit:
        info, at = _entry(data, match.start(), left), match.start() + 4
        if info is not None:
            found.append(info)
            left -= info.file_size if info.flag_bits & 8 else 0
            names = sum(int.from_bytes(match.group()[place : place + 2], "little") for place in (26, 28))
            at = max(at, match.start() + 30 + names + info.compress_size)
        match = _HEADER.search(data, at)
    return found


def _entry(data: bytes, at: int, left: int) -> zipfile.ZipInfo | None:
    fields = [int.from_bytes(data[at + place : at + place + 2], "little") for place in (4, 6, 8, 26, 28)]
    version, flags, method, name, extra = fields
    start = at + 30 + name + extra
    if version & 0xFF > 63 or method not in _METHODS or not name or start > len(data):
        return None
    raw = data[at + 30 : at + 30 + name]
    info = zipfile.ZipInfo(raw.decode("utf-8", "replace") if flags & 0x800 else raw.decode("cp437"))
    info.flag_bits, info.compress_type, info.header_offset = flags, method, at
    info.CRC, packed, size = (int.from_bytes(data[at + place : at + place + 4], "little") for place in (14, 18, 22))
    if _UNKNOWN in (packed, size):
        size, packed = _zip64(data[at + 30 + name : start], size, packed)
    info.compress_size, info.file_size = min(packed, len(data) - start), size
    if flags & 8 and not packed:
        _measure(data, start, info, left)
    return info


def _zip64(extra: bytes, size: int, packed: int) -> tuple[int, int]:
    """Return size and packed size from extra field 0x0001 (APPNOTE 4.5.3)."""
    at = 0
    while at + 4 <= len(extra):
        length = int.from_bytes(extra[at + 2 : at + 4], "little")
        if extra[at : at + 2] == b"\1\0" and length >= 16:
            return int.from_bytes(extra[at + 4 : at + 12], "little"), int.from_bytes(extra[at + 12 : at + 20], "little")
        at += 4 + length
    return size, packed


def _measure(data: bytes, start: int, info: zipfile.ZipInfo, left: int) -> None:
    """Set sizes and checksum of an entry that has them behind its data (APPNOTE 4.3.9): deflate tells its own end."""
    if info.compress_type == 8 and left > 0:
        packed, size, crc, ended = _inflated(data, start, left)
        info.compress_size, info.file_size, info.CRC = packed, size, crc
        if ended:
            return
    following = re.compile(rb"PK(?:\x03\x04|\x01\x02|\x07\x08)").search(data, start)
    info.compress_size = (following.start() if following else len(data)) - start
    info.file_size = info.compress_size if info.compress_type == 0 else 0
    info.CRC = zlib.crc32(data[start : start + info.compress_size]) if info.compress_type == 0 else 0


def _inflated(data: bytes, start: int, left: int) -> tuple[int, int, int, bool]:
    """Return packed size, size, checksum and whether the deflate stream ends; nothing unpacked is kept."""
    engine, at, size, crc = zlib.decompressobj(-15), start, 0, 0
    piece = data[at : at + _PIECE]
    try:
        while piece and not engine.eof and size < left:
            body = engine.decompress(piece, _PIECE)
            size, crc = size + len(body), zlib.crc32(body, crc)
            at += len(piece) - len(engine.unused_data if engine.eof else engine.unconsumed_tail)
            piece = data[at : at + _PIECE]
    except zlib.error:
        return at - start, size, crc, False
    return at - start, size, crc, engine.eof
