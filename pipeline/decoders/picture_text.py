"""Text in pictures as decoded text: each line of it has a place of its own, its box."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from PIL import Image, ImageOps

from pipeline.decoders.base import Decoded, Limits, Spared, Text, Trouble
from pipeline.decoders.ocr import Line, lines_in, missing

__all__ = ["UNREAD", "is_flat", "read_picture", "text_of"]

UNREAD: Final = ("ocr-off", "ocr-not-installed")
"""Codes of pictures that were not read because nothing was there to read them with."""
_OPENED: Final = {
    "jpeg": ("JPEG", "MPO"), "png": ("PNG",), "gif": ("GIF",), "tiff": ("TIFF",), "bmp": ("BMP",), "webp": ("WEBP",),
}  # fmt: skip
_FLAT: Final = 24
"""Levels of grey, of 256, that a picture must span to show anything."""
_LOWEST: Final = 12
"""Pixels that a side must have for a line of letters."""
_FAULTS: Final = (
    OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, AttributeError, OverflowError, EOFError,
    ZeroDivisionError, RuntimeError, MemoryError,
)  # fmt: skip


def read_picture(data: bytes, kind: str, limits: Limits) -> Iterator[Decoded]:
    """Yield the text of each frame of a picture, and what of it was not read."""
    ocr = limits.ocr
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=_OPENED[kind])
    except Image.DecompressionBombError:
        yield Trouble("limit-pixels", "the picture has too many pixels to be opened; its text is not read")
        return
    except _FAULTS as error:
        yield Trouble("picture-damaged", f"the picture cannot be opened ({type(error).__name__})")
        return
    if ocr is not None and (image.width * image.height < ocr.least_pixels or min(image.size) < _LOWEST):
        yield Spared(f"a picture of fewer than {ocr.least_pixels} pixels")
        return
    yield from _refused(limits) or _frames(image, limits)


def _refused(limits: Limits) -> tuple[Trouble, ...]:
    """Return why pictures are not read at all, if they are not."""
    if limits.ocr is None or not limits.ocr.enabled:
        return (Trouble("ocr-off", "text in the picture is not read: the case switches it off"),)
    lacking = missing(limits.ocr)
    return (Trouble("ocr-not-installed", f"text in the picture is not read: {lacking}"),) if lacking else ()


def _frames(image: Image.Image, limits: Limits) -> Iterator[Decoded]:
    """Yield the text of the frames that differ, each once."""
    seen: set[bytes] = set()
    number = 0
    while True:
        number += 1
        if number > limits.pictures:
            yield Trouble("limit-pictures", f"what follows {limits.pictures} frames is not read")
            return
        grey = _grey(image, limits)
        if isinstance(grey, Trouble):
            yield grey
            return
        digest = hashlib.sha256(grey.tobytes()).digest()
        if digest not in seen:
            yield from text_of(grey, f"picture {number}", limits)
        seen.add(digest)
        try:
            image.seek(number)
        except _FAULTS:
            return


def _grey(image: Image.Image, limits: Limits) -> Image.Image | Trouble:
    """Return a frame's grey picture, upright as its camera was held (Exif 2.3, tag 0x0112)."""
    most = limits.ocr.most_pixels if limits.ocr else 0
    if image.width * image.height > most:
        return Trouble(
            "limit-pixels", f"a picture of {image.width}x{image.height} pixels; more than {most} are not read"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = ImageOps.exif_transpose(image)
            if "A" in frame.getbands() or "transparency" in frame.info:
                paper = Image.new("RGBA", frame.size, "white")
                frame = Image.alpha_composite(paper, frame.convert("RGBA"))
            if frame.mode.startswith("I") or frame.mode == "F":
                return frame.point(lambda level: level / 256).convert("L")
            return frame.convert("L")
    except _FAULTS as error:
        return Trouble("picture-damaged", f"a picture is damaged ({type(error).__name__}); its text is not read")


def is_flat(grey: Image.Image) -> bool:
    """Tell whether a grey picture shows nothing: paper, a plain colour."""
    low, high = grey.getextrema()
    return bool(high - low < _FLAT)  # type: ignore[operator]


def text_of(grey: Image.Image, name: str, limits: Limits, *, unit: float = 1.0) -> Iterator[Decoded]:
    """Yield the text of a grey picture as one, whose lines have places of their own; an empty one where it has none.

    Args:
        grey: the picture.
        name: the place of the picture in its content.
        limits: with what it is read.
        unit: in which the boxes are told, in pixels of the picture.
    """
    if is_flat(grey):
        return
    refused = _refused(limits)
    if refused or limits.ocr is None:
        yield from refused
        return
    lines = lines_in(grey, limits.ocr)
    if lines is None:
        yield Trouble("limit-seconds", f"{name}: not read within {limits.ocr.seconds} seconds")
    else:
        starts = accumulate((len(line.text) + 1 for line in lines), initial=0)
        marks = tuple(zip(starts, _places(lines, name, unit), strict=False)) or ((0, name),)
        yield Text(name, "\n".join(line.text for line in lines), marks)


def _places(lines: Sequence[Line], name: str, unit: float) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        left, top, width, height = (round(side / unit) for side in line.box)
        yield f"{name} line {number} at {left},{top} {width}x{height}"
