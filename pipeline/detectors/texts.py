"""Many short texts as one, with NULs between them: what is done to it is done to all, without an object for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["Texts"]

_BETWEEN: Final = "\0"
_SPACES: Final = tuple(chr(code) for code in range(0x3001) if chr(code).isspace())
_PLAIN_SPACES: Final = tuple(one for one in _SPACES if one.isascii())


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts without NUL, in order."""

    joined: str
    count: int

    @classmethod
    def of(cls, texts: Sequence[str]) -> Texts:
        """Return texts that are in a list."""
        return cls(_BETWEEN.join(texts), len(texts))

    @classmethod
    def of_array(cls, texts: pa.Array) -> Texts:
        """Return texts that are in an array without nulls."""
        if not len(texts):
            return cls("", 0)
        whole = pa.ListArray.from_arrays(pa.array([0, len(texts)], pa.int32()), texts)
        return cls(pc.binary_join(whole, _BETWEEN)[0].as_py(), len(texts))

    def list(self) -> list[str]:
        """Return them one by one."""
        return self.joined.split(_BETWEEN) if self.count else []

    def packed(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return them as UTF-8 behind one another, and where they meet."""
        raw = self.joined.encode("utf-8", "surrogatepass")
        borders = np.zeros(self.count + 1, np.int64)
        if self.count:
            marks = np.flatnonzero(np.frombuffer(raw, np.uint8) == 0)
            borders[1:] = np.append(marks, len(raw)) - np.arange(self.count)
        return np.frombuffer(raw.replace(b"\0", b""), np.uint8), borders

    def trimmed(self) -> bool:
        """Return whether none of them has white space at an end."""
        return not any(
            self.joined.startswith(one) or self.joined.endswith(one) or one + _BETWEEN in self.joined
            or _BETWEEN + one in self.joined
            for one in (_PLAIN_SPACES if self.joined.isascii() else _SPACES) if one in self.joined
        )  # fmt: skip

    def array(self) -> pa.Array:
        """Return them as an array; none of them has a lone surrogate."""
        data, borders = self.packed()
        buffers = pa.py_buffer(borders.astype(np.int32)), pa.py_buffer(data)
        return pa.StringArray.from_buffers(self.count, *buffers)
