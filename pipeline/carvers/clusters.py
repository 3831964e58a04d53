"""What the clusters behind a start look like: compressed picture data or something else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

__all__ = ["Clusters"]

_TEXT: Final = 0.9
_CONSTANT: Final = 0.5
_SAMPLES: Final = 256
"""Bytes of a cluster that are looked at for text and filling."""
_END: Final = 0xD9


class Clusters:
    """The clusters of bytes, ``size`` each; ``legal`` are the bytes that may follow 0xFF in entropy-coded data."""

    def __init__(self, data: bytes, size: int, legal: bytes) -> None:
        self.size = size
        self._count = -(-len(data) // size)
        padded = np.frombuffer(data + bytes(self._count * size - len(data)), np.uint8)
        grid = padded.reshape(self._count, size)
        allowed = np.zeros(256, bool)
        allowed[list(legal)] = True
        marks = np.flatnonzero(padded[:-1] == 0xFF)
        inside = marks % size != size - 1
        wrong = marks[inside & ~allowed[padded[np.minimum(marks + 1, len(padded) - 1)]]]
        some = np.ascontiguousarray(grid[:, :: max(size // _SAMPLES, 1)])
        plain = (some - np.uint8(32) < 95) | (some == 9) | (some == 10) | (some == 13)
        text = _share(plain) > _TEXT
        constant = _share(some == some[:, :1]) > _CONSTANT
        self._padded = padded
        self._odd = text | constant
        self._wrong = np.zeros(self._count, bool)
        self._wrong[wrong // size] = True
        self._ends = self._endings(padded, wrong)

    def _endings(self, padded: np.ndarray, wrong: np.ndarray) -> list[int]:
        """Return the offsets behind the end markers that come before any other marker of their cluster."""
        _, first = np.unique(wrong // self.size, return_index=True)
        places = wrong[first]
        return [int(place) + 2 for place in places[padded[places + 1] == _END]]

    def foreign(self, first: int) -> int:
        """Return the first cluster from ``first`` on that does not look like the inside of picture data."""
        found = np.flatnonzero((self._odd | self._wrong)[first:])
        return first + int(found[0]) if len(found) else self._count

    def begins(self, cluster: int, literal: bytes) -> bool:
        """Tell whether a cluster begins with a literal."""
        at = cluster * self.size
        return self._padded[at : at + len(literal)].tobytes() == literal

    def tails(self, behind: int, most: int) -> Iterator[tuple[int, int]]:
        """Yield (first cluster, end in bytes) of stretches that look like picture data up to an end marker."""
        strange = np.flatnonzero(self._odd | self._wrong)
        for end in [place for place in self._ends if place > (behind + 1) * self.size][:most]:
            last = (end - 1) // self.size
            before = strange[strange < last]
            low = int(before[-1]) + 1 if len(before) else 0
            yield max(low, behind + 1), end


def _share(flags: np.ndarray) -> np.ndarray:
    """Return the share of each row that is true."""
    share: np.ndarray = np.add.reduce(flags.view(np.uint8), axis=1, dtype=np.uint32) / flags.shape[1]
    return share
