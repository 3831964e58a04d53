"""The text of Word 97-2003 documents by their piece table (MS-DOC §2.4.1): body, notes, headers, text boxes."""

from __future__ import annotations

import struct
from typing import Final

from pipeline.decoders.base import Text, Trouble

__all__ = ["text_of_word", "word_table"]

_WORD_97: Final = 0xA5EC
_OLDEST: Final = 0x00C1
"""nFib of Word 97; older ones have another layout (MS-DOC §2.5.1)."""
_CLX: Final = 0x01A2
"""Offset of fcClx and lcbClx: FibRgFcLcb97 at 154, 33 pairs in (MS-DOC §2.5.6)."""
_COMPRESSED: Final = 0x40000000
_MARKS: Final = {0x07: "\t", 0x0B: "\n", 0x0C: "\n", 0x0D: "\n", 0x13: "", 0x14: " ", 0x15: "", 0x1E: "-", 0x1F: ""}
"""Cell end, line, page and paragraph end, the parts of a field, hyphens (MS-DOC §2.8.25)."""


def word_table(document: bytes) -> str | None:
    """Return the stream that holds the piece table (fWhichTblStm); None where the layout is another one."""
    if len(document) < _CLX + 8:
        return None
    identity, version = struct.unpack_from("<HH", document)
    flags = int.from_bytes(document[10:12], "little")
    return None if identity != _WORD_97 or version < _OLDEST or flags & 0x0100 else f"{flags >> 9 & 1}Table"


def text_of_word(document: bytes, table: bytes) -> Text | Trouble:
    """Return all text of a document, a line per paragraph or row, cells joined by tabs."""
    start, length = struct.unpack_from("<II", document, _CLX)
    pieces = _pieces(table[start : start + length])
    if not pieces:
        return Trouble("word-pieces", "its piece table is damaged; its streams are scanned as bytes")
    parts: list[str] = []
    room = len(document)
    for count, place in pieces:
        narrow = bool(place & _COMPRESSED)
        at, size = ((place & ~_COMPRESSED) // 2, count) if narrow else (place, 2 * count)
        room -= size
        if at + size > len(document) or room < 0:
            return Trouble("word-pieces", "a piece lies outside the document; its streams are scanned as bytes")
        parts.append(document[at : at + size].decode("cp1252" if narrow else "utf-16-le", "replace"))
    return Text("text", "".join(parts).replace("\x07\x07", "\n").translate(_MARKS))


def _pieces(clx: bytes) -> list[tuple[int, int]]:
    """Return (characters, place) of each piece: behind the Prc (1), in the Pcdt (2) (MS-DOC §2.9.38, §2.8.35)."""
    at = 0
    while at + 3 <= len(clx) and clx[at] == 1:
        at += 3 + int.from_bytes(clx[at + 1 : at + 3], "little")
    if at + 5 > len(clx) or clx[at] != 2:
        return []
    body = clx[at + 5 : at + 5 + int.from_bytes(clx[at + 1 : at + 5], "little")]
    count = (len(body) - 4) // 12
    ends = struct.unpack_from(f"<{count + 1}I", body) if count > 0 else ()
    found = [
        (ends[number + 1] - ends[number], struct.unpack_from("<I", body, 4 * (count + 1) + 8 * number + 2)[0])
        for number in range(max(count, 0))
    ]
    return found if all(length >= 0 for length, _ in found) else []
