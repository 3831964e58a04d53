"""The tables of a case on disk: parts written by units, merged in a total order into Parquet.

Layout under ``out/``::

    tables/<table>.parquet         what users read
    work/<stage>/<unit>/*.arrow    parts of finished units, renamed into place whole
    work/<stage>/final/*.arrow     the stage's merged rows, memory-mapped by later stages
    work/<stage>/done.json         fingerprint and digests of a finished stage
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import IntegrityError, SettingsError
from pipeline.merging import ROW_GROUP, in_order, merged, regrouped
from pipeline.schemas import SHARED, STAGE_ORDER, TABLES, rows_to_table, schema_of, table_to_rows

__all__ = ["PartWriter", "Store", "file_digest", "folder_digest", "rows_to_table", "table_to_rows", "write_atomically"]

_DISTINCT: Final = frozenset({"id", "address", "offset", "image_offset", "value_tag"})
"""Columns whose values hardly repeat: a dictionary of them would be made in vain."""


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


class PartWriter:
    """Collects the rows of one unit and puts them into place whole, or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._scratch = folder.with_name(f".{folder.name}.{os.getpid()}.part")
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        self._writers: dict[str, tuple[pa.NativeFile, pa.RecordBatchStreamWriter]] = {}

    def write(self, table: str, rows: Sequence[Any] | pa.RecordBatch) -> None:
        """Append rows, or a batch of them, to a table of this part."""
        if not len(rows):
            return
        data = rows if isinstance(rows, pa.RecordBatch) else rows_to_table(TABLES[table], rows)
        if table not in self._writers:
            sink = pa.OSFile(str(self._path(table)), "ab")  # appends: what follows a rollback continues at the new end
            self._writers[table] = sink, pa.ipc.new_stream(sink, data.schema)
        self._writers[table][1].write(data)

    def mark(self) -> Mapping[str, int]:
        """Return where the part stands, for :meth:`rollback`."""
        return {table: self._path(table).stat().st_size for table in self._writers}

    def rollback(self, mark: Mapping[str, int]) -> None:
        """Forget all rows written since a mark."""
        for table in sorted(self._writers):
            if table in mark:
                os.truncate(self._path(table), mark[table])
            else:
                self._close(table)
                self._path(table).unlink()

    def commit(self) -> None:
        """Rename the part into place."""
        for table in sorted(self._writers):
            self._close(table)
        if self._folder.exists():
            shutil.rmtree(self._scratch)
            return
        self._scratch.rename(self._folder)

    def _path(self, table: str) -> Path:
        return self._scratch / f"{table}.arrow"

    def _close(self, table: str) -> None:
        sink, writer = self._writers.pop(table)
        writer.close()
        sink.close()


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

    def batches(self, name: str, *, exhibit: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one exhibit in order, a group of them at a time, so that a long table is never held whole.

        Raises:
            SettingsError: the table has not been written yet.
            IntegrityError: the file is not a table.
        """
        for batch in self.stream(name, ["exhibit", *columns]):
            found = batch.filter(pc.equal(batch.column("exhibit"), exhibit))
            if found.num_rows:
                yield found.select(list(columns))

    def stream(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield all rows in order, a group of them at a time.

        Raises:
            SettingsError: the table has not been written yet.
            IntegrityError: the file is not a table.
        """
        path = self.path(name)
        if not path.exists():
            raise SettingsError(f"{name}: not written yet; run `akashi run` on the case")
        try:
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches(ROW_GROUP, columns=columns and list(columns), use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise IntegrityError(f"{name}: the table's file cannot be read ({error}); run `akashi verify`") from error

    def finished(self, stage: str, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield a finished stage's merged rows in order; from its table where they are gone."""
        final = self._final(stage) / f"{name}.arrow"
        for batch in _blocks(final) if final.exists() else self.stream(name):
            yield batch.select(list(columns)) if columns else batch

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
        scratch, own = target.with_suffix(".part"), [part / f"{name}.arrow" for part in parts]
        table = TABLES[name]
        ordered = in_order(table, _batches(own, table.order))
        rows = regrouped(table, _batches(own)) if ordered else merged(table, _batches(own), _runs_of(target))
        with pa.ipc.new_file(scratch, schema_of(TABLES[name])) as writer:
            for data in rows:
                writer.write_table(data)
        scratch.rename(target)

    def _publish(self, name: str, stages: Sequence[str]) -> str:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
        finals = [self._final(stage) / f"{name}.arrow" for stage in stages]
        schema = schema_of(TABLES[name])
        repeated = [field.name for field in schema if field.name not in _DISTINCT]
        with pq.ParquetWriter(scratch, schema, compression="zstd", use_dictionary=repeated) as writer:
            rows = (batch for final in finals for batch in _blocks(final))
            for data in rows if len(finals) == 1 else merged(TABLES[name], rows, _runs_of(path)):
                writer.write(data, row_group_size=ROW_GROUP)
        scratch.replace(path)
        return file_digest(path)


def _runs_of(target: Path) -> Path:
    """Return the folder for sorted runs while a file is made."""
    return target.with_name(f".{target.name}.{os.getpid()}.runs")


def _batches(parts: Iterable[Path], columns: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
    """Yield the rows of parts that have any, read, not mapped: what is mapped counts as memory until it is let go."""
    for path in parts:
        if path.exists():
            with pa.OSFile(str(path)) as source:
                for batch in pa.ipc.open_stream(source):
                    yield batch.select(list(columns)) if columns else batch


def _blocks(final: Path) -> Iterator[pa.RecordBatch]:
    """Yield merged rows in the batches that they were written in."""
    if final.exists():
        with pa.OSFile(str(final)) as source:
            reader = pa.ipc.open_file(source)
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)
