"""Lines of raw bytes around anchors: what is decoded together, found from bytes within 4 KiB alone.

A line ends at a line break or a NUL. Where no break is near, the line is cut at a fixed grid of the content, with
context on both sides, so that pages of any size cut it alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.detectors.batches import LONGEST, Lines
from pipeline.detectors.hits import Window

__all__ = ["Segment", "all_segments", "chosen_segments", "segments"]

_REACH: Final = LONGEST
_CELL: Final = 1024
_MARGIN: Final = 512
_NEXT: Final = 512
_LINE: Final = re.compile(rb"[^\n\r\0]+")
_BREAKS: Final = ((b"\n", b"\r", b"\0"), (b"\n\0", b"\r\0", b"\0\0"), (b"\0\n", b"\0\r", b"\0\0"))


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes of a window to decode together; hits count where they start from ``own_start`` to before ``own_end``."""

    start: int
    end: int
    own_start: int
    own_end: int
    whole: bool


def segments(window: Window, anchors: Sequence[int], track: int) -> Iterator[Segment]:
    """Yield the lines of a window that hold anchors, and the short line behind each, in order and once."""
    reached = -1
    for anchor in anchors:
        if anchor < reached:
            continue
        for segment in _around(window, anchor, track):
            if segment.own_start >= reached:
                yield segment
                reached = segment.own_end


def all_segments(window: Window, track: int) -> Iterator[Segment]:
    """Yield every line of a window, for content that is known to be a table."""
    if track:
        step = range((window.start + 1) % 2, len(window.data), 2)
        yield from segments(window, step, track)
        return
    for match in _LINE.finditer(window.data):
        yield from line_segments(window, match.start(), match.end())


def line_segments(window: Window, start: int, end: int, track: int = 0) -> Iterator[Segment]:
    """Yield a line, whole or cut at the grid."""
    if end - start <= LONGEST:
        yield Segment(start, end, start, end, whole=True)
    else:
        first, step = (start + 1, 2) if track else (start, 1)
        anchors = range(first, end, step)
        yield from segments(window, (*anchors[:: _CELL // 4 // step], anchors[-1]), track)


def chosen_segments(window: Window, lines: Lines, numbers: Sequence[int], track: int = 0) -> Iterator[Segment]:
    """Yield some lines of a window, and before each the end of the line before it, which owns nothing."""
    reached = -1
    for number in numbers:
        if number and number - 1 != reached:
            *_, last = line_segments(window, int(lines.starts[number - 1]), int(lines.ends[number - 1]), track)
            yield replace(last, own_start=last.end, own_end=last.end)
        yield from line_segments(window, int(lines.starts[number]), int(lines.ends[number]), track)
        reached = number


def _around(window: Window, anchor: int, track: int) -> Iterator[Segment]:
    first = _line(window, anchor, track)
    yield first
    if not first.whole:
        return
    width = 2 if track else 1
    after = first.end + width
    if track == 0 and window.data[first.end : after + 1] == b"\r\n":
        after += 1
    elif track and window.data[first.end : after + 2] in {b"\r\0\n\0", b"\0\r\0\n"}:
        after += 2
    if after + width <= len(window.data):
        following = _line(window, after + width - 1, track)
        if following.whole and following.start < following.end <= following.start + _NEXT:
            yield following


def _line(window: Window, anchor: int, track: int) -> Segment:
    parity = (anchor + 1) % 2 if track else 0
    anchor = anchor - 1 if track else anchor
    start = _break_before(window.data, anchor, track, parity)
    end = _break_after(window.data, anchor, track, parity)
    if end - start <= _REACH and (end == len(window.data) or end - anchor < _REACH):
        return Segment(start, end, start, end, whole=True)
    cell = (window.start + anchor) // _CELL * _CELL - window.start
    near = max(start, cell - _MARGIN, 0)
    near += (near - parity) % 2 if track else 0
    return Segment(near, min(end, cell + _CELL + _MARGIN), max(cell, start), min(cell + _CELL, end), whole=False)


def _break_before(data: bytes, anchor: int, track: int, parity: int) -> int:
    low = max(0, anchor - _REACH)
    width = 2 if track else 1
    best = low - width
    for mark in _BREAKS[track]:
        found = data.rfind(mark, low, anchor)
        while track and found >= 0 and found % 2 != parity:
            found = data.rfind(mark, low, found + 1)
        best = max(best, found) if found >= 0 else best
    start = best + width
    return start + ((start - parity) % 2 if track else 0)


def _break_after(data: bytes, anchor: int, track: int, parity: int) -> int:
    best = min(len(data), anchor + _REACH)
    for mark in _BREAKS[track]:
        found = data.find(mark, anchor, best)
        while track and found >= 0 and found % 2 != parity:
            found = data.find(mark, found + 1, best)
        best = found if found >= 0 else best
    return best
