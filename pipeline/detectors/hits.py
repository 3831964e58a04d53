"""What detectors take and give: windows and hits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

__all__ = ["OVERLAP", "Hit", "Table", "Window", "shape_of"]

OVERLAP: Final = 4096
"""Bytes of context a window needs on each side of its page, where the content has them."""


@dataclass(frozen=True, slots=True)
class Table:
    """How the rows of a content are cut, from its header: the delimiter and the kind of each column, or None.

    ``encoding`` is ``utf-16-le`` or ``utf-16-be`` where the content is in it, else empty.
    """

    delimiter: str
    columns: tuple[str | None, ...]
    encoding: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A page of a content with context on both sides.

    ``start`` is the offset of ``data[0]`` in the content; the page is ``own_start`` ≤ offset < ``own_end``. Context is
    :data:`OVERLAP` bytes or all there is. ``table`` comes from the head of the content and is the same for each page.
    """

    data: bytes
    start: int
    own_start: int
    own_end: int
    table: Table | None = None

    def owns(self, offset: int) -> bool:
        """Return whether a hit that starts at this offset of the content belongs to the page."""
        return self.own_start <= offset < self.own_end


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A match: bytes of the content, or characters where ``encoding`` is ``text``.

    ``value`` is canonical and stays in memory. ``record_start`` is where the row or line starts.
    """

    kind: str
    rule: str
    start: int
    length: int
    encoding: str
    value: str = field(repr=False)
    shape: str
    validated: bool
    score: float
    record_start: int
    by_word: bool
    by_column: bool
    by_row: bool


class _Shapes(dict[int, str]):
    def __missing__(self, code: int) -> str:
        character = chr(code)
        shape = "9" if character.isdigit() else "A" if character.isalpha() or character in "々ー" else character
        self[code] = shape if character.isprintable() else "?"
        return self[code]


_SHAPES: Final = _Shapes()


def shape_of(text: str) -> str:
    """Return a text with letters, kanji and kana as ``A`` and digits as ``9``."""
    return text.translate(_SHAPES)
