"""Hits of columns become findings as Arrow batches: the rows that :class:`FindingMaker` makes, without making them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.address import join
from pipeline.detectors import ColumnHits
from pipeline.digests import cmac_many, hexadecimal, numbered
from pipeline.records import FileEntry, Run
from pipeline.rules_values import kind_key
from pipeline.schemas import TABLES, plain_text, schema_of

__all__ = ["finding_batch", "finding_id", "image_offsets", "record_id"]


def image_offsets(runs: Sequence[Run], offsets: NDArray[np.int64], lengths: NDArray[np.int64]) -> pa.Array:
    """Return where bytes of a stream lie on the medium; null where they are not in one piece."""
    if not runs:
        return pa.nulls(len(offsets), pa.int64())
    firsts = np.array([run.start for run in runs], np.int64)
    sizes = np.array([run.length for run in runs], np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    run = np.searchsorted(starts, offsets, "right") - 1
    inside = offsets - starts[run]
    lost = (firsts[run] < 0) | (inside + lengths > sizes[run])
    return pa.array(firsts[run] + inside, mask=lost)


def finding_batch(
    columns: Sequence[ColumnHits], entry: FileEntry, runs: Sequence[Run], key: bytes, content: str
) -> pa.RecordBatch:
    """Return the findings of a page's columns, in the order in which they stand.

    ``runs`` are those of the entry that have a place on the medium.
    """
    offsets, lengths, records = (
        np.concatenate([getattr(column, name) for column in columns]) for name in ("starts", "lengths", "records")
    )
    ids = _ids(columns, entry.address)
    order = _order(offsets, ids)
    offsets, lengths, records = offsets[order], lengths[order], records[order]
    spans = pc.binary_join_element_wise(_decimal(offsets), _decimal(lengths), "+")
    fields: dict[str, Any] = {
        "id": hexadecimal(ids[order]),
        "address": pc.binary_join_element_wise(join(entry.address, "bytes", ""), spans, ""),
        "offset": pa.array(offsets),
        "image_offset": image_offsets(runs, offsets, lengths),
        "length": pa.array(lengths),
        "record": hexadecimal(numbered(("record", entry.address, ""), records, np.zeros_like(records))),
        **_of_values(columns, order, key),
        **_of_columns(columns, order),
    }
    constants = {
        "exhibit": entry.exhibit, "path": entry.path, "file": entry.id, "origin": entry.origin, "content": content,
        "locator": "",
    }  # fmt: skip
    fields |= {name: pa.repeat(_text(value), len(spans)) for name, value in constants.items()}
    fields["person"] = pa.nulls(len(spans), pa.string())
    schema = schema_of(TABLES["detections"])
    return pa.RecordBatch.from_arrays([fields[name] for name in schema.names], schema=schema)


def _order(offsets: NDArray[np.int64], ids: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the order of findings by place, of those at one place by id."""
    order = np.argsort(offsets, kind="stable")
    if not (np.diff(offsets[order]) == 0).any():
        return order
    high, low = ids[:, :8].copy().view(">u8")[:, 0], ids[:, 8:].copy().view(">u4")[:, 0]
    return np.lexsort((low, high, offsets))


def _decimal(numbers: NDArray[np.int64]) -> pa.Array:
    return pc.cast(pa.array(numbers), pa.string())


def finding_id(base: str, kind: str, rule: str, place: tuple[int, int]) -> str:
    """Return the id of one finding by the address of its content, its kind and rule, and its offset and length."""
    first, second = (np.array([number]) for number in place)
    return numbered(("finding", base, kind, rule), first, second).tobytes().hex()


def record_id(address: str, locator: str, start: int) -> str:
    """Return the id of a record by the address of its file, its place in the document, and where it starts."""
    return numbered(("record", address, locator), np.array([start]), np.zeros(1, np.int64)).tobytes().hex()


def _ids(columns: Sequence[ColumnHits], base: str) -> NDArray[np.uint8]:
    """Return :func:`finding_id` of each finding, as bytes."""
    return np.concatenate(
        [numbered(("finding", base, one.kind, one.rule), one.starts, one.lengths) for one in columns]
    )  # fmt: skip


def _of_values(columns: Sequence[ColumnHits], order: NDArray[np.int64], key: bytes) -> dict[str, pa.Array]:
    """Return what differs from value to value."""
    firsts = np.cumsum([0, *(column.values.count for column in columns[:-1])])
    which = np.concatenate([column.which + first for column, first in zip(columns, firsts, strict=True)])[order]
    tags = np.concatenate([cmac_many(kind_key(key, one.kind), *one.values.packed()) for one in columns])
    shapes = pa.concat_arrays([column.shapes.array() for column in columns])
    return {"value_tag": hexadecimal(tags[which]), "shape": shapes.take(pa.array(which))}


def _of_columns(columns: Sequence[ColumnHits], order: NDArray[np.int64]) -> dict[str, pa.Array]:
    """Return what differs from column to column."""
    number = pa.array(np.repeat(np.arange(len(columns)), [len(column) for column in columns])[order])
    found = {name: pa.array([getattr(one, name) for one in columns]) for name in ("kind", "rule", "encoding")}
    found["validated"] = pa.array([one.validated for one in columns])
    found["score"] = pa.array([float(one.score) for one in columns])
    return {name: values.take(number) for name, values in found.items()}


def _text(value: str) -> pa.Scalar:
    return pa.scalar(plain_text(value), pa.string())
