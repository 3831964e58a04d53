"""Tables for people: exports, and DataFrames for notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import Case
from pipeline.errors import SettingsError
from pipeline.records import Finding
from pipeline.review.reading import Reader
from pipeline.schemas import TABLES
from pipeline.store import Store, table_to_rows

__all__ = ["FORMATS", "export_table", "frame"]

FORMATS: Final = ("csv", "jsonl", "parquet")


def frame(data: pa.Table) -> pd.DataFrame:
    """Return a table as pandas: text as object columns, whole numbers with gaps as ``Int64``, times in UTC."""
    kinds = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    result: pd.DataFrame = data.to_pandas(types_mapper=kinds.get)
    return result


def export_table(case: Case, name: str, path: Path, *, form: str, reveal: bool) -> int:
    """Write a table to a file; returns its number of rows.

    Args:
        case: the case.
        name: the table.
        path: the file.
        form: one of ``FORMATS``.
        reveal: add the findings' values in clear.

    Raises:
        SettingsError: there is no such table, the file cannot be written, or ``reveal`` is asked of another table.
    """
    data = Store(case.out).table(name)
    if reveal and name != "findings":
        raise SettingsError(f"{name}: only findings have values to reveal")
    if path.resolve().is_relative_to(case.out.resolve()) and reveal:
        raise SettingsError(f"{path}: values in clear are never written below out/; choose another place")
    if reveal:
        data = data.append_column("value", pa.array(_values(case, data), pa.string()))
    try:
        _write(data, path, form)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written ({error.strerror})") from error
    return int(data.num_rows)


def _values(case: Case, data: pa.Table) -> list[str]:
    reader = Reader(case)
    rows: list[Finding] = list(table_to_rows(TABLES["findings"], data))
    return ["" if row.kind == "yara" else reader.value(row) for row in rows]


def _write(data: pa.Table, path: Path, form: str) -> None:
    if form == "parquet":
        pq.write_table(data, path, compression="zstd")
    elif form == "jsonl":
        frame(data).to_json(path, orient="records", lines=True, force_ascii=False, date_format="iso", date_unit="us")
    else:
        safe = frame(data).map(_cell)
        safe.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\r\n")


def _cell(value: object) -> object:
    """Keep spreadsheets from running evidence: text that begins like a formula gets a leading apostrophe."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value[:1] else value
