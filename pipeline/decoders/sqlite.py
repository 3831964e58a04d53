"""Live rows of SQLite databases (SQLite file format §1)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from pipeline.access.interfaces import Readable
from pipeline.decoders.base import Decoded, Decoder, Limits, Text, Trouble, whole

__all__ = ["Sqlite"]


@dataclass(frozen=True)
class Sqlite(Decoder):
    """Reads every row of every table; the write-ahead log and deleted rows are not read."""

    name: str = "sqlite"
    version: int = 1
    types: tuple[str, ...] = ("sqlite",)

    def decode(self, content: Readable, limits: Limits) -> Iterator[Decoded]:
        """Yield one Text ``table!row`` per row, values joined by tabs."""
        data = whole(content, limits)
        if isinstance(data, Trouble):
            yield data
            return
        journal = b"\1\1" if data[18:20] == b"\2\2" else data[18:20]
        with closing(sqlite3.connect(":memory:")) as base:
            base.text_factory = lambda raw: raw.decode("utf-8", "replace")
            try:
                base.deserialize(data[:18] + journal + data[20:])
                base.execute("pragma trusted_schema=off")
                tables = [str(row[0]) for row in base.execute(
                    "select name from sqlite_master where type='table' and sql not like 'create virtual%' order by name"
                )]  # fmt: skip
            except (sqlite3.Error, OverflowError, MemoryError):
                yield Trouble("sqlite-damaged", "database cannot be opened")
                return
            for table in tables:
                yield from _rows(base, table, limits)


def _rows(base: sqlite3.Connection, table: str, limits: Limits) -> Iterator[Decoded]:
    quoted = table.replace('"', '""')
    try:
        for number, row in enumerate(base.execute(f'select * from "{quoted}"'), 1):  # noqa: S608 - quoted identifier
            if number > limits.members * 100:
                yield Trouble("limit-members", "a table has too many rows; the rest is not read")
                return
            yield Text(f"{table}!{number}", "\t".join(_value(value) for value in row))
    except sqlite3.Error:
        yield Trouble("sqlite-table", "a table is damaged; its remaining rows are not read")


def _value(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)
