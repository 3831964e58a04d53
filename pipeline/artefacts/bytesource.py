"""Readables as the libraries want them: file-like objects, scratch files, lines."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline.access.interfaces import Readable

__all__ = ["Line", "SeekableBytes", "copy_to", "lines", "owner_of"]

_PAGE: Final = 1 << 20
_LONGEST_LINE: Final = 1 << 16

Line = tuple[int, bytes]
"""Offset in the file and the line without its end."""


class SeekableBytes(io.RawIOBase):
    """A readable as a read-only binary file; libyal also asks it for ``get_size``."""

    def __init__(self, content: Readable) -> None:
        super().__init__()
        self._content = content
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; never before the start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._content.size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def get_size(self) -> int:
        """Return the length in bytes."""
        return self._content.size

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes."""
        left = max(self._content.size - self._at, 0)
        data = self._content.read(self._at, left if size < 0 else min(size, left)) if left else b""
        self._at += len(data)
        return data

    def readinto(self, buffer: object) -> int:
        """Fill a buffer."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


def copy_to(content: Readable, path: Path) -> None:
    """Write the bytes of a readable to a scratch file, a page at a time."""
    with path.open("wb") as file:
        for start in range(0, content.size, _PAGE):
            page = content.read(start, min(_PAGE, content.size - start))
            if not page:
                return
            file.write(page)


def lines(content: Readable) -> Iterator[Line]:
    """Yield lines with their offsets; a line longer than 64 KiB comes in pieces."""
    rest, start = b"", 0
    for position in range(0, content.size, _PAGE):
        page = content.read(position, min(_PAGE, content.size - position))
        parts = (rest + page).split(b"\n")
        rest = parts.pop()
        for part in parts:
            yield start, part.rstrip(b"\r")
            start += len(part) + 1
        while len(rest) > _LONGEST_LINE:
            yield start, rest[:_LONGEST_LINE]
            rest, start = rest[_LONGEST_LINE:], start + _LONGEST_LINE
    if rest:
        yield start, rest.rstrip(b"\r")


_HOME: Final = re.compile(r"^(?:/windows\.old[^/]*)?/(?:users|home|documents and settings)/([^/]+)/", re.IGNORECASE)


def owner_of(path: str) -> str:
    """Return the user whose home a path lies in; ``root`` for ``/root``, else nothing."""
    slashed = path if path.startswith("/") else f"/{path}"
    found = _HOME.match(slashed)
    if found is not None:
        return found.group(1)
    return "root" if slashed.lower().startswith("/root/") else ""
