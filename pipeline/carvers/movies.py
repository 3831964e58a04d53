"""MP4 and QuickTime files (ISO/IEC 14496-12 §4.2, §8): boxes, one behind the other."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from pipeline.carvers.base import Carved, Carver, View

__all__ = ["Movie"]

_TOP: Final = frozenset(
    (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"meta", b"moof", b"mfra", b"sidx",
     b"ssix", b"styp", b"pdin", b"prft", b"emsg", b"udta", b"PICT", b"meco")
)  # fmt: skip
"""Boxes that stand at the top of a file."""
_BRAND: Final = re.compile(rb"[A-Za-z0-9 _.\-]{4}")
_HOLDERS: Final = frozenset((b"trak", b"mdia", b"minf", b"stbl"))
_DEEP: Final = 8
_MOST_BOXES: Final = 1 << 16
_MOOV: Final = 64 << 20


@dataclass(slots=True)
class _Walk:
    """Boxes met at the top, ranges of media data, offsets of chunks that must lie in them."""

    kinds: set[bytes] = field(default_factory=set)
    media: list[tuple[int, int]] = field(default_factory=list)
    moov: tuple[int, int] = (0, 0)
    end: int = 0
    open_end: bool = False


@dataclass(frozen=True)
class Movie(Carver):
    """Walks the top boxes from ``ftyp``; every chunk that the tables name must lie in media data."""

    name: str = "mp4"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"ftyp", 4),)

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the file if it holds a description and what it describes; partial where boxes break off."""
        head = view.read(start, min(16, limit))
        size = int.from_bytes(head[:4], "big")
        if len(head) < 16 or size % 4 or not 16 <= size <= 1024 or not _BRAND.fullmatch(head[8:12]):
            return None
        walk = _walk(view, start, limit)
        described = b"moov" in walk.kinds or b"meta" in walk.kinds
        if not described or not (walk.media or b"meta" in walk.kinds):
            cut = b"mdat" in walk.kinds or described
            note = "media data without their description, or the other way round"
            return Carved(start, walk.end, "mp4", complete=False, note=note) if cut else None
        if walk.open_end:
            return Carved(
                start, walk.end, "mp4", complete=False, note="its last box ends with the file, wherever that is"
            )
        fault = "" if _placed(view, start, walk) else "tables point outside the media data"
        return Carved(start, walk.end, "mp4", complete=not fault, note=fault or "media data not checked")


def _walk(view: View, start: int, limit: int) -> _Walk:
    walk, at = _Walk(), 0
    for _ in range(_MOST_BOXES):
        head = view.read(start + at, min(16, limit - at))
        if len(head) < 8 or head[4:8] not in _TOP or (at and head[4:8] == b"ftyp"):
            return walk
        size, body = _size(head)
        if size == 0:
            walk.open_end, walk.end = True, at + 8
            walk.kinds.add(head[4:8])
            return walk
        if size < body or at + size > limit:
            walk.kinds.update({b"mdat"} & {head[4:8]})
            return walk
        walk.kinds.add(head[4:8])
        if head[4:8] == b"mdat":
            walk.media.append((at + body, at + size))
        if head[4:8] == b"moov":
            walk.moov = (at + body, at + size)
        at += size
        walk.end = at
    return walk


def _size(head: bytes) -> tuple[int, int]:
    """Return a box's size and that of its header; 1 says that the size follows in 8 bytes (§4.2)."""
    size = int.from_bytes(head[:4], "big")
    return (int.from_bytes(head[8:16], "big"), 16) if size == 1 and len(head) == 16 else (size, 8)


def _placed(view: View, start: int, walk: _Walk) -> bool:
    """Tell whether all chunk offsets (stco, co64: §8.7.5) lie in media data."""
    low, high = walk.moov
    if high <= low or high - low > _MOOV:
        return True
    data = view.read(start + low, high - low)
    edges = sorted(walk.media)
    starts, ends = np.array([a for a, _ in edges]), np.array([b for _, b in edges])
    for kind, body in _tables(data):
        count = int.from_bytes(body[4:8], "big")
        width = 8 if kind == b"co64" else 4
        if count * width > len(body) - 8:
            return False
        places = np.frombuffer(body[8 : 8 + count * width], f">u{width}").astype(np.int64)
        if len(places):
            owner = np.searchsorted(starts, places, side="right") - 1
            if (owner < 0).any() or (places >= ends[owner]).any():
                return False
    return True


def _tables(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunk offset tables of a movie box."""
    todo = [(0, len(data), 0)]
    for _ in range(_MOST_BOXES):
        if not todo:
            return
        at, end, depth = todo.pop()
        while at + 8 <= end:
            size, kind = struct.unpack_from(">I4s", data, at)
            if size < 8 or at + size > end:
                break
            if kind in (b"stco", b"co64"):
                yield kind, data[at + 8 : at + size]
            elif kind in _HOLDERS and depth < _DEEP:
                todo.append((at + 8, at + size, depth + 1))
            at += size
