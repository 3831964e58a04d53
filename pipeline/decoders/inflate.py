"""Compression methods of ZIP members (APPNOTE 4.4.5): stored 0, deflate 8, bzip2 12, LZMA 14."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import Final, Protocol

__all__ = ["METHODS", "inflated", "unpack"]

METHODS: Final = (0, 8, 12, 14)
_PIECE: Final = 1 << 16


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Deflate:
    """zlib's object with the interface of the other two."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(-15)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def unpack(packed: bytes, method: int, cap: int, size: int) -> tuple[bytes, str]:
    """Return at most ``cap + 1`` unpacked bytes and what went wrong (empty: nothing)."""
    if method == 0:
        return packed[: cap + 1], ""
    out, at = bytearray(), 0
    try:
        engine, at = _engine(packed, method, size)
        while not engine.eof and len(out) <= cap:
            piece = packed[at : at + _PIECE]
            before, at = len(out), at + len(piece)
            out += engine.decompress(piece, cap + 1 - len(out))
            if not piece and len(out) == before:
                break
        return bytes(out), "" if engine.eof or len(out) >= min(size, cap + 1) else "cut off"
    except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError) as error:
        return bytes(out), type(error).__name__


def inflated(packed: bytes | memoryview, cap: int) -> tuple[bytes, str]:
    """Return at most ``cap + 1`` bytes of a zlib stream (RFC 1950) and what went wrong (empty: nothing)."""
    engine, out, at = zlib.decompressobj(), bytearray(), 0
    try:
        while not engine.eof and len(out) <= cap:
            piece = engine.unconsumed_tail or packed[at : at + _PIECE]
            at += 0 if engine.unconsumed_tail else len(piece)
            if not piece:
                return bytes(out), "cut off"
            out += engine.decompress(piece, cap + 1 - len(out))
        return bytes(out), ""
    except zlib.error as error:
        return bytes(out), type(error).__name__


def _engine(packed: bytes, method: int, size: int) -> tuple[_Unpacker, int]:
    """Return the decompressor and where its data begins (LZMA: behind a header of 4 + 5 bytes, APPNOTE 5.8.8)."""
    if method == 8:
        return _Deflate(), 0
    if method == 12:
        return bz2.BZ2Decompressor(), 0
    if len(packed) < 9 or packed[4] > 224:
        message = "LZMA properties are damaged"
        raise ValueError(message)
    properties = packed[4]
    lzma1 = {
        "id": lzma.FILTER_LZMA1, "lc": properties % 9, "lp": properties // 9 % 5, "pb": properties // 45,
        "dict_size": min(max(int.from_bytes(packed[5:9], "little"), 4096), max(4096, size), 1 << 28),
    }  # fmt: skip
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[lzma1]), 9
