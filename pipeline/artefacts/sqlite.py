"""SQLite databases on a scratch copy, with their write-ahead log or rollback journal, as hostile input.

SOURCE: sqlite.org/fileformat2.html; ``immutable=1`` would ignore the log and ``mode=ro`` would write beside the file.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pipeline.artefacts.base import Candidate
from pipeline.artefacts.bytesource import copy_to
from pipeline.errors import ParseError

__all__ = ["COMPANIONS", "Database", "opened"]

COMPANIONS: Final = ("-wal", "-journal")
_JOURNAL_MAGIC: Final = bytes.fromhex("d9d505f920a163d7")
_STEPS_PER_CALL: Final = 100_000
_MOST_CALLS: Final = 100_000
_LONGEST_VALUE: Final = 16 << 20


class Database:
    """Tables of a database; every failure of the engine is a ParseError."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._columns: dict[str, frozenset[str]] = {}

    def columns(self, table: str) -> frozenset[str]:
        """Return the column names of a real table; empty where it is absent, a view or virtual."""
        if table not in self._columns:
            query = "SELECT sql FROM sqlite_master WHERE type='table' AND name=?"
            found = [row[0] for row in self.rows(query, table)]
            real = any(isinstance(sql, str) and sql.upper().startswith("CREATE TABLE") for sql in found)
            rows = self.rows("SELECT name FROM pragma_table_info(?)", table) if real else ()
            self._columns[table] = frozenset(str(row[0]) for row in rows)
        return self._columns[table]

    def rows(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query.

        Raises:
            ParseError: the database is damaged here; rows before the damage were yielded.
        """
        try:
            yield from self._connection.execute(query, values)
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            message = f"SQLite stops reading ({error}); rows behind this point are missing"
            raise ParseError(message) from error

    def named_rows(self, query: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a query by column name.

        Raises:
            ParseError: the query does not fit the database, or it is damaged here.
        """
        try:
            cursor = self._connection.execute(query)
            names = [str(column[0]) for column in cursor.description or ()]
            for row in cursor:
                yield dict(zip(names, row, strict=True))
        except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError) as error:
            message = f"SQLite stops reading ({error}); rows behind this point are missing"
            raise ParseError(message) from error

    def number(self, query: str, *values: object) -> int:
        """Return one integer; 0 where there is none."""
        for row in self.rows(query, *values):
            return row[0] if isinstance(row[0], int) else 0
        return 0


def _is_cut(candidate: Candidate) -> bool:
    """Tell whether a database is shorter than its header says; SQLite reads a part of a page as if zeros followed.

    SOURCE: fileformat2.html 1.3.2 (page size at 16), 1.3.8 (size in pages at 28, where 92 equals 24).
    """
    head = candidate.content.read(0, min(100, candidate.content.size))
    if len(head) < 100 or not head.startswith(b"SQLite format 3\0"):
        return False
    page = int.from_bytes(head[16:18], "big")
    size = 65_536 if page == 1 else page
    pages = int.from_bytes(head[28:32], "big") if head[24:28] == head[92:96] else 0
    return candidate.content.size < pages * size or (size > 0 and candidate.content.size % size != 0)


def _disarm(journal: Path) -> None:
    """Cut a journal loose from the super-journal it names: SQLite would delete that path on this machine."""
    data = journal.read_bytes()[-8:]
    if data == _JOURNAL_MAGIC:
        with journal.open("ab") as file:
            file.write(bytes(16))


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    calls = iter(range(_MOST_CALLS))
    connection.set_progress_handler(lambda: int(next(calls, -1) < 0), _STEPS_PER_CALL)
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


@contextmanager
def opened(candidate: Candidate) -> Iterator[Database]:
    """Open a database on a scratch copy with its log.

    Raises:
        ParseError: it is no database, or too damaged to open; or, once it was read, it turns out to be cut off.
    """
    with tempfile.TemporaryDirectory(prefix="akashi-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "base"
        copy_to(candidate.content, path)
        for suffix in COMPANIONS:
            if suffix in candidate.companions:
                copy_to(candidate.companions[suffix], Path(f"{path}{suffix}"))
        if "-journal" in candidate.companions:
            _disarm(Path(f"{path}-journal"))
        connection: sqlite3.Connection | None = None
        try:
            connection = _connect(path)
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            yield Database(connection)
            if _is_cut(candidate):
                message = "the database is cut off; rows of its last page are missing"
                raise ParseError(message)
        except (sqlite3.Error, UnicodeError) as error:
            message = f"not a readable SQLite database ({error}); its records are missing"
            raise ParseError(message) from error
        finally:
            if connection is not None:
                connection.close()
