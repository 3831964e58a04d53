"""Tables of ESE databases through libesedb, with what the database's state and lost pages take from them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyesedb

from pipeline.artefacts.base import Candidate
from pipeline.artefacts.bytesource import SeekableBytes
from pipeline.artefacts.ese_pages import Pages, read_header
from pipeline.artefacts.reading import Reading
from pipeline.errors import ParseError

__all__ = ["Database", "Row", "opened", "stamp_of"]

Row = Mapping[str, Any]
"""Values by column: int, float, str, bytes or None."""
_TYPES: Final = pyesedb.column_types
_TEXTS: Final = frozenset({_TYPES.TEXT, _TYPES.LARGE_TEXT})
_WHOLE: Final = frozenset(
    {
        _TYPES.INTEGER_8BIT_UNSIGNED, _TYPES.INTEGER_16BIT_SIGNED, _TYPES.INTEGER_16BIT_UNSIGNED,
        _TYPES.INTEGER_32BIT_SIGNED, _TYPES.INTEGER_32BIT_UNSIGNED, _TYPES.INTEGER_64BIT_SIGNED, _TYPES.CURRENCY,
    }
)  # fmt: skip
_LONGEST: Final = 1 << 20
_MOST_COLUMNS: Final = 1024
_MOST_ROWS: Final = 20_000_000
_LEGACY_EPOCH: Final = datetime(1899, 12, 30, tzinfo=UTC)
"""Day 0 of an OLE automation date, [MS-OAUT] 2.2.25."""
_CATALOGS: Final = (4, 24)
"""First pages of the catalog and of its copy."""
_HOLDS_ROWS: Final = (1, 4)
"""Kinds of catalog entries whose trees hold values: tables and long values (not indexes)."""


class Database:
    """The tables of an open database."""

    def __init__(self, file: Any, reading: Reading) -> None:
        self._file = file
        self._reading = reading

    def names(self) -> Iterator[str]:
        """Yield the names of the tables."""
        for number in range(min(self._file.get_number_of_tables(), 100_000)):
            try:
                yield self._file.get_table(number).get_name() or ""
            except OSError:
                self._reading.lose(f"table {number} of the database cannot be read")

    def columns(self, name: str) -> tuple[str, ...]:
        """Return the names of a table's columns."""
        table = self._file.get_table_by_name(name)
        count = min(table.get_number_of_columns(), _MOST_COLUMNS) if table is not None else 0
        return tuple(table.get_column(number).get_name() or "" for number in range(count))

    def rows(self, name: str, *wanted: str) -> Iterator[Row]:
        """Yield the rows of a table with the wanted columns that it has; none where it is absent."""
        table = self._file.get_table_by_name(name)
        if table is None:
            return
        columns = []
        for number in range(min(table.get_number_of_columns(), _MOST_COLUMNS)):
            column = table.get_column(number)
            if not wanted or column.get_name() in wanted:
                columns.append((number, column.get_name(), column.get_type()))
        for number in range(min(table.get_number_of_records(), _MOST_ROWS)):
            try:
                record = table.get_record(number)
            except (OSError, OverflowError, ValueError):
                self._reading.lose("a row of the database cannot be read")
                continue
            yield {title: self._checked(record, place, kind) for place, title, kind in columns}

    def _checked(self, record: Any, place: int, kind: int) -> Any:
        try:
            return _value(record, place, kind)
        except (OSError, OverflowError, ValueError, MemoryError):
            self._reading.lose("a value of the database cannot be read")
            return None

    def roots(self) -> Iterator[int]:
        """Yield the first pages of the trees that hold values: the catalog's own, and those it names."""
        yield from _CATALOGS
        for row in self.rows("MSysObjects", "Type", "ColtypOrPgnoFDP"):
            if row.get("Type") in _HOLDS_ROWS and isinstance(row.get("ColtypOrPgnoFDP"), int):
                yield row["ColtypOrPgnoFDP"]


def opened(candidate: Candidate, reading: Reading) -> tuple[Database, bool]:
    """Open a database; return it and whether it was closed cleanly. Lost pages are noted as damage.

    Raises:
        ParseError: it cannot be opened.
    """
    header = read_header(candidate.content)
    file = pyesedb.file()
    try:
        file.open_file_object(SeekableBytes(candidate.content))
        database = Database(file, reading)
        lost = Pages(candidate.content, header).lost(database.roots())
    except (OSError, MemoryError, OverflowError) as error:
        message = "the ESE database cannot be opened; its catalog is damaged"
        raise ParseError(message) from error
    if lost:
        shown = ", ".join(map(str, lost[:8]))
        reading.lose(f"{len(lost)} pages of the database are overwritten or cut off (pages {shown})")
    return database, header.clean


def _value(record: Any, place: int, kind: int) -> Any:
    """Return a value; a long one is cut at 1 MiB, one that cannot be decoded is bytes."""
    if kind in _WHOLE:
        return record.get_value_data_as_integer(place)
    raw = _long(record, place) if record.is_long_value(place) else record.get_value_data(place)
    if raw is None or (kind == _TYPES.DATE_TIME and len(raw) != 8):
        return None
    if kind == _TYPES.DATE_TIME:
        return struct.unpack("<d", raw)[0]
    if kind in _TEXTS:
        return _text(record, place, raw[:_LONGEST])
    return raw[:_LONGEST]


def _text(record: Any, place: int, raw: bytes) -> str:
    """Return a text as the column's code page has it; a long one, or one that does not decode, is UTF-16."""
    try:
        found = "" if record.is_long_value(place) else record.get_value_data_as_string(place)
    except (OSError, ValueError):
        found = ""
    return (found or raw.decode("utf-16-le", "replace")).rstrip("\0")


def _long(record: Any, place: int) -> bytes | None:
    value = record.get_value_data_as_long_value(place)
    data: bytes | None = value.get_data() if value is not None else None
    return data


def stamp_of(days: object) -> datetime | None:
    """Return an OLE automation date as UTC; None where it is none or lies outside 1980 to 2099."""
    if not isinstance(days, float) or not 29221 <= days < 73051:
        return None
    return _LEGACY_EPOCH + timedelta(seconds=round(days * 86400))
