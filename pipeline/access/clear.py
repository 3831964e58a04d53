"""The medium with its unlocked volumes in clear: image offsets stay what they are, enciphered bytes read deciphered."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.access.interfaces import FileSystemOptions, Image, Readable
from pipeline.access.volumes import open_volume
from pipeline.errors import UnreadableError
from pipeline.records import Volume

__all__ = ["ClearImage", "Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """A byte of an unlocked volume: the volume, the offset in it, and how many bytes go on from there in both."""

    volume: Volume
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    volume: Volume
    offset: int


class ClearImage:
    """An image whose enciphered bytes are read through the unlocked volume that they belong to, the innermost one."""

    def __init__(self, image: Image, volumes: Mapping[str, Volume], options: FileSystemOptions) -> None:
        self._image, self._options = image, options
        self.size = image.size
        self._spans = _spans(volumes)
        self._starts = [span.start for span in self._spans]
        self._open: dict[str, Readable] = {}

    def place(self, offset: int) -> Place | None:
        """Return where an image byte lies in an unlocked volume; None where it is read as it is."""
        span = self._span(offset)
        if span is None:
            return None
        return Place(span.volume, span.offset + offset - span.start, span.end - offset)

    def within_one(self, offset: int, length: int) -> bool:
        """Tell whether bytes belong together: all to one stretch of one unlocked volume, or none to any."""
        index = bisect_right(self._starts, offset)
        span = self._span(offset)
        if span is not None:
            return offset + length <= span.end
        return index >= len(self._spans) or offset + length <= self._starts[index]

    def _span(self, offset: int) -> _Span | None:
        index = bisect_right(self._starts, offset) - 1
        return self._spans[index] if index >= 0 and offset < self._spans[index].end else None

    def read(self, start: int, length: int) -> bytes:
        """Return bytes, the enciphered ones in clear; UnreadableError where either cannot be read."""
        end, pieces = min(start + max(length, 0), self.size), []
        while start < end:
            span = self._span(start)
            if span is not None:
                stop = min(end, span.end)
                pieces.append(self._clear(span, start, stop))
            else:
                index = bisect_right(self._starts, start)
                stop = min(end, self._starts[index]) if index < len(self._spans) else end
                pieces.append(self._image.read(start, stop - start))
            start = stop
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _clear(self, span: _Span, start: int, stop: int) -> bytes:
        address = span.volume.address
        if address not in self._open:
            self._open[address] = open_volume(self._image, span.volume, self._options)
        data = self._open[address].read(span.offset + start - span.start, stop - start)
        if len(data) < stop - start:
            raise UnreadableError(
                f"{address}: byte {span.offset + start - span.start} lies outside the unlocked volume"
            )
        return data


def _spans(volumes: Mapping[str, Volume]) -> list[_Span]:
    """Return the image stretches of unlocked volumes, in order and disjoint: what lies deeper comes first."""
    taken: list[_Span] = []
    unlocked = [volume for volume in volumes.values() if volume.opened_by and volume.runs]
    for volume in sorted(unlocked, key=lambda row: (-row.address.count("!"), row.address)):
        at = 0
        for run in volume.runs:
            if run.start >= 0:
                taken += _without(_Span(run.start, run.start + run.length, volume, at), taken)
            at += run.length
    return sorted(taken, key=lambda span: span.start)


def _without(span: _Span, taken: list[_Span]) -> list[_Span]:
    """Return what is left of a stretch where others hold some of it already."""
    left = [span]
    for other in sorted(taken, key=lambda item: item.start):
        pieces = []
        for part in left:
            if other.end <= part.start or other.start >= part.end:
                pieces.append(part)
                continue
            if part.start < other.start:
                pieces.append(_Span(part.start, other.start, part.volume, part.offset))
            if other.end < part.end:
                pieces.append(_Span(other.end, part.end, part.volume, part.offset + other.end - part.start))
        left = pieces
    return left
