"""GIF pictures (GIF89a specification, §17 to §27), walked block by block and decoded."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image, UnidentifiedImageError

from pipeline.carvers.base import Carved, Carver, View

__all__ = ["Gif"]

LONGEST: Final = 64 << 20
MOST_PIXELS: Final = 256 << 20
"""Pixels, over all frames, that are decoded; a picture with more is taken by its blocks."""
_PIECE: Final = 1 << 16
_EXTENSIONS: Final = {0x01: 12, 0xF9: 4, 0xFE: 0, 0xFF: 11}
"""Plain text, graphic control, comment, application; bytes of the first sub-block, 0 where any will do (§23 to §26)."""


@dataclass(slots=True)
class _Walk:
    """Where the walk stands, how many frames it met, and the largest number of pixels of one."""

    view: View
    start: int
    limit: int
    at: int = 0
    frames: int = 0
    pixels: int = 0
    held: bytes = b""
    held_at: int = -1

    def take(self, length: int) -> bytes:
        """Return the next bytes and step behind them; fewer at the end."""
        inside = self.at - self.held_at
        if self.held_at < 0 or inside < 0 or inside + length > len(self.held):
            amount = max(min(max(_PIECE, length), self.limit - self.at), 0)
            self.held, self.held_at, inside = self.view.read(self.start + self.at, amount), self.at, 0
        self.at += length
        return self.held[inside : inside + length]


@dataclass(frozen=True)
class Gif(Carver):
    """Walks blocks to the trailer, and decodes every frame."""

    name: str = "gif"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"GIF87a", 0), (b"GIF89a", 0))

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the picture; partial where its blocks break off, or its frames do not decode."""
        walk = _Walk(view, start, min(limit, LONGEST))
        head = walk.take(13)
        if len(head) < 13 or not int.from_bytes(head[6:8], "little") or not int.from_bytes(head[8:10], "little"):
            return None
        walk.pixels = int.from_bytes(head[6:8], "little") * int.from_bytes(head[8:10], "little")
        walk.take(_colours(head[10]))
        sound = walk.at
        while (step := _block(walk)) == "more":
            sound = walk.at
        if not walk.frames:
            return None
        if step == "end":
            fault = _fault(view, view.read(start, walk.at), walk)
            return Carved(start, walk.at, "gif", complete=not fault, note=fault)
        return Carved(start, sound, "gif", complete=False, note="no trailer; ends with its last whole block")


def _colours(packed: int) -> int:
    """Return the bytes of a colour table (§19, §21)."""
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def _block(walk: _Walk) -> str:
    """Step over one block; ``more``, ``end`` behind the trailer, or empty where there is none."""
    kind = walk.take(1)
    if kind == b"\x3b":
        return "end"
    if kind == b"\x21":
        label, first = walk.take(1), walk.take(1)
        if not label or not first or label[0] not in _EXTENSIONS or _EXTENSIONS[label[0]] not in (0, first[0]):
            return ""
        walk.at -= 1
    elif kind == b"\x2c":
        head = walk.take(9)
        if len(head) < 9:
            return ""
        walk.take(_colours(head[8]))
        code = walk.take(1)
        if not code or not 2 <= code[0] <= 11:
            return ""
        walk.frames += 1
    else:
        return ""
    return "more" if _sub_blocks(walk) else ""


def _sub_blocks(walk: _Walk) -> bool:
    """Step over sub-blocks up to the empty one (§15); False where they do not end."""
    while length := walk.take(1):
        if length == b"\0":
            return True
        if len(walk.take(length[0])) < length[0]:
            return False
    return False


def _fault(view: View, data: bytes, walk: _Walk) -> str:
    """Return what is wrong with the frames, empty if all decode."""
    work = walk.pixels * walk.frames
    if work > MOST_PIXELS:
        return ""
    view.spend(work)
    try:
        with Image.open(io.BytesIO(data), formats=["GIF"]) as picture:
            for number in range(walk.frames):
                picture.seek(number)
                picture.load()
    except (UnidentifiedImageError, EOFError, OSError, ValueError, SyntaxError, IndexError) as error:
        return f"a frame does not decode ({type(error).__name__})"
    return ""
