"""Hibernation files of Windows: memory pages, unpacked.

SOURCE: PO_MEMORY_IMAGE as ntoskrnl's public symbols give it (signature at 0, length of itself at 12, page size at 24);
libhibr's documentation of the packed blocks of Windows XP to 7; Sylve, Marziale, Richard, "Modern Windows hibernation
file analysis" (2017): restoration sets of Windows 8 and later.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.access.xpress import unpack_huffman, unpack_plain
from pipeline.decoders.base import Decoded, Decoder, Limits, Member, Trouble

__all__ = ["Hibernation"]

PAGE: Final = 4096
_PIECE: Final = 16 << 20
"""Bytes of pages that are given as one member."""
_WINDOW: Final = 4 << 20
_MAGIC: Final = b"\x81\x81xpress"
_BLOCK_HEAD: Final = 32
_MOST_PAGES: Final = 4096
"""Pages of one set: 255 descriptors of at most 16 pages each."""
_LAYOUTS: Final = ((0x68, 0x70), (0x60, 0x68))
"""Where the first pages of the two sections stand: Windows 10 and later, Windows 8 (64 bit)."""
_COUNTS: Final = ((0x58,), (0x1C8, 0x218, 0x220, 0x230))
"""Where the numbers of pages stand: of the boot section, and, by version, of the kernel's."""


@dataclass(slots=True)
class _Pages:
    """Pages gathered to members, and what was lost."""

    held: list[bytes] = field(default_factory=list)
    size: int = 0
    number: int = 0
    total: int = 0
    broken: int = 0

    def add(self, data: bytes) -> Iterator[Member]:
        """Take pages; yield a member when enough are there."""
        self.held.append(data)
        self.size += len(data)
        if self.size >= _PIECE:
            yield from self.rest()

    def rest(self) -> Iterator[Member]:
        """Yield what is held."""
        if self.held:
            yield Member(f"pages-{self.number:06}", b"".join(self.held))
        self.total += self.size
        self.held, self.size, self.number = [], 0, self.number + 1


@dataclass(frozen=True)
class Hibernation(Decoder):
    """Unpacks the blocks or sets of a hibernation file in the order of the file, whatever page of memory each was."""

    name: str = "hibernation"
    version: int = 1
    types: tuple[str, ...] = ("hibernation",)
    streams: bool = True

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield members of pages; what could not be unpacked, or may be missing, is a Trouble."""
        pages = _Pages()
        head = content.read(0, PAGE)
        ended = yield from _sets(content, head, pages, limits.total_bytes)
        if not pages.total + pages.size:
            ended = yield from _blocks(content, pages, limits.total_bytes)
        yield from pages.rest()
        if not pages.total:
            yield Trouble("hibernation-empty", "no packed pages were found; the file is read as bytes only")
        elif pages.total >= limits.total_bytes:
            yield Trouble("limit-total-bytes", f"pages exceed {limits.total_bytes} bytes; the rest is not unpacked")
        elif pages.broken or not ended:
            yield Trouble("hibernation-damaged", f"{pages.total} bytes of pages; others are damaged or may be missing")


def _blocks(content: Readable, pages: _Pages, most: int) -> Generator[Member, None, bool]:
    """Unpack blocks that announce themselves, as Windows XP to 7 write them; return whether all could be."""
    at = 0
    while at < content.size and pages.total + pages.size < most:
        window = content.read(at, min(_WINDOW, content.size - at))
        place = window.find(_MAGIC)
        if place < 0:
            at += max(len(window) - len(_MAGIC) + 1, 1)
            continue
        at += place
        head = content.read(at, _BLOCK_HEAD)
        count = head[8] + 1 if len(head) == _BLOCK_HEAD else 0
        size = (int.from_bytes(head[9:13], "little") >> 2) + 1
        data = _unpacked(content, at + _BLOCK_HEAD, size, count, 0) if 0 < count <= 16 else None
        if data is None:
            pages.broken += 1
            at += len(_MAGIC)
            continue
        yield from pages.add(data)
        at += _BLOCK_HEAD + -(-size // 8) * 8
    return True


def _sets(content: Readable, head: bytes, pages: _Pages, most: int) -> Generator[Member, None, bool]:
    """Unpack the restoration sets of Windows 8 and later; return whether as many pages came as the header counts."""
    if len(head) < PAGE:
        return False
    for layout in _LAYOUTS:
        starts = [struct.unpack_from("<Q", head, place)[0] * PAGE for place in layout]
        if all(start < PAGE or _set(content, start) is None for start in starts):
            continue
        ended = True
        for start, places in zip(starts, _COUNTS, strict=True):
            before = pages.total + pages.size
            at = start
            while pages.total + pages.size < most and (found := _set(content, at)) is not None:
                yield from pages.add(found[0])
                at += found[1]
            counts = {struct.unpack_from("<Q", head, place)[0] for place in places}
            ended = ended and (pages.total + pages.size - before) // PAGE in counts - {0}
        return ended
    return False


def _set(content: Readable, at: int) -> tuple[bytes, int] | None:
    """Return the pages of the compression set at ``at`` and its length; None where there is none.

    Its head: descriptors in 8 bits, bytes of packed data in 22, the method in 2; a descriptor: pages less one in 4.
    """
    raw = content.read(at, 4) if at + 4 <= content.size else b""
    if len(raw) < 4:
        return None
    head = int.from_bytes(raw, "little")
    descriptors, size, method = head & 0xFF, head >> 8 & 0x3FFFFF, head >> 30
    table = content.read(at + 4, 8 * descriptors)
    if not descriptors or not size or len(table) < 8 * descriptors:
        return None
    count = sum((one & 15) + 1 for one in struct.unpack(f"<{descriptors}Q", table))
    data = _unpacked(content, at + 4 + len(table), size, count, method)
    return None if data is None else (data, 4 + len(table) + size)


def _unpacked(content: Readable, at: int, size: int, count: int, method: int) -> bytes | None:
    """Return ``count`` pages: as they are where they were not packed, else unpacked, with Huffman codes or without."""
    if size > count * PAGE or count > _MOST_PAGES or at + size > content.size:
        return None
    data = content.read(at, size)
    if size == count * PAGE:
        return data if len(data) == size else None
    return unpack_huffman(data, count * PAGE) if method >= 2 else unpack_plain(data, count * PAGE)
