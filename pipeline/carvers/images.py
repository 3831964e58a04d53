"""Pictures: JPEG (ISO 10918-1 annex B) and PNG (W3C PNG §5)."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.carvers.base import Carved, Carver

__all__ = ["Jpeg", "Png"]

_MARKER: Final = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_STEP: Final = 1 << 20


@dataclass(frozen=True)
class Png(Carver):
    """Walks chunks with their CRCs to IEND."""

    name: str = "png"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 0),)

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the picture if every chunk agrees with its CRC."""
        at = 8
        while at + 12 <= limit:
            head = view.read(start + at, 8)
            size = int.from_bytes(head[:4], "big")
            if len(head) < 8 or at + 12 + size > limit:
                return None
            body = view.read(start + at + 8, size + 4)
            if zlib.crc32(body[:size], zlib.crc32(head[4:])) != int.from_bytes(body[size:], "big"):
                return None
            at += 12 + size
            if head[4:] == b"IEND":
                return Carved(start, at, "png")
        return None


@dataclass(frozen=True)
class Jpeg(Carver):
    """Walks marker segments and entropy-coded data to EOI."""

    name: str = "jpeg"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"\xff\xd8\xff", 0),)

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the picture if its segments lead to a frame, a scan and EOI."""
        at, seen = 2, 0
        while at + 2 <= limit:
            head = view.read(start + at, 4)
            if len(head) < 2 or head[0] != 0xFF:
                return None
            if head[1] == 0xD9:
                return Carved(start, at + 2, "jpeg") if seen == 3 else None
            size = int.from_bytes(head[2:4], "big")
            if head[1] < 0xC0 or 0xD0 <= head[1] <= 0xD8 or size < 2:
                return None
            seen |= 1 if head[1] in (0xC0, 0xC1, 0xC2) else 0
            at += 2 + size
            if head[1] == 0xDA:
                seen |= 2
                at = _entropy(view, start, at, limit)
        return None


def _entropy(view: Readable, start: int, at: int, limit: int) -> int:
    """Offset of the marker behind entropy-coded data (B.1.1.5), ``limit`` if there is none."""
    while at < limit:
        data = view.read(start + at, min(_STEP, limit - at))
        if match := _MARKER.search(data):
            return at + match.end() - 2
        if len(data) < 2:
            return limit
        at += len(data) - 1 if at + len(data) < limit else len(data)
    return limit
