"""Text in pictures, line by line with its box: Tesseract's neural reader (Apache 2.0) through tesserocr (MIT).

SOURCE: Tesseract's ``publictypes.h`` (modes 5, one block of vertical text, and 6, one block of lines) and its variable
``thresholding_method`` (2, after Sauvola, which bears uneven light).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from PIL import Image

from pipeline.config_ocr import Ocr

__all__ = ["Line", "engine", "lines_in", "missing"]

_LANGUAGES: Final = ("eng", "jpn", "jpn_vert")
_PLACES: Final = (
    "/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tesseract-ocr/4.00/tessdata", "/usr/share/tessdata",
    "/usr/share/tesseract/tessdata", "/usr/local/share/tessdata", "/opt/homebrew/share/tessdata",
)  # fmt: skip
_LEVEL: Final = ("jpn", 6), ("jpn+eng", 6), ("jpn_vert", 5)
_ACROSS, _MIXED, _DOWN = _LEVEL
_SMALL: Final = 6_000_000
"""Pixels that a picture may have when it is enlarged: letters of screens are too low for the reader, which was trained
on scans at 300 dots per inch."""
_LARGE: Final = 12_000_000
"""Pixels above which a picture is made smaller; a page of A4 at 300 dots per inch has 8.7 million."""
_SURE: Final = 50
"""Mean confidence, of 100, below which lines are tried as columns."""
_KEPT: Final = 40
"""Confidence below which a line is no text: grain and edges of photographs are read as such."""
_LATIN: Final = 5
"""Letters of the Latin alphabet in one word for which a picture is read once more with their own model."""
_GAP: Final = (0.55, 0.5, 0.0)
"""Gap between words, by the height of the line, that is a space: of Japanese words, of one and a Latin one, of two such
as the reader parts itself."""
_WIDE: Final = 1.5
"""Gap between words, by the height of the line, that parts columns."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and its box in the picture: left, top, width and height."""

    text: str
    box: tuple[int, int, int, int]
    confidence: float


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    box: tuple[int, int, int, int]
    confidence: float
    first: bool


def missing(ocr: Ocr) -> str:
    """Return what is not there to read pictures with; nothing where all is."""
    if _binding() is None:
        return "tesserocr is not installed"
    if _folder(ocr.data) is None:
        return "language data jpn, jpn_vert and eng of Tesseract are not installed"
    return ""


def engine(ocr: Ocr) -> str:
    """Return what reads pictures, so that a change of it is noticed: its version, and the digest of its data."""
    binding, folder = _binding(), _folder(ocr.data)
    if binding is None or folder is None:
        return missing(ocr)
    digest = hashlib.sha256()
    for language in _LANGUAGES:
        digest.update((folder / f"{language}.traineddata").read_bytes())
    return f"{binding.tesseract_version().split(chr(10))[0].strip()}, data {digest.hexdigest()[:16]}"


def lines_in(picture: Image.Image, ocr: Ocr) -> Sequence[Line] | None:
    """Return the lines of text of a grey picture, from the top; None where the time was not enough.

    Read as lines; once more with the model of Latin letters where there are any, or as columns where lines make no
    sense.
    """
    fitted, scale = _fitted(picture)
    words = _read(fitted, ocr, _ACROSS)
    if words is None:
        return None
    lines = _lines(words, down=False)
    if _is_scattered(words) and (columns := _lines(_read(fitted, ocr, _DOWN) or (), down=True)):
        lines = max(lines, columns, key=_worth)
    elif _has_latin(words):
        lines = _better(lines, _lines(_read(fitted, ocr, _MIXED) or (), down=False))
    return tuple(replace(line, box=_box(side / scale for side in line.box)) for line in lines)


def _better(lines: Sequence[Line], others: Sequence[Line]) -> Sequence[Line]:
    """Return of two readings of the same lines the surer one, line by line where they have the same lines."""
    if len(lines) != len(others):
        return max(lines, others, key=_worth)
    return tuple(max(pair, key=lambda line: line.confidence) for pair in zip(lines, others, strict=True))


def _worth(lines: Sequence[Line]) -> float:
    """Return what a reading is worth: its letters in words that stand together, by their confidence."""
    return sum(line.confidence * len(word) ** 2 for line in lines for word in line.text.split())


