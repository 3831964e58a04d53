"""JPEG pictures (ISO 10918-1 annex B): walked by markers, decoded by libjpeg-turbo, joined from two pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np
import simplejpeg

from pipeline.carvers.base import Carved, Carver, SpentError, View
from pipeline.carvers.clusters import Clusters

__all__ = ["Jpeg"]

LONGEST: Final = 32 << 20
"""Bytes of one picture that are decoded; longer ones are taken by their markers."""
NEARBY: Final = 1 << 20
SEARCHED: Final = 8 << 20
"""Bytes behind the break in which the second piece is looked for, and those looked at first."""
NEAR: Final = 4
"""How many clusters of something else may pass for picture data at the sides of the gap."""
FAR: Final = 32
"""How many clusters behind an end of the gap are tried where another picture lies in it."""
ENDS: Final = 4
_MARKER: Final = np.ones(256, bool)
"""Second bytes that make a marker in entropy-coded data: all but stuffing, restarts and fill (B.1.1.2, B.1.1.5)."""
_MARKER[[0x00, *range(0xD0, 0xD8), 0xFF]] = False
_FIRST_STEP: Final = 1 << 16
_STEP: Final = 1 << 20
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF0-3, 5-7, 9-11, 13-15: baseline, extended, progressive, lossless, differential, arithmetic (table B.1)."""
_DECODED: Final = frozenset({0xC0, 0xC1, 0xC2})
"""The processes that libjpeg-turbo decodes: sequential and progressive Huffman."""
_BETWEEN_SCANS: Final = frozenset({0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)})
"""What may follow a scan (B.2.4): tables, the next scan, DNL, DRI, comments, application data."""
_PIXELS_PER_BYTE: Final = 512
"""A block of 64 pixels takes at least one bit (F.1.2.1), so a byte holds no more."""
_MOST_PIXELS: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class _Walk:
    """How far the markers go: ``end`` is 0 where there is no EOI, ``at`` where the walk broke off."""

    at: int
    end: int = 0
    kind: int = 0
    frame: bytes = b""
    scan: int = 0
    scans: int = 0


