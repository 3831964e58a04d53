"""A report's questions to the tables, in SQL over read-only views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import duckdb

from pipeline.schemas import TABLES, schema_of

__all__ = ["REPORT_TABLES", "Queries", "open_queries"]

REPORT_TABLES: Final = (
    "evidence", "volumes", "files", "findings", "people", "activity", "sources", "coverage", "extents", "diagnostics",
    "claims", "grounds", "holdings", "copies", "block_matches",
)  # fmt: skip

_CHAIN: Final = """
CREATE VIEW chain AS SELECT claim, relation, "table", row, min(note) AS note FROM grounds GROUP BY ALL
"""


class Queries:
    """Answers from the tables; every statement orders its rows."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database = database

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """Return the rows of a statement; ``$name`` stands for a value."""
        found = self._database.sql(sql, params=values or None).to_arrow_table().to_pylist()
        return [dict(row) for row in found]

    def count(self, sql: str, **values: Any) -> int:
        """Return the one number of a statement that names it ``n``."""
        return int(self.rows(sql, **values)[0]["n"] or 0)


@contextmanager
def open_queries(tables: Mapping[str, Any]) -> Iterator[Queries]:
    """Yield queries over Arrow tables; the database reaches no file and no network. Missing tables are empty.

    The view ``chain`` is the grounds with one row where several tests of a claim name the same.
    """
    database = duckdb.connect(":memory:", config={"threads": 1})
    try:
        for name in REPORT_TABLES:
            data = tables.get(name)
            database.register(name, schema_of(TABLES[name]).empty_table() if data is None else data)
        database.execute(_CHAIN)
        database.execute("SET enable_external_access = false")
        database.execute("SET TimeZone = 'UTC'")
        database.execute("SET lock_configuration = true")
        yield Queries(database)
    finally:
        database.close()
