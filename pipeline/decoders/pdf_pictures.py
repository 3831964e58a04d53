"""Pictures of PDF pages, drawn by PDFium, and the text in them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Final

import pypdfium2  # type: ignore[import-untyped, unused-ignore]
import pypdfium2.raw as pdfium  # type: ignore[import-untyped, unused-ignore]
from PIL import Image

from pipeline.decoders.base import Decoded, Limits, Text, Trouble
from pipeline.decoders.picture_text import is_flat, text_of

__all__ = ["picture_of", "pictures_on"]

_SCALE: Final = 300 / 72
"""Pixels per point of a drawn page: 300 dots per inch, what the reader was trained on."""
_GLANCE: Final = 0.5
"""Pixels per point at which a page is looked at first, whether anything is on it."""
_PIXELS: Final = 12_000_000
"""Of a drawn page; one of A4 has 8.7 million."""
_DEPTH: Final = 8
"""Forms inside forms that pictures are looked for in."""
_OBJECTS: Final = 1_000
"""Pictures of one page that are looked at."""


def picture_of(page: pypdfium2.PdfPage, name: str, limits: Limits, seen: set[bytes]) -> Iterator[Decoded]:
    """Yield the text that a whole page shows, none where one before it showed the same; boxes are in points.

    ``seen`` are digests of the pages before; that of this one is added.
    """
    width, height = page.get_size()
    if not (0 < width < math.inf and 0 < height < math.inf):
        yield Trouble("pdf-page", f"{name} has no size")
        return
    scale = min(_SCALE, math.sqrt(_PIXELS / (width * height)))
    glance = _drawn(page, min(_GLANCE, scale))
    if is_flat(glance):
        return
    if limits.pictures <= 0:
        yield Trouble("limit-pictures", f"{name} is not read: too many pictures")
        return
    drawn = _drawn(page, scale)
    digest = hashlib.sha256(drawn.tobytes()).digest()
    if digest in seen:
        yield Text(name, "", ((0, name),))
        return
    seen.add(digest)
    yield from text_of(drawn, name, limits, unit=scale)


def _drawn(page: pypdfium2.PdfPage, scale: float) -> Image.Image:
    picture: Image.Image = page.render(scale=scale, grayscale=True).to_pil().convert("L")
    return picture


def pictures_on(page: pypdfium2.PdfPage, name: str, limits: Limits) -> Iterator[Decoded]:
    """Yield the text in the pictures of a page that has text besides; boxes are in pixels of the picture."""
    found = page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_IMAGE,), max_depth=_DEPTH)
    read = 0
    for number, one in enumerate(found, start=1):
        width, height = one.get_px_size()
        if limits.ocr is not None and width * height < limits.ocr.least_pixels:
            continue
        if number > _OBJECTS or read >= limits.pictures:
            yield Trouble("limit-pictures", f"{name} has too many pictures; those from {number} on are not read")
            return
        if limits.ocr is not None and width * height > limits.ocr.most_pixels:
            yield Trouble("limit-pixels", f"{name}: a picture of {width}x{height} pixels is not read")
            continue
        read += 1
        yield from _shown(one, f"{name} picture {number}", limits)


def _shown(one: pypdfium2.PdfImage, name: str, limits: Limits) -> Iterator[Decoded]:
    try:
        grey = one.get_bitmap(render=False).to_pil().convert("L")
    except (pypdfium2.PdfiumError, ValueError, TypeError, KeyError, OSError):
        yield Trouble("pdf-picture", f"{name} cannot be unpacked; its text is not read")
        return
    if not is_flat(grey):
        yield from text_of(grey, name, limits)
