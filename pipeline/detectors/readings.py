"""Lines of a table decoded many at once, where bytes tell their encoding; one by one where they do not.

What each line is decoded as is what :func:`~pipeline.detectors.encodings.decode_line` says. Well-formed UTF-8 after The
Unicode Standard, table 3-7: a continuation byte never follows ASCII, and C0, C1 and F5 to FF are no lead bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.detectors.batches import Lines
from pipeline.detectors.encodings import decode_line

__all__ = ["Reading", "readings"]

_HIGH: Final = 1
_NOT_UTF8: Final = 2
_NOT_EUC: Final = 4
_ESCAPE: Final = 8
_CONTINUES: Final = 16
_LEADS: Final = 32
_BROKEN: Final = re.compile("[\udc80-\udcff]")
_DONE: Final = 0xFF
_SHIFTED: Final = "iso-2022-jp"
_SURE: Final = {"ascii": 0, "utf-8": _HIGH, "cp932": _HIGH | _NOT_UTF8 | _NOT_EUC}


@dataclass(frozen=True, slots=True)
class Reading:
    """Lines in one encoding: their numbers, and their texts with line feeds between them."""

    encoding: str
    numbers: NDArray[np.int64]
    text: str


def readings(raw: bytes, lines: Lines, likely: re.Pattern[str], encoding: str = "") -> Iterator[Reading]:
    """Yield the lines of a page by encoding, each line once; those with shift states or broken characters are left.

    ``encoding`` is that of the whole content where it is in UTF-16.
    """
    numbers = lines.whole
    if not len(numbers):
        return
    if encoding:
        yield _wide(raw, lines, numbers, encoding)
    else:
        yield from _by_bytes(raw, lines, numbers, likely)


def _wide(raw: bytes, lines: Lines, numbers: NDArray[np.int64], encoding: str) -> Reading:
    """Return lines in UTF-16, but for those with half a character where there are any."""
    starts, ends = (lines.in_units(places[numbers]) for places in (lines.starts, lines.ends))
    try:
        return Reading(encoding, numbers, _joined(raw, lines, (starts, ends), encoding))
    except UnicodeDecodeError:
        halves = np.append(0, np.cumsum((lines.units & 0xF800) == 0xD800))
        kept = halves[starts] == halves[ends]
        return Reading(encoding, numbers[kept], _joined(raw, lines, (starts[kept], ends[kept]), encoding))


def _joined(raw: bytes, lines: Lines, borders: tuple[NDArray[np.int64], NDArray[np.int64]], encoding: str) -> str:
    places = zip(*(lines.in_bytes(border).tolist() for border in borders), strict=True)
    return "\n".encode(encoding).join([raw[start:end] for start, end in places]).decode(encoding)


def _by_bytes(
    raw: bytes, lines: Lines, numbers: NDArray[np.int64], likely: re.Pattern[str]
) -> Iterator[Reading]:  # fmt: skip
    """Yield lines of bytes by encoding."""
    told = _told(lines.units, lines)[numbers]
    for encoding, mark in _SURE.items():
        own = numbers[told == mark]
        text = _together(raw, lines, own, encoding) if len(own) else None
        if text is not None:
            yield Reading(encoding, own, text)
            told[told == mark] = _DONE
    parts: dict[str, list[tuple[int, str]]] = {}
    for number in numbers[told != _DONE].tolist():
        line = decode_line(raw[lines.starts[number] : lines.ends[number]], likely)
        if line.encoding != _SHIFTED and not _BROKEN.search(line.text):
            parts.setdefault(line.encoding, []).append((number, line.text))
    for encoding, own_lines in sorted(parts.items()):
        numbers = np.array([number for number, _ in own_lines], np.int64)
        yield Reading(encoding, numbers, "\n".join(text for _, text in own_lines))


def _told(data: NDArray[np.uint8], lines: Lines) -> NDArray[np.uint8]:
    """Return what the bytes of each line tell together."""
    marks = _marks()[data]
    continues = (marks & _CONTINUES).astype(bool)
    follows_high = np.append(False, (marks[:-1] & _HIGH).astype(bool))
    led = np.append(continues[1:], False)
    broken = (continues & ~follows_high) | ((marks & _LEADS).astype(bool) & ~led)
    marks[broken] |= _NOT_UTF8
    together: NDArray[np.uint8] = np.bitwise_or.reduceat(marks, lines.starts)
    together &= _HIGH | _NOT_UTF8 | _NOT_EUC | _ESCAPE
    return together


@cache
def _marks() -> NDArray[np.uint8]:
    code = np.arange(256)
    marks = np.where(code >= 0x80, _HIGH, 0) | np.where(code == 0x1B, _ESCAPE, 0)
    marks |= np.where((code >= 0x80) & (code <= 0xA0) & (code != 0x8E) & (code != 0x8F), _NOT_EUC, 0)
    marks |= np.where((code >= 0x80) & (code < 0xC0), _CONTINUES, 0)
    marks |= np.where((code >= 0xC2) & (code <= 0xF4), _LEADS, 0)
    marks |= np.where(np.isin(code, [0xC0, 0xC1]) | (code >= 0xF5), _NOT_UTF8, 0)
    return marks.astype(np.uint8)


def _together(raw: bytes, lines: Lines, numbers: NDArray[np.int64], encoding: str) -> str | None:
    """Decode lines as one text; None where that cannot be done without an error or a character that is none."""
    borders = zip(lines.starts[numbers].tolist(), lines.ends[numbers].tolist(), strict=True)
    joined = b"\n".join([raw[start:end] for start, end in borders])
    try:
        text = joined.decode(encoding)
    except UnicodeDecodeError:
        return None
    if encoding == "cp932" and _is_doubtful(text):
        return None
    return text


def _is_doubtful(text: str) -> bool:
    """Return whether a text without lone surrogates has private characters or C1 controls: read wrongly, mostly."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    return bool((((codes - 0xE000) < 0x1900) | ((codes - 0x80) < 0x20)).any())
