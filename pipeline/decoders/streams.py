"""Compressed streams: gzip (RFC 1952), bzip2, xz and LZMA (lzma-file-format.txt)."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Member, Trouble, whole

__all__ = ["Stream"]


@dataclass(frozen=True)
class Stream(Decoder):
    """Unpacks one compressed stream, all its members joined."""

    name: str = "stream"
    version: int = 1
    types: tuple[str, ...] = ("gzip", "bzip2", "xz", "lzma")

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
        with _open(data) as stream:
            while len(out) <= cap and (piece := stream.read1(min(1 << 16, cap + 1 - len(out)))):
                out += piece
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        return bytes(out), Trouble("stream-damaged", f"stream ends in damage ({type(error).__name__})")
    over = (
        Trouble("limit-member-bytes", f"stream exceeds {cap} bytes; the rest is not read") if len(out) > cap else None
    )
    return bytes(out[:cap]), over


def _open(data: bytes) -> gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    """Open for ``read1``, which gives what came before a damage; ``read`` would lose up to its buffer."""
    source = io.BytesIO(data)
    if data.startswith(b"BZh"):
        return bz2.BZ2File(source)
    if data.startswith((b"\xfd7zXZ", b"\x5d\0\0")):
        return lzma.LZMAFile(source)
    return gzip.GzipFile(fileobj=source)
