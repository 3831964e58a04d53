"""PNG pictures in two pieces: the joint is where the CRC of the chunk it lies in fits, and all picture data unpacks.

CRC-32 (W3C PNG §5.5) is linear: what a chunk's CRC would be for every place of the joint follows from the running CRCs
of both pieces, so a gap costs one pass over the chunk, not one for each place.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final

from pipeline.carvers.base import Carved, View

__all__ = ["joined_png"]

SEARCHED: Final = 8 << 20
"""Bytes behind the broken chunk in which the second piece is looked for."""
LONGEST: Final = 16 << 20
"""Bytes of a broken chunk that is mended."""
UNPACKED: Final = 256 << 20
"""Bytes that the check of one picture may unpack."""
JOINTS: Final = 64
"""How many joints are tried."""
_FOLLOWS: Final = re.compile(rb"IDAT|IEND|tEXt|zTXt|iTXt|tIME|eXIf")
"""What may stand behind picture data (§5.6, table 5.3)."""
_OUT: Final = 1 << 20
_POLYNOMIAL: Final = 0xEDB88320
"""§5.5, reflected."""


@dataclass(frozen=True, slots=True)
class _Joined:
    """Bytes of a picture whose first piece ends at ``cut``, with ``gap`` bytes of something else behind it."""

    data: bytes
    cut: int
    gap: int

    def read(self, start: int, end: int) -> bytes:
        """Return bytes by the picture's own offsets."""
        first = self.data[start : min(end, self.cut)] if start < self.cut else b""
        return first + self.data[max(start, self.cut) + self.gap : end + self.gap] if end > self.cut else first


def joined_png(view: View, start: int, at: int, limit: int) -> Carved | None:
    """Return the picture in two pieces whose chunks are sound up to ``at``, in its own offsets, and there no more."""
    size = int.from_bytes(view.read(start + at, 4), "big")
    size = size if size <= LONGEST else 0
    data = view.read(start, min(limit, at + 12 + size + SEARCHED))
    for cut, gap in islice(_joints(view, data, at, size), JOINTS):
        end = _end(view, _Joined(data, cut, gap))
        if end:
            return Carved(start, end, "png", gap=(cut, gap))
    return None


def _joints(view: View, data: bytes, at: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (bytes before the gap, its length): before the broken chunk, or inside it where its CRC fits."""
    cluster, behind = view.cluster, at + 12 + size
    for match in _FOLLOWS.finditer(data, at):
        place = match.start() - 4
        if not at % cluster and place > at and not (place - at) % cluster:
            yield at, place - at
        if size and place > behind and not (place - behind) % cluster:
            gap = place - behind
            view.spend(3 * size)
            yield from ((cut, gap) for cut in _cuts(data, cluster, gap, (at, size)))


def _cuts(data: bytes, cluster: int, gap: int, chunk: tuple[int, int]) -> Iterator[int]:
    """Yield the ends of clusters in a chunk at which its two pieces give its CRC."""
    at, size = chunk
    start, end = at + 4, at + 8 + size
    first = -(-(start + 4) // cluster) * cluster
    if first >= end or end + gap + 4 > len(data):
        return
    here, there = zlib.crc32(data[start:first]), zlib.crc32(data[start + gap : first + gap])
    differences = {first: here ^ there}
    for cut in range(first + cluster, end, cluster):
        here = zlib.crc32(data[cut - cluster : cut], here)
        there = zlib.crc32(data[cut - cluster + gap : cut + gap], there)
        differences[cut] = here ^ there
    last = max(differences)
    whole = zlib.crc32(data[last + gap : end + gap], there)
    wanted = whole ^ int.from_bytes(data[end + gap : end + gap + 4], "big")
    wanted = _through(_backwards(end - last), wanted)
    for cut in sorted(differences, reverse=True):
        if differences[cut] == wanted:
            yield cut
        wanted = _through(_backwards(cluster), wanted)


@lru_cache(maxsize=64)
def _backwards(count: int) -> tuple[int, ...]:
    """Return what each bit of a CRC's change was before ``count`` bytes that are equal on both sides."""
    if count == 1:
        return tuple(_back(1 << bit) for bit in range(32))
    half, rest = _backwards(count // 2), _backwards(1) if count % 2 else None
    twice = (_through(half, image) for image in half)
    return tuple(twice if rest is None else (_through(rest, image) for image in twice))


def _back(value: int) -> int:
    """Undo one byte: eight shifts to the right, each with the polynomial where a bit fell out."""
    for _ in range(8):
        value = ((value ^ _POLYNOMIAL) << 1 | 1) if value >> 31 else value << 1
    return value


def _through(images: tuple[int, ...], value: int) -> int:
    result = 0
    for bit, image in enumerate(images):
        if value >> bit & 1:
            result ^= image
    return result


def _end(view: View, joined: _Joined) -> int:
    """Return where a picture ends whose chunks all agree with their CRCs and whose data unpacks; 0 if it does not."""
    at, engine, out = 8, zlib.decompressobj(), 0
    while True:
        head = joined.read(at, at + 8)
        size = int.from_bytes(head[:4], "big")
        chunk = joined.read(at + 4, at + 12 + size) if len(head) == 8 and size <= LONGEST else b""
        view.spend(len(chunk))
        if len(chunk) != size + 8 or zlib.crc32(chunk[:-4]) != int.from_bytes(chunk[-4:], "big"):
            return 0
        at += 12 + size
        if head[4:] == b"IEND":
            return at if engine.eof and not size else 0
        if head[4:] == b"IDAT":
            more = _unpacked(view, engine, chunk[4:-4])
            out += more
            if more < 0 or out > UNPACKED:
                return 0


def _unpacked(view: View, engine: zlib._Decompress, data: bytes) -> int:
    """Return how many bytes come out of the next packed ones; -1 where they do not go on from those before."""
    out = 0
    while data:
        try:
            body = engine.decompress(data, _OUT)
        except zlib.error:
            return -1
        view.spend(len(body))
        out, data = out + len(body), engine.unconsumed_tail
        if engine.eof:
            return out if not engine.unused_data else -1
    return out
