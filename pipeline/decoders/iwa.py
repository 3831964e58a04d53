"""Archives of Apple's iWork documents: chunks of Snappy, each behind its length, hold the text as UTF-8.

SOURCE: Snappy's format_description.txt (a block begins with its unpacked length as a varint); chunks are a zero byte
and three bytes of length, low byte first, as the files show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Member, Trouble, whole

__all__ = ["Iwa"]


@dataclass(frozen=True)
class Iwa(Decoder):
    """Unpacks a component of a document as one member."""

    name: str = "iwa"
    version: int = 1
    types: tuple[str, ...] = ("iwa",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield what its chunks hold, and a Trouble where one is damaged."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        out, at, fault = bytearray(), 0, ""
        while at < len(data) and not fault:
            length = int.from_bytes(data[at + 1 : at + 4], "little")
            block, at = data[at + 4 : at + 4 + length], at + 4 + length
            body, fault = _unpacked(block, min(limits.member_bytes - len(out), len(block) * limits.ratio))
            out += body
        if out:
            yield Member("content", bytes(out))
        if fault:
            yield Trouble(
                "iwa-damaged", f"a chunk before byte {at} is not unpacked ({fault}); what follows is not read"
            )


def _unpacked(block: bytes, room: int) -> tuple[bytes, str]:
    """Return the bytes of a block, or why there are none."""
    size, shift = 0, 0
    for byte in block[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if not 0 < size <= room:
        return b"", "limit" if size else "no block"
    try:
        return pa.Codec("snappy").decompress(block, decompressed_size=size, asbytes=True), ""
    except (OSError, ValueError, pa.ArrowException) as error:
        return b"", type(error).__name__
