"""Live rows of SQLite databases (SQLite file format §1 and §2)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Member, Text, Trouble, whole
from pipeline.decoders.types import type_of

__all__ = ["Sqlite"]

STEP: Final = 1000
STEPS: Final = 2_000_000
"""Calls of the progress handler, one per ``STEP`` instructions of SQLite's machine, that one database may take."""
PLAIN: Final = frozenset({"text", "unknown", "mail"})


@dataclass(frozen=True)
class Sqlite(Decoder):
    """Reads every row of every table; the write-ahead log and deleted rows are not read."""

    name: str = "sqlite"
    version: int = 2
    types: tuple[str, ...] = ("sqlite",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield one Text ``table!row`` per row, values joined by tabs (row 0: names); files in cells as Members."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        logged = data[18:20] != b"\1\1" and len(data) > 100
        if logged:
            yield Trouble(
                "sqlite-wal", "database is in write-ahead mode; its -wal file may hold newer rows, read as bytes only"
            )
        with closing(sqlite3.connect(":memory:")) as base:
            base.text_factory = lambda raw: raw.decode("utf-8", "replace")
            try:
                tables, virtual = _open(base, data[:18] + b"\1\1" + data[20:] if logged else data)
            except (sqlite3.Error, UnicodeDecodeError, OverflowError, MemoryError):
                yield Trouble("sqlite-damaged", "database cannot be opened")
                return
            if virtual:
                yield Trouble("sqlite-virtual", f"{virtual} virtual tables are read by the tables that store them only")
            for table in tables:
                yield from _rows(base, table, limits)


def _open(base: sqlite3.Connection, data: bytes) -> tuple[list[str], int]:
    """Load a database and return its stored tables and the number of virtual ones (§2.6)."""
    base.deserialize(data)
    base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(1 << 20, len(data)))
    base.execute("pragma trusted_schema=off")
    base.execute("pragma cell_size_check=on")
    left = iter(range(STEPS))
    base.set_progress_handler(lambda: 0 if next(left, None) is not None else 1, STEP)
    rows = base.execute("select name, rootpage from sqlite_master where type='table' order by name").fetchall()
    return ["sqlite_master", *(str(name) for name, root in rows if root)], sum(1 for _, root in rows if not root)


def _rows(base: sqlite3.Connection, table: str, limits: Limits) -> Iterator[Decoded]:
    quoted = table.replace('"', '""')
    try:
        rows = base.execute(f'select * from "{quoted}"')  # noqa: S608 - quoted identifier
        yield Text(f"{table}!0", "\t".join(str(column[0]) for column in rows.description))
        for number, row in enumerate(rows, 1):
            if number > limits.members * 100:
                yield Trouble("limit-members", "a table has too many rows; the rest is not read")
                return
            yield Text(f"{table}!{number}", "\t".join(_value(value) for value in row))
            yield from _files(row, f"{table}/{number}")
    except (sqlite3.Error, UnicodeDecodeError, OverflowError, MemoryError) as error:
        steps = "interrupt" in str(error)
        yield (
            Trouble("limit-steps", "a table takes too long; its remaining rows are not read") if steps
            else Trouble("sqlite-table", "a table is damaged; its remaining rows are not read")
        )  # fmt: skip


def _value(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _files(row: tuple[object, ...], place: str) -> Iterator[Member]:
    """Yield cells that hold a file of a known type, which may hide its text."""
    for column, value in enumerate(row, 1):
        if isinstance(value, bytes) and len(value) > 32 and type_of(value[:65536]) not in PLAIN:
            yield Member(f"{place}/{column}", value)
