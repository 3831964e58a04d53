"""EWF-E01 images of one segment, built byte by byte."""

from __future__ import annotations

import hashlib
import struct
import zlib

__all__ = ["build_ewf"]


def _section(kind: str, start: int, body: bytes) -> bytes:
    following = start if kind == "done" else start + 76 + len(body)
    head = struct.pack("<16sQQ40s", kind.encode(), following, 76 + len(body), b"")
    return head + struct.pack("<I", zlib.adler32(head)) + body


def _summed(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.adler32(body))


def build_ewf(media: bytes, *, sectors_per_chunk: int = 64, compress: bool = True) -> bytes:
    """Return an E01 file that holds ``media``, a multiple of 512 bytes."""
    size = sectors_per_chunk * 512
    pieces = [media[at : at + size] for at in range(0, len(media), size)]
    out = b"EVF\x09\x0d\x0a\xff\x00" + struct.pack("<BHH", 1, 1, 0)
    geometry = struct.pack("<B3xIIIQ", 1, len(pieces), sectors_per_chunk, 512, len(media) // 512)
    out += _section("volume", len(out), _summed(geometry.ljust(1048, b"\0")))
    stored = [zlib.compress(piece) if compress else _summed(piece) for piece in pieces]
    entries, offset = [], len(out) + 76
    for chunk in stored:
        entries.append(offset | (0x80000000 if compress else 0))
        offset += len(chunk)
    out += _section("sectors", len(out), b"".join(stored))
    table = _summed(struct.pack("<I4xQ4x", len(entries), 0)) + _summed(struct.pack(f"<{len(entries)}I", *entries))
    out += _section("table", len(out), table)
    out += _section("table2", len(out), table)
    out += _section("hash", len(out), _summed(hashlib.md5(media, usedforsecurity=False).digest() + bytes(16)))
    return out + _section("done", len(out), b"")
