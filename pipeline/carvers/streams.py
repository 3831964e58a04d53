"""gzip (RFC 1952) and bare zlib streams (RFC 1950), unpacked to their checksums."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from pipeline.carvers.base import Carved, Carver, View

__all__ = ["Gzip", "Zlib"]

UNPACKED: Final = 256 << 20
"""Bytes that the check of one stream may unpack."""
USABLE: Final = 4096
"""Bytes that must come out of a broken stream before it is kept."""
_PIECE: Final = 1 << 13
_OUT: Final = 1 << 18
_SYSTEMS: Final = frozenset((*range(14), 255))
"""Operating systems that §2.3.1 numbers."""
_RESERVED: Final = 0xE0
_ZLIB: Final = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
"""Method 8 with the largest window and a level, no preset dictionary (RFC 1950 §2.2)."""
LEAST: Final = 64
"""Bytes that a zlib stream must unpack to: less holds no record, and four bytes of checksum are soon met by chance."""


@dataclass(frozen=True)
class Gzip(Carver):
    """Unpacks member after member; CRC and size of each must fit (§2.3.1)."""

    name: str = "gzip"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"\x1f\x8b\x08", 0),)

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the stream; partial where a member breaks off, behind the last bytes that unpack."""
        end, left = 0, UNPACKED
        while _is_member(view.read(start + end, min(10, limit - end))):
            length, out, whole = _member(view, start + end, limit - end, left)
            if not whole:
                break
            end, left = end + length, left - out
        else:
            return Carved(start, end, "gzip") if end else None
        if end:
            return Carved(start, end, "gzip")
        note = "not unpacked to its end" if left <= out else "its checksum is missing or wrong"
        return Carved(start, length, "gzip", complete=False, note=note) if out >= USABLE else None


@dataclass(frozen=True)
class Zlib(Carver):
    """Unpacks a bare stream to its Adler-32 (§2.2); what breaks off is left, for its header says nothing."""

    name: str = "zlib"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = tuple((head, 0) for head in _ZLIB)

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the stream; None where it does not end in its checksum, or is the picture data of a PNG."""
        if start >= 4 and view.read(start - 4, 4) == b"IDAT":
            return None
        length, out, whole = _member(view, start, limit, UNPACKED, wbits=15)
        return Carved(start, length, "zlib") if whole and out >= LEAST else None


def _is_member(head: bytes) -> bool:
    """Tell whether a member's header can stand here."""
    return len(head) == 10 and head.startswith(b"\x1f\x8b\x08") and not head[3] & _RESERVED and head[9] in _SYSTEMS


def _member(view: View, at: int, limit: int, left: int, *, wbits: int = 31) -> tuple[int, int, bool]:
    """Return (length, bytes unpacked, whether the checksum fits) of one member; ``wbits`` as zlib takes them."""
    engine, place, out, piece = zlib.decompressobj(wbits), 0, 0, b""
    while out < left and not engine.eof:
        if not piece:
            piece = view.read(at + place, min(_PIECE, limit - place))
            if not piece:
                break
        try:
            body = engine.decompress(piece, _OUT)
        except zlib.error:
            break
        view.spend(len(body))
        rest = engine.unused_data if engine.eof else engine.unconsumed_tail
        place, out, piece = place + len(piece) - len(rest), out + len(body), b"" if engine.eof else rest
    return place, out, engine.eof
