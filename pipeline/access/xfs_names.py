"""Names of XFS directories: short form, blocks, and entries whose space was freed but not yet used again.

Source: *XFS Algorithms & Data Structures*, "Directories"; ``xfs_da_format.h`` (``xfs_dir2_sf_hdr``,
``xfs_dir2_data_hdr``, ``xfs_dir2_data_unused``, ``xfs_dir2_block_tail``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.xfs_layout import Layout
from pipeline.errors import ParseError

__all__ = ["LEAF_SPACE", "Name", "block_names", "short_names"]

LEAF_SPACE: Final = 1 << 35
"""Byte of a directory from which on its blocks hold hashes, not names."""
_HEADS: Final = {b"XD2B": 16, b"XD2D": 16, b"XDB3": 64, b"XDD3": 64}
_SINGLE: Final = (b"XD2B", b"XDB3")


@dataclass(frozen=True, slots=True)
class Name:
    """A name and its inode; of a freed entry only the lower 32 bits of the inode's number are left."""

    text: str
    inode: int
    freed: bool = False


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace").replace("/", "\u2215")


def short_names(raw: bytes, layout: Layout) -> Iterator[Name]:
    """Yield the names of a directory that lies in its inode; ParseError where they do not fit."""
    if len(raw) < 6:
        raise ParseError("a directory's short form is cut off")
    count, wide = raw[0] or raw[1], bool(raw[1])
    width = 8 if wide else 4
    at = 2 + width
    for _ in range(count):
        length = raw[at] if at < len(raw) else 0
        end = at + 3 + length + layout.typed_names
        if not length or end + width > len(raw):
            raise ParseError("a directory's short form is damaged")
        yield Name(_text(raw[at + 3 : at + 3 + length]), int.from_bytes(raw[end : end + width], "big"))
        at = end + width


def block_names(raw: bytes, layout: Layout) -> Iterator[Name]:
    """Yield the names of a directory block, then those in its freed space; ParseError where it is damaged."""
    head = _HEADS.get(raw[:4])
    if head is None:
        raise ParseError("no directory block")
    end = len(raw)
    if raw[:4] in _SINGLE:
        (count,) = struct.unpack_from(">I", raw, len(raw) - 8)
        end = len(raw) - 8 - 8 * count
    at = head
    while at + 16 <= end:
        if raw[at : at + 2] == b"\xff\xff":
            (length,) = struct.unpack_from(">H", raw, at + 2)
            if length < 8 or length % 8 or at + length > end:
                raise ParseError("a directory block is damaged")
            yield from _freed(raw[: at + length], at, layout)
            at += length
            continue
        number, length = struct.unpack_from(">QB", raw, at)
        size = _size(length, layout)
        if not length or at + size > end:
            raise ParseError("a directory block is damaged")
        text = raw[at + 9 : at + 9 + length]
        if text not in {b".", b".."}:
            yield Name(_text(text), number)
        at += size


def _size(length: int, layout: Layout) -> int:
    return -(-(8 + 1 + length + layout.typed_names + 2) // 8) * 8


def _freed(raw: bytes, start: int, layout: Layout) -> Iterator[Name]:
    """Yield entries of freed space whose tag still fits.

    The mark of free space covers the upper half of an inode's number; an entry that was joined to free space before
    it keeps all of it.
    """
    at = start
    while at + 16 <= len(raw):
        mark, number = raw[at : at + 2], int.from_bytes(raw[at + 4 : at + 8], "big")
        if mark != b"\xff\xff":
            number = int.from_bytes(raw[at : at + 8], "big")
        length = raw[at + 8]
        size, text = _size(length, layout), raw[at + 9 : at + 9 + length]
        (tag,) = struct.unpack_from(">H", raw, at + size - 2) if at + size <= len(raw) else (-1,)
        sane = number and length and number < 1 << 56 and b"\0" not in text and b"/" not in text
        if sane and tag in {at, start}:
            yield Name(_text(text), number & 0xFFFFFFFF, freed=True)
            at += size
        else:
            at += 8
