"""PNG pictures (W3C PNG §5), in one piece or in two."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Final

from pipeline.carvers.base import Carved, Carver, SpentError, View
from pipeline.carvers.png_gap import joined_png

__all__ = ["Png"]

_CHUNK: Final = re.compile(rb"[A-Za-z]{4}")
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _Walk:
    """How far chunks are sound, how many of them hold picture data, and whether the last one is IEND."""

    at: int
    data: int
    ended: bool


@dataclass(frozen=True)
class Png(Carver):
    """Walks chunks with their CRCs to IEND; joins two pieces."""

    name: str = "png"
    version: int = 3
    headers: tuple[tuple[bytes, int], ...] = ((b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 0),)

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the picture; where chunks break off behind picture data, what agrees with its CRCs is partial."""
        walk = _walk(view, start, limit)
        view.memo["png"] = {start: walk}
        if not walk.data:
            return None
        if walk.ended:
            return Carved(start, walk.at, "png")
        return Carved(start, walk.at, "png", complete=False, note="no IEND; ends with its last sound chunk")

    def mend(self, view: View, start: int, limit: int, found: Carved | None) -> Carved | None:
        """Return the picture in two pieces where every chunk agrees with its CRC and the picture data unpacks."""
        walk = view.memo.get("png", {}).get(start) or _walk(view, start, limit)
        if walk.ended or walk.at <= 8:
            return found
        try:
            return joined_png(view, start, walk.at, limit) or found
        except SpentError:
            return found


def _walk(view: View, start: int, limit: int) -> _Walk:
    at, data = 8, 0
    while at + 12 <= limit:
        head = view.read(start + at, 8)
        size = int.from_bytes(head[:4], "big")
        if not _CHUNK.fullmatch(head[4:]) or at + 12 + size > limit or not _intact(view, start + at, size):
            break
        at += 12 + size
        data += head[4:] == b"IDAT"
        if head[4:] == b"IEND":
            return _Walk(at, data if not size else 0, ended=True)
    return _Walk(at, data, ended=False)


def _intact(view: View, at: int, size: int) -> bool:
    """Tell whether a chunk of ``size`` bytes agrees with its CRC over type and data (§5.3)."""
    crc, place, end = 0, at + 4, at + 8 + size
    while place < end:
        piece = view.read(place, min(_PIECE, end - place))
        if not piece:
            return False
        crc, place = zlib.crc32(piece, crc), place + len(piece)
    return view.read(end, 4) == crc.to_bytes(4, "big")
