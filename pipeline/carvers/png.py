"""PNG pictures (W3C PNG §5)."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Final

from pipeline.carvers.base import Carved, Carver, View

__all__ = ["Png"]

_CHUNK: Final = re.compile(rb"[A-Za-z]{4}")
_PIECE: Final = 1 << 20


@dataclass(frozen=True)
class Png(Carver):
    """Walks chunks with their CRCs to IEND."""

    name: str = "png"
    version: int = 2
    headers: tuple[tuple[bytes, int], ...] = ((b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 0),)

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the picture; where chunks break off behind picture data, what agrees with its CRCs is partial."""
        at, data = 8, 0
        while at + 12 <= limit:
            head = view.read(start + at, 8)
            size = int.from_bytes(head[:4], "big")
            if not _CHUNK.fullmatch(head[4:]) or at + 12 + size > limit or not _intact(view, start + at, size):
                break
            at += 12 + size
            data += head[4:] == b"IDAT"
            if head[4:] == b"IEND":
                return Carved(start, at, "png") if data and not size else None
        return (
            Carved(start, at, "png", complete=False, note="no IEND; ends with its last sound chunk") if data else None
        )


def _intact(view: View, at: int, size: int) -> bool:
    """Tell whether a chunk of ``size`` bytes agrees with its CRC over type and data (§5.3)."""
    crc, place, end = 0, at + 4, at + 8 + size
    while place < end:
        piece = view.read(place, min(_PIECE, end - place))
        if not piece:
            return False
        crc, place = zlib.crc32(piece, crc), place + len(piece)
    return view.read(end, 4) == crc.to_bytes(4, "big")
