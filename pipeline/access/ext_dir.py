"""Names in a directory block of ext: those in use, and those that deleting left behind them.

Source: the kernel's ``Documentation/filesystems/ext4`` ("Directory Entries"): inode, record length, name length, type;
deleting a name adds its record's length to the one before it, so that the bytes stay.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["DirName", "dir_names", "own_inode"]

_FILLED: Final = re.compile(rb"[^\0]")
_DOTS: Final = (b".", b"..")
_TYPES: Final = 8
_FOLDER: Final = 2


@dataclass(frozen=True, slots=True)
class DirName:
    """A name and its inode; ``live`` where it was in use when the block was written."""

    name: str
    inode: int
    type: int
    live: bool


def own_inode(raw: bytes) -> int:
    """Return the inode of the directory whose first block this is, 0 where it is no such block."""
    if len(raw) < 24:
        return 0
    inode, length, size, kind = struct.unpack_from("<IHBB", raw)
    above, _, double, _ = struct.unpack_from("<IHBB", raw, 12)
    dots = raw[8:12] == b".\0\0\0" and raw[20:22] == b".."
    return inode if dots and (length, size, double) == (12, 1, 2) and kind in {0, _FOLDER} and above else 0


def dir_names(raw: bytes) -> Iterator[DirName]:
    """Yield the names of a directory block and those in the space behind each."""
    at = 0
    while at + 8 <= len(raw):
        (length,) = struct.unpack_from("<H", raw, at + 4)
        whole = length >= 8 and length % 4 == 0 and at + length <= len(raw)
        end = at + length if whole else len(raw)
        used = _record(raw, at, end)
        if used and whole:
            yield from _named(raw, at, live=True)
        yield from _behind(raw, at + (used or 8 if whole else 0), end)
        at = end


def _behind(raw: bytes, at: int, end: int) -> Iterator[DirName]:
    """Yield what looks like names where no record in use lies; most of it is zeros, which are leapt over."""
    while (filled := _FILLED.search(raw, at, end)) is not None:
        at = max(filled.start() // 4 * 4, at)
        used = _record(raw, at, end)
        if used:
            yield from _named(raw, at, live=False)
        at += used or 4


def _record(raw: bytes, at: int, end: int) -> int:
    """Return how many bytes a record's name takes, 0 where there is none that could be."""
    if at + 12 > end:
        return 0
    _, length, size, kind = struct.unpack_from("<IHBB", raw, at)
    used = -(-(8 + size) // 4) * 4
    sane = size and kind < _TYPES and used <= length and length % 4 == 0 and at + used <= end
    text = raw[at + 8 : at + 8 + size]
    return used if sane and b"\0" not in text and b"/" not in text else 0


def _named(raw: bytes, at: int, *, live: bool) -> Iterator[DirName]:
    inode, _, size, kind = struct.unpack_from("<IHBB", raw, at)
    text = raw[at + 8 : at + 8 + size]
    if inode and text not in _DOTS:
        yield DirName(text.decode("utf-8", "backslashreplace"), inode, kind, live)
