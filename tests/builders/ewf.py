"""EWF-E01 images, built byte by byte: any chunk size, sector size and number of segments."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["EwfShape", "build_ewf", "build_segments", "section", "write_segments"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EwfShape:
    """How an image is laid out: ``errors`` are (first sector, sectors), ``tables`` the most chunks of one table,
    ``pack`` what compresses a chunk."""

    sectors_per_chunk: int = 64
    sector: int = 512
    compress: bool = True
    pack: Callable[[bytes], bytes] = zlib.compress
    segments: int = 1
    tables: int = 16375
    base: bool = False
    errors: Sequence[tuple[int, int]] = ()
    identifier: bytes = bytes(range(16))
    sha1: bool = False


def section(kind: str, start: int, body: bytes) -> bytes:
    """Return a section that lies at byte ``start`` of its segment."""
    following = start if kind in {"done", "next"} else start + 76 + len(body)
    head = struct.pack("<16sQQ40s", kind.encode(), following, 76 + len(body), b"")
    return head + struct.pack("<I", zlib.adler32(head)) + body


def _summed(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.adler32(body))


def build_ewf(media: bytes, *, sectors_per_chunk: int = 64, compress: bool = True) -> bytes:
    """Return an E01 file that holds ``media``, a multiple of 512 bytes."""
    (only,) = build_segments(media, EwfShape(sectors_per_chunk=sectors_per_chunk, compress=compress))
    return only


def build_segments(media: bytes, shape: EwfShape) -> list[bytes]:
    """Return the segment files of an image of ``media``, a multiple of the sector size."""
    size = shape.sectors_per_chunk * shape.sector
    pieces = [media[at : at + size] for at in range(0, len(media), size)]
    volume = struct.pack("<B3xIIIQ", 1, len(pieces), shape.sectors_per_chunk, shape.sector, len(media) // shape.sector)
    volume = _summed((volume.ljust(64, b"\0") + shape.identifier).ljust(1048, b"\0"))
    share = -(-len(pieces) // shape.segments)
    out = []
    for number in range(shape.segments):
        data = b"EVF\x09\x0d\x0a\xff\x00" + struct.pack("<BHH", 1, number + 1, 0)
        data += section("data" if number else "volume", len(data), volume)
        mine = pieces[number * share : (number + 1) * share]
        for at in range(0, len(mine), shape.tables):
            data = _with_chunks(data, mine[at : at + shape.tables], shape)
        out.append(data)
    return [data + section("next", len(data), b"") for data in out[:-1]] + [_with_end(out[-1], media, shape)]


def _with_chunks(data: bytes, pieces: Sequence[bytes], shape: EwfShape) -> bytes:
    stored = [shape.pack(piece) if shape.compress else _summed(piece) for piece in pieces]
    base = len(data) if shape.base else 0
    entries, offset = [], len(data) + 76 - base
    for chunk in stored:
        entries.append(offset | (0x80000000 if shape.compress else 0))
        offset += len(chunk)
    data += section("sectors", len(data), b"".join(stored))
    table = _summed(struct.pack("<I4xQ4x", len(entries), base)) + _summed(struct.pack(f"<{len(entries)}I", *entries))
    data += section("table", len(data), table)
    return data + section("table2", len(data), table)


def _with_end(data: bytes, media: bytes, shape: EwfShape) -> bytes:
    if shape.errors:
        pairs = b"".join(struct.pack("<II", *pair) for pair in shape.errors)
        body = _summed(struct.pack("<I512x", len(shape.errors))) + _summed(pairs)
        data += section("error2", len(data), body)
    md5 = hashlib.md5(media, usedforsecurity=False).digest()
    if shape.sha1:
        sha1 = hashlib.sha1(media, usedforsecurity=False).digest()
        data += section("digest", len(data), _summed(md5 + sha1 + bytes(40)))
    data += section("hash", len(data), _summed(md5 + bytes(16)))
    return data + section("done", len(data), b"")


def write_segments(folder: Path, segments: Sequence[bytes], *, stem: str = "a") -> list[Path]:
    """Write segment files (up to 99) and return their paths, the first one first."""
    paths = [folder / f"{stem}.E{number:02}" for number in range(1, len(segments) + 1)]
    for path, data in zip(paths, segments, strict=True):
        path.write_bytes(data)
    return paths
