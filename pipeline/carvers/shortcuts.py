"""Shell links ([MS-SHLLINK]), walked from the header through all their parts to the terminal block."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.carvers.base import Carved, Carver

__all__ = ["ShellLink"]

LARGEST: Final = 1 << 20
_HEAD: Final = 76
_TARGET: Final = 0x1
_INFO: Final = 0x2
_STRINGS: Final = (0x4, 0x8, 0x10, 0x20, 0x40)
"""Name, relative path, working directory, arguments, icon location (2.1.1), in the order of their data (2.4)."""
_UNICODE: Final = 0x80
_BLOCKS: Final = frozenset(range(0xA0000001, 0xA000000D))
"""Signatures of extra data (2.5)."""
_NO_INFO: Final = 0x100


@dataclass(slots=True)
class _Link:
    """The bytes of a link, how far they are walked, and what its target calls itself."""

    data: bytes
    at: int = _HEAD
    title: str = ""

    def number(self, size: int, offset: int = 0) -> int:
        return int.from_bytes(self.data[self.at + offset : self.at + offset + size], "little")


@dataclass(frozen=True)
class ShellLink(Carver):
    """Walks item list, link information, strings and extra data as the header's flags announce them."""

    name: str = "lnk"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46", 0),)

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the link; one that breaks off behind its item list or link information is partial."""
        data = view.read(start, min(limit, LARGEST))
        if len(data) < _HEAD or any(data[66:76]) or not 0 < struct.unpack_from("<I", data, 60)[0] < 12:
            return None
        (flags,) = struct.unpack_from("<I", data, 20)
        if flags >> 27:
            return None
        link = _Link(data)
        reached, whole = _walk(link, flags)
        if not reached:
            return None
        note = "" if whole else "breaks off before its terminal block"
        return Carved(start, reached, "lnk", complete=whole, note=note, title=link.title)


def _walk(link: _Link, flags: int) -> tuple[int, bool]:
    """Walk the parts that the flags announce; return how far they are proved (0: nothing), and whether to the end."""
    proved = 0
    if flags & _TARGET:
        if not _items(link):
            return 0, False
        proved = link.at
    if flags & _INFO and not flags & _NO_INFO:
        if not _information(link):
            return proved, False
        proved = link.at
    strings = all(_string(link, flags & _UNICODE) for bit in _STRINGS if flags & bit)
    return (link.at, True) if strings and _extra(link) else (proved, False)


def _items(link: _Link) -> bool:
    """Walk the item list (2.2): item sizes that add up to the list's, a terminal item of zero at its end."""
    end = link.at + 2 + link.number(2)
    link.at += 2
    if end > len(link.data):
        return False
    while link.at + 2 < end:
        size = link.number(2)
        if size < 3 or link.at + size > end - 2:
            return False
        link.at += size
    if link.at + 2 != end or link.number(2):
        return False
    link.at = end
    return True


def _information(link: _Link) -> bool:
    """Check link information (2.3): header of 28 or 36 bytes, offsets inside, the base path as the target's name."""
    size, head, flags = link.number(4), link.number(4, 4), link.number(4, 8)
    if head not in (28, 36) or size < head or link.at + size > len(link.data) or flags > 3:
        return False
    places = [link.number(4, at) for at in (12, 16, 20, 24)]
    if any(place and not head <= place < size for place in places):
        return False
    if flags & 1:
        path = link.data[link.at + places[1] : link.at + size].split(b"\0")[0]
        link.title = path.decode("cp932", "replace")
    link.at += size
    return True


def _string(link: _Link, wide: int) -> bool:
    """Pass over a counted string (2.4); in Unicode it must decode."""
    count = link.number(2) * (2 if wide else 1)
    body = link.data[link.at + 2 : link.at + 2 + count]
    if len(body) < count or link.at + 2 > len(link.data):
        return False
    if wide:
        try:
            text = body.decode("utf-16-le")
        except UnicodeDecodeError:
            return False
        link.title = link.title or text
    link.at += 2 + count
    return True


def _extra(link: _Link) -> bool:
    """Walk the extra data blocks (2.5) to the terminal block, a size below 4."""
    while link.at + 4 <= len(link.data):
        size = link.number(4)
        if size < 4:
            link.at += 4
            return True
        if size < 8 or link.number(4, 4) not in _BLOCKS or link.at + size > len(link.data):
            return False
        link.at += size
    return False
