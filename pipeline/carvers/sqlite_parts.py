"""What is left of SQLite databases without their header: logs, journals, loose pages (file format §1.6, §3, §4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.access.sqlite_log import JOURNAL, WAL, Frame, journal_records, log_frames
from pipeline.access.sqlite_page import LARGEST, leaf_places, read_page
from pipeline.carvers.base import Carved, Carver

__all__ = ["SqliteJournal", "SqliteLog", "SqlitePages"]

MOST_PAGES: Final = 4096
"""Pages of one group; a longer run is several objects."""


@dataclass(frozen=True)
class SqliteLog(Carver):
    """Takes a write-ahead log up to its last frame whose checksum holds."""

    name: str = "sqlite-wal"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = tuple((magic + b"\x00\x2d\xe2\x18", 0) for magic in WAL)

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the log; nothing states how many frames it had, so its end is where the checksums end."""
        return _framed(start, log_frames(view, start, limit), 0, "sqlite-wal")


@dataclass(frozen=True)
class SqliteJournal(Carver):
    """Takes a rollback journal up to its last record whose checksum holds."""

    name: str = "sqlite-journal"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((JOURNAL, 0),)

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the journal."""
        return _framed(start, journal_records(view, start, limit), 4, "sqlite-journal")


def _framed(start: int, frames: Iterator[Frame], tail: int, kind: str) -> Carved | None:
    last = None
    for frame in frames:
        last = frame
    return None if last is None else Carved(start, last.start + last.size + tail, kind)


@dataclass(frozen=True)
class SqlitePages(Carver):
    """Takes leaf pages whose cells, free blocks and fragments fill them exactly, with the pages of that size behind."""

    name: str = "sqlite-page"
    version: int = 1

    def locate(self, data: bytes, start: int) -> Iterable[int]:
        """Return places where the fields of a leaf page's header fit each other."""
        del start
        return leaf_places(data)

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the pages; they are whole, if never a whole database."""
        first = read_page(view.read(start, min(LARGEST, limit)))
        if first is None or not _speaks(first.kind, len(first.cells), first.cells[0].types):
            return None
        end = first.size
        for _ in range(MOST_PAGES):
            following = read_page(view.read(start + end, min(first.size, limit - end)))
            if following is None or following.size != first.size:
                break
            end += first.size
        return Carved(start, end, "sqlite-page")


def _speaks(kind: int, cells: int, types: tuple[int, ...]) -> bool:
    """Tell whether a page proves more than its account: several rows of several columns, or a row with a text."""
    del kind
    return (cells > 1 and len(types) > 1) or any(column >= 13 and column % 2 for column in types)
