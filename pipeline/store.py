"""The tables of a case on disk: parts written by units, merged in a total order into Parquet.

Layout under ``out/``::

    tables/<table>.parquet         what users read
    work/<stage>/<unit>/*.arrow    parts of finished units, renamed into place whole
    work/<stage>/final/*.arrow     the stage's merged rows, memory-mapped by later stages
    work/<stage>/done.json         fingerprint and digests of a finished stage
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import IntegrityError, SettingsError
from pipeline.schemas import SHARED, STAGE_ORDER, TABLES, Table, column_name, schema_of

__all__ = ["PartWriter", "Store", "file_digest", "folder_digest", "rows_to_table", "table_to_rows", "write_atomically"]

_ROW_GROUP: Final = 65_536


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def folder_digest(folder: Path) -> str:
    """Return one SHA-256 over the names and contents of the files below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder).as_posix()}\0{file_digest(path)}\n".encode())
    return digest.hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or the next run, sees all of it or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    with scratch.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    scratch.replace(path)


def _plain(value: Any) -> Any:
    """Turn a record's field into what Arrow takes: nested records become dicts, text stays valid UTF-8."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
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


class PartWriter:
    """Collects the rows of one unit and puts them into place whole, or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._scratch = folder.with_name(f".{folder.name}.{os.getpid()}.part")
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        self._writers: dict[str, pa.RecordBatchFileWriter] = {}

    def write(self, table: str, rows: Sequence[Any]) -> None:
        """Append rows to a table of this part."""
        if not rows:
            return
        data = rows_to_table(TABLES[table], rows)
        if table not in self._writers:
            self._writers[table] = pa.ipc.new_file(self._scratch / f"{table}.arrow", data.schema)
        self._writers[table].write_table(data)

    def commit(self) -> None:
        """Rename the part into place."""
        for writer in self._writers.values():
            writer.close()
        if self._folder.exists():
            shutil.rmtree(self._scratch)
            return
        self._scratch.rename(self._folder)


