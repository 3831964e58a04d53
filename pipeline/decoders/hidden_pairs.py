"""Places of pairs of bytes, found block by block without a step per byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pairs"]

_BLOCK = 1 << 17


class Pairs:
    """A set of pairs of bytes."""

    def __init__(self, pairs: Iterable[bytes]) -> None:
        self._wanted = np.zeros(1 << 16, dtype=np.bool_)
        self._wanted[[int.from_bytes(pair, "little") for pair in pairs]] = True

    def places(self, data: bytes) -> Iterator[int]:
        """Yield the offsets at which a pair of the set stands, in order."""
        for start in range(0, len(data) - 1, _BLOCK):
            size = min(_BLOCK + 1, len(data) - start)
            even, odd = (self._found(data, start + phase, size - phase) * 2 + phase for phase in (0, 1))
            yield from (start + np.sort(np.concatenate((even, odd)))).tolist()

    def _found(self, data: bytes, start: int, size: int) -> NDArray[np.int64]:
        words = np.frombuffer(data, dtype="<u2", count=size // 2, offset=start)
        return np.flatnonzero(self._wanted[words])
