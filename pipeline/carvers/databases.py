"""SQLite databases (SQLite file format §1.2, §1.3, §1.6)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from pipeline.carvers.base import Carved, Carver, View

__all__ = ["CHECKED", "Sqlite"]

CHECKED: Final = 64 << 20
"""Databases up to so many bytes are checked as a whole by SQLite itself."""
STEPS: Final = 20_000
"""Calls of the progress handler, one per 1000 instructions, that the check may take."""
_LEAST_CELL: Final = {2: 4, 5: 4, 10: 4, 13: 4}
_TREE: Final = frozenset(_LEAST_CELL)


@dataclass(frozen=True)
class Sqlite(Carver):
    """Takes page size times page count, and looks at every page's type."""

    name: str = "sqlite"
    version: int = 2
    headers: tuple[tuple[bytes, int], ...] = ((b"SQLite format 3\0", 0),)

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the database if its header and first page are sound; partial where later pages are not its own."""
        head = view.read(start, 100)
        if len(head) < 100 or head[21:24] != b"\x40\x20\x20" or head[18] not in (1, 2) or head[19] not in (1, 2):
            return None
        page = int.from_bytes(head[16:18], "big")
        page = 65536 if page == 1 else page
        first = view.read(start, min(page, limit))
        sound = page >= 512 and not page & (page - 1) and len(first) == page
        if not sound or not _is_tree(first, 100, page - head[20]) or first[100] not in (5, 13):
            return None
        count = _count(head)
        if count == 0:
            pages = _walk(view, start, page, limit)
            return _judged(
                view, start, pages * page, note="page count not in the header; ends with the last page of a tree"
            )
        stated = count * page
        if stated > limit:
            return Carved(start, limit // page * page, "sqlite", complete=False, note=f"cut off: {stated} bytes stated")
        return _judged(view, start, stated, note="")


def _count(head: bytes) -> int:
    """Return the header's page count where it is valid (§1.3.7): non-zero, and 24..27 equals 92..95; else 0."""
    return int.from_bytes(head[28:32], "big") if head[24:28] == head[92:96] else 0


def _is_tree(data: bytes, at: int, usable: int) -> bool:
    """Tell whether a b-tree page header stands at ``at`` (§1.6): type, cells, content area, fragments."""
    kind, count = data[at], int.from_bytes(data[at + 3 : at + 5], "big")
    content = int.from_bytes(data[at + 5 : at + 7], "big") or 65536
    array = at + (12 if kind in (2, 5) else 8) + 2 * count
    if kind not in _TREE or array > content or content > usable or data[at + 7] > 60:
        return False
    cells = (int.from_bytes(data[place : place + 2], "big") for place in range(array - 2 * count, array, 2))
    return all(content <= cell < usable for cell in cells)


def _walk(view: View, start: int, page: int, limit: int) -> int:
    """Return how many pages there are up to the last b-tree page; 64 pages without one end the walk."""
    last, number = 1, 1
    while number - last < 64 and (number + 1) * page <= limit:
        data = view.read(start + number * page, page)
        if len(data) < page:
            break
        number += 1
        last = number if _is_tree(data, 0, page) else last
    return last


def _judged(view: View, start: int, length: int, note: str) -> Carved:
    """Return the object, complete where SQLite's own check finds every page in its place."""
    if length > CHECKED:
        reason = f"larger than {CHECKED} bytes: pages not checked"
        return Carved(
            start, length, "sqlite", complete=not note, note="; ".join(item for item in (note, reason) if item)
        )
    data = view.read(start, length)
    fault = "" if len(data) == length and _consistent(data) else "pages are damaged or not its own"
    return Carved(start, length, "sqlite", complete=not fault, note="; ".join(item for item in (note, fault) if item))


def _consistent(data: bytes) -> bool:
    """Tell whether ``pragma quick_check`` passes; index order, which needs the collations, is not part of it."""
    left = iter(range(STEPS))
    with closing(sqlite3.connect(":memory:")) as base:
        base.text_factory = bytes
        try:
            base.deserialize(data[:18] + b"\1\1" + data[20:])
            base.execute("pragma trusted_schema=off")
            base.set_progress_handler(lambda: 0 if next(left, None) is not None else 1, 1000)
            return base.execute("pragma quick_check(1)").fetchall() == [(b"ok",)]
        except (sqlite3.Error, UnicodeDecodeError, OverflowError, MemoryError):
            return False
