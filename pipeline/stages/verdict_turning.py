"""The records without which an answer would be another: each is taken away in turn, and the question asked again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import duckdb
import pyarrow as pa

from pipeline.verdict_tables import without_row

__all__ = ["turning_rows"]

_MOST: Final = 12
"""Grounds of an answer up to which each is tried; an answer with more does not hang on one of a kind."""


def turning_rows(
    database: duckdb.DuckDBPyConnection, tables: Mapping[str, Any], grounds: Sequence[Mapping[str, str]],
    answer: Callable[[], bool],
) -> list[str] | None:  # fmt: skip
    """Return the ids of the grounds whose removal alone changes an answer; None where they are too many to try.

    Args:
        database: the tables; they are as before afterwards.
        tables: what it was filled from.
        grounds: rows that the answer rests on.
        answer: asks the question again; tells whether the answer is the same.
    """
    tried = sorted({(row["table"], row["row"]) for row in grounds})
    if len(tried) > _MOST:
        return None
    found = []
    for table, key in tried:
        data = tables.get(table)
        if isinstance(data, pa.Table):
            with without_row(database, table, data, key):
                if not answer():
                    found.append(key)
    return found
