"""SQLite databases of programs from their schema and rows."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["database"]


def database(schema: str, rows: Mapping[str, Sequence[tuple[object, ...]]]) -> bytes:
    """Return a database with the tables of a schema and the rows of each."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "base"
        base = sqlite3.connect(path)
        base.executescript(schema)
        for table, values in rows.items():
            for row in values:
                base.execute(f"INSERT INTO {table} VALUES({','.join('?' * len(row))})", row)
        base.commit()
        base.close()
        return path.read_bytes()
