"""One timeline of a case: activity and, where asked for, the times of files, chosen and in order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb

from pipeline.errors import IntegrityError, SettingsError
from pipeline.store import Store

__all__ = ["Choice", "Moment", "bodies", "moments", "parse_moment", "undated"]

_EVENTS: Final = """
SELECT epoch_us(time) AS time_us, time_meaning, precision_us, zone, exhibit, artefact, action, subject, actor, device,
       detail, address, id, 0 AS size FROM read_parquet($activity)
"""
_TIMES: Final = """
SELECT epoch_us({name}) AS time_us, '{name}' AS time_meaning, {name}_precision_us AS precision_us, {name}_zone AS zone,
       exhibit, 'file-system' AS artefact, '{action}' AS action, path AS subject, '' AS actor, '' AS device,
       to_json({{'origin': origin, 'size': size}})::VARCHAR AS detail, address, id, size
FROM read_parquet($files) WHERE {name} IS NOT NULL
"""
_NAMES: Final = (
    ("created", "entry-created"), ("modified", "entry-modified"), ("accessed", "entry-accessed"),
    ("changed", "entry-changed"),
)  # fmt: skip
_CHOSEN: Final = """
SELECT time_us, time_meaning, precision_us, zone, exhibit, artefact, action, subject, actor, device, detail, address, id
FROM ({rows}) WHERE ($exhibit = '' OR exhibit = $exhibit) AND ($artefact = '' OR artefact = $artefact)
  AND ($action = '' OR action = $action)
  AND ($grep = '' OR regexp_matches(concat_ws(chr(10), subject, actor, device, detail, address), $grep, 'i'))
"""
_DATED: Final = """
  AND time_us IS NOT NULL AND time_us + greatest(precision_us, 1) - 1 >= $start AND time_us <= $stop
