"""Outlook data files ([MS-PST] 2.2.2.6, 2.2.2.7): header checksum, stated size, allocation maps at their places."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.carvers.base import Carved, Carver

__all__ = ["OutlookData"]

_PARTIAL: Final = 471
"""Bytes from offset 8 that the header's first checksum covers (2.2.2.6)."""
_MAP_START: Final = 0x4400
_MAP_STEP: Final = 253952
"""Bytes that one allocation map covers (2.2.2.7.2.1): 496 bytes of bits of 64 bytes each."""
_MAP: Final = 0x84


@dataclass(frozen=True)
class OutlookData(Carver):
    """Walks the allocation maps to the stated end; each has its type twice and its own checksum."""

    name: str = "pst"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"!BDN", 0),)

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the file; it is cut off where a map is not where it must be."""
        head = view.read(start, min(564, limit))
        if len(head) < 564 or head[8:10] not in (b"SM", b"AB"):
            return None
        if _crc(head[8 : 8 + _PARTIAL]) != struct.unpack_from("<I", head, 4)[0]:
            return None
        (version,) = struct.unpack_from("<H", head, 10)
        wide = version >= 23
        size = struct.unpack_from("<Q", head, 184)[0] if wide else struct.unpack_from("<I", head, 168)[0]
        if head[512 if wide else 460] != 0x80 or size <= _MAP_START:
            return None
        end = _mapped(view, start, min(size, limit), wide=wide)
        if end == size:
            return Carved(start, size, "pst")
        return Carved(start, end, "pst", complete=False, note=f"{end} of {size} bytes have their allocation maps")


def _mapped(view: Readable, start: int, limit: int, *, wide: bool) -> int:
    """Return up to where maps are in place; at least the first must be."""
    at = _MAP_START
    while at + 512 <= limit:
        page = view.read(start + at, 512)
        body = 496 if wide else 500
        kind, again = page[body], page[body + 1]
        (checksum,) = struct.unpack_from("<I", page, body + (4 if wide else 8))
        if (kind, again) != (_MAP, _MAP) or _crc(page[:body]) != checksum:
            return at
        at += _MAP_STEP
    return limit


def _crc(data: bytes) -> int:
    """Return the checksum of 5.3: CRC-32 that starts from 0 and is not inverted."""
    return zlib.crc32(data, 0xFFFFFFFF) ^ 0xFFFFFFFF
