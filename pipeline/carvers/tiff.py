"""TIFF pictures (TIFF 6.0 §2): directories, values and strips, whose furthest byte is the end."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

from PIL import Image, UnidentifiedImageError

from pipeline.carvers.base import Carved, Carver, View

__all__ = ["Tiff"]

DIRECTORIES: Final = 256
ENTRIES: Final = 512
VALUES: Final = 1 << 20
LONGEST: Final = 64 << 20
MOST_PIXELS: Final = 128 << 20
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of a value by type (§2; 13: IFD, Adobe technical note 1)."""
_DATA: Final = ((273, 279), (324, 325), (513, 514))
"""Offsets and lengths of strips, tiles, and a JPEG of the old kind (§8, §15, §22)."""
_DEFLATE: Final = ((8,), (32946,))
"""Values of tag 259: strips are zlib streams, each with its checksum (TIFF technical note 2002)."""
_BELOW: Final = (330, 34665, 34853, 40965)
"""Sub-directories: SubIFDs, Exif, GPS, interoperability."""


@dataclass(slots=True)
class _Walk:
    """What the walk over directories knows."""

    view: View
    start: int
    limit: int
    order: str
    end: int = 8
    pages: int = 0
    pixels: int = 0
    packed: bool = False
    deflated: list[tuple[int, int]] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Tiff(Carver):
    """Follows every directory; what is compressed is decoded."""

    name: str = "tiff"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"II*\0", 0), (b"MM\0*", 0))

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the picture if its directories are sound and all their data has a place."""
        head = view.read(start, min(8, limit))
        if len(head) < 8:
            return None
        walk = _Walk(view, start, limit, "<" if head[0] == 0x49 else ">")
        todo = [*struct.unpack(walk.order + "I", head[4:])]
        while todo:
            found = _directory(walk, todo.pop())
            if found is None:
                return None
            todo += found
        if not walk.pages or walk.end > limit:
            return None
        if not walk.packed or walk.end > LONGEST or walk.pixels > MOST_PIXELS:
            return Carved(start, walk.end, "tiff", note="picture data not checked")
        fault = _fault(view, view.read(start, walk.end), walk)
        return Carved(start, walk.end, "tiff", complete=not fault, note=fault)


def _directory(walk: _Walk, at: int) -> list[int] | None:
    """Take a directory in; returns the offsets of further ones, None where it is not sound."""
    count = struct.unpack(walk.order + "H", walk.view.read(walk.start + at, 2).ljust(2, b"\0"))[0]
    body = walk.view.read(walk.start + at + 2, 12 * count + 4) if 0 < count <= ENTRIES else b""
    if at < 8 or at in walk.seen or len(walk.seen) >= DIRECTORIES or len(body) < 12 * count + 4 or not body:
        return None
    walk.seen.add(at)
    walk.end = max(walk.end, at + 6 + 12 * count)
    values: dict[int, tuple[int, ...]] = {}
    before = -1
    for place in range(0, 12 * count, 12):
        tag, kind, number = struct.unpack_from(walk.order + "HHI", body, place)
        if (
            tag < before
            or kind not in _SIZES
            or (found := _values(walk, body[place + 8 : place + 12], kind, number)) is None
        ):
            return None
        values[tag], before = found, tag
    if not _data(walk, values):
        return None
    (following,) = struct.unpack_from(walk.order + "I", body, 12 * count)
    below = [place for tag in _BELOW for place in values.get(tag, ())]
    return [*below, *([following] if following else [])]


def _values(walk: _Walk, field_: bytes, kind: int, number: int) -> tuple[int, ...] | None:
    """Return whole numbers of an entry, nothing of other kinds; None where its values have no place."""
    size = _SIZES[kind] * number
    if size > 4:
        at = struct.unpack(walk.order + "I", field_)[0]
        if at < 8 or at + size > walk.limit or number > (walk.limit if kind in (1, 2, 6, 7) else VALUES):
            return None
        walk.end = max(walk.end, at + size)
        field_ = walk.view.read(walk.start + at, size) if kind in (3, 4, 13) else b""
    letter = {3: "H", 4: "I", 13: "I"}.get(kind)
    return struct.unpack(f"{walk.order}{number}{letter}", field_[:size]) if letter and len(field_) >= size else ()


def _data(walk: _Walk, values: dict[int, tuple[int, ...]]) -> bool:
    """Take in where picture data lies; False where offsets and lengths do not fit each other or the space."""
    for places, lengths in _DATA:
        if places not in values:
            continue
        pairs = list(zip(values[places], values.get(lengths, ()), strict=False))
        if len(values[places]) != len(values.get(lengths, ())) or any(
            at < 8 or at + size > walk.limit for at, size in pairs
        ):
            return False
        walk.end = max([walk.end, *(at + size for at, size in pairs)])
        walk.pages += 1
        if values.get(259, ())[:1] in _DEFLATE:
            walk.deflated += pairs
    walk.packed = walk.packed or values.get(259, (1,))[:1] not in ((1,), ())
    walk.pixels += (values.get(256) or (0,))[0] * (values.get(257) or (0,))[0]
    return True


def _fault(view: View, data: bytes, walk: _Walk) -> str:
    """Return what is wrong with the pages, empty if all decode or Pillow does not know their kind."""
    view.spend(walk.pixels + len(data))
    if not all(_inflates(data[at : at + size], walk.pixels) for at, size in walk.deflated):
        return "a strip does not inflate"
    try:
        with Image.open(io.BytesIO(data), formats=["TIFF"]) as picture:
            for number in range(getattr(picture, "n_frames", 1)):
                picture.seek(number)
                picture.load()
    except UnidentifiedImageError:
        return ""
    except (EOFError, OSError, ValueError, SyntaxError, TypeError, KeyError, RuntimeError) as error:
        return f"a page does not decode ({type(error).__name__})"
    return ""


def _inflates(strip: bytes, pixels: int) -> bool:
    """Tell whether a strip is a whole zlib stream of no more than the picture's own size."""
    engine = zlib.decompressobj()
    try:
        engine.decompress(strip, 16 * pixels + 1)
    except zlib.error:
        return False
    return engine.eof
