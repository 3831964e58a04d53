"""Settings of the reading of text in pictures, the section ``[ocr]`` of ``case.toml``."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Ocr"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ocr:
    """Whether text in pictures is read, and the bounds of it.

    ``data`` is the folder of Tesseract's language data; where it is empty, the usual places are looked in. A picture of
    fewer than ``least_pixels`` holds no line that can be read and is skipped; one of more than ``most_pixels`` is not
    opened. ``pictures`` bounds how many are read in one listed file, ``seconds`` how long each may take, and
    ``item_seconds`` is what they add to the time that a listed file may take.
    """

    enabled: bool = True
    data: str = ""
    least_pixels: int = 5_000
    most_pixels: int = 150_000_000
    pictures: int = 300
    seconds: int = 60
    item_seconds: int = 600
