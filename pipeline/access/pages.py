"""Listings as columns: pages of entries, and what gives each entry its own address and id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.access.ntfs_text import bytes_of
from pipeline.address import join
from pipeline.records import Diagnostic, FileEntry, identify
from pipeline.schemas import TABLES, rows_to_table, table_to_rows

__all__ = ["Addresses", "Page", "entries_in", "entry_batch", "entry_batches", "with_columns"]

_PAGE: Final = 4_096
_DIGITS: Final = 24  # of an id: records.identify


@dataclass(frozen=True, slots=True)
class Page:
    """Entries of a volume, all rows of a metadata number on one page.

    ``attributes`` says, by row, how many attributes the record has; 0 where they do not all lie in it.
    """

    rows: pa.RecordBatch
    attributes: NDArray[np.int64]


class Addresses:
    """Gives entries their addresses and ids; what shares an address with an earlier one gets its metadata number too.

    Of the addresses given, 64 bits of each id are kept, in sorted arrays that double: two million must not fill the
    memory.
    """

    def __init__(self) -> None:
        self._given: list[NDArray[np.uint64]] = []

    def settle(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return entries with their ids, in their order."""
        if not rows.num_rows:
            return rows
        addresses = rows.column("address")
        data, bounds = bytes_of(pc.binary_join_element_wise("file", addresses, "\x1f"))
        digests = b"".join([sha256(data[start:end]).digest() for start, end in pairwise(bounds)])
        table = np.frombuffer(digests, np.uint8).reshape(-1, 32)
        ids = table[:, : _DIGITS // 2].tobytes().hex().encode()
        offsets = np.arange(0, len(ids) + 1, _DIGITS, dtype=np.int32)
        keys = pa.Array.from_buffers(pa.string(), len(table), [None, pa.py_buffer(offsets), pa.py_buffer(ids)])
        before = self._seen(table[:, :8].copy().view("<u8")[:, 0])
        again = np.flatnonzero(before)
        if len(again):
            addresses, keys = _numbered(rows, again, before[again].tolist(), keys)
        return with_columns(rows, {"address": addresses, "id": keys})

    def _seen(self, short: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return how often each value came before, earlier or on this page; and remember them."""
        order = np.argsort(short, kind="stable")
        ranked = short[order]
        before = np.zeros(len(short), np.int64)
        before[order] = np.arange(len(short)) - np.searchsorted(ranked, ranked)
        for known in self._given:
            before += np.searchsorted(known, short, "right") - np.searchsorted(known, short)
        self._given.append(ranked)
        while len(self._given) > 1 and len(self._given[-2]) <= 2 * len(self._given[-1]):
            self._given.append(np.sort(np.concatenate([self._given.pop(), self._given.pop()]), kind="stable"))
        return before


def _numbered(
    rows: pa.RecordBatch, again: NDArray[np.int64], counts: list[int], keys: pa.Array
) -> tuple[pa.Array, pa.Array]:
    """Return addresses and ids, those that were given before with the metadata number and a count."""
    pick = pa.array(again)
    numbers, places = rows.column("meta").take(pick).to_pylist(), rows.column("address").take(pick).to_pylist()
    new = [
        join(place, "entry", f"{number}.{count}") for place, number, count in zip(places, numbers, counts, strict=True)
    ]
    mask = np.zeros(rows.num_rows, np.bool_)
    mask[again] = True
    addresses = pc.replace_with_mask(rows.column("address"), pa.array(mask), pa.array(new, pa.string()))
    ids = pa.array([identify("file", place) for place in new], pa.string())
    return addresses, pc.replace_with_mask(keys, pa.array(mask), ids)


def with_columns(rows: pa.RecordBatch, changed: dict[str, pa.Array]) -> pa.RecordBatch:
    """Return a batch with some columns replaced."""
    columns = [changed.get(name, rows.column(name)) for name in rows.schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=rows.schema)


def entry_batch(rows: Sequence[FileEntry]) -> pa.RecordBatch:
    """Return rows as one batch."""
    return rows_to_table(TABLES["entries"], rows).combine_chunks().to_batches()[0] if rows else _none()


def _none() -> pa.RecordBatch:
    table = rows_to_table(TABLES["entries"], [])
    return pa.RecordBatch.from_arrays([pa.array([], kind) for kind in table.schema.types], schema=table.schema)


def entry_batches(rows: Iterable[FileEntry | Diagnostic]) -> Iterator[pa.RecordBatch | Diagnostic]:
    """Yield what a reader that makes rows lists, its entries in batches."""
    held: list[FileEntry] = []
    for row in rows:
        if isinstance(row, FileEntry):
            held.append(row)
        else:
            yield row
        if len(held) >= _PAGE:
            yield entry_batch(held)
            held = []
    if held:
        yield entry_batch(held)


def entries_in(batches: Iterable[pa.RecordBatch | Diagnostic]) -> Iterator[FileEntry | Diagnostic]:
    """Yield the entries of batches as rows."""
    for batch in batches:
        if isinstance(batch, Diagnostic):
            yield batch
        else:
            yield from table_to_rows(TABLES["entries"], pa.Table.from_batches([batch]))
