"""Arrow schemas, derived from the records, and the way between both; a table has an order and a version."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from pipeline import records

__all__ = [
    "SHARED", "STAGE_ORDER", "TABLES", "Table", "column_name", "plain_text", "rows_to_table", "schema_of",
    "table_to_rows",
]  # fmt: skip

_PLAIN: Final[dict[Any, pa.DataType]] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of a case: its row class, the columns that order it totally, and the version of its schema."""

    name: str
    row: type
    order: tuple[str, ...]
    version: int = 1


def column_name(field_name: str) -> str:
    """Return the column of a record's field: Python's escaping underscore is not part of it."""
    return field_name.rstrip("_")


def _arrow(kind: Any) -> pa.DataType:
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _arrow(next(item for item in arguments if item is not type(None)))
    if origin is tuple:
        return pa.list_(_arrow(arguments[0]))
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return pa.struct([(column_name(item.name), _arrow(hints[item.name])) for item in fields(kind)])
    raise TypeError(f"no Arrow type for {kind!r}")


def schema_of(table: Table) -> pa.Schema:
    """Return the Arrow schema of a table, its name and version in the metadata."""
    hints = typing.get_type_hints(table.row)
    columns = [pa.field(column_name(item.name), _arrow(hints[item.name])) for item in fields(table.row)]
    return pa.schema(columns, metadata={"akashi.table": table.name, "akashi.version": str(table.version)})


def _table(name: str, row: type, *order: str, version: int = 1) -> Table:
    return Table(name=name, row=row, order=order, version=version)


_PLACES: Final = ("exhibit", "path", "file", "locator", "offset", "id")
"""The order of findings: content by content, and as they stand in it."""

TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        _table("evidence", records.Evidence, "exhibit"),
        _table("leaves", records.Leaf, "exhibit", "index"),
        _table("volumes", records.Volume, "exhibit", "start", "address"),
        _table("entries", records.FileEntry, "exhibit", "address", "id"),
        _table("regions", records.Region, "exhibit", "start", "length", "class", "name"),
        _table("unreadable", records.Unreadable, "exhibit", "start"),
        _table("extents", records.Extent, "exhibit", "start", version=2),
        _table("remains", records.Remains, "exhibit", "file"),
        _table("carved", records.FileEntry, "exhibit", "address", "id"),
        _table("files", records.FileEntry, "exhibit", "address", "id"),
        _table("contents", records.Content, "sha256"),
        _table("detections", records.Finding, *_PLACES, version=2),
        _table("findings", records.Finding, *_PLACES, version=2),
        _table("people", records.Person, "person", version=2),
        _table("holdings", records.Holding, "exhibit", "address", "id"),
        _table("copies", records.Copy, "part_exhibit", "part", "whole"),
        _table("block_matches", records.BlockMatch, "exhibit", "image_offset", "content"),
        _table("activity", records.ActivityEvent, "exhibit", "time", "id"),
        _table("sources", records.Source, "exhibit", "address", "id"),
        _table("examinations", records.Examination, "exhibit", "address", "class", "examined_by", "outcome", "reason"),
        _table("coverage", records.Coverage, "exhibit", "volume", "class", "examined_by", "outcome", "reason"),
        _table("claims", records.Claim, "id"),
        _table("grounds", records.Ground, "claim", "relation", "table", "row", "note"),
        _table("verdicts", records.VerdictText, "case"),
        _table("diagnostics", records.Diagnostic, "stage", "address", "code", "id"),
    )
}

SHARED: Final = ("diagnostics", "examinations")
"""Tables that several stages write."""

STAGE_ORDER: Final = (
    "evidence", "volumes", "entries", "extents", "carve", "examine", "activity", "people", "copies", "blocks",
    "coverage", "verdict",
)  # fmt: skip
"""The stages of a run, in order."""


def plain_text(text: str) -> str:
    """Return a text as tables hold it: lone surrogates, which UTF-8 has no place for, as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(value: Any) -> Any:
    """Turn a record's field into what Arrow takes: nested records become dicts, text stays valid UTF-8."""
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {column_name(item.name): _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    return value


def rows_to_table(table: Table, rows: Sequence[Any]) -> pa.Table:
    """Return rows as an Arrow table of the table's schema."""
    schema = schema_of(table)
    names = [item.name for item in dataclasses.fields(table.row)]
    columns = [
        pa.array([_plain(getattr(row, name)) for row in rows], type=field.type)
        for name, field in zip(names, schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def table_to_rows(table: Table, data: pa.Table) -> Iterator[Any]:
    """Yield the rows of an Arrow table as records; nested structures become records again."""
    hints = typing.get_type_hints(table.row)
    names = [item.name for item in dataclasses.fields(table.row)]
    for batch in data.to_batches(max_chunksize=8192):
        columns = [batch.column(column_name(name)).to_pylist() for name in names]
        for values in zip(*columns, strict=True):
            yield table.row(**{name: _record(hints[name], value) for name, value in zip(names, values, strict=True)})


def _record(kind: Any, value: Any) -> Any:
    if isinstance(value, list):
        inner = typing.get_args(kind)[0]
        return tuple(_record(inner, item) for item in value)
    if isinstance(value, dict):
        return kind(**{name: _record(None, value[column_name(name)]) for name in kind.__dataclass_fields__})
    return value
