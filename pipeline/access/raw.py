"""Raw media: one file, or the segments of one medium, numbered or lettered."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from string import ascii_lowercase
from typing import Final

from pipeline.errors import UnreadableError

__all__ = ["RawImage", "raw_segments"]

_NUMBERED: Final = re.compile(r"\d{3,4}")
_LETTERED: Final = re.compile(r"[a-z]{2,3}")


def raw_segments(path: Path) -> tuple[Path, ...]:
    """Return the segments of a raw medium, in order.

    Followed are the names of dd_rescue and FTK Imager (``.000`` or ``.001`` and on, ``.999`` then ``.1000``) and those
    of split(1) (``.aa``, ``.ab`` and on, where there is an ``.aa``). A hole before the last segment is an error.

    Raises:
        UnreadableError: ``path`` is not the first segment, or a segment is missing; the right one is named.
    """
    suffix = path.suffix[1:]
    if _NUMBERED.fullmatch(suffix):
        found = _numbered(path, len(suffix))
        first = min(found)
        if first > 1:
            missing = path.with_suffix(f".{1:0{len(suffix)}}")
            raise UnreadableError(
                f"{missing}: segment is missing; put all segments in one folder and name the first in case.toml"
            )
        return _in_order(path, found, [f"{number:0{len(suffix)}}" for number in range(first, max(found) + 1)])
    if _LETTERED.fullmatch(suffix) and path.with_suffix("." + "a" * len(suffix)).is_file():
        found = _lettered(path, len(suffix))
        return _in_order(path, found, [_letters(number, len(suffix)) for number in range(max(found) + 1)])
    return (path,)


def _siblings(path: Path, pattern: re.Pattern[str]) -> dict[str, Path]:
    matches = ((child.suffix[1:], child) for child in path.parent.iterdir() if child.stem == path.stem)
    return {suffix: child for suffix, child in matches if pattern.fullmatch(suffix) and child.is_file()}


def _numbered(path: Path, width: int) -> dict[int, Path]:
    found = {int(text): child for text, child in _siblings(path, re.compile(rf"\d{{{width}}}")).items()}
    if 10**width - 1 in found:
        longer = _siblings(path, re.compile(rf"[1-9]\d{{{width}}}"))
        found |= {int(text): child for text, child in longer.items()}
    return found


def _lettered(path: Path, width: int) -> dict[int, Path]:
    """Return the lettered siblings that follow each other or a hole of one, and those as long as the first.

    Any word of the width is a possible segment name (``.txt``); being as long as a segment tells one from a note.
    """
    named = _siblings(path, re.compile(f"[a-z]{{{width}}}"))
    full = named["a" * width].stat().st_size
    found: dict[int, Path] = {}
    for number in range(26**width):
        child = named.get(_letters(number, width))
        if child is None:
            continue
        if not found or number - max(found) <= 2 or child.stat().st_size == full:
            found[number] = child
    return found


def _letters(number: int, width: int) -> str:
    return "".join(ascii_lowercase[number // 26**place % 26] for place in reversed(range(width)))


def _in_order(path: Path, found: Mapping[int, Path], names: Sequence[str]) -> tuple[Path, ...]:
    first = min(found)
    for number, name in enumerate(names, first):
        if number not in found:
            missing = path.with_suffix(f".{name}")
            raise UnreadableError(f"{missing}: segment is missing; put all segments in one folder")
    if found[first].name != path.name:
        raise UnreadableError(f"{path}: not the first segment; name {found[first].name} in case.toml")
    _check_sizes([found[number] for number in sorted(found)])
    return tuple(found[number] for number in sorted(found))


def _check_sizes(segments: Sequence[Path]) -> None:
    """Refuse a set whose segments differ: all tools cut a medium in equal parts, of which the last may be shorter.

    One that is cut off would move every byte behind it.
    """
    sizes = [segment.stat().st_size for segment in segments]
    for segment, size in zip(segments[1:], sizes[1:], strict=True):
        if not size:
            raise UnreadableError(f"{segment}: the file is empty; acquire or copy it again")
        if size > sizes[0] or (size < sizes[0] and segment != segments[-1]):
            raise UnreadableError(
                f"{segment}: has {size} bytes, the first segment {sizes[0]}; a segment is cut off or of another image, "
                "copy the segments again"
            )


class RawImage:
    """Bytes as they are, over one or more files opened read-only."""

    format = "raw"
    stored: Mapping[str, str] = {}
    unreadable: tuple[tuple[int, int], ...] = ()

    def __init__(self, paths: Sequence[Path]) -> None:
        self.segments = tuple(map(str, paths))
        self._handles: list[int] = []
        try:
            for path in paths:
                self._handles.append(_open(path))
            self._starts = (0, *accumulate(map(_size, self._handles, self.segments)))
        except UnreadableError:
            self.close()
            raise
        self.size = self._starts[-1]

    def read(self, start: int, length: int) -> bytes:
        """Return bytes; UnreadableError where the file gives fewer than it held when it was opened."""
        end = min(start + max(length, 0), self.size)
        pieces = []
        while start < end:
            index = bisect_right(self._starts, start) - 1
            wanted = min(end, self._starts[index + 1]) - start
            piece = self._piece(index, wanted, start)
            pieces.append(piece)
            start += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _piece(self, index: int, wanted: int, start: int) -> bytes:
        try:
            piece = os.pread(self._handles[index], wanted, start - self._starts[index])
        except OSError as error:
            message = f"{self.segments[index]}: medium byte {start} cannot be read ({error.strerror}); copy it again"
            raise UnreadableError(message) from error
        if not piece:
            raise UnreadableError(f"{self.segments[index]}: ends early; the file changed while it was read")
        return piece

    def close(self) -> None:
        """Close the files."""
        for handle in self._handles:
            os.close(handle)
        self._handles = []


def _size(handle: int, name: str) -> int:
    """Return the bytes of a file or of a device, whose status says none."""
    size = os.lseek(handle, 0, os.SEEK_END)
    if not size:
        raise UnreadableError(f"{name}: the file is empty; acquire or copy it again")
    return size


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY)
    except OSError as error:
        raise UnreadableError(f"{path}: the image cannot be opened ({error.strerror}); check `image`") from error
