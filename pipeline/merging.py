"""Sorting more rows than memory holds: sorted runs on disk, merged block by block into one total order.

What comes out depends on the rows alone, and on the order in which equal ones came in: never on how they were cut.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.schemas import Table, schema_of

__all__ = ["ROW_GROUP", "in_order", "merged", "regrouped"]

ROW_GROUP: Final = 65_536
_RUN_ROWS: Final = 131_072
_RUN_BYTES: Final = 64 << 20
_BLOCKS: Final = 64  # blocks of a run; one of each run is in memory
_OPTIONS: Final = pa.ipc.IpcWriteOptions(compression="lz4")
_Key = tuple[tuple[bool, Any], ...]


def merged(table: Table, batches: Iterable[pa.RecordBatch], scratch: Path) -> Iterator[pa.Table]:
    """Yield rows in a table's order, of those equal in all ordering columns the first, in tables of ``ROW_GROUP``.

    Args:
        table: whose order it is.
        batches: the rows, in any order.
        scratch: a folder for runs that do not fit in memory; gone afterwards.
    """
    try:
        yield from _cut(table, _merge(table, _runs(table, batches, scratch)))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def in_order(table: Table, batches: Iterable[pa.RecordBatch]) -> bool:
    """Return whether rows come in a table's order already, none of them twice."""
    before: _Key | None = None
    for data in (pa.Table.from_batches([batch]) for batch in batches if batch.num_rows):
        if (before is not None and _key(table, data, 0) <= before) or not _ascends(table, data):
            return False
        before = _key(table, data, data.num_rows - 1)
    return True


def regrouped(table: Table, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield rows that are in order in tables of ``ROW_GROUP``."""
    yield from _cut(table, (pa.Table.from_batches([batch]) for batch in batches))


def _runs(table: Table, batches: Iterable[pa.RecordBatch], scratch: Path) -> list[_Run]:
    """Sort rows in runs; a single one stays in memory."""
    runs: list[_Run] = []
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        held.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= _RUN_ROWS or size >= _RUN_BYTES:
            runs.append(_Run.spilled(_ordered(table, held), scratch / f"{len(runs):06}.arrow", table))
            held, rows, size = [], 0, 0
    if not held:
        return runs
    last = _ordered(table, held)
    return [*runs, _Run.spilled(last, scratch / "last.arrow", table) if runs else _Run([last], table)]


class _Run:
    """Sorted rows, a block of them in memory."""

    def __init__(self, blocks: Any, table: Table) -> None:
        self._blocks = iter(blocks)
        self._table = table
        self._block: pa.Table = None

    @classmethod
    def spilled(cls, data: pa.Table, path: Path, table: Table) -> _Run:
        """Put sorted rows on disk and return them as a run."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with pa.ipc.new_stream(path, data.schema, options=_OPTIONS) as writer:
            writer.write_table(data, max_chunksize=-(-data.num_rows // _BLOCKS))
        return cls((pa.Table.from_batches([batch]) for batch in pa.ipc.open_stream(pa.OSFile(str(path)))), table)

    def advance(self) -> bool:
        """Go to the next block where this one is used up; tell whether there are rows."""
        while self._block is None or not self._block.num_rows:
            self._block = next(self._blocks, None)
            if self._block is None:
                return False
        return True

    def last(self) -> _Key:
        """Return the key of the block's last row."""
        return _key(self._table, self._block, self._block.num_rows - 1)

    def upto(self, bound: _Key) -> pa.Table:
        """Return the rows up to a key and go behind them."""
        low, high = 0, self._block.num_rows
        while low < high:
            middle = (low + high) // 2
            if _key(self._table, self._block, middle) <= bound:
                low = middle + 1
            else:
                high = middle
        found, self._block = self._block.slice(0, low), self._block.slice(low)
        return found


def _key(table: Table, data: pa.Table, row: int) -> _Key:
    """Return the ordering columns of a row; nulls come last."""
    values = (data.column(name)[row].as_py() for name in table.order)
    return tuple((value is None, "" if value is None else value) for value in values)


def _merge(table: Table, runs: list[_Run]) -> Iterator[pa.Table]:
    """Yield the rows of runs in order: each step, all that is not behind the nearest end of a block."""
    before: _Key | None = None
    while runs := [run for run in runs if run.advance()]:
        bound = min(run.last() for run in runs)
        pieces = [found for run in runs if (found := run.upto(bound)).num_rows]
        data = pieces[0] if len(pieces) == 1 else _ordered(table, pieces)
        if before is not None and _key(table, data, 0) == before:
            data = data.slice(1)
        if data.num_rows:
            before = _key(table, data, data.num_rows - 1)
        yield data


def _cut(table: Table, pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield the rows of pieces in tables of ``ROW_GROUP`` rows, the last one shorter; at least an empty one."""
    schema = schema_of(table)
    held, rows, count = [], 0, 0
    for piece in pieces:
        held.append(piece)
        rows += piece.num_rows
        while rows >= ROW_GROUP:
            whole = pa.concat_tables(held)
            yield whole.slice(0, ROW_GROUP).combine_chunks().replace_schema_metadata(schema.metadata)
            held, rows, count = [whole.slice(ROW_GROUP)], rows - ROW_GROUP, count + 1
    if rows or not count:
        yield pa.concat_tables([schema.empty_table(), *held]).combine_chunks().replace_schema_metadata(schema.metadata)


def _ordered(table: Table, pieces: Iterable[pa.RecordBatch | pa.Table]) -> pa.Table:
    """Sort totally and drop rows that are equal in every ordering column, but the first."""
    tables = [piece if isinstance(piece, pa.Table) else pa.Table.from_batches([piece]) for piece in pieces]
    data = pa.concat_tables(tables).combine_chunks()
    if data.num_rows < 2 or _ascends(table, data):
        return data
    data = data.take(pc.sort_indices(data, sort_keys=[(name, "ascending") for name in table.order]))
    same = None
    for name in table.order:
        column = data.column(name).combine_chunks()
        left, right = column.slice(0, len(column) - 1), column.slice(1)
        equal = pc.fill_null(pc.equal(left, right), False)
        equal = pc.or_(equal, pc.and_(pc.is_null(left), pc.is_null(right)))
        same = equal if same is None else pc.and_(same, equal)
    return data.filter(pa.concat_arrays([pa.array([True]), pc.invert(same)]))


def _ascends(table: Table, data: pa.Table) -> bool:
    """Return whether rows are in order and none is equal to another: they need no sorting. Nulls are left to it."""
    same = pa.repeat(True, data.num_rows - 1)
    for name in table.order:
        column = data.column(name).combine_chunks()
        if column.null_count:
            return False
        left, right = column.slice(0, len(column) - 1), column.slice(1)
        if pc.any(pc.and_(same, pc.greater(left, right))).as_py():
            return False
        same = pc.and_(same, pc.equal(left, right))
    return not pc.any(same).as_py()
