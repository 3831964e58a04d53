"""LZXPRESS with Huffman codes ([MS-XCA] 2.2): unpacked by libfwnt; where a stream ends is found by our own walk."""

from __future__ import annotations

from typing import Final

import pyfwnt

__all__ = ["packed_length", "unpack_huffman", "unpack_plain"]

_BLOCK: Final = 65536
"""Bytes that one Huffman table serves ([MS-XCA] 2.2.4)."""
_TABLE: Final = 256
_LONGEST: Final = 15


def unpack_huffman(data: bytes, size: int) -> bytes | None:
    """Return ``size`` bytes unpacked from LZXPRESS Huffman data; None where it is none."""
    try:
        found: bytes = pyfwnt.lzxpress_huffman_decompress(data, size)
    except (OSError, MemoryError, ValueError):
        return None
    return found if len(found) == size else None


def unpack_plain(data: bytes, size: int) -> bytes | None:
    """Return ``size`` bytes unpacked from plain LZ77 data ([MS-XCA] 2.4); None where it is none."""
    try:
        found: bytes = pyfwnt.lzxpress_decompress(data, size)
    except (OSError, MemoryError, ValueError):
        return None
    return found if len(found) == size else None


def packed_length(data: bytes, size: int) -> int | None:
    """Return how many bytes of ``data`` the packed form of ``size`` bytes takes; None where the codes are wrong.

    The container states the unpacked size only; the walk follows the decoder of [MS-XCA] 2.2.4 without copying.
    """
    at, done = 0, 0
    while done < size:
        lengths = _lengths(data[at : at + _TABLE])
        table = _codes(lengths)
        if table is None:
            return None
        walked = _block(data, at + _TABLE, lengths, table, min(_BLOCK, size - done))
        if walked is None:
            return None
        at, made = walked
        done += made
    return at


def _lengths(table: bytes) -> list[int]:
    """Return the code length of each of 512 symbols, two to a byte, the low half first."""
    return [half for byte in table for half in (byte & 15, byte >> 4)]


def _codes(lengths: list[int]) -> list[int] | None:
    """Return the symbol for each 15-bit prefix, of canonical codes; None where they do not fill the space."""
    table: list[int] = []
    for bits in range(1, _LONGEST + 1):
        for symbol, length in enumerate(lengths):
            if length == bits:
                table += [symbol] * (1 << (_LONGEST - bits))
                if len(table) > 1 << _LONGEST:
                    return None
    return table if len(table) == 1 << _LONGEST else None


def _block(data: bytes, at: int, lengths: list[int], table: list[int], wanted: int) -> tuple[int, int] | None:
    """Walk one block; return the place behind it and the bytes that it stands for."""
    hold = int.from_bytes(data[at : at + 2], "little") << 16 | int.from_bytes(data[at + 2 : at + 4], "little")
    at, spare, made = at + 4, 16, 0
    while made < wanted:
        if at > len(data) + 4:
            return None
        symbol = table[hold >> 17]
        used, made = lengths[symbol], made + 1
        hold, spare, at = _shift(data, at, hold, spare, used)
        if symbol >= 256:
            length = symbol & 15
            if length == 15:
                length, at = _long(data, at)
            made += length + 2
            hold, spare, at = _shift(data, at, hold, spare, (symbol - 256) >> 4)
    return at, made


def _long(data: bytes, at: int) -> tuple[int, int]:
    """Return a match length that does not fit in the symbol, less 3, and the place behind it."""
    if data[at : at + 1] != b"\xff":
        return int.from_bytes(data[at : at + 1], "little") + 15, at + 1
    length = int.from_bytes(data[at + 1 : at + 3], "little")
    return (length, at + 3) if length else (int.from_bytes(data[at + 3 : at + 7], "little"), at + 7)


def _shift(data: bytes, at: int, hold: int, spare: int, used: int) -> tuple[int, int, int]:
    """Drop ``used`` bits and read 16 more where fewer than 16 are left."""
    hold, spare = hold << used & 0xFFFFFFFF, spare - used
    if spare < 0:
        hold |= int.from_bytes(data[at : at + 2], "little") << -spare
        return hold, spare + 16, at + 2
    return hold, spare, at
