"""Pictures: JPEG (ISO 10918-1 annex B) and PNG (W3C PNG §5)."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Final

from pipeline.carvers.base import Carved, Carver, View

__all__ = ["Jpeg", "Png"]

_MARKER: Final = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_CHUNK: Final = re.compile(rb"[A-Za-z]{4}")
_STEP: Final = 1 << 18
_PIECE: Final = 1 << 20
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF0-3, 5-7, 9-11, 13-15: baseline, extended, progressive, lossless, differential, arithmetic (table B.1)."""
_BETWEEN_SCANS: Final = frozenset({0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)})
"""What may follow a scan (B.2.4): tables, the next scan, DNL, DRI, comments, application data."""


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


@dataclass(frozen=True)
class Jpeg(Carver):
    """Walks marker segments and entropy-coded data to EOI."""

    name: str = "jpeg"
    version: int = 2
    headers: tuple[tuple[bytes, int], ...] = ((b"\xff\xd8\xff", 0),)

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the picture if a frame, a scan and EOI follow each other; without EOI nothing tells its end."""
        at, frame, scans = 2, b"", 0
        while at + 2 <= limit:
            head = view.read(start + at, 4)
            if len(head) < 2 or head[0] != 0xFF:
                return None
            kind = head[1]
            if kind == 0xFF:
                at += 1
                continue
            if kind == 0xD9:
                return Carved(start, at + 2, "jpeg") if scans else None
            size = int.from_bytes(head[2:4], "big")
            body = view.read(start + at + 4, min(size - 2, 32)) if size >= 2 else b""
            if len(body) < min(size - 2, 32) or not _plausible(kind, size, body, frame, scans):
                return None
            frame = body if kind in _FRAMES else frame
            at += 2 + size
            if kind == 0xDA:
                scans += 1
                at = _entropy(view, start, at, limit)
        return None


def _plausible(kind: int, size: int, body: bytes, frame: bytes, scans: int) -> bool:
    """Tell whether a segment can stand here with its length and first fields (B.2.2 to B.2.4)."""
    if kind in _FRAMES:
        components = body[5] if len(body) > 5 else 0
        sound = 1 <= components <= 4 and size == 8 + 3 * components and body[3:5] != b"\0\0"
        return sound and body[0] in range(2, 17) and (not frame or body == frame)
    if kind == 0xDA:
        components = body[0] if body else 0
        return bool(frame) and 1 <= components <= frame[5] and size == 6 + 2 * components
    if scans:
        return kind in _BETWEEN_SCANS and size >= 2 and _table(kind, size, body)
    return 0xC0 <= kind <= 0xFE and not 0xD0 <= kind <= 0xD8 and size >= 2 and _table(kind, size, body)


def _table(kind: int, size: int, body: bytes) -> bool:
    """Tell whether tables have the length their kind asks for: DQT, DHT, DRI, DNL (B.2.4, B.2.5)."""
    if kind == 0xC4:
        return size > 18 and body[0] >> 4 < 2 and body[0] & 15 < 4 and 19 + sum(body[1:17]) <= size
    if kind == 0xDB:
        return size > 66 and body[0] >> 4 < 2 and body[0] & 15 < 4
    return size == 4 if kind in {0xDC, 0xDD} else True


def _entropy(view: View, start: int, at: int, limit: int) -> int:
    """Offset of the marker behind entropy-coded data (B.1.1.5), ``limit`` if there is none."""
    while at < limit:
        data = view.read(start + at, min(_STEP, limit - at))
        if match := _MARKER.search(data):
            return at + match.end() - 2
        if len(data) < 2:
            return limit
        at += len(data) - 1 if at + len(data) < limit else len(data)
    return limit
