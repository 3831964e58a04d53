"""B-tree pages of SQLite databases on their own, without the database (SQLite file format §1.6, §2.1).

A page says what it is worth by its own account: header, cell pointers, cells, free blocks and fragments add up to a
page size exactly, and each cell's payload to its columns.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["LARGEST", "Cell", "Page", "leaf_places", "read_page", "size_of", "values_of"]

LARGEST: Final = 65536
_SIZES: Final = tuple(1 << bits for bits in range(9, 17))
_LEAVES: Final = (10, 13)
_HEADER: Final = {2: 12, 5: 12, 10: 8, 13: 8}
_FIXED: Final = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
"""Bytes of serial types 0 to 9 (§2.1); 10 and 11 are reserved, even and odd ones from 12 are blobs and texts."""
_PLAIN: Final = tuple(_FIXED[kind] if kind < 10 else max(kind - 12, 0) // 2 for kind in range(0x80))
"""Bytes of a column by serial types of one byte."""
_LEAST: Final = 16
"""Bytes of cells below which a page proves too little."""
_STRIDE: Final = 1 << 18
_PEEKED: Final = 6
"""Cell pointers that are looked at before a place is worth reading."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One row or index entry: its place in the page and bytes there, row id, serial types, place of its columns.

    ``local`` is how much of the payload lies in the page; the rest is on overflow pages.
    """

    start: int
    length: int
    rowid: int
    types: tuple[int, ...]
    body: int
    end: int
    overflows: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A sound page; interior ones have no cells here."""

    size: int
    kind: int
    cells: tuple[Cell, ...]


def leaf_places(data: bytes) -> list[int]:
    """Return where leaf pages may begin: their header's fields fit each other. Any alignment is possible in a log."""
    raw = np.frombuffer(data, np.uint8)
    found = [np.zeros(0, np.int64)]
    for base in range(0, len(raw) - 10, _STRIDE):
        size = min(_STRIDE, len(raw) - 9 - base)
        kind, cells = raw[base : base + size], raw[base + 3 : base + 3 + size]
        places = base + np.flatnonzero(((kind == _LEAVES[0]) | (kind == _LEAVES[1])) & (cells < 32))
        places = places[raw[places + 5] >= 2 * raw[places + 3]]  # high bytes: the content is behind the cells' pointers
        found.append(places[raw[places + 7] <= 60])
    fitting: list[int] = _plausible(raw, np.concatenate(found)).tolist()
    return fitting


