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
from pipeline.digests import TAG_BYTES, hexadecimal, numbered
from pipeline.records import FileEntry, Run
from pipeline.rules_values import canonical_tags
from pipeline.schemas import TABLES, plain_text, schema_of

__all__ = ["finding_batch", "finding_id", "image_offsets", "record_id"]

_ORDER = [("offset", "ascending"), ("id", "ascending")]


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
    offsets = np.concatenate([column.starts for column in columns])
    lengths = np.concatenate([column.lengths for column in columns])
    spans = pc.binary_join_element_wise(_decimal(offsets), _decimal(lengths), "+")
    base = join(entry.address, "bytes", "")  # as of :func:`~pipeline.address.at_bytes`
    fields: dict[str, Any] = {
        "id": _ids(columns, entry.address),
        "address": pc.binary_join_element_wise(base, spans, ""),
        "offset": pa.array(offsets),
        "image_offset": image_offsets(runs, offsets, lengths),
        "length": pa.array(lengths),
        "record": _records(columns, entry),
        **_joined(columns, key),
    }
    order = pc.sort_indices(pa.table({"offset": fields["offset"], "id": fields["id"]}), sort_keys=_ORDER)
    fields = {name: array.take(order) for name, array in fields.items()}
    constants = {
        "exhibit": entry.exhibit, "path": entry.path, "file": entry.id, "origin": entry.origin, "content": content,
        "locator": "",
    }  # fmt: skip
    fields |= {name: pa.repeat(_text(value), len(spans)) for name, value in constants.items()}
    fields["person"] = pa.nulls(len(spans), pa.string())
    schema = schema_of(TABLES["detections"])
    return pa.RecordBatch.from_arrays([fields[name] for name in schema.names], schema=schema)


def _decimal(numbers: NDArray[np.int64]) -> pa.Array:
    return pc.cast(pa.array(numbers), pa.string())


def finding_id(base: str, kind: str, rule: str, place: tuple[int, int]) -> str:
    """Return the id of one finding by the address of its content, its kind and rule, and its offset and length."""
    first, second = (np.array([number]) for number in place)
    return numbered(("finding", base, kind, rule), first, second).tobytes().hex()


def record_id(address: str, locator: str, start: int) -> str:
    """Return the id of a record by the address of its file, its place in the document, and where it starts."""
    return numbered(("record", address, locator), np.array([start]), np.zeros(1, np.int64)).tobytes().hex()


def _ids(columns: Sequence[ColumnHits], base: str) -> pa.Array:
    """Return :func:`finding_id` of each finding."""
    found = [numbered(("finding", base, column.kind, column.rule), column.starts, column.lengths) for column in columns]
    return hexadecimal(np.concatenate(found))


def _records(columns: Sequence[ColumnHits], entry: FileEntry) -> pa.Array:
    starts = np.concatenate([column.records for column in columns])
    return hexadecimal(numbered(("record", entry.address, ""), starts, np.zeros_like(starts)))


def _joined(columns: Sequence[ColumnHits], key: bytes) -> dict[str, pa.Array]:
    """Return what differs from column to column or from value to value."""
    parts: dict[str, list[pa.Array]] = {}
    for column in columns:
        which = pa.array(column.which)
        tags = canonical_tags(key, column.kind, column.values)
        own = {
            "value_tag": hexadecimal(np.frombuffer(tags, np.uint8).reshape(-1, TAG_BYTES)).take(which),
            "shape": pa.array(column.shapes, pa.string()).take(which),
            "kind": pa.repeat(column.kind, len(which)),
            "rule": pa.repeat(column.rule, len(which)),
            "encoding": pa.repeat(column.encoding, len(which)),
            "validated": pa.repeat(column.validated, len(which)),
            "score": pa.repeat(float(column.score), len(which)),
        }
        for name, array in own.items():
            parts.setdefault(name, []).append(array)
    return {name: pa.concat_arrays(arrays) for name, arrays in parts.items()}


def _text(value: str) -> pa.Scalar:
    return pa.scalar(plain_text(value), pa.string())
