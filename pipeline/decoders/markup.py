"""HTML and XML whose characters hide behind references (HTML §13.1.4, XML 1.0 §4.1): raw bytes do not show them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Text, Trouble, whole

__all__ = ["Markup", "rows_of", "unicode_of"]

_REFERENCE: Final = re.compile(
    r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|(?!(?:amp|lt|gt|quot|apos|nbsp);)[A-Za-z]{2,31});"
)
_CHARSET: Final = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})")
_BLOCK: Final = re.compile(r"</(?:tr|p|li|div|h[1-6]|row|si|record|item)\s*>|<br\b[^<>]{0,200}>", re.IGNORECASE)
_CELL: Final = re.compile(r"<(?:td|th|cell)\b[^<>]{0,2000}>", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^<>]{0,10000}>")
_LONGEST: Final = 1 << 20
"""A block without an end is cut after so many characters."""


@dataclass(frozen=True)
class Markup(Decoder):
    """Reads the blocks that hold character references; the others are found as raw bytes."""

    name: str = "markup"
    version: int = 1
    types: tuple[str, ...] = ("html", "xml")

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield one Text ``block N`` per row or paragraph with references, cells joined by tabs."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        yield from rows_of(unicode_of(data), "")


def rows_of(text: str, prefix: str) -> Iterator[Text]:
    """Yield the blocks that hold references, decoded, without tags; attributes with references are kept whole."""
    start, number = 0, 0
    while start < len(text):
        end = _BLOCK.search(text, start, start + _LONGEST)
        stop = end.end() if end else min(start + _LONGEST, len(text))
        number += 1
        block = text[start:stop]
        if _REFERENCE.search(block):
            yield Text(f"{prefix}block {number}", _plain(block))
        start = stop


def _plain(block: str) -> str:
    kept = _TAG.sub(lambda tag: tag.group() if _REFERENCE.search(tag.group()) else "", _CELL.sub("\t", block))
    return html.unescape(kept).strip()


def unicode_of(data: bytes) -> str:
    """Return markup as text: by its byte order mark, its declaration, else UTF-8 or CP932 by trial."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    declared = _CHARSET.search(data[:4096])
    names = [declared.group(1).decode("ascii").lower()] if declared else []
    for name in [*names, "utf-8", "cp932"]:
        try:
            return data.decode("cp932" if name in {"shift_jis", "shift-jis", "x-sjis", "windows-31j"} else name)
        except (ValueError, LookupError):
            continue
    return data.decode("utf-8", "replace")
