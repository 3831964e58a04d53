"""The pages of a mapped NTFS volume, carried over to image offsets in columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.access.mapped import MappedFileSystem, carried_entry
from pipeline.access.mapping import HOLE
from pipeline.access.ntfs import NtfsFileSystem
from pipeline.access.pages import Addresses, Page, entries_in, entry_batch, with_columns
from pipeline.records import Diagnostic, FileEntry, Volume

__all__ = ["MappedPages"]


class MappedPages(MappedFileSystem):
    """A mapped file system whose reader lists in pages: single runs in columns, fragmented files one by one."""

    def __init__(self, fs: NtfsFileSystem, volume: Volume) -> None:
        super().__init__(fs, volume)
        self._pages = fs
        ends = np.cumsum([run.length for run in self._mapping.runs], dtype=np.int64)
        self._begins = np.concatenate(([0], ends))
        self._starts = np.array([run.start for run in self._mapping.runs], np.int64)

    def pages(self, addresses: Addresses) -> Iterator[Page | Diagnostic]:
        """Yield what the reader lists."""
        for page in self._pages.pages(addresses):
            yield page if isinstance(page, Diagnostic) else Page(self._carried(page.rows), page.attributes)

    def _carried(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        runs = rows.column("runs")
        offsets, values = runs.offsets.to_numpy(), runs.flatten()
        counts = np.diff(offsets)
        start, inside = self._moved(values.field(0).to_numpy(), values.field(1).to_numpy())
        hard = counts > 1
        hard[np.repeat(np.arange(len(counts)), counts)[~inside]] = True
        moved = pa.StructArray.from_arrays([pa.array(start), values.field(1)], fields=list(runs.type.value_type))
        readers = rows.column("reader")
        if self._volume.encryption:
            readers = pc.if_else(pa.array(counts > 0), "file-system", readers)
        placed = pa.ListArray.from_arrays(pa.array((offsets - offsets[0]).astype(np.int32)), moved, type=runs.type)
        easy = with_columns(rows, {"runs": placed, "reader": readers})
        if not hard.any():
            return easy
        entries = (row for row in entries_in([rows.filter(pa.array(hard))]) if isinstance(row, FileEntry))
        alone = entry_batch([carried_entry(self._volume, self._mapping, row) for row in entries])
        order = np.argsort(np.concatenate((np.flatnonzero(~hard), np.flatnonzero(hard))), kind="stable")
        both = pa.Table.from_batches([easy.filter(pa.array(~hard)), alone])
        return both.take(pa.array(order)).combine_chunks().to_batches()[0]

    def _moved(
        self, start: NDArray[np.int64], length: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return where runs begin in the image, and which of them lie in one image run or are holes."""
        if not len(self._starts):
            return start, start < 0
        index = np.clip(np.searchsorted(self._begins, start, "right") - 1, 0, len(self._starts) - 1)
        inside = (start < 0) | (start + length <= self._begins[index + 1])
        base = self._starts[index]
        image = np.where(base >= 0, base + start - self._begins[index], HOLE)
        return np.where(start < 0, start, image), inside
