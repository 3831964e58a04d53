"""Which pages of an ESE database are lost: libesedb passes over zeroed and overwritten pages in silence.

SOURCE: Joachim Metz, "Extensible Storage Engine (ESE) Database File (EDB) format": file header (signature at 4, state
at 52, revision at 232, page size at 236), page header (checksums; siblings at 16 and 20, flags at 36, extended from
16 KiB on: sums of the other quarters at 40, 48 and 56), page tags at the end of a page, branch entries (child in the
last four bytes). The sums are XOR of 32-bit words; measured on Windows' own files: seeded with the page number.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError

__all__ = ["CLEAN", "Header", "Pages", "read_header"]

CLEAN: Final = 3
_SIZES: Final = frozenset({2048, 4096, 8192, 16384, 32768})
_SIGNATURE: Final = 0x89ABCDEF
_ECC_FROM: Final = 11
"""Revision from which on pages carry an error correcting code behind the sum."""
_PIECE: Final = 4 << 20
_LEAF, _BRANCH, _EMPTY = 2, 4, 8
_MOST_PAGES: Final = 1 << 26


@dataclass(frozen=True, slots=True)
class Header:
    """State and layout; ``clean`` is whether the database was closed, all its logs written into it."""

    clean: bool
    page: int
    revision: int


def read_header(content: Readable) -> Header:
    """Return the header.

    Raises:
        ParseError: it is destroyed.
    """
    raw = content.read(0, min(4096, content.size))
    if len(raw) < 240 or struct.unpack_from("<I", raw, 4)[0] != _SIGNATURE:
        message = "no header of an ESE database"
        raise ParseError(message)
    state, revision, page = *struct.unpack_from("<I", raw, 52), *struct.unpack_from("<II", raw, 232)
    if page not in _SIZES:
        message = f"the header of the ESE database states pages of {page} bytes"
        raise ParseError(message)
    return Header(state == CLEAN, page, revision)


@dataclass(slots=True)
class Pages:
    """The sound pages of a database and the pages that they, or its catalog, point to."""

    content: Readable
    header: Header
    sound: Any = field(init=False)
    wanted: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        count = min(max(self.content.size // self.header.page - 1, 0), _MOST_PAGES)
        self.sound = np.zeros(count + 1, dtype=bool)
        size = self.header.page
        step = max(_PIECE // size, 1)
        for first in range(1, count + 1, step):
            raw = self.content.read((first + 1) * size, min(step, count + 1 - first) * size)
            words = np.frombuffer(raw[: len(raw) // size * size], dtype="<u4").reshape(-1, size // 4)
            self._take(first, words)

    def lost(self, roots: Iterable[int]) -> list[int]:
        """Return the numbers of pages that are pointed to and are not sound."""
        count = len(self.sound)
        wanted = self.wanted | set(roots)
        return sorted(number for number in wanted if number and (number >= count or not self.sound[number]))

    def _take(self, first: int, words: Any) -> None:
        numbers = np.arange(first, first + len(words), dtype="<u4")
        good = self._sums(words, numbers) & words.any(axis=1)
        self.sound[first : first + len(words)] = good
        used = good & ((words[:, 9] & _EMPTY) == 0)
        for column in (4, 5):
            self.wanted.update(int(number) for number in np.unique(words[used, column]))
        for row in np.flatnonzero(used & ((words[:, 9] & _BRANCH) != 0)):
            self.wanted.update(_children(words[row].tobytes()))

    def _sums(self, words: Any, numbers: Any) -> Any:
        """Return for each page whether its sums agree."""
        if self.header.revision < _ECC_FROM:
            return np.bitwise_xor.reduce(words[:, 1:], axis=1) ^ np.uint32(_SIGNATURE) == words[:, 0]
        if self.header.page < 16384:
            return np.bitwise_xor.reduce(words[:, 2:], axis=1) ^ numbers == words[:, 0]
        quarter = words.shape[1] // 4
        good = np.ones(len(words), dtype=bool)
        for part, place in enumerate((0, 10, 12, 14)):
            block = words[:, max(part * quarter, 2) : (part + 1) * quarter]
            good &= np.bitwise_xor.reduce(block, axis=1) ^ numbers == words[:, place]
        return good


def _children(page: bytes) -> Iterator[int]:
    """Yield the pages that a branch page points to: the last bytes of each entry but the first, which is its header."""
    large = len(page) >= 16384
    head, mask = (80, 0x7FFF) if large else (40, 0x1FFF)
    (tags,) = struct.unpack_from("<H", page, 34)
    for number in range(1, min(tags & 0x0FFF, len(page) // 4)):
        size, offset = struct.unpack_from("<HH", page, len(page) - 4 * (number + 1))
        end = head + (offset & mask) + (size & mask)
        if (size & mask) >= 4 and end <= len(page):
            yield struct.unpack_from("<I", page, end - 4)[0]
