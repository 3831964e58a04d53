"""Compressed streams in other bytes: zlib (RFC 1950), gzip (RFC 1952) to their checksums, bare deflate (RFC 1951)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, Protocol

from pipeline.decoders.base import Limits, Member, Trouble
from pipeline.decoders.hidden_pairs import Pairs

__all__ = ["deflate_bytes", "deflated", "stream_bytes", "stream_runs"]

USABLE: Final = 512
"""Bytes that a stream must give before its damage, to be read as far as it goes."""
_FIRST: Final = 256
"""Bytes of the first step of a try, which count however soon it fails: a header can stand at every second byte."""
_STEP: Final = 128
_PIECE: Final = 1 << 16
_TRIES: Final = 4
"""So many times the length of a content is unpacked at most; behind that a Trouble says where the search stopped."""
_TRAILER: Final = 8
"""Bytes behind bare deflate data that are taken for a checksum and a length, as gzip has them (RFC 1952 §2.3.1)."""
_SHORTEST: Final = 16


class _Engine(Protocol):
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _headers() -> Iterator[bytes]:
    """Yield every header: method 8, windows 0 to 7, no dictionary, check bits right (RFC 1950 §2.2); and gzip's."""
    pairs = (bytes([window << 4 | 8, flags]) for window in range(8) for flags in range(256) if not flags & 0x20)
    yield from (pair for pair in pairs if int.from_bytes(pair, "big") % 31 == 0)
    yield b"\x1f\x8b"


_HEADERS: Final = Pairs(_headers())


def stream_runs(data: bytes, limits: Limits) -> Iterator[Member | Trouble]:
    """Yield each stream that ends with its checksum, or gives bytes enough to be none by chance."""
    room, tries, reached = limits.total_bytes, max(_TRIES * len(data), 1 << 20), 0
    for start in _HEADERS.places(data):
        if start < reached:
            continue
        cap = min(limits.member_bytes, room)
        body, length, whole = _unpack(data, start, 47, cap)
        tries -= max(length, _FIRST)
        if body and (whole or len(body) >= USABLE):
            room -= len(body)
            yield Member(f"compressed:{start}+{length}", body)
        if len(body) >= cap or tries < 0:
            yield Trouble("limit-hidden", f"compressed streams from byte {start} on are not unpacked: too many bytes")
            return
        reached = start + length if whole else reached


def stream_bytes(run: bytes, cap: int) -> bytes:
    """Return what a zlib or gzip stream unpacks to."""
    return _unpack(run, 0, 47, cap)[0]


def deflated(data: bytes, limits: Limits) -> Iterator[Member | Trouble]:
    """Yield the content as one deflate stream, where it is that to its end or to a trailer; or that it is too large."""
    cap = max(min(limits.member_bytes, limits.total_bytes), USABLE)
    body, length, whole = _unpack(data, 0, -15, cap)
    if whole and len(body) >= _SHORTEST and len(data) - length <= _TRAILER:
        yield Member(f"deflate:0+{length}", body)
    elif not whole and len(body) >= cap:
        yield Trouble("limit-hidden", f"a deflate stream exceeds {cap} bytes; it is not read")


def deflate_bytes(run: bytes, cap: int) -> bytes:
    """Return what bare deflate data unpacks to."""
    return _unpack(run, 0, -15, cap)[0]


def _unpack(data: bytes, start: int, form: int, cap: int) -> tuple[bytes, int, bool]:
    """Return what comes out, how many bytes it took, and whether the stream ended as its form demands.

    Of a piece that holds a damage, small steps give what comes before it; a first piece so damaged is no stream.
    """
    engine, out, at, size = zlib.decompressobj(form), bytearray(), start, _FIRST
    while not engine.eof and len(out) < cap and at < len(data):
        piece, kept = data[at : at + size], engine.copy() if out else None
        try:
            out += engine.decompress(piece, cap - len(out))
        except (zlib.error, ValueError):
            at += _stepped(kept, piece, out, cap) if kept else 0
            return bytes(out), at - start, False
        at += len(piece) - len(engine.unused_data if engine.eof else engine.unconsumed_tail)
        size = min(2 * size, _PIECE)
    return bytes(out), at - start, engine.eof


def _stepped(engine: _Engine, piece: bytes, out: bytearray, cap: int) -> int:
    """Add what comes out of a damaged piece, step by step, and return how many bytes of it were good."""
    for at in range(0, len(piece), _STEP):
        try:
            out += engine.decompress(piece[at : at + _STEP], cap - len(out) + 1)[: cap - len(out)]
        except zlib.error:
            return at
    return len(piece)
