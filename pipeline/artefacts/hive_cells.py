"""Keys that were deleted: their nodes stand in free cells of a hive until something is written over them.

SOURCE: Maxim Suhanov, "Windows registry file format specification" (hive bin: size at 8, cells from 32 on; cell: size,
negative where it is in use, in steps of 8; key node: ``nk``, flags at 2 with 4 for the root and 32 for a name of one
byte per character, last written at 4, parent at 16, length of the name at 72, name at 76).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.artefacts.times import from_filetime

__all__ = ["DeletedKey", "deleted_keys"]

_BINS: Final = 4096
_LARGEST_BIN: Final = 16 << 20
_DEEPEST: Final = 64
_MOST: Final = 200_000
_ROOT, _NARROW = 4, 32
_KNOWN_FLAGS: Final = 0x1FFF


@dataclass(frozen=True, slots=True)
class DeletedKey:
    """A key node without a key: its path as far as it can be followed, and its last change."""

    path: str
    whole: bool
    time: datetime
    offset: int


@dataclass(frozen=True, slots=True)
class _Node:
    name: str
    flags: int
    time: datetime
    parent: int


def deleted_keys(content: Readable) -> Iterator[DeletedKey]:
    """Yield the deleted keys of a hive in the order of their place, at most 200,000."""
    found = 0
    for start, data in _bins(content):
        for at, size in _free(data):
            for place in _marks(data, at, size):
                node = _node(data[place : place + 76 + 512])
                if node is None:
                    continue
                found += 1
                if found > _MOST:
                    return
                path, whole = _path(content, node)
                yield DeletedKey(path, whole, node.time, start + place)


def _bins(content: Readable) -> Iterator[tuple[int, bytes]]:
    """Yield the bins; a damaged one ends the walk only where its size is lost."""
    position = _BINS
    while position + 32 <= content.size:
        head = content.read(position, 12)
        size = int.from_bytes(head[8:12], "little")
        if head[:4] != b"hbin" or not _BINS <= size <= _LARGEST_BIN or size % _BINS:
            position += _BINS
            continue
        yield position, content.read(position, size)
        position += size


def _free(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield place and size of the free cells of a bin."""
    position = 32
    while position + 8 <= len(data):
        (size,) = struct.unpack_from("<i", data, position)
        length = abs(size)
        if length < 8 or length % 8 or position + length > len(data):
            return
        if size > 0:
            yield position, length
        position += length


def _marks(data: bytes, start: int, size: int) -> Iterator[int]:
    """Yield where key nodes may stand in a free cell, which may have swallowed several."""
    place, end = data.find(b"nk", start, start + size), start + size
    while place >= 0:
        if place % 8 == 4 and place + 76 < end:
            yield place
        place = data.find(b"nk", place + 1, end)


def _node(data: bytes) -> _Node | None:
    if len(data) < 77 or data[:2] != b"nk":
        return None
    flags, stamp = struct.unpack_from("<HQ", data, 2)
    (parent,), (length,) = struct.unpack_from("<I", data, 16), struct.unpack_from("<H", data, 72)
    time = from_filetime(stamp)
    if time is None or flags & ~_KNOWN_FLAGS or not 0 < length <= len(data) - 76:
        return None
    name = data[76 : 76 + length].decode("latin-1" if flags & _NARROW else "utf-16-le", "replace")
    return _Node(name, flags, time, parent) if name.isprintable() else None


def _path(content: Readable, node: _Node) -> tuple[str, bool]:
    """Return the path of a node without the root's name, and whether it could be followed up to the root."""
    names, current = [node.name], node
    for _ in range(_DEEPEST):
        place = _BINS + current.parent + 4
        above = _node(content.read(place, min(588, content.size - place))) if place + 77 < content.size else None
        if above is None:
            return "\\".join(reversed(names)), False
        if above.flags & _ROOT:
            return "\\".join(reversed(names)), True
        names.append(above.name)
        current = above
    return "\\".join(reversed(names)), False
