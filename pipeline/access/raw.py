"""Raw media: one file, or numbered segments of one medium."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Final

from pipeline.errors import UnreadableError

__all__ = ["RawImage", "raw_segments"]

_NUMBERED: Final = re.compile(r"\.(\d{3,4})$")


def raw_segments(path: Path) -> tuple[Path, ...]:
    """Return the segments of a raw medium, in order.

    ``.000``/``.001`` and on are followed to the last number there is. A number that is missing between two that are
    there is an error; the first may be 0 or 1 (the convention of dd_rescue and of FTK Imager).

    Raises:
        UnreadableError: a segment is missing; it is named.
    """
    match = _NUMBERED.search(path.name)
    if match is None:
        return (path,)
    stem, width = path.name[: match.start()], len(match.group(1))
    pattern = re.compile(re.escape(stem) + rf"\.(\d{{{width}}})")
    found = {int(m.group(1)): child for child in path.parent.iterdir() if (m := pattern.fullmatch(child.name))}
    first = int(match.group(1))
    if first > 1:
        raise UnreadableError(f"{path}: this is segment {first}; name the first segment in case.toml")
    for number in range(first, max(found) + 1):
        if number not in found:
            missing = f"{stem}.{number:0{width}}"
            raise UnreadableError(f"{path.parent / missing}: segment is missing; put all segments in one folder")
    return tuple(found[number] for number in sorted(found) if number >= first)


class RawImage:
    """Bytes as they are, over one or more files opened read-only."""

    format = "raw"
    stored: Mapping[str, str] = {}
    unreadable: tuple[tuple[int, int], ...] = ()

    def __init__(self, paths: Sequence[Path]) -> None:
        self.segments = tuple(map(str, paths))
        self._handles = [_open(path) for path in paths]
        sizes = [os.fstat(handle).st_size for handle in self._handles]
        self._starts = (0, *accumulate(sizes))
        self.size = self._starts[-1]
        if not self.size:
            raise UnreadableError(f"{paths[0]}: the image is empty; acquire it again")

    def read(self, start: int, length: int) -> bytes:
        """Return bytes; UnreadableError where the file gives fewer than it held when it was opened."""
        end = min(start + max(length, 0), self.size)
        pieces = []
        while start < end:
            index = bisect_right(self._starts, start) - 1
            wanted = min(end, self._starts[index + 1]) - start
            piece = os.pread(self._handles[index], wanted, start - self._starts[index])
            if not piece:
                raise UnreadableError(f"{self.segments[index]}: ends early; the file changed while it was read")
            pieces.append(piece)
            start += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Close the files."""
        for handle in self._handles:
            os.close(handle)
        self._handles = []


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY)
    except OSError as error:
        raise UnreadableError(f"{path}: the image cannot be opened ({error.strerror}); check `image`") from error
