"""Marvin32, the hash that protects entries of registry transaction logs.

SOURCE: Maxim Suhanov, "Windows registry file format specification" (log entries: seed 0x82EF4D887A4E55C5 over
multiples of four bytes); dotnet/runtime, Marvin.cs (rounds 20, 9, 27, 19; 0x80 closes the last block).
"""

from __future__ import annotations

import struct
from typing import Final

__all__ = ["marvin32"]

_SEED: Final = 0x82EF4D887A4E55C5
_WORD: Final = 0xFFFFFFFF


def marvin32(data: bytes, seed: int = _SEED) -> int:
    """Return the hash of bytes whose number is a multiple of four; a rest is left out."""
    low, high = seed & _WORD, seed >> 32
    words = struct.unpack_from(f"<{len(data) // 4}I", data)
    # One loop without calls: logs hold millions of words.
    for word in (*words, 0x80, 0):
        low = (low + word) & _WORD
        high ^= low
        low = (((low << 20) | (low >> 12)) + high) & _WORD
        high = ((high << 9) | (high >> 23)) & _WORD ^ low
        low = (((low << 27) | (low >> 5)) + high) & _WORD
        high = ((high << 19) | (high >> 13)) & _WORD
    return high << 32 | low
