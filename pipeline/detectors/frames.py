"""Frames: stretches of marked-up bytes that are a record each, however lines run through them.

A row of HTML, an element of XML that repeats, an object in a JSON array, a tuple of an SQL INSERT, a vCard. All marks
are ASCII, and none can be the second byte of a CP932 character where it stands. A frame is at most :data:`REACH` bytes
long, and what it is depends on bytes within that reach; where its end is not found, it ends with the reach.

Sources: HTML §13.1.2 (tags), XML 1.0 §3.1, RFC 8259 §4 and §5, RFC 6350 §3.3, ISO/IEC 9075-2 §7.3 (row values),
Shift_JIS second bytes 0x40 to 0xFC (JIS X 0208 annex 1).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["REACH", "Framed", "frames_in"]

REACH: Final = 2048
_BLANK: Final = 160
"""White space looked over before an opening."""
_NEAR: Final = 11 << 10
"""A frame matters within five reaches and a half of an anchor: one around it, the line of its end, one there."""
_NAME: Final = rb"[^<>\s/!?]{1,60}"
_REPEATED: Final = re.compile(rb"</" + _NAME + rb">\s{0,80}</(" + _NAME + rb")>\s{0,80}(?=<\1[\s>])")
_NOT_RECORDS: Final = frozenset({b"tr", b"td", b"th", b"dd", b"dt", b"p", b"div", b"span", b"a", b"b", b"i", b"font"})
"""Elements that repeat inside a record, and rows, which need no repetition."""
_LINE: Final = re.compile(rb"[^\n\r\0]+")


@dataclass(frozen=True, slots=True)
class Framed:
    """The frames of a window by their starts, and its anchors with those of every line of their frames."""

    starts: Sequence[int] = ()
    ends: Sequence[int] = ()
    anchors: Sequence[int] = ()

    @classmethod
    def around(cls, data: bytes, anchors: Sequence[int], track: int) -> Framed:
        """Return the frames of bytes with anchors in them; those of UTF-16 are looked for as their anchors stand."""
        if not anchors:
            return cls()
        if not track:
            found = _near(data, anchors)
        else:
            found = sorted(
                (2 * start + parity, 2 * end + parity)
                for parity in {(anchor + 1) % 2 for anchor in anchors}
                for start, end in _near(_plain_units(data, track, parity), [anchor // 2 for anchor in anchors])
            )
        framed = replace(cls.of(found), anchors=anchors)
        return replace(framed, anchors=framed.every_line(data, track)) if found else framed

    @classmethod
    def inside(cls, text: str) -> Framed:
        """Return the frames of a text."""
        units = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        return cls.of(frames_in(_plain(units)))

    @classmethod
    def of(cls, found: Sequence[tuple[int, int]]) -> Framed:
        """Return frames that were found."""
        starts, ends = zip(*found, strict=True) if found else ((), ())
        return cls(starts, ends)

    def record(self, place: int, line: int) -> int:
        """Return where the record of a place starts: its frame, else its line."""
        frame = self.at(place)
        return line if frame is None else frame[0]

    def rows(self, lines: Sequence[int]) -> Sequence[int]:
        """Return a number for each line, the same for lines that start in one frame."""
        return [self.record(start, start) for start in lines] if self.starts else ()

    def at(self, place: int) -> tuple[int, int] | None:
        """Return the frame that holds a place, the one that starts last."""
        for number in range(bisect_right(self.starts, place) - 1, -1, -1):
            start, end = self.starts[number], self.ends[number]
            if place - start >= 2 * REACH:
                return None
            if place < end:
                return start, end
        return None

    def every_line(self, data: bytes, track: int) -> list[int]:
        """Return the anchors, and the ends of all lines of the frames that hold any, in order."""
        found = set(self.anchors)
        for start, end in {frame for anchor in self.anchors if (frame := self.at(anchor)) is not None}:
            if track:
                found.update(
                    start + match.end() * 2 - 1 for match in _LINE.finditer(_plain_units(data[start:end], track, 0))
                )
            else:
                found.update(match.end() - 1 for match in _LINE.finditer(data, start, end))
        return sorted(found)


@dataclass(frozen=True, slots=True)
class _Family:
    """How a record opens, what must stand behind that, how the last one closes, and signs that there is any."""

    opening: re.Pattern[bytes]
    closing: re.Pattern[bytes]
    signs: tuple[bytes, ...]
    follows: Callable[[bytes], bool] = bool


def _after(last: bytes, openers: tuple[bytes, ...], before: bytes) -> bool:
    """Tell whether an object or tuple is the first of its list or follows another one."""
    text = before.rstrip()
    if text.upper().endswith(openers):
        return True
    inner = text[:-1].rstrip() if text.endswith(b",") else b""
    return inner.endswith(last) and inner[:-1].rstrip()[-1:] in _VALUE_ENDS


_VALUE_ENDS: Final = tuple(bytes((byte,)) for byte in b"\"'])}0123456789elsL")
_FAMILIES: Final = (
    _Family(re.compile(rb"<tr[\s>]", re.IGNORECASE), re.compile(rb"</(?:tr|table|tbody)\b", re.IGNORECASE),
            (b"<tr", b"<TR"), lambda _: True),
    _Family(re.compile(rb"BEGIN:VCARD", re.IGNORECASE), re.compile(rb"END:VCARD", re.IGNORECASE),
            (b"VCARD", b"vcard"), lambda _: True),
    _Family(re.compile(rb'\{\s{0,80}"'), re.compile(rb'["\]}0-9els]\s{0,80}\}\s{0,80}\]'), (b'"',),
            partial(_after, b"}", (b"[",))),
    _Family(re.compile(rb"\(\s{0,8}[Nn]?['\"0-9]"), re.compile(rb"['\"0-9lL]\s{0,8}\)\s{0,8};"),
            (b"),", b"VALUES", b"values"), partial(_after, b")", (b"VALUES",))),
)  # fmt: skip


def frames_in(data: bytes) -> list[tuple[int, int]]:
    """Return the (start, end) of frames in bytes, in order."""
    found: set[tuple[int, int]] = set()
    for family in _FAMILIES:
        if any(sign in data for sign in family.signs):
            found.update(_between(data, family))
    if b"</" in data:
        found.update(_elements(data))
    return sorted(found)


def _near(data: bytes, anchors: Sequence[int]) -> list[tuple[int, int]]:
    """Return the frames that what is read because of some anchors may lie in: nothing else is searched for them."""
    found: set[tuple[int, int]] = set()
    low = high = 0
    for anchor in (*anchors, None):
        if anchor is not None and anchor - _NEAR <= high:
            high = max(high, anchor + _NEAR)
            continue
        found.update((low + start, low + end) for start, end in frames_in(data[low:high]))
        low, high = (0, 0) if anchor is None else (anchor - _NEAR, anchor + _NEAR)
    return sorted(found)


def _plain_units(data: bytes, track: int, parity: int) -> bytes:
    return _plain(np.frombuffer(data, "<u2" if track == 1 else ">u2", (len(data) - parity) // 2, parity))


def _plain(units: NDArray[np.unsignedinteger[Any]]) -> bytes:
    """Return characters as one byte each: ASCII as it is, everything else as 0x80."""
    return np.where(units < 128, units, 128).astype(np.uint8).tobytes()


def _between(data: bytes, family: _Family) -> Iterator[tuple[int, int]]:
    """Yield stretches from one opening to the next, or to what closes the last."""
    places = (match.start() for match in family.opening.finditer(data))
    starts = [start for start in places if family.follows(data[max(0, start - _BLANK) : start])]
    for start, following in pairwise([*starts, len(data)]):
        limit = min(following, start + REACH)
        end = family.closing.search(data, start, limit)
        yield start, end.end() if end else limit


def _elements(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield elements with elements in them that stand beside others of their name."""
    for match in _REPEATED.finditer(data):
        name = match[1]
        if name.lower() in _NOT_RECORDS:
            continue
        low = max(0, match.start() - REACH + len(match.group()))
        before = max(data.rfind(b"<" + name + end, low, match.start()) for end in (b">", b" ", b"\n", b"\r"))
        if before >= 0:
            yield before, match.end()
        end = data.find(b"</" + name + b">", match.end(), match.end() + REACH)
        yield match.end(), min(match.end() + REACH, len(data)) if end < 0 else end
