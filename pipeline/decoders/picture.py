"""Pictures: what stands written in them, and the texts that PNG carries compressed (W3C PNG, 3rd edition, §11.3.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Member, Trouble, whole
from pipeline.decoders.inflate import inflated
from pipeline.decoders.picture_text import read_picture
from pipeline.decoders.types import type_of

__all__ = ["Picture", "Png"]

_SIGNATURE: Final = 8
"""Bytes before the first chunk (§5.2)."""


@dataclass(frozen=True)
class Picture(Decoder):
    """Reads the text in the pixels of a picture."""

    name: str = "picture"
    version: int = 1
    types: tuple[str, ...] = ("bmp", "gif", "jpeg", "tiff", "webp")

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield a Text per frame."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        yield from read_picture(data, type_of(data[:4096]), limits)


@dataclass(frozen=True)
class Png(Decoder):
    """Unpacks ``zTXt`` and ``iTXt``; other texts lie as they are. Reads the text in the pixels."""

    name: str = "png"
    version: int = 2
    types: tuple[str, ...] = ("png",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield a Member per compressed text, in the order of the chunks."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        room = limits.total_bytes
        for number, (kind, start, end) in enumerate(_chunks(data)):
            packed = _packed(kind, data[start:end]) if kind in {b"zTXt", b"iTXt", b"iCCP"} else None
            if packed is None:
                continue
            cap = min(limits.member_bytes, room, max(1 << 16, len(packed) * limits.ratio))
            body, fault = inflated(packed, cap)
            room -= min(len(body), cap)
            if body[:cap]:
                yield Member(f"{kind.decode()}-{number}", body[:cap])
            if fault or len(body) > cap:
                yield Trouble("png-text", f"chunk {number} is read in part ({fault or 'limit'})")
        yield from read_picture(data, "png", limits)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end of the chunks' data: length, type, data, checksum (§5.3)."""
    at = _SIGNATURE
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], at + 8, min(at + 8 + length, len(data))
        at += 12 + length


def _packed(kind: bytes, chunk: bytes) -> bytes | None:
    """Return the zlib stream of a chunk: behind keyword and method (§11.3.3.3), of iTXt flag and languages too."""
    _, separator, rest = chunk.partition(b"\0")
    if not separator:
        return None
    if kind != b"iTXt":
        return rest[1:]
    return rest[2:].split(b"\0", 2)[-1] if rest[:1] == b"\1" else None
