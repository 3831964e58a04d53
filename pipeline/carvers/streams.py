"""gzip streams (RFC 1952), unpacked to their checksums."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from pipeline.carvers.base import Carved, Carver, View

__all__ = ["Gzip"]

UNPACKED: Final = 256 << 20
"""Bytes that the check of one stream may unpack."""
USABLE: Final = 4096
"""Bytes that must come out of a broken stream before it is kept."""
_PIECE: Final = 1 << 13
_OUT: Final = 1 << 18
_SYSTEMS: Final = frozenset((*range(14), 255))
"""Operating systems that §2.3.1 numbers."""
_RESERVED: Final = 0xE0


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


def _is_member(head: bytes) -> bool:
    """Tell whether a member's header can stand here."""
    return len(head) == 10 and head.startswith(b"\x1f\x8b\x08") and not head[3] & _RESERVED and head[9] in _SYSTEMS


def _member(view: View, at: int, limit: int, left: int) -> tuple[int, int, bool]:
    """Return (length, bytes unpacked, whether CRC and size fit) of one member."""
    engine, place, out, piece = zlib.decompressobj(31), 0, 0, b""
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