ORDER BY time_us, exhibit, address, id, time_meaning
"""
_UNDATED: Final = " AND time_us IS NULL ORDER BY exhibit, address, id, time_meaning"
_COLUMNS: Final = (
    "exhibit", "path", "stream", "kind", "origin", "meta", "size", "accessed", "modified", "changed", "created", "md5",
)  # fmt: skip
_BODIES: Final = """
SELECT f.exhibit, path, stream, kind, origin, meta, f.size, coalesce(epoch_us(accessed) // 1000000, 0),
       coalesce(epoch_us(modified) // 1000000, 0), coalesce(epoch_us(changed) // 1000000, 0),
       coalesce(epoch_us(created) // 1000000, 0), coalesce(c.md5, '')
FROM read_parquet($files) f LEFT JOIN read_parquet($contents) c ON c.sha256 = f.content
WHERE ($exhibit = '' OR exhibit = $exhibit) AND $artefact IN ('', 'file-system') AND $action = ''
  AND ($grep = '' OR regexp_matches(concat_ws(chr(10), path, address), $grep, 'i')) AND {spanned}
ORDER BY f.exhibit, address, f.id
"""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = -(1 << 62), 1 << 62
_MEMORY: Final = "256MB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What of a timeline is wanted; an empty word is no limit, ``grep`` is an RE2 expression without regard to case."""

    start: datetime | None = None
    stop: datetime | None = None
    exhibit: str = ""
    artefact: str = ""
    action: str = ""
    grep: str = ""
    files: bool = False

    def without_files(self) -> Choice:
        """Return the same choice of events only."""
        return replace(self, files=False)


@dataclass(frozen=True, slots=True)
class Moment:
    """A row of the timeline. ``time_us`` is in microseconds since 1970, UTC: the record stands for
    ``[time, time + precision)``; None where the record keeps no time.
    """  # noqa: D205

    time_us: int | None
    time_meaning: str
    precision_us: int
    zone: str
    exhibit: str
    artefact: str
    action: str
    subject: str
    actor: str
    device: str
    detail: str
    address: str
    id: str


def parse_moment(text: str, zone: Any) -> datetime:
    """Read a date, or a date and time; without an offset, of the case's zone.

    Raises:
        ValueError: it is none.
    """
    value = datetime.fromisoformat(text)
    return value if value.tzinfo is not None else value.replace(tzinfo=zone)


def moments(store: Store, choice: Choice) -> Iterator[Moment]:
    """Yield what has a time and may lie in the span asked for, in order of time; a record that only touches it counts.

    Raises:
        SettingsError: a table is not written yet, or ``grep`` is no expression.
        IntegrityError: a table's file cannot be read.
    """
    yield from _query(store, choice, _DATED, _span(choice))


def undated(store: Store, choice: Choice) -> Iterator[Moment]:
    """Yield what keeps no time; nobody knows whether it lies in the span.

    Raises:
        SettingsError: a table is not written yet, or ``grep`` is no expression.
        IntegrityError: a table's file cannot be read.
    """
    yield from _query(store, choice, _UNDATED, {})


def bodies(store: Store, choice: Choice) -> Iterator[Mapping[str, Any]]:
    """Yield the files chosen, each with its times in seconds since 1970 (0: none) and its MD5 if it was read.

    Raises:
        SettingsError: a table is not written yet, or ``grep`` is no expression.
        IntegrityError: a table's file cannot be read.
    """
    spanned = choice.start is not None or choice.stop is not None
    touched = " OR ".join(
        f"epoch_us({name}) + greatest({name}_precision_us, 1) - 1 >= $start AND epoch_us({name}) <= $stop"
        for name, _ in _NAMES
    )
    sql = _BODIES.format(spanned=f"({touched})" if spanned else "($start < $stop)")
    values = {name: getattr(choice, name) for name in ("exhibit", "artefact", "action", "grep")}
    for row in _ask(store, ("files", "contents"), sql, values | _span(choice)):
        yield dict(zip(_COLUMNS, row, strict=True))


def _span(choice: Choice) -> dict[str, int]:
    return {"start": _us(choice.start, _EARLIEST), "stop": _us(choice.stop, _LATEST)}


def _us(time: datetime | None, otherwise: int) -> int:
    return otherwise if time is None else (time - _EPOCH) // timedelta(microseconds=1)


def _query(store: Store, choice: Choice, end: str, span: Mapping[str, int]) -> Iterator[Moment]:
    tables = ("activity", "files") if choice.files else ("activity",)
    rows = [_EVENTS, *(_TIMES.format(name=name, action=action) for name, action in _NAMES if choice.files)]
    values = {name: getattr(choice, name) for name in ("exhibit", "artefact", "action", "grep")} | dict(span)
    found = _ask(store, tables, _CHOSEN.format(rows=" UNION ALL ".join(rows)) + end, values)
    yield from (Moment(*row) for row in found)


def _ask(store: Store, tables: Sequence[str], sql: str, values: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for table in tables:
        if not store.exists(table):
            raise SettingsError(f"{table}: not written yet; run `akashi run` on the case")
    paths = {table: str(store.path(table)) for table in tables}
    with TemporaryDirectory(prefix="akashi-timeline-") as scratch, _database(Path(scratch)) as database:
        try:
            database.execute("SELECT regexp_matches('', $grep)", {"grep": values["grep"]})
        except duckdb.Error as error:
            raise SettingsError(f"--grep: {_first_line(error)}") from error
        try:
            result = database.execute(sql, {**values, **paths})
            while found := result.fetchmany(10_000):
                yield from found
        except duckdb.Error as error:
            raise IntegrityError(
                f"a table's file cannot be read ({_first_line(error)}); run `akashi verify`"
            ) from error


def _database(scratch: Path) -> duckdb.DuckDBPyConnection:
    """Open a database that sorts on disk what memory does not hold."""
    config: dict[str, Any] = {"threads": 1, "memory_limit": _MEMORY, "temp_directory": str(scratch)}
    return duckdb.connect(":memory:", config=config)


def _first_line(error: Exception) -> str:
    return re.sub(r"'[^']*'", "", str(error).splitlines()[0])[:200] if str(error) else type(error).__name__
