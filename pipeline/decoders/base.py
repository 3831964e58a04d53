"""What a decoder is: content in, its texts and members out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from pipeline.access.interfaces import Readable
from pipeline.config_ocr import Ocr

__all__ = ["Decoded", "Decoder", "Limits", "Locked", "Member", "Spared", "Text", "Trouble", "whole"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of unpacking; sizes in bytes, ratio is unpacked over packed; and what locked members are tried with.

    ``pictures`` are read by ``ocr``, none where that is None.
    """

    depth: int = 8
    members: int = 10_000
    member_bytes: int = 256 << 20
    total_bytes: int = 1 << 30
    ratio: int = 1000
    passwords: tuple[bytes, ...] = field(default=(), repr=False)
    pictures: int = 300
    ocr: Ocr | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Decoded text with its place; ``marks`` are where parts of it begin that have a place of their own, in order."""

    locator: str
    text: str
    marks: tuple[tuple[int, str], ...] = ()

    def place(self, position: int) -> tuple[int, str]:
        """Return where the part around a position begins, and its place."""
        return next((mark for mark in reversed(self.marks) if mark[0] <= position), (0, self.locator))


@dataclass(frozen=True, slots=True)
class Member:
    """An object inside; ``stored_offset`` is where its bytes lie unpacked in the container, else None."""

    path: str
    data: bytes
    stored_offset: int | None = None
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Locked:
    """An object that needs a key."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Spared:
    """What is not looked into because it holds nothing that is looked for: an icon."""

    reason: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """What was not decoded, and why; ``what`` names its kind where coverage is to tell it."""

    code: str
    message: str
    what: str = ""


Decoded = Text | Member | Locked | Spared | Trouble


@dataclass(frozen=True)
class Decoder(ABC):
    """Opens one kind of content."""

    name: str = ""
    version: int = 1
    types: tuple[str, ...] = ()
    streams: bool = False
    """Whether it reads piece by piece a content of any size, which need not fit the memory."""

    def parts(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield what the content holds; of members with one name the later are numbered: each has its own place."""
        named: Counter[str] = Counter()
        for part in self.decode(content, limits):
            if isinstance(part, Member):
                named[part.path] += 1
                number = named[part.path]
                yield part if number == 1 else replace(part, path=f"{part.path}#{number}")
            else:
                yield part

    @abstractmethod
    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield what the content holds, in its order."""


def whole(content: Readable, limits: Limits) -> bytes | Trouble:
    """Return all bytes, or the limit that forbids it."""
    if content.size > limits.total_bytes:
        return Trouble("limit-total-bytes", f"content of {content.size} bytes exceeds {limits.total_bytes}")
    return content.read(0, content.size)
