"""Bytes that cannot be told from random: what encryption without a header leaves, and a wipe with random bytes too.

The test is chi-square over the 256 byte values (255 degrees of freedom), brought to a standard normal by Wilson and
Hilferty's cube root (*PNAS* 17 (1931), 684-688): for random bytes |z| exceeds 4.5 once in about 150,000. Against
compression its power grows with the length: over 256 KiB deflate and bzip2 streams gave z of 6.6 to 240, JPEG far more
(``tests/benchmarks/bench_noise.py``). LZMA cannot be told from random at any length; as a file it has a signature.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK", "STRETCH", "WINDOW", "Noise", "is_noise", "noisy_windows"]

BLOCK: Final = 64 << 10
"""Head of a content that decides whether the rest is looked at, and the least that is judged."""
WINDOW: Final = 256 << 10
"""Piece of raw space that is judged at once: long enough to tell deflate from random bytes."""
STRETCH: Final = 1 << 20
"""Least raw space in a row that is reported; VeraCrypt's smallest container (292 KiB) may be missed there."""
_LIMIT: Final = 4.5
_FREEDOM: Final = 255
_PROBES: Final = (0x00, 0x20, 0xFF)


class Noise:
    """A running histogram of bytes; it gives up as soon as the first block is not random."""

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] = np.zeros(256, dtype=np.int64)
        self._over = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._over:
            return
        if not self._counts.any() and not is_noise(data[:BLOCK]):
            self._over = True
            return
        self._counts += _histogram(data)

    @property
    def holds(self) -> bool:
        """Tell whether all bytes so far cannot be told from random."""
        return not self._over and int(self._counts.sum()) >= BLOCK and _fits(self._counts)


def is_noise(data: bytes) -> bool:
    """Tell whether bytes cannot be told from random; fewer than a quarter of a block are never called so."""
    if len(data) < BLOCK // 4:
        return False
    expected = len(data) / 256
    if any(abs(data.count(value) - expected) > 8 * expected**0.5 for value in _PROBES):  # eight standard deviations
        return False
    return _fits(_histogram(data))


def noisy_windows(data: bytes, start: int) -> Iterator[int]:
    """Yield the windows, by their number from 0 on, that lie wholly in bytes from ``start`` on and are noise."""
    first = -(-start // WINDOW)
    for number in range(first, (start + len(data)) // WINDOW):
        at = number * WINDOW - start
        if is_noise(data[at : at + WINDOW]):
            yield number


def _histogram(data: bytes) -> NDArray[np.int64]:
    """Return how often each byte value occurs; pairs are counted, as that takes half the steps."""
    even = len(data) & ~1
    pairs = np.bincount(np.frombuffer(data, dtype="<u2", count=even // 2), minlength=1 << 16).reshape(256, 256)
    counts = np.asarray(pairs.sum(axis=0) + pairs.sum(axis=1), dtype=np.int64)
    if len(data) & 1:
        counts[data[-1]] += 1
    return counts


def _fits(counts: NDArray[np.int64]) -> bool:
    expected = counts.sum() / 256
    chi = float(((counts - expected) ** 2).sum() / expected)
    spread = 2 / (9 * _FREEDOM)
    z = float(((chi / _FREEDOM) ** (1 / 3) - (1 - spread)) / spread**0.5)
    return abs(z) <= _LIMIT
