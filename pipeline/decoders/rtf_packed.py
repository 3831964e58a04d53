"""Bodies of Outlook messages in compressed rich text (MS-OXRTFCP)."""

from __future__ import annotations

from typing import Final

__all__ = ["unpacked_rtf"]

_PACKED: Final = 0x75465A4C
_PLAIN: Final = 0x414C454D
"""COMPTYPE (§2.1.3.1.1): "LZFu" and "MELA"."""
_HEADER: Final = 16
_DICTIONARY: Final = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
"""What the dictionary begins with (§2.1.2.1): 207 bytes."""
_SIZE: Final = 4096


def unpacked_rtf(data: bytes, limit: int) -> bytes | None:
    """Return the rich text of a property, at most ``limit`` bytes of it; None where it is none (§2.2.3)."""
    kind = int.from_bytes(data[8:12], "little")
    size = min(int.from_bytes(data[4:8], "little"), limit)
    if kind == _PLAIN:
        return data[_HEADER : _HEADER + size]
    if kind != _PACKED:
        return None
    out, at = bytearray(_DICTIONARY), _HEADER
    end = len(_DICTIONARY) + size
    while at < len(data) and len(out) < end:
        control, at = data[at], at + 1
        for bit in range(8):
            if not control >> bit & 1:
                out += data[at : at + 1]
                at += 1
                continue
            token = int.from_bytes(data[at : at + 2], "big")
            at += 2
            place, length = token >> 4, (token & 15) + 2
            written = len(out) % _SIZE
            if at > len(data) or place == written:  # a reference to where writing stands ends the text
                return bytes(out[len(_DICTIONARY) : end])
            _copied(out, len(out) - ((written - place) % _SIZE), length)
    return bytes(out[len(_DICTIONARY) : end])


def _copied(out: bytearray, start: int, length: int) -> None:
    """Append bytes that were written before, or are being written; what was never written is blank."""
    for at in range(start, start + length):
        out.append(out[at] if 0 <= at < len(out) else 0x20)
