"""LZNT1, the compression of NTFS: [MS-XCA] 2.5."""

from __future__ import annotations

import struct
from typing import Final

from pipeline.errors import UnreadableError

__all__ = ["expand"]

_CHUNK: Final = 4096


def expand(packed: bytes, size: int) -> bytes:
    """Return the bytes of one compression unit, at most ``size``; missing ones at its end are zeros.

    Raises:
        UnreadableError: the unit is damaged.
    """
    pieces: list[bytes] = []
    at, done = 0, 0
    while done < size and at + 2 <= len(packed):
        (header,) = struct.unpack_from("<H", packed, at)
        if not header:
            break
        end = at + 3 + (header & 0xFFF)
        body = packed[at + 2 : end]
        if len(body) < end - at - 2 or (header >> 12) & 7 != 3:
            raise UnreadableError("a compression unit is damaged")
        piece = _chunk(body) if header & 0x8000 else body
        done += len(piece)
        if done < size and len(piece) < _CHUNK:
            piece = piece.ljust(_CHUNK, b"\0")
            done = sum(map(len, pieces)) + _CHUNK
        pieces.append(piece)
        at = end
    return b"".join(pieces)[:size].ljust(size, b"\0")


def _chunk(body: bytes) -> bytes:
    """Return the bytes of one compressed chunk, at most 4,096."""
    out = bytearray()
    at = 0
    while at < len(body):
        flags = body[at]
        at += 1
        for bit in range(8):
            if at >= len(body):
                break
            if not flags >> bit & 1:
                out.append(body[at])
                at += 1
                continue
            at = _copy(out, body, at)
        if len(out) > _CHUNK:
            raise UnreadableError("a compressed chunk is longer than its limit")
    return bytes(out)


def _copy(out: bytearray, body: bytes, at: int) -> int:
    """Append what a (displacement, length) pair means; how its bits are split follows the place in the chunk."""
    if at + 2 > len(body) or not out or len(out) > _CHUNK:
        raise UnreadableError("a compressed chunk is damaged")
    (pair,) = struct.unpack_from("<H", body, at)
    bits = max((len(out) - 1).bit_length(), 4)
    back, length = (pair >> (16 - bits)) + 1, (pair & ((1 << (16 - bits)) - 1)) + 3
    if back > len(out):
        raise UnreadableError("a compressed chunk points before its start")
    start = len(out) - back
    piece = bytes(out[start:])[:length]
    out += (piece * (length // len(piece) + 1))[:length]
    return at + 2