def _fitted(picture: Image.Image) -> tuple[Image.Image, float]:
    """Return the picture in a size that the reader is good at, and by what it was enlarged."""
    pixels = picture.width * picture.height
    if pixels * 4 <= _SMALL:
        return picture.resize((picture.width * 2, picture.height * 2), Image.Resampling.BICUBIC), 2.0
    factor = 1
    while pixels > _LARGE * factor * factor:
        factor += 1
    return (picture, 1.0) if factor == 1 else (picture.reduce(factor), 1.0 / factor)


def _read(picture: Image.Image, ocr: Ocr, level: tuple[str, int]) -> Sequence[_Word] | None:
    """Return the words of a picture; None where the time was not enough."""
    binding, folder = _binding(), _folder(ocr.data)
    if binding is None or folder is None:
        return ()
    api = _api(str(folder), *level)
    try:
        api.SetImageBytes(picture.tobytes(), picture.width, picture.height, 1, picture.width)
        if not api.Recognize(timeout=ocr.seconds * 1000):
            return None
        return tuple(_words(binding, api.GetIterator()))
    finally:
        api.Clear()


def _words(binding: Any, found: Any) -> Iterator[_Word]:
    word, line = binding.RIL.WORD, binding.RIL.TEXTLINE
    for one in binding.iterate_level(found, word) if found else ():
        try:
            text = one.GetUTF8Text(word).strip()
        except RuntimeError:  # an empty word has no text
            continue
        box = one.BoundingBox(word)
        if text and box:
            yield _Word(text, (box[0], box[1], box[2], box[3]), one.Confidence(word), one.IsAtBeginningOf(line))


def _mean(words: Sequence[_Word]) -> float:
    """Return the confidence of words, by their letters."""
    letters = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / letters if letters else 0.0


def _is_scattered(words: Sequence[_Word]) -> bool:
    """Tell whether lines make no sense: they are unsure, or single letters stand in columns."""
    letters = sum(len(word.text) for word in words)
    groups = sum(len(line.text.split()) for line in _lines(words, down=False))
    return bool(letters) and (_mean(words) < _SURE or groups * 2 > letters)


def _has_latin(words: Iterable[_Word]) -> bool:
    return any(sum(letter.isascii() and letter.isalpha() for letter in word.text) >= _LATIN for word in words)


def _lines(words: Iterable[_Word], *, down: bool) -> Sequence[Line]:
    """Return the words joined to lines, without those that are no text."""
    groups: list[list[_Word]] = []
    for word in words:
        if word.first or not groups:
            groups.append([])
        groups[-1].append(word)
    lines = (_line(group, down=down) for group in groups)
    return tuple(line for line in lines if line.confidence >= _KEPT)


def _line(words: Sequence[_Word], *, down: bool) -> Line:
    """Return one line: what the eye sees as a gap is a space, a wide one a tab; the reader's own spaces are none."""
    low, high = (1, 3) if down else (0, 2)
    size = max(1, *(word.box[high ^ 1] - word.box[low ^ 1] for word in words))
    text = words[0].text
    for before, word in pairwise(words):
        gap = (word.box[low] - before.box[high]) / size
        latin = before.text[-1].isascii() + word.text[0].isascii()
        text += ("\t" if gap > _WIDE else " " if gap > _GAP[latin] else "") + word.text
    left, top = min(word.box[0] for word in words), min(word.box[1] for word in words)
    right, bottom = max(word.box[2] for word in words), max(word.box[3] for word in words)
    return Line(text, (left, top, right - left, bottom - top), _mean(words))


def _box(sides: Iterable[float]) -> tuple[int, int, int, int]:
    left, top, width, height = (round(side) for side in sides)
    return left, top, width, height


@cache
def _binding() -> Any:
    """Return the binding, or nothing; one thread of its own: the machine's processors are the stages' to give."""
    os.environ["OMP_THREAD_LIMIT"] = "1"
    try:
        import tesserocr  # noqa: PLC0415 - it may not be installed
    except ImportError:
        return None
    return tesserocr


@cache
def _folder(given: str) -> Path | None:
    for place in (given,) if given else _PLACES:
        if all((Path(place) / f"{language}.traineddata").is_file() for language in _LANGUAGES):
            return Path(place)
    return None


@cache
def _api(folder: str, language: str, mode: int) -> Any:
    api = _binding().PyTessBaseAPI(path=f"{folder}/", lang=language, psm=mode)
    api.SetVariable("thresholding_method", "2")
    return api
