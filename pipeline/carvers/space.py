"""Raw space: what no live file holds, as stretches of an image, and the view of it from inside one of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from pipeline.access.interfaces import Readable
from pipeline.carvers.base import SpentError
from pipeline.errors import UnreadableError

__all__ = ["CARVE_LIMIT", "Chain", "Space", "SpaceView", "Stretch"]

CARVE_LIMIT: Final = 256 << 20
"""Bytes that one object may have."""
_LEAST: Final = 64
"""What the shortest read costs."""
_NO_CLUSTER: Final = 512
_AHEAD: Final = 1 << 16
"""Bytes that are read at once where few are asked for: carvers walk objects in small steps."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Raw bytes without a break, in image offsets; ``group`` is the volume in which files go on behind it."""

    start: int
    end: int
    group: str = ""


class Chain:
    """The clusters of one volume that a lost file may have had, in order."""

    def __init__(self, runs: Sequence[tuple[int, int]], cluster: int = 0) -> None:
        self.starts = [start for start, _ in runs]
        self.ends = [end for _, end in runs]
        self.before = [0, *accumulate(end - start for start, end in runs)]
        self.cluster = cluster or _NO_CLUSTER


class Space:
    """An image's raw space: its stretches, and by volume the clusters in which an object may go on."""

    def __init__(self, image: Readable, stretches: Iterable[Stretch], chains: Mapping[str, Chain]) -> None:
        self.image = image
        self.stretches = list(stretches)
        self._starts = [stretch.start for stretch in self.stretches]
        self._chains = chains

    @classmethod
    def whole(cls, image: Readable, cluster: int = 0) -> Space:
        """Return the space of a medium of which nothing is known."""
        return cls(image, [Stretch(0, image.size)], {"": Chain([(0, image.size)], cluster)})

    def view(self, offset: int) -> SpaceView:
        """Return the view from the stretch that holds an image offset."""
        stretch = self.stretches[bisect_right(self._starts, offset) - 1]
        return SpaceView(self.image, stretch, self._chains.get(stretch.group, _NOTHING))

    def within(self, start: int, end: int) -> list[Stretch]:
        """Return the parts of stretches that lie between two image offsets."""
        first = max(bisect_right(self._starts, start) - 1, 0)
        parts = self.stretches[first : bisect_left(self._starts, end)]
        cut = (Stretch(max(part.start, start), min(part.end, end), part.group) for part in parts)
        return [part for part in cut if part.start < part.end]


_NOTHING: Final = Chain([])


class SpaceView:
    """The view from one stretch (:class:`pipeline.carvers.base.View`), with a count of what was read and unpacked."""

    def __init__(self, image: Readable, stretch: Stretch, chain: Chain) -> None:
        self._image, self._chain, self.stretch = image, chain, stretch
        self._first = bisect_left(chain.starts, stretch.end)
        self._behind = chain.before[-1] - chain.before[min(self._first, len(chain.before) - 1)]
        self._window, self._window_start, self._window_end = b"", 0, 0
        self._ahead, self._ahead_start = b"", 0
        self.spent, self.allowed = 0, 1 << 62
        self.memo: dict[str, Any] = {}

    @property
    def size(self) -> int:
        """The offset behind the last byte."""
        return self.stretch.end + self._behind

    @property
    def cluster(self) -> int:
        """Bytes of a cluster."""
        return self._chain.cluster

    def look(self, data: bytes, start: int) -> None:
        """Keep bytes of the image at hand."""
        end = min(start + len(data), self.stretch.end)
        self._window, self._window_start, self._window_end = data, start, end

    def spend(self, amount: int) -> None:
        """Count work done; SpentError where it is too much."""
        self.spent += amount
        if self.spent > self.allowed:
            raise SpentError

    def read(self, start: int, length: int) -> bytes:
        """Return bytes, fewer only at the end of the space."""
        length = min(length, self.size - start)
        if length <= 0:
            return b""
        self.spend(max(length, _LEAST))
        end = start + length
        if start >= self._window_start and end <= self._window_end:
            return self._window[start - self._window_start : end - self._window_start]
        if end <= self.stretch.end:
            return self._image.read(start, length) if length > _AHEAD // 4 else self._near(start, length)
        return b"".join(self._image.read(place, size) for place, size in self.runs(start, length))

    def _near(self, start: int, length: int) -> bytes:
        """Return bytes of the stretch from those kept at hand, which are read anew where they do not hold them."""
        inside = start - self._ahead_start
        if not 0 <= inside <= len(self._ahead) - length:
            try:
                self._ahead = self._image.read(start, min(_AHEAD, self.stretch.end - start))
            except UnreadableError:  # what is unreadable may lie behind what was asked for
                return self._image.read(start, length)
            self._ahead_start, inside = start, 0
        return self._ahead[inside : inside + length]

    def runs(self, start: int, length: int) -> list[tuple[int, int]]:
        """Return where bytes of the view lie in the image."""
        end, found = start + length, list[tuple[int, int]]()
        if start < self.stretch.end:
            found.append((start, min(end, self.stretch.end) - start))
            start += found[0][1]
        chain = self._chain
        shift = self.stretch.end - (chain.before[self._first] if start < end else 0)
        index = bisect_right(chain.before, start - shift) - 1
        while start < end and index < len(chain.starts):
            inside = start - shift - chain.before[index]
            size = min(chain.ends[index] - chain.starts[index] - inside, end - start)
            place = chain.starts[index] + inside
            if found and sum(found[-1]) == place:
                found[-1] = (found[-1][0], found[-1][1] + size)
            else:
                found.append((place, size))
            start, index = start + size, index + 1
        return found
