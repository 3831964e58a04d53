"""Rich Text Format (RTF specification 1.9.1): groups in braces, the outermost of which is the document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.carvers.base import Carved, Carver, View

__all__ = ["Rtf"]

LONGEST: Final = 64 << 20
LEAST: Final = 64
"""Bytes of text behind which a broken document is worth keeping."""
_STEP: Final = 1 << 18
_ESCAPED: Final = re.compile(rb"\\[\\{}]")
_BINARY: Final = re.compile(rb"\\bin(\d{1,9}) ?")
_ALIEN: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f]")
"""What no writer puts into text: control characters but tab, line ends and form feed."""


@dataclass(frozen=True)
class Rtf(Carver):
    """Counts braces until the first one is closed; binary data is stepped over."""

    name: str = "rtf"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"{\\rtf", 0),)

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the document; partial up to the first byte that cannot be part of it."""
        limit, at, depth = min(limit, LONGEST), 0, 0
        while at < limit:
            data = view.read(start + at, min(_STEP, limit - at))
            data = data[:-1] if data.endswith(b"\\") and len(data) > 1 and at + len(data) < limit else data
            binary, alien = _BINARY.search(data), _ALIEN.search(data)
            stop = binary.start() if binary and not (alien and alien.start() < binary.start()) else len(data)
            stop = alien.start() if alien and alien.start() < stop else stop
            end, depth = _closed(data[:stop], depth)
            if end:
                return Carved(start, at + end, "rtf")
            if stop == len(data):
                at += max(stop, 1)
            elif binary and stop == binary.start():
                at += binary.end() + int(binary.group(1))
            else:
                return _broken(start, at + stop)
        return _broken(start, min(at, limit))


def _broken(start: int, length: int) -> Carved | None:
    note = "its outermost group is not closed"
    return Carved(start, length, "rtf", complete=False, note=note) if length > LEAST else None


def _closed(data: bytes, depth: int) -> tuple[int, int]:
    """Return the offset behind the brace that closes the outermost group, 0 where none does, and the depth."""
    plain = np.frombuffer(_ESCAPED.sub(b"  ", data), np.uint8)
    steps = np.flatnonzero((plain == 0x7B) | (plain == 0x7D))
    if not len(steps):
        return 0, depth
    levels = depth + np.cumsum(np.where(plain[steps] == 0x7B, 1, -1))
    ends = np.flatnonzero(levels <= 0)
    return (int(steps[ends[0]]) + 1, 0) if len(ends) else (0, int(levels[-1]))
