"""Rows of a custom artefact's file: lines of a log, rows of a SQLite query, keys of a registry hive."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Final

from pipeline.artefacts.base import Candidate
from pipeline.artefacts.bytesource import lines
from pipeline.artefacts.hive import at, keys, load_hive, opened_hive, written
from pipeline.artefacts.sqlite import opened
from pipeline.artefacts.times import from_filetime

__all__ = ["FORMATS", "Reading", "Row", "Told", "log_row", "read_rows"]

FORMATS: Final = ("regex-log", "sqlite", "registry")
_MOST_ROWS: Final = 5_000_000
_LONGEST: Final = 4096
_DEEPEST: Final = 32
_MOST_VALUES: Final = 100_000
_TEXTS: Final = frozenset({1, 2, 7})
_NUMBERS: Final = frozenset({4, 11})
"""REG_SZ, REG_EXPAND_SZ, REG_MULTI_SZ; REG_DWORD, REG_QWORD. SOURCE: winnt.h."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How rows are read: a log by ``line`` (other lines that begin like one by ``other``), a database by ``query``, a
    hive by ``key``, whose parts may hold ``*``.
    """  # noqa: D205

    format: str = "regex-log"
    line: re.Pattern[str] = re.compile("")
    other: re.Pattern[str] | None = None
    encoding: str = "utf-8"
    query: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record: its place in the file, its fields, and its time where the format itself keeps one.

    A ``silent`` one counts for the span and says nothing.
    """

    place: str
    fields: Mapping[str, str | int]
    time: datetime | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is missing of the file."""

    reason: str


def read_rows(reading: Reading, candidate: Candidate) -> Iterator[Row | Told]:
    """Yield the rows of a file, in its own order, and what is missing of it.

    Raises:
        ParseError: it cannot be read, at all or further.
    """
    reader = {"regex-log": _log, "sqlite": _sqlite, "registry": _registry}[reading.format]
    for number, row in enumerate(reader(reading, candidate)):
        if number >= _MOST_ROWS:
            yield Told(reason=f"more than {_MOST_ROWS} rows; those behind are not read")
            return
        yield row


def log_row(reading: Reading, text: str, place: str) -> Row | None:
    """Return the row of a line; None where it is none of this log."""
    found, silent = reading.line.search(text), False
    if found is None and reading.other is not None:
        found, silent = reading.other.search(text), True
    if found is None:
        return None
    return Row(place=place, fields={name: value for name, value in found.groupdict().items() if value}, silent=silent)


def _log(reading: Reading, candidate: Candidate) -> Iterator[Row | Told]:
    foreign = 0
    for offset, raw in lines(candidate.content):
        row = log_row(reading, raw.decode(reading.encoding, "replace")[:_LONGEST], f"offset {offset}")
        if row is not None:
            yield row
        elif raw.strip():
            foreign += 1
    if foreign:
        yield Told(reason=f"{foreign} lines are not of this log's form; what they recorded is missing")


def _sqlite(reading: Reading, candidate: Candidate) -> Iterator[Row | Told]:
    with opened(candidate) as database:
        for number, found in enumerate(database.named_rows(reading.query), 1):
            yield Row(place=f"row {number}", fields={name: _value(value) for name, value in found.items()})


def _registry(reading: Reading, candidate: Candidate) -> Iterator[Row | Told]:
    hive = load_hive(candidate)
    yield from (Told(reason=gap.reason) for gap in hive.gaps)
    with opened_hive(hive) as root:
        for path, key in _matching(root, tuple(reading.key.split("\\"))[:_DEEPEST], ""):
            fields: dict[str, str | int] = {"key": path, "key_name": path.rpartition("\\")[2]}
            fields |= dict(_values(key))
            yield Row(place=path, fields=fields, time=from_filetime(written(key)))


def _matching(key: Any, parts: tuple[str, ...], path: str) -> Iterator[tuple[str, Any]]:
    if not parts:
        yield path, key
        return
    if "*" not in parts[0]:
        below = at(key, parts[0])
        found = [] if below is None else [below]
    else:
        found = [child for child in keys(key) if fnmatchcase((child.get_name() or "").lower(), parts[0].lower())]
    for child in found:
        name = child.get_name() or ""
        yield from _matching(child, parts[1:], f"{path}\\{name}" if path else name)


def _value(value: Any) -> str | int:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value[:_LONGEST].hex()
    return value if isinstance(value, int) else str(value)[:_LONGEST]


def _values(key: Any) -> Iterator[tuple[str, str | int]]:
    """Yield a key's values by name: numbers, text, and of other types hexadecimal digits."""
    for index in range(min(key.get_number_of_values(), _MOST_VALUES)):
        value = key.get_value(index)
        kind, data = value.get_type(), value.get_data() or b""
        name = value.get_name() or "(default)"
        if kind in _NUMBERS:
            yield name, int.from_bytes(data[:8], "little")
        elif kind in _TEXTS:
            yield name, data[: 2 * _LONGEST].decode("utf-16-le", "replace").rstrip("\0").replace("\0", " | ")
        else:
            yield name, data[:_LONGEST].hex()
