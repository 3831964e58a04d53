"""Blocks of 512 bytes: a keyed hash of many at once, and which of them prove nothing.

The hash is multilinear: sums of products with odd multipliers drawn from the case's key, modulo 2^64 (Carter and
Wegman, 1979; Thorup, "High Speed Hashing for Integers and Strings", arXiv:1504.06804). It only sieves: what it lets
through is compared by keyed BLAKE2b. What proves nothing is named after Garfinkel and McCarrin, "Hash-based carving"
(2015): blocks of one byte, of a repeated pattern, of counters, and with few different bytes.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK", "Multipliers", "proving"]

BLOCK: Final = 512
"""The sector: clusters of every file system begin at a multiple of it, whole 4 KiB blocks of a disk need not."""
_FEWEST_BYTES: Final = 10
"""Different bytes in a block; a list of numbers has the ten digits and a separator."""
_LONGEST_PATTERN: Final = 16
_HEAD: Final = 64
_WORDS: Final = BLOCK // 8


class Multipliers:
    """The multipliers of a case."""

    def __init__(self, key: bytes) -> None:
        self._key = blake2b(b"blocks", digest_size=32, key=key[:64]).digest()
        seeds = b"".join(blake2b(bytes([number]), digest_size=8, key=self._key).digest() for number in range(_WORDS))
        self._words = np.frombuffer(seeds, dtype="<u8") | np.uint64(1)

    def hashes(self, data: bytes | memoryview) -> NDArray[np.uint64]:
        """Return the hash of each whole block of some bytes."""
        count = len(data) // BLOCK
        words = np.frombuffer(data, dtype="<u8", count=count * _WORDS).reshape(count, _WORDS)
        found: NDArray[np.uint64] = np.einsum("ij,j->i", words, self._words)
        return found

    def digest(self, block: bytes | memoryview) -> bytes:
        """Return what settles whether two blocks are equal."""
        return blake2b(block, digest_size=16, key=self._key).digest()


def proving(data: bytes) -> NDArray[np.bool_]:
    """Tell of each whole block whether it can tell one content from another; most do by their first bytes."""
    count = len(data) // BLOCK
    blocks = np.frombuffer(data, dtype=np.uint8, count=count * BLOCK).reshape(count, BLOCK)
    kept = _tells(np.ascontiguousarray(blocks[:, :_HEAD]))
    doubtful = np.flatnonzero(~kept)
    kept[doubtful] = _tells(blocks[doubtful])
    return kept


def _tells(blocks: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell which blocks, or beginnings of blocks, have enough different bytes and follow no pattern."""
    kept: NDArray[np.bool_] = 1 + np.count_nonzero(np.diff(np.sort(blocks, axis=1), axis=1), axis=1) >= _FEWEST_BYTES
    for period in range(1, _LONGEST_PATTERN + 1):
        kept &= (blocks[:, period:] != blocks[:, :-period]).any(axis=1)
    for width in ("<u1", "<u2", ">u2", "<u4", ">u4"):
        steps = np.diff(blocks.view(width), axis=1)
        kept &= (steps != steps[:, :1]).any(axis=1)
    return kept
