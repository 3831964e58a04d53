"""7-Zip archives (7zFormat.txt): a header that states where the directory lies, both with checksums."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

from pipeline.carvers.base import Carved, Carver, View

__all__ = ["SevenZip"]

_HEAD: Final = 32
"""Signature, version, CRC of the 20 bytes behind it: offset, size and CRC of the directory."""
_DIRECTORY: Final = (1, 23)
"""kHeader, or kEncodedHeader where the directory is packed itself."""
LARGEST: Final = 64 << 20


@dataclass(frozen=True)
class SevenZip(Carver):
    """Takes what lies between the header and the end of the directory, both proved by CRC."""

    name: str = "7z"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"7z\xbc\xaf\x27\x1c\0", 0),)

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the archive; of one whose directory is gone the header, which says how long it was."""
        head = view.read(start, min(_HEAD, limit))
        if len(head) < _HEAD or zlib.crc32(head[12:]) != int.from_bytes(head[8:12], "little"):
            return None
        offset, size, crc = struct.unpack("<QQI", head[12:])
        end = _HEAD + offset + size
        if not size:
            return Carved(start, _HEAD, "7z") if not offset else None
        directory = view.read(start + _HEAD + offset, size) if end <= limit and size <= LARGEST else b""
        if len(directory) == size and zlib.crc32(directory) == crc and directory[0] in _DIRECTORY:
            return Carved(start, end, "7z", note="packed streams not checked")
        return Carved(start, _HEAD, "7z", complete=False, note=f"header of an archive of {end} bytes; directory gone")
