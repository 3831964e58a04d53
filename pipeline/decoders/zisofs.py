"""zisofs: content that a disc stores packed, in blocks of its own length.

Source: ``zisofs_format.txt`` of libisofs: signature, unpacked size at 8, header length / 4 at 12, log2 of the block
size at 13; then a pointer more than there are blocks, each where a packed block (RFC 1950) begins; one of no length is
zeros.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Member, Trouble, whole

__all__ = ["Zisofs"]

_LOG_BLOCKS = range(15, 18)


@dataclass(frozen=True)
class Zisofs(Decoder):
    """Unpacks a file of a compressed disc."""

    name: str = "zisofs"
    version: int = 1
    types: tuple[str, ...] = ("zisofs",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield the unpacked bytes as one Member, up to the damage or the limit, which is a Trouble."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        cap = min(limits.member_bytes, limits.total_bytes, max(1 << 20, len(data) * limits.ratio))
        body, trouble = _unpack(data, cap)
        if body:
            yield Member("content", body)
        if trouble:
            yield trouble


def _unpack(data: bytes, cap: int) -> tuple[bytes, Trouble | None]:
    out = bytearray()
    try:
        size, header, log_block = struct.unpack_from("<IBB", data, 8)
        if log_block not in _LOG_BLOCKS:
            raise ValueError("impossible block size")
        block = 1 << log_block
        count = -(-min(size, cap) // block)
        pointers = struct.unpack_from(f"<{count + 1}I", data, 4 * header)
        for start, end in pairwise(pointers):
            out += _block(data[start:end], min(block, size - len(out))) if end != start else bytes(block)
    except (struct.error, zlib.error, ValueError) as error:
        return bytes(out), Trouble("stream-damaged", f"packed content ends in damage ({type(error).__name__})")
    over = Trouble("limit-member-bytes", f"content exceeds {cap} bytes; the rest is not read") if size > cap else None
    return bytes(out[: min(size, cap)]), over


def _block(raw: bytes, length: int) -> bytes:
    """Return an unpacked block; ValueError where it is not as long as it must be."""
    body = zlib.decompressobj().decompress(raw, length)
    if len(body) != length:
        raise ValueError("a block of another length")
    return body
