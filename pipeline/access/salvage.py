"""Images of which parts cannot be read: found once, and from then on known as zeros that are no data."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.access.interfaces import Image
from pipeline.errors import UnreadableError

__all__ = ["Blanked", "Salvaged", "merged"]

_SECTOR: Final = 512
_MOST: Final = 1 << 16
"""More unreadable pieces than this, and the medium or its container is not worth reading on."""

Ranges = tuple[tuple[int, int], ...]


class _Around:
    """An image around another: everything but its bytes is the other's."""

    def __init__(self, image: Image) -> None:
        self._image = image

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self._image.size

    @property
    def format(self) -> str:
        """Container format."""
        return self._image.format

    @property
    def segments(self) -> tuple[str, ...]:
        """Paths of the container's files, in order."""
        return self._image.segments

    @property
    def stored(self) -> Mapping[str, str]:
        """Hashes of the medium that the container carries."""
        return self._image.stored

    @property
    def unreadable(self) -> Ranges:
        """(start, length) of ranges that the acquisition could not read."""
        return self._image.unreadable

    def close(self) -> None:
        """Release the handle."""
        self._image.close()


class Salvaged(_Around):
    """An image that gives zeros where it cannot be read and remembers where; for the one read that hashes it all."""

    def __init__(self, image: Image) -> None:
        super().__init__(image)
        self._piece = int(getattr(image, "chunk_size", _SECTOR))
        self._lost: list[tuple[int, int]] = []

    @property
    def lost(self) -> Ranges:
        """(start, length) of what could not be read so far, in order, neighbours joined."""
        return merged(self._lost)

    def read(self, start: int, length: int) -> bytes:
        """Return bytes.

        Raises:
            UnreadableError: too many pieces of the image cannot be read.
        """
        stop = min(start + max(length, 0), self.size)
        pieces, waiting = [], [(start, stop)] if start < stop else []
        while waiting:
            low, high = waiting.pop()
            try:
                pieces.append(self._image.read(low, high - low))
            except UnreadableError as error:
                middle = (low + high) // 2 // self._piece * self._piece
                if low < middle:
                    waiting += [(middle, high), (low, middle)]
                elif (edge := low // self._piece * self._piece + self._piece) < high:
                    waiting += [(edge, high), (low, edge)]
                else:
                    pieces.append(self._give_up(low, high, error))
        return b"".join(pieces)

    def _give_up(self, low: int, high: int, error: UnreadableError) -> bytes:
        self._lost.append((low, high - low))
        if len(self._lost) > _MOST:
            raise UnreadableError(f"more than {_MOST} pieces cannot be read ({error})") from error
        return bytes(high - low)


class Blanked(_Around):
    """An image whose known unreadable ranges are zeros and are never asked for."""

    def __init__(self, image: Image, ranges: Sequence[tuple[int, int]]) -> None:
        super().__init__(image)
        self._starts = [start for start, _ in ranges]
        self._ends = [start + length for start, length in ranges]

    def read(self, start: int, length: int) -> bytes:
        """Return bytes; UnreadableError where the image has become unreadable elsewhere since."""
        stop, pieces = min(start + max(length, 0), self.size), []
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, stop)
        for low, high in zip(self._starts[first:last], self._ends[first:last], strict=True):
            if start < low:
                pieces.append(self._image.read(start, low - start))
            pieces.append(bytes(min(high, stop) - max(start, low)))
            start = min(high, stop)
        if start < stop:
            pieces.append(self._image.read(start, stop - start))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def merged(ranges: Sequence[tuple[int, int]]) -> Ranges:
    """Return ranges ascending and disjoint, neighbours joined."""
    found: list[list[int]] = []
    for start, length in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], start + length)
        else:
            found.append([start, start + length])
    return tuple((start, end - start) for start, end in found)
