"""The text of PowerPoint 97-2003 by its records (MS-PPT §2.3.1): slides, notes, masters, and what edits left behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipeline.decoders.base import Text, Trouble

__all__ = ["text_of_slides"]

_CONTAINER: Final = 0xF
_WIDE: Final = frozenset({0x0FA0, 0x0FBA})
_NARROW: Final = 0x0FA8
"""TextCharsAtom and CString in UTF-16, TextBytesAtom in one byte a character (MS-PPT §2.9.42, §2.2.32, §2.9.43)."""
_HEAD: Final = 8


def text_of_slides(stream: bytes) -> Iterator[Text | Trouble]:
    """Yield all text, a line or more per atom; a Trouble where the chain of records breaks."""
    at, lines = 0, list[str]()
    while at + _HEAD <= len(stream):
        kind = int.from_bytes(stream[at + 2 : at + 4], "little")
        length = int.from_bytes(stream[at + 4 : at + 8], "little")
        if stream[at] & 0xF == _CONTAINER:
            at += _HEAD
            continue
        if at + _HEAD + length > len(stream):
            yield Trouble("slides-records", f"records break off at byte {at}; the rest is scanned as bytes")
            break
        body = stream[at + _HEAD : at + _HEAD + length]
        if kind in _WIDE or kind == _NARROW:
            text = body.decode("utf-16-le", "replace") if kind in _WIDE else body.decode("latin-1")
            lines.append(text.replace("\r", "\n").replace("\x0b", "\n"))
        at += _HEAD + length
    if lines:
        yield Text("text", "\n".join(lines))
