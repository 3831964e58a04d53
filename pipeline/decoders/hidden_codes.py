"""Runs of Base64 (RFC 4648 §4 and §5, wrapped as in RFC 2045 §6.8 too) and hexadecimal digits in other bytes."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final

__all__ = ["base64_bytes", "base64_runs", "hex_bytes", "hex_runs"]

SHORTEST: Final = 32
"""Letters of Base64 without a gap that make a run: 24 bytes, less than any record."""
SHORTEST_HEX: Final = 32
"""Hexadecimal digits that make a run: 16 bytes."""
_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_DIGITS: Final = b"0123456789abcdefABCDEF"
_BETWEEN: Final = b" :,-\t\r\n"
_WRAP: Final = re.compile(rb"(?:=3D|\\r\\n|\\n|[ \t>]*\r?\n[ \t>]*)(?=[A-Za-z0-9+/_-])")
_REST: Final = re.compile(rb"[A-Za-z0-9+/_-]+")
_PAD: Final = re.compile(rb"={1,2}")
_GAPS: Final = re.compile(rb"\\r\\n|\\n|[^A-Za-z0-9+/_=-]+")
_PAIRS: Final = re.compile(
    rb"(?:[0-9A-Fa-f]{2}){16,}(?:\r?\n(?:[0-9A-Fa-f]{2})+)*|[0-9A-Fa-f]{2}(?:[ :,\-\t\r\n]{1,2}[0-9A-Fa-f]{2}){15,}"
)
_NOT_DIGITS: Final = re.compile(rb"[^0-9A-Fa-f]+")
_HEX_LETTER: Final = re.compile(rb"[A-Fa-f]")
_JUDGED: Final = 4096
_LONGEST: Final = 64 << 20


def _mask(members: bytes) -> bytes:
    return bytes(1 if code in members else 0 for code in range(256))


_LETTER_MASK: Final = _mask(_LETTERS)
_DIGIT_MASK: Final = _mask(_DIGITS + _BETWEEN)


def base64_runs(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (start, length) of runs, wrapped lines joined; those of hexadecimal digits alone are not of them."""
    reached = 0
    for start, end in _stretches(data, _LETTER_MASK, SHORTEST):
        if start < reached:
            continue
        reached = stop = _joined(data, start, end)
        if _NOT_DIGITS.search(data, start, stop):
            yield start, stop - start


def _stretches(data: bytes, mask: bytes, shortest: int) -> Iterator[tuple[int, int]]:
    """Yield (start, end) where at least so many bytes in a row are of a class."""
    marks, wanted, at = data.translate(mask), b"\1" * shortest, 0
    while (start := marks.find(wanted, at)) >= 0:
        end = marks.find(b"\0", start + shortest)
        end = len(data) if end < 0 else end
        yield start, end
        at = end


def _joined(data: bytes, start: int, end: int) -> int:
    """Return where a run ends whose lines are wrapped: each but the last is as long as the first."""
    width = end - start
    while end - start < _LONGEST:
        wrap = _WRAP.match(data, end)
        following = _REST.match(data, wrap.end()) if wrap else None
        if following is None or len(following.group()) > width:
            break
        end = following.end()
        if len(following.group()) < width:
            break
    pad = _PAD.match(data, end)
    return pad.end() if pad else end


def base64_bytes(run: bytes, cap: int) -> bytes:
    """Return what a run encodes; where letters before it have joined it, from the phase that gives text."""
    letters = _GAPS.sub(b"", run).rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    return max((_decoded(letters[phase:]) for phase in range(4)), key=_likeness)[:cap]


def _decoded(letters: bytes) -> bytes:
    even = letters[: len(letters) - (len(letters) % 4 == 1)]
    try:
        return binascii.a2b_base64(even + b"=" * (-len(even) % 4))
    except binascii.Error:
        return b""


def _likeness(data: bytes) -> int:
    """Return how sure it is that the head is text: by its encoding, which UTF-8 shows best; 0 where it is none.

    It may end inside a character.
    """
    head = data[:_JUDGED]
    if any(code < 32 and code not in b"\t\n\x0c\r\x1b" for code in head):
        return 0
    for rank, encoding in ((2, "utf-8"), (1, "cp932"), (1, "euc_jp")):
        try:
            head.decode(encoding)
        except UnicodeDecodeError as error:
            if error.start < len(head) - 3:
                continue
        return rank
    return 0


def hex_runs(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (start, length) of runs of pairs of digits, bare or with single marks between; one letter at least."""
    for start, end in _stretches(data, _DIGIT_MASK, SHORTEST_HEX):
        if _HEX_LETTER.search(data, start, end) is None:
            continue
        for match in _PAIRS.finditer(data, start, end):
            if _HEX_LETTER.search(match.group()):
                yield match.start(), match.end() - match.start()


def hex_bytes(run: bytes, cap: int) -> bytes:
    """Return what a run of digits encodes."""
    digits = _NOT_DIGITS.sub(b"", run)
    candidates = [
        bytes.fromhex(digits[phase : len(digits) - (len(digits) - phase) % 2].decode("ascii")) for phase in (0, 1)
    ]
    return max(candidates, key=_likeness)[:cap]
