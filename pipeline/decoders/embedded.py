"""Pictures that lie whole inside content of another kind: thumbnails, drawings of old documents, caches, notebooks.

SOURCE: W3C PNG §5.3 and §11.2.1; ISO 10918-1 B.1.1 and B.2.2 (markers, frame header); MS-ODRAW §2.2.23 (pictures of
old documents lie as they are behind a header).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Member, Trouble, whole

__all__ = ["Embedded", "holds_pictures"]

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_START: Final = re.compile(rb"\x89PNG\r\n\x1a\n\0\0\0\rIHDR|\xff\xd8\xff[\xc0-\xfe]")
_MARKER: Final = re.compile(rb"\xff[^\0\xd0-\xd7\xff]")
"""What ends the data of a scan: any marker but stuffing, restarts and fill."""
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_LEAST: Final = 5_000
"""Pixels that a picture must have to be given; ``config_ocr.Ocr`` says why."""
_TRIES: Final = 20_000
_SEGMENTS: Final = 10_000


@dataclass(frozen=True)
class Embedded(Decoder):
    """Gives the JPEG and PNG pictures in a content, each at its place."""

    name: str = "embedded"
    version: int = 1
    types: tuple[str, ...] = ("embedded",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield a Member per picture."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        for count, (start, end) in enumerate(_places(data)):
            if count >= limits.members:
                yield Trouble("limit-members", f"more than {limits.members} pictures")
                return
            if end - start <= limits.member_bytes:
                yield Member(f"picture-{start}", data[start:end], start)


def holds_pictures(data: bytes) -> bool:
    """Tell whether a picture lies in a content."""
    return next(_places(data), None) is not None


def _places(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of pictures that are large enough, one behind the other."""
    end = 0
    for match in islice(_START.finditer(data), _TRIES):
        start = match.start()
        if start < end:
            continue
        size, pixels = _png(data, start) if match.group().startswith(_PNG) else _jpeg(data, start)
        if size and pixels >= _LEAST:
            end = start + size
            yield start, end


def _png(data: bytes, start: int) -> tuple[int, int]:
    """Return size and pixels of a PNG; no size where it does not end."""
    width, height = (int.from_bytes(data[start + at : start + at + 4], "big") for at in (16, 20))
    at = start + len(_PNG)
    while at + 12 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        at += 12 + length
        if kind == b"IEND" and at <= len(data):
            return at - start, width * height
    return 0, 0


def _jpeg(data: bytes, start: int) -> tuple[int, int]:
    """Return size and pixels of a JPEG, by its markers; no size where it does not end."""
    at, pixels = start + 2, 0
    for _ in range(_SEGMENTS):
        if data[at : at + 1] != b"\xff" or at + 4 > len(data) + 2:
            return 0, 0
        marker = data[at + 1]
        if marker == 0xD9:
            return at + 2 - start, pixels
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _FRAMES:
            height, width = (int.from_bytes(data[at + place : at + place + 2], "big") for place in (5, 7))
            pixels = width * height
        at += 2 + max(length, 2)
        if marker == 0xDA:
            found = _MARKER.search(data, at)
            if found is None:
                return 0, 0
            at = found.start()
    return 0, 0
