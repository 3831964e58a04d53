"""Two listings of an NTFS volume compared in columns: by metadata number, folder, name, size and attributes.

A live name is settled where both readers give it the same number and folder, the same size, and its record the same
count of attributes, of which no stream has a name: then neither can know a stream that the other does not. Everything
else is made rows of and compared one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.access.mapped import carried_over
from pipeline.access.pages import Addresses, Page, entries_in, entry_batch, entry_batches, with_columns
from pipeline.access.reconcile_rows import Joiner, comparable
from pipeline.access.tsk_names import TskNames
from pipeline.records import Diagnostic, FileEntry, Origin, Volume

__all__ = ["compared"]

_PIECE: Final = 1 << 14
_MOST_RECORDS: Final = 1 << 16


def compared(
    pages: Iterable[Page | Diagnostic], names: TskNames, volume: Volume, addresses: Addresses
) -> Iterator[pa.RecordBatch | Diagnostic]:
    """Yield the first reader's pages with what the second confirms marked, then what only the second lists."""
    joiner = Joiner(volume, "tsk")
    met, whole = np.zeros(len(names), np.bool_), np.zeros(len(names), np.bool_)
    streams: set[tuple[int, str]] = set()
    for page in pages:
        if isinstance(page, Diagnostic):
            yield page
            continue
        mine, theirs = _settled(page, names, met)
        unsure = _live(page.rows) & ~mine
        marks = pc.if_else(pa.array(mine), f"{volume.reader}+tsk", volume.reader)
        rows = with_columns(page.rows, {"listed_by": marks})
        if not unsure.any():
            yield rows
            whole[theirs] = True
            continue
        yield rows.filter(pa.array(~unsure))
        own = (row for row in entries_in([rows.filter(pa.array(unsure))]) if isinstance(row, FileEntry))
        others = list(_rows(names, theirs, volume, with_records=False))
        yield from entry_batches(joiner.joined(own, [row for _, row in others]))
        streams.update((at, row.stream) for at, row in others if row.id in joiner.rest)
    whole |= ~met
    several = frozenset(at for at, _ in streams)
    left = np.flatnonzero(whole | np.isin(np.arange(len(names)), sorted(several)))
    for start in range(0, len(left), _PIECE):
        found = _rows(names, left[start : start + _PIECE], volume, with_records=len(left) <= _MOST_RECORDS)
        kept = [row for at, row in found if whole[at] or (at, row.stream) in streams]
        settled = (row for row in entries_in([addresses.settle(entry_batch(kept))]) if isinstance(row, FileEntry))
        yield from entry_batches(joiner.alone(settled))


def _settled(page: Page, names: TskNames, met: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which rows are settled, and which names of the second reader, of the same records, are not.

    All names of these records are marked as met.
    """
    rows, live = page.rows, np.flatnonzero(_live(page.rows))
    number = rows.column("meta").to_numpy()[live]
    known = np.unique(number)
    low, high = np.searchsorted(names.number, known), np.searchsorted(names.number, known, "right")
    theirs = np.repeat(low - np.cumsum(high - low) + (high - low), high - low) + np.arange(int((high - low).sum()))
    met[theirs] = True
    parts = _column(rows, "path", live), _column(rows, "parent", live).cast(pa.int64()).to_numpy()
    keys = _keys(
        np.concatenate((number, names.number[theirs])), np.concatenate((parts[1], names.parent[theirs])),
        pa.concat_arrays([_last_part(parts[0]), names.names(theirs)]),
    )  # fmt: skip
    ours, others = keys[: len(live)], keys[len(live) :]
    order = np.argsort(others, kind="stable")
    place = np.minimum(np.searchsorted(others[order], ours), max(len(others) - 1, 0))
    if not len(others):
        return np.zeros(rows.num_rows, np.bool_), theirs
    match = theirs[order[place]]
    plain = pc.equal(_column(rows, "stream", live), "").to_numpy(zero_copy_only=False)
    kind = _column(rows, "kind", live)
    folder, file = (pc.equal(kind, name).to_numpy(zero_copy_only=False) for name in ("directory", "file"))
    good = plain & ~np.isin(number, number[~plain]) & (others[order[place]] == ours)
    good &= (page.attributes[live] > 0) & (page.attributes[live] == names.attributes[match])
    good &= (~file | (names.size[match] == _column(rows, "size", live).to_numpy())) & (folder <= names.folder[match])
    mine = np.zeros(rows.num_rows, np.bool_)
    mine[live[good]] = True
    return mine, theirs[~np.isin(others, ours[good])]


def _keys(number: NDArray[np.int64], parent: NDArray[np.int64], names: pa.Array) -> NDArray[np.int64]:
    """Return a number for each combination of the three."""
    columns = number, parent, names.dictionary_encode().indices.to_numpy()
    found = np.zeros(len(number), np.int64)
    for column in columns:
        kinds, which = np.unique(column, return_inverse=True)
        found = np.unique(found * (len(kinds) + 1) + which, return_inverse=True)[1]
    return found


def _last_part(paths: pa.Array) -> pa.Array:
    """Return the names at the ends of paths, as UTF-8."""
    parts = pc.split_pattern(paths, "/", max_splits=1, reverse=True)
    return pc.list_element(parts, 1).cast(pa.binary())


def _column(rows: pa.RecordBatch, name: str, index: NDArray[np.int64]) -> pa.Array:
    return rows.column(name).take(pa.array(index))


def _rows(
    names: TskNames, index: NDArray[np.int64], volume: Volume, *, with_records: bool
) -> Iterator[tuple[int, FileEntry]]:
    if not len(index):
        return
    for at, row in names.rows(index, with_records=with_records):
        for carried in carried_over(volume, [row]):
            if isinstance(carried, FileEntry) and carried.origin == Origin.ALLOCATED and comparable(carried):
                yield at, carried


def _live(rows: pa.RecordBatch) -> NDArray[np.bool_]:
    live: NDArray[np.bool_] = pc.equal(rows.column("origin"), Origin.ALLOCATED.value).to_numpy(zero_copy_only=False)
    return live
