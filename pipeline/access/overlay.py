"""Views of bytes: a stretch of others, some of them replaced, lost sectors as zeros."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.errors import UnreadableError

__all__ = ["Forgiving", "Overlay", "Slice"]

_SECTOR: Final = 512


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch of an image as bytes of its own."""

    image: Readable
    start: int
    size: int

    def read(self, start: int, length: int) -> bytes:
        """Return bytes, cut at the end of the stretch."""
        if start >= self.size or length <= 0:
            return b""
        return self.image.read(self.start + start, min(length, self.size - start))


@dataclass(frozen=True, slots=True)
class Overlay:
    """Bytes with replacements laid over them; what is replaced is never read from below.

    ``patches`` are (start, bytes), ascending and disjoint, within the bytes.
    """

    data: Readable
    patches: Sequence[tuple[int, bytes]]

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.data.size

    def read(self, start: int, length: int) -> bytes:
        """Return bytes, the replaced ones from memory."""
        end = min(start + max(length, 0), self.size)
        return b"".join(self._pieces(start, end)) if start < end else b""

    def _pieces(self, start: int, end: int) -> Iterator[bytes]:
        for at, patch in self.patches:
            if at >= end or at + len(patch) <= start:
                continue
            if at > start:
                yield self.data.read(start, at - start)
                start = at
            stop = min(end, at + len(patch))
            yield patch[start - at : stop - at]
            start = stop
        if start < end:
            yield self.data.read(start, end - start)


@dataclass(slots=True)
class Forgiving:
    """Bytes whose unreadable sectors read as zeros and are remembered; for looking at structures, never for content."""

    data: Readable
    lost: set[int] = field(default_factory=set)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.data.size

    def read(self, start: int, length: int) -> bytes:
        """Return bytes; zeros for sectors that cannot be read."""
        try:
            return self.data.read(start, length)
        except UnreadableError:
            end = min(start + length, self.size)
            return b"".join(self._sector(at, end) for at in range(start, end, _SECTOR))

    def _sector(self, start: int, end: int) -> bytes:
        length = min(_SECTOR, end - start)
        try:
            return self.data.read(start, length)
        except UnreadableError:
            self.lost.add(start)
            return bytes(length)