@dataclass(frozen=True)
class Jpeg(Carver):
    """Takes what decodes without a warning from SOI to EOI; what breaks off behind picture data is partial."""

    name: str = "jpeg"
    version: int = 3
    headers: tuple[tuple[bytes, int], ...] = ((b"\xff\xd8\xff", 0),)

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the picture in one piece; partial where decoding finds a fault or there is no end."""
        walk = _walk(view, start, limit)
        view.memo["jpeg"] = {start: walk}
        if not walk.scans:
            return None
        if not walk.end:
            return _part(view, start, walk)
        whole = Carved(start, walk.end, "jpeg")
        if walk.end > LONGEST or walk.kind not in _DECODED:
            return replace(
                whole, note="not decoded: " + ("too long" if walk.end > LONGEST else "not a Huffman process")
            )
        fault = _fault(view, view.read(start, walk.end), walk)
        return replace(whole, complete=False, note=fault) if fault else whole

    def mend(self, view: View, start: int, limit: int, found: Carved | None) -> Carved | None:
        """Return the picture in two pieces that decodes without a warning; else the part that is usable."""
        if found is None:
            return None
        walk = view.memo.get("jpeg", {}).get(start) or _walk(view, start, limit)
        if walk.kind not in _DECODED:
            return found
        lowest, first, tried = -(-walk.scan // view.cluster), 0, 0
        try:
            for reach in (NEARBY, SEARCHED):
                length = min(limit, (walk.end or walk.at) + reach)
                length -= length % view.cluster if length < limit else 0
                data = view.read(start, length)
                clusters = Clusters(data, view.cluster, _legal(walk))
                first = clusters.foreign(lowest)
                ends = list(clusters.tails(first, ENDS))
                for before, after, end in _joints(clusters, first, lowest, ends[tried:]):
                    joined = data[: before * view.cluster] + data[after * view.cluster : end]
                    if not _fault(view, joined, walk):
                        gap = (before * view.cluster, (after - before) * view.cluster)
                        return Carved(start, len(joined), "jpeg", gap=gap)
                tried = len(ends)
                if tried == ENDS or length == limit:
                    break
        except SpentError:
            return found
        usable = first * view.cluster
        return replace(found, length=usable) if walk.scan < usable < found.length else found


def _legal(walk: _Walk) -> bytes:
    """Return the second bytes that may follow 0xFF in picture data: stuffing, restarts, fill, and between scans."""
    return bytes((0, 0xFF, *range(0xD0, 0xD8), *((0xC4, 0xDA, 0xDD) if walk.kind == 0xC2 or walk.scans > 1 else ())))


def _joints(
    clusters: Clusters, first: int, lowest: int, ends: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int, int]]:  # fmt: skip
    """Yield (cluster behind the first piece, first cluster of the second, end in bytes), the likely ones first."""
    other = clusters.begins(first, b"\xff\xd8\xff")
    for low, end in ends:
        highest = -(-end // clusters.size)
        near = [(back, on) for back, on in product(range(NEAR + 1), repeat=2) if back + on <= NEAR]
        far = [(0, on) for on in range(NEAR + 1, FAR)] if other else []
        for back, on in sorted(near, key=lambda item: (sum(item), item)) + far:
            before, after = first - back, low + on
            if lowest <= before < after < highest:
                yield before, after, end


def _part(view: View, start: int, walk: _Walk) -> Carved | None:
    """Return what there is of a picture without an end, up to the last cluster before the break, if it shows some."""
    end = max(walk.at // view.cluster * view.cluster, 0)
    end = end if end > walk.scan else walk.at
    if walk.kind not in _DECODED or end - walk.scan < 64 or end > LONGEST or not _fits(end, walk):
        return None
    data = view.read(start, end) + b"\xff\xd9"
    view.spend(len(data))
    try:
        simplejpeg.decode_jpeg(data, colorspace="GRAY", min_factor=8, min_height=1, min_width=1, strict=False)
    except ValueError:
        return None
    return Carved(start, end, "jpeg", complete=False, note="no end; the first rows of the picture are there")


def _fits(size: int, walk: _Walk) -> bool:
    """Tell whether so many bytes can hold the picture that the frame announces, and it is not too large to decode."""
    height, width = int.from_bytes(walk.frame[1:3], "big"), int.from_bytes(walk.frame[3:5], "big")
    most = _PIXELS_PER_BYTE * size if walk.end else _MOST_PIXELS
    return 0 < height * width <= min(most, _MOST_PIXELS)


def _fault(view: View, data: bytes, walk: _Walk) -> str:
    """Return what is wrong with a picture, empty if it decodes without a warning."""
    view.spend(len(data))
    if not _fits(len(data), walk):
        return "more pixels announced than there is data for"
    try:
        simplejpeg.decode_jpeg(data, colorspace="GRAY", min_factor=8, min_height=1, min_width=1, strict=True)
    except ValueError as error:
        return str(error)
    return ""


def _walk(view: View, start: int, limit: int) -> _Walk:
    """Follow the markers from SOI."""
    walk = _Walk(at=2)
    while walk.at + 2 <= limit:
        head = view.read(start + walk.at, 4)
        if len(head) < 2 or head[0] != 0xFF:
            return walk
        kind = head[1]
        if kind == 0xFF:
            walk = replace(walk, at=walk.at + 1)
            continue
        if kind == 0xD9:
            return replace(walk, end=walk.at + 2) if walk.scans else walk
        size = int.from_bytes(head[2:4], "big")
        body = view.read(start + walk.at + 4, min(size - 2, 32)) if size >= 2 else b""
        if len(body) < min(size - 2, 32) or not _plausible(kind, size, body, walk.frame, walk.scans):
            return walk
        if kind in _FRAMES:
            walk = replace(walk, frame=body, kind=kind)
        behind = walk.at + 2 + size
        if kind == 0xDA:
            at = _entropy(view, start, behind, limit)
            walk = replace(walk, scans=walk.scans + 1, scan=walk.scan or behind, at=at)
        else:
            walk = replace(walk, at=behind)
    return walk


def _plausible(kind: int, size: int, body: bytes, frame: bytes, scans: int) -> bool:
    """Tell whether a segment can stand here with its length and first fields (B.2.2 to B.2.4)."""
    if kind in _FRAMES:
        components = body[5] if len(body) > 5 else 0
        sound = 1 <= components <= 4 and size == 8 + 3 * components and body[3:5] != b"\0\0"
        return sound and body[0] in range(2, 17) and (not frame or body == frame)
    if kind == 0xDA:
        components = body[0] if body else 0
        return bool(frame) and 1 <= components <= frame[5] and size == 6 + 2 * components
    if scans:
        return kind in _BETWEEN_SCANS and size >= 2 and _table(kind, size, body)
    return 0xC0 <= kind <= 0xFE and not 0xD0 <= kind <= 0xD8 and size >= 2 and _table(kind, size, body)


def _table(kind: int, size: int, body: bytes) -> bool:
    """Tell whether tables have the length their kind asks for: DQT, DHT, DRI, DNL (B.2.4, B.2.5)."""
    if kind == 0xC4:
        return size > 18 and body[0] >> 4 < 2 and body[0] & 15 < 4 and 19 + sum(body[1:17]) <= size
    if kind == 0xDB:
        return size > 66 and body[0] >> 4 < 2 and body[0] & 15 < 4
    return size == 4 if kind in {0xDC, 0xDD} else True


def _entropy(view: View, start: int, at: int, limit: int) -> int:
    """Offset of the marker behind entropy-coded data (B.1.1.5), ``limit`` if there is none."""
    step = _FIRST_STEP
    while at < limit:
        data = np.frombuffer(view.read(start + at, min(step, limit - at)), np.uint8)
        marks = np.flatnonzero(data[:-1] == 0xFF)
        found = np.flatnonzero(_MARKER[data[marks + 1]])
        if len(found):
            return at + int(marks[found[0]])
        if len(data) < 2:
            return limit
        at += len(data) - 1 if at + len(data) < limit else len(data)
        step = _STEP
    return limit