class Store:
    """Reads and writes the tables of one case."""

    def __init__(self, out: Path) -> None:
        self.out = out

    # -- reading -------------------------------------------------------------------------------------------------

    def path(self, table: str) -> Path:
        """Return the Parquet file of a table."""
        if table not in TABLES:
            raise SettingsError(f"there is no table {table!r}; the tables are {', '.join(sorted(TABLES))}")
        return self.out / "tables" / f"{table}.parquet"

    def exists(self, table: str) -> bool:
        """Tell whether a table has been written."""
        return self.path(table).exists()

    def table(self, name: str, *, exhibit: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a table, or the rows of one exhibit.

        Raises:
            SettingsError: the table has not been written yet.
            IntegrityError: the file is not a table.
        """
        path = self.path(name)
        if not path.exists():
            raise SettingsError(f"{name}: not written yet; run `akashi run` on the case")
        filters = None if exhibit is None else [("exhibit", "=", exhibit)]
        try:
            return pq.read_table(path, columns=columns, filters=filters, partitioning=None)
        except (pa.ArrowException, OSError) as error:
            raise IntegrityError(f"{name}: the table's file cannot be read ({error}); run `akashi verify`") from error

    def rows(self, name: str, *, exhibit: str | None = None) -> Iterator[Any]:
        """Yield a table's rows as records."""
        return table_to_rows(TABLES[name], self.table(name, exhibit=exhibit))

    def mapped(self, stage: str, name: str) -> pa.Table:
        """Map a stage's merged rows into memory; for many small reads by position."""
        path = self._final(stage) / f"{name}.arrow"
        if not path.exists():
            return schema_of(TABLES[name]).empty_table()
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()

    def stages_before(self, stage: str) -> tuple[str, ...]:
        """Return the stages that run before one."""
        return STAGE_ORDER[: STAGE_ORDER.index(stage)]

    # -- writing -------------------------------------------------------------------------------------------------

    def _stage(self, stage: str) -> Path:
        return self.out / "work" / stage

    def _final(self, stage: str) -> Path:
        return self._stage(stage) / "final"

    def part(self, stage: str, fingerprint: str, unit: str) -> Path:
        """Return the folder of a unit's part; it exists exactly when the unit is finished."""
        return self._stage(stage) / fingerprint[:16] / unit

    def done(self, stage: str) -> Mapping[str, Any] | None:
        """Return the mark of a finished stage, or None."""
        try:
            mark: Mapping[str, Any] = json.loads((self._stage(stage) / "done.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return mark

    def begin(self, stage: str, fingerprint: str) -> None:
        """Prepare a stage: parts of other fingerprints and half-written parts go."""
        folder = self._stage(stage)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "done.json").unlink(missing_ok=True)
        for child in folder.iterdir():
            if child.is_dir() and child.name != fingerprint[:16]:
                shutil.rmtree(child)
        keep = folder / fingerprint[:16]
        keep.mkdir(exist_ok=True)
        for child in keep.glob(".*.part"):
            shutil.rmtree(child, ignore_errors=True)

    def finish(self, stage: str, fingerprint: str, *, units: Sequence[str], writes: Sequence[str]) -> dict[str, str]:
        """Merge the parts of a stage into its tables and mark it done; returns digests by table.

        Args:
            stage: name of the stage.
            fingerprint: of everything it depends on.
            units: keys of its units.
            writes: its tables.
        """
        final = self._final(stage)
        shutil.rmtree(final, ignore_errors=True)
        final.mkdir(parents=True)
        names = sorted({*writes, *SHARED})
        for name in names:
            self._merge(name, [self.part(stage, fingerprint, unit) for unit in units], final / f"{name}.arrow")
        digests = {name: self._publish(name, [stage]) for name in writes if name not in SHARED}
        mark = {"fingerprint": fingerprint, "tables": digests}
        write_atomically(self._stage(stage) / "done.json", json.dumps(mark, sort_keys=True).encode())
        shutil.rmtree(self._stage(stage) / fingerprint[:16], ignore_errors=True)
        return digests

    def gather(self) -> dict[str, str]:
        """Write the shared tables from every finished stage; returns their digests."""
        finished = [stage for stage in STAGE_ORDER if self.done(stage) is not None]
        return {name: self._publish(name, finished) for name in SHARED if finished}

    def _merge(self, name: str, parts: Iterable[Path], target: Path) -> None:
        table, pieces = TABLES[name], []
        for part in parts:
            path = part / f"{name}.arrow"
            if path.exists():
                pieces.append(pa.ipc.open_file(pa.memory_map(str(path))).read_all())
        data = pa.concat_tables(pieces) if pieces else schema_of(table).empty_table()
        data = _ordered(table, data)
        scratch = target.with_suffix(".part")
        with pa.ipc.new_file(scratch, data.schema) as writer:
            writer.write_table(data, max_chunksize=_ROW_GROUP)
        scratch.rename(target)

    def _publish(self, name: str, stages: Sequence[str]) -> str:
        table = TABLES[name]
        data = pa.concat_tables([self.mapped(stage, name) for stage in stages]).replace_schema_metadata(
            schema_of(table).metadata
        )
        if len(stages) > 1:
            data = _ordered(table, data)
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
        pq.write_table(data, scratch, compression="zstd", row_group_size=_ROW_GROUP, use_dictionary=True)
        scratch.replace(path)
        return file_digest(path)


def _ordered(table: Table, data: pa.Table) -> pa.Table:
    """Sort totally and drop rows that are equal in every ordering column."""
    if data.num_rows < 2:
        return data.combine_chunks()
    data = data.combine_chunks()
    keys = [(name, "ascending") for name in table.order]
    data = data.take(pc.sort_indices(data, sort_keys=keys))
    same = None
    for name in table.order:
        column = data.column(name).combine_chunks()
        left, right = column.slice(0, len(column) - 1), column.slice(1)
        equal = pc.fill_null(pc.equal(left, right), False)
        both_null = pc.and_(pc.is_null(left), pc.is_null(right))
        equal = pc.or_(equal, both_null)
        same = equal if same is None else pc.and_(same, equal)
    keep = pa.concat_arrays([pa.array([True]), pc.invert(same)])
    return data.filter(keep)
