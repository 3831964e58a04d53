"""The tables of a case as read-only views of an in-memory database with no way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import duckdb
import pyarrow as pa

from pipeline.config import Case
from pipeline.schemas import TABLES, schema_of

__all__ = ["TABLE_NAMES", "open_tables", "rows_of"]

TABLE_NAMES: Final = (
    "evidence", "volumes", "files", "contents", "findings", "people", "activity", "sources", "coverage", "extents",
    "diagnostics",
)  # fmt: skip


@contextmanager
def open_tables(tables: Mapping[str, Any], case: Case) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a database over the tables, ``exhibits`` and ``incident``; it can reach no file and no network."""
    database = duckdb.connect(":memory:", config={"threads": 1})
    try:
        for name in TABLE_NAMES:
            database.register(name, _arrow(name, tables.get(name)))
        database.register("exhibits", _exhibits(case))
        database.register("datasets", _datasets(case))
        database.register("incident", _incident(case))
        database.execute("SET enable_external_access = false")
        database.execute("SET lock_configuration = true")
        yield database
    finally:
        database.close()


def rows_of(database: duckdb.DuckDBPyConnection, sql: str, exhibit: str) -> list[dict[str, Any]]:
    """Return the rows of a query; ``$exhibit`` stands for the label asked about."""
    values = {"exhibit": exhibit} if "$exhibit" in sql else {}
    found = database.sql(sql, params=values).to_arrow_table().to_pylist()
    return [dict(row) for row in found]


def _arrow(name: str, data: Any) -> pa.Table:
    schema = schema_of(TABLES[name])
    if data is None:
        return schema.empty_table()
    return data if isinstance(data, pa.Table) else pa.Table.from_pandas(data, schema=schema, preserve_index=False)


def _exhibits(case: Case) -> pa.Table:
    rows = [
        {"label": item.label, "role": item.role, "authorised": list(item.authorised), "serial": item.serial or ""}
        for item in sorted(case.exhibits, key=lambda item: item.label)
    ]
    kinds = [
        ("label", pa.string()),
        ("role", pa.string()),
        ("authorised", pa.list_(pa.string())),
        ("serial", pa.string()),
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema(kinds))


def _incident(case: Case) -> pa.Table:
    moment = pa.timestamp("us", tz="UTC")
    row = {"lost_from": case.incident.lost_from, "recovered_at": case.incident.recovered_at}
    return pa.Table.from_pylist([row], schema=pa.schema([("lost_from", moment), ("recovered_at", moment)]))


def _datasets(case: Case) -> pa.Table:
    rows = [{"id": item.id, "registered": item.register is not None} for item in case.datasets]
    return pa.Table.from_pylist(rows, schema=pa.schema([("id", pa.string()), ("registered", pa.bool_())]))
