"""What a carved object adds to the scan of raw space, which sees the same bytes: columns, decoded text, its edges."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

import pyarrow as pa

from pipeline.records import FileEntry
from pipeline.stages.base import RowOf
from pipeline.stages.context import Context
from pipeline.stages.examine_content import ContentExaminer
from pipeline.stages.examine_findings import image_offset
from pipeline.stages.examine_pages import HEAD_BYTES, pages

__all__ = ["examine_carved"]

EDGE: Final = 4096
"""Bytes around an object's end within which what a value is can depend on what lies behind it."""
_Place = tuple[str, int, int]
"""Kind, image offset and length of a hit."""


def examine_carved(context: Context, entry: FileEntry) -> Iterator[RowOf]:
    """Yield the rows of a carved object but for what the scan of raw space finds in the same bytes.

    That scan does not know the columns of a text whose head names them, and at an object's edges it reads what lies
    beside the object with it; there, both are compared.
    """
    table = _has_columns(context, entry)
    plain = _plain(context, entry, everywhere=table)
    starts = (0, *accumulate(run.length for run in entry.runs))
    edges = [edge for run in entry.runs for edge in (run.start, run.start + run.length)]
    for name, row in ContentExaminer(context).examine([entry]):
        if isinstance(row, pa.RecordBatch):
            yield name, _beside(row, entry, plain)
            continue
        place = row.image_offset if name == "detections" else None
        if entry.reader == "clear" and name == "detections" and row.file == entry.id and not row.locator:
            place = image_offset(entry.runs, starts, row.offset, row.length)
        near = place is None or table or any(edge - EDGE <= place < edge + EDGE for edge in edges)
        if near and (place is None or (row.kind, place, row.length) not in plain):
            yield name, row


def _beside(batch: pa.RecordBatch, entry: FileEntry, plain: set[_Place]) -> pa.RecordBatch:
    """Return the rows of a table but for those that the scan of raw space finds, all of which was asked for them."""
    starts = (0, *accumulate(run.length for run in entry.runs))
    columns = (batch.column(name).to_pylist() for name in ("kind", "offset", "length"))
    kept = [
        (place := image_offset(entry.runs, starts, offset, length)) is None or (kind, place, length) not in plain
        for kind, offset, length in zip(*columns, strict=True)
    ]
    return batch.filter(pa.array(kept, pa.bool_()))


def _plain(context: Context, entry: FileEntry, *, everywhere: bool) -> set[_Place]:
    """Return what the scan of raw space finds at an object's edges, or in all of it."""
    image, found = context.clear(entry.exhibit), set[_Place]()
    for run in entry.runs:
        first, last = run.start, run.start + run.length
        stretches = [(first, last)] if everywhere else [(first, first), (last, last)]
        for start, end in stretches:
            low, high = max(start - EDGE, 0), min(end + EDGE, image.size)
            for window, _ in pages(image, high - low, low):
                found.update((hit.kind, hit.start, hit.length) for hit in context.scanner.scan(window))
    return found


def _has_columns(context: Context, entry: FileEntry) -> bool:
    """Tell whether an object is a text whose head names its columns."""
    if entry.type != "text":
        return False
    return context.scanner.table(context.opener(entry.exhibit).open(entry).read(0, HEAD_BYTES)) is not None
