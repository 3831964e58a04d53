"""Pictures of written pages, drawn with a Japanese font where one is installed; people in them do not exist."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

__all__ = ["font", "page", "picture_bytes", "upright"]

_FONTS: Final = (
    "/usr/share/fonts/opentype/ipafont-mincho/ipamp.ttf", "/usr/share/fonts/opentype/ipafont-gothic/ipagp.ttf",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", "/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc",
    "/usr/share/fonts/truetype/fonts-japanese-gothic.ttf",
)  # fmt: skip


def font() -> str:
    """Return the path of a Japanese font; nothing where none is installed."""
    return next((path for path in _FONTS if Path(path).is_file()), "")


def page(lines: Sequence[str], *, size: int = 40, width: int = 1400) -> Image.Image:
    """Return a grey page with lines from the top."""
    picture = Image.new("L", (width, 80 + len(lines) * size * 2), 255)
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        draw.text((60, 40 + number * size * 2), line, font=ImageFont.truetype(font(), size), fill=0)
    return picture


def upright(columns: Sequence[str], *, size: int = 40) -> Image.Image:
    """Return a grey page with columns from the right."""
    picture = Image.new("L", (len(columns) * size * 2 + 80, 80 + max(map(len, columns)) * int(size * 1.25)), 255)
    draw = ImageDraw.Draw(picture)
    for number, column in enumerate(columns):
        for place, letter in enumerate(column):
            at = (picture.width - 40 - size - number * size * 2, 40 + place * int(size * 1.25))
            draw.text(at, letter, font=ImageFont.truetype(font(), size), fill=0)
    return picture


def picture_bytes(picture: Image.Image, form: str, **options: object) -> bytes:
    """Return a picture as a file of some form of Pillow's."""
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()