def _plausible(raw: npt.NDArray[np.uint8], places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    cells, content = _number(raw, places + 3), _number(raw, places + 5)
    free, first = _number(raw, places + 1), _number(raw, places + 8)
    fits = (cells > 0) & (content >= 8 + 2 * cells) & (first >= content) & ((free == 0) | (free >= content))
    fits &= (cells > 1) | (free > 0) | (first - content <= 60)
    places, cells, content = places[fits], cells[fits], content[fits]
    for index in range(1, _PEEKED if len(places) else 0):
        inside = np.minimum(places + 8 + 2 * index, len(raw) - 2)
        good = (cells <= index) | (inside < places + 8 + 2 * index) | (_number(raw, inside) >= content)
        places, cells, content = places[good], cells[good], content[good]
    return places


def _number(raw: npt.NDArray[np.uint8], places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return raw[places].astype(np.int64) << 8 | raw[places + 1]


def read_page(data: bytes) -> Page | None:
    """Return the page that ``data`` begins with; None where it is no sound one."""
    kind = data[0] if data else 0
    head = _HEADER.get(kind)
    if head is None or len(data) < 512:
        return None
    free, count, content, fragments = struct.unpack_from(">HHHB", data, 1)
    content = content or 65536
    if not 0 < count < 8192 or head + 2 * count > content or fragments > 60 or len(data) < head + 2 * count:
        return None
    pointers = struct.unpack_from(f">{count}H", data, head)
    lowest = min(pointers)
    if lowest < content or (not free and lowest - content > fragments) or len(set(pointers)) != count:
        return None
    for size in _SIZES:
        if max(pointers) + 4 <= size <= len(data):
            cells = _fill(data, kind, size, pointers, (free, content, fragments))
            if cells is not None:
                return Page(size, kind, cells)
    return None


def _fill(
    data: bytes, kind: int, size: int, pointers: tuple[int, ...], area: tuple[int, int, int]
) -> tuple[Cell, ...] | None:
    """Return the cells of a page of ``size`` bytes; None where they do not fill it exactly."""
    free, content, fragments = area
    total, rowid = fragments, -1 << 63
    cells: list[Cell] = []
    for pointer in pointers:
        cell = _cell(data, kind, size, pointer)
        if cell is None or content + total + cell.length > size:
            return None
        if kind in (5, 13):
            if cell.rowid <= rowid and cells:
                return None
            rowid = cell.rowid
        total += cell.length
        cells.append(cell)
    blocks = _free_blocks(data, size, free, content)
    if blocks < 0 or content + total + blocks != size or total - fragments < _LEAST:
        return None
    return tuple(cells)


def _free_blocks(data: bytes, size: int, at: int, content: int) -> int:
    """Return the bytes of the free blocks, -1 where their chain does not rise to its end."""
    total = 0
    while at:
        if not content <= at <= size - 4:
            return -1
        following, length = struct.unpack_from(">HH", data, at)
        if length < 4 or at + length > size or (following and following < at + length + 4):
            return -1
        total, at = total + length, following
    return total


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a variable-length integer of 1 to 9 bytes (§1.6) as a signed number, and the place behind it."""
    if at < len(data) and data[at] < 0x80:
        return data[at], at + 1
    value = 0
    for index in range(8):
        byte = data[at + index] if at + index < len(data) else 0
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + index + 1
    value = value << 8 | (data[at + 8] if at + 8 < len(data) else 0)
    return value - (1 << 64) if value >> 63 else value, at + 9


def _cell(data: bytes, kind: int, size: int, start: int) -> Cell | None:
    """Return the cell at ``start`` of a page; None where its payload's header and columns do not add up."""
    at, rowid = start, 0
    if kind in (2, 5):
        at += 4
    if kind == 5:
        rowid, at = _varint(data, at)
        return Cell(start, at - start, rowid, (), at, at, overflows=False)
    payload, at = _varint(data, at)
    if kind == 13:
        rowid, at = _varint(data, at)
    if not 1 < payload < 1 << 31:
        return None
    local = _local(payload, kind, size)
    overflows = local < payload
    length = max(at + local + (4 if overflows else 0) - start, 4)
    if start + length > size:
        return None
    columns = _columns(data, at, min(local, payload), payload)
    if columns is None:
        return None
    types, body = columns
    return Cell(start, length, rowid, types, body, at + local, overflows)


def _local(payload: int, kind: int, size: int) -> int:
    """Return how much of a payload stays in the page (§1.6): all, or so much that overflow pages are filled."""
    most = size - 35 if kind == 13 else (size - 12) * 64 // 255 - 23
    if payload <= most:
        return payload
    least = (size - 12) * 32 // 255 - 23
    kept = least + (payload - least) % (size - 4)
    return kept if kept <= most else least


def _columns(data: bytes, at: int, local: int, payload: int) -> tuple[tuple[int, ...], int] | None:
    """Return the serial types of a record and where its columns begin; None where they do not make up the payload."""
    head, place = _varint(data, at)
    if not 1 < head <= min(local, 8192):
        return None
    if head < 0x80 and (plain := data[at + 1 : at + head]).isascii():
        fits = len(plain) == head - 1 and head + sum(map(_PLAIN.__getitem__, plain)) == payload
        return (tuple(plain), at + head) if fits and 10 not in plain and 11 not in plain else None
    types: list[int] = []
    total = head
    while place < at + head:
        kind, place = _varint(data, place)
        if kind < 0 or kind in (10, 11):
            return None
        total += size_of(kind)
        types.append(kind)
    return (tuple(types), place) if place == at + head and total == payload else None


def size_of(kind: int) -> int:
    """Return the bytes of a column of a serial type (§2.1)."""
    return _FIXED[kind] if kind < 10 else (kind - 12) // 2


def values_of(data: bytes, cell: Cell, encoding: str) -> list[str]:
    """Return a cell's columns as text; what lies on overflow pages is left out."""
    values: list[str] = []
    at = cell.body
    for kind in cell.types:
        size = size_of(kind)
        raw = data[at : min(at + size, cell.end)]
        values.append(_value(kind, raw, encoding))
        at += size
        if at > cell.end:
            break
    return values


def _value(kind: int, raw: bytes, encoding: str) -> str:
    if kind >= 12:
        return raw.decode(encoding if kind % 2 else "utf-8", "replace")
    if kind == 7:
        return str(struct.unpack(">d", raw)[0]) if len(raw) == 8 else ""
    if kind in (8, 9):
        return str(kind - 8)
    return str(int.from_bytes(raw, "big", signed=True)) if raw else ""
