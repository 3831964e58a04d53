"""Raw space that cannot be told from random bytes: what is scanned there proves nothing, and is not called examined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.access.clear import ClearImage
from pipeline.access.interfaces import Image
from pipeline.access.noise import STRETCH, WINDOW, is_noise, noisy_windows

__all__ = ["POSSIBLY_ENCRYPTED", "NoiseMap"]

POSSIBLY_ENCRYPTED: Final = "possibly encrypted"
Stretch = tuple[int, int]


class NoiseMap:
    """The noise of one raw range, window by window, while its pages pass by once.

    A window of an unlocked volume that is noise in clear but not on the medium was never enciphered: unwritten, or left
    from before the volume was encrypted. Such windows are ``stored_plain`` and no noise.
    """

    def __init__(self, clear: ClearImage, image: Image, start: int, end: int) -> None:
        self._clear, self._image = clear, image
        self._start, self._end = start, end
        self._rest, self._at = b"", start
        self._windows: list[int] = []
        self._plain: list[Stretch] = []

    def feed(self, page: bytes) -> None:
        """Take the next page of the range."""
        data = self._rest + page
        for number in noisy_windows(data, self._at):
            self._judge(number)
        used = max((self._at + len(data)) // WINDOW * WINDOW - self._at, 0)
        self._rest, self._at = data[used:], self._at + used

    def _judge(self, number: int) -> None:
        start = number * WINDOW
        if self._clear.place(start) is not None or self._clear.place(start + WINDOW - 1) is not None:
            stored = self._image.read(start, WINDOW)
            if not is_noise(stored):
                self._plain += [(start, start + WINDOW)] if stored.strip(b"\0") else []
                return
        self._windows.append(number)

    @property
    def stored_plain(self) -> Sequence[Stretch]:
        """(start, end) of what lies in clear on the medium inside an unlocked volume."""
        return _joined(self._plain)

    def stretches(self) -> list[Stretch]:
        """Return (start, end) of the noise, in order; pieces of a window at the ends of the range go with it."""
        found = _joined([(number * WINDOW, (number + 1) * WINDOW) for number in self._windows])
        return [
            (self._start if start - self._start < WINDOW else start, self._end if self._end - end < WINDOW else end)
            for start, end in found
            if end - start >= STRETCH
        ]

    def split(self, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """Yield a range in (start, end, noise) pieces."""
        for low, high in self.stretches():
            if high <= start or low >= end:
                continue
            if start < low:
                yield start, low, False
            yield max(low, start), min(high, end), True
            start = min(high, end)
        if start < end:
            yield start, end, False


def _joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    found: list[Stretch] = []
    for start, end in stretches:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found
