"""BitLocker's sector ciphers: AES-XTS, AES-CBC, and AES-CBC with the Elephant diffuser, over many sectors at once.

Sources: Metz, *BitLocker Drive Encryption (BDE) format*, "Encryption methods"; Ferguson, *AES-CBC + Elephant diffuser*
(2006), §4.3 (diffuser A: 5 cycles, rotations 9, 0, 13, 0; diffuser B: 3 cycles, rotations 0, 10, 0, 25).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.sector_ciphers import SectorCipher, Xts, chained, ecb
from pipeline.errors import UnreadableError

__all__ = ["KEY_LENGTHS", "sector_cipher"]

KEY_LENGTHS: Final = {0x8000: 64, 0x8001: 64, 0x8002: 16, 0x8003: 32, 0x8004: 32, 0x8005: 64}
"""Bytes of the full volume encryption key by method; with the diffuser the second half is the tweak key."""
_DIFFUSERS: Final = ((3, 1, (0, 10, 0, 25)), (5, -1, (9, 0, 13, 0)))
_BLOCK: Final = 16
_UNIT: Final = 512


def sector_cipher(method: int, key: bytes, sector: int) -> SectorCipher:
    """Return the cipher of a method.

    Raises:
        UnreadableError: the method is unknown or the key too short for it.
    """
    length = KEY_LENGTHS.get(method)
    if length is None or len(key) < length:
        raise UnreadableError(f"the BitLocker method {method:#06x} with a key of {len(key)} bytes is not supported")
    if method >= 0x8004:
        return Xts(key[:length], sector)
    half = 16 if method in {0x8000, 0x8002} else 32
    return _Cbc(key[:half], key[32 : 32 + half] if length == 64 else b"")


@dataclass(frozen=True, slots=True)
class _Cbc:
    """AES-CBC whose IV is the encrypted offset of the sector; with a tweak key, the diffuser behind it."""

    key: bytes = field(repr=False)
    tweak: bytes = field(repr=False)

    def decrypt(self, data: bytes, first: int, size: int) -> bytes:
        """Decrypt whole sectors."""
        count = len(data) // size
        offsets = np.zeros((count, 2), dtype="<u8")
        offsets[:, 0] = np.uint64(first * _UNIT) + np.arange(count, dtype=np.uint64) * np.uint64(size)
        clear = chained(self.key, data, ecb(self.key, offsets.tobytes(), encrypt=True), size)
        return self._undiffused(clear, offsets, size) if self.tweak else clear

    def _undiffused(self, data: bytes, offsets: NDArray[np.uint64], size: int) -> bytes:
        """Undo diffuser B, then A, then the sector key."""
        words = np.ascontiguousarray(np.frombuffer(data, dtype="<u4").reshape(len(offsets), -1).T)
        for cycles, step, turns in _DIFFUSERS:
            for _ in range(cycles):
                _cycle(words, step, turns)
        upper = offsets.copy()
        upper[:, 1] |= np.uint64(0x80 << 56)
        low, high = (ecb(self.tweak, half.tobytes(), encrypt=True) for half in (offsets, upper))
        halves = [np.frombuffer(half, dtype="<u4").reshape(-1, 4) for half in (low, high)]
        mask = np.tile(np.hstack(halves), (1, size // (2 * _BLOCK)))
        clear: NDArray[np.uint32] = words.T ^ mask
        return bytes(np.ascontiguousarray(clear).tobytes())


def _cycle(words: NDArray[np.uint32], step: int, turns: tuple[int, ...]) -> None:
    """Run one cycle over the words of all sectors; row *i* holds the sectors' word *i*."""
    count = len(words)
    for at in range(count):
        other, turn = words[(at + 5 * step) % count], turns[at % 4]
        if turn:
            other = (other << np.uint32(turn)) | (other >> np.uint32(32 - turn))
        words[at] += words[(at + 2 * step) % count] ^ other
