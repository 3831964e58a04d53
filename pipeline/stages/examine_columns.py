"""Hits of columns become findings as Arrow batches: the rows that :class:`FindingMaker` makes, without making them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.address import join
from pipeline.detectors import ColumnHits
from pipeline.records import FileEntry, Run
from pipeline.rules_values import canonical_tags
from pipeline.schemas import TABLES, plain_text, schema_of

__all__ = ["finding_batch", "image_offsets"]

_ID_BYTES: Final = 12
_TAG_BYTES: Final = 16
_MOST_DIGITS: Final = 19


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
    """Return the findings of a page's columns, in the order of their addresses.

    ``runs`` are those of the entry that have a place on the medium.
    """
    offsets = np.concatenate([column.starts for column in columns])
    lengths = np.concatenate([column.lengths for column in columns])
    spans = pc.binary_join_element_wise(_decimal(offsets), _decimal(lengths), "+")
    base = join(entry.address, "bytes", "")
    fields: dict[str, Any] = {
        "id": _ids(columns, base, spans.to_pylist()),
        "address": pc.binary_join_element_wise(base, spans, ""),
        "offset": pa.array(offsets),
        "image_offset": image_offsets(runs, offsets, lengths),
        "length": pa.array(lengths),
        "record": _records(columns, entry),
        **_joined(columns, key),
    }
    order = pa.array(_by_address(offsets))
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


def _by_address(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the order of addresses, which is that of decimal text: 12 before 120, and both before 13."""
    powers = 10 ** np.arange(19, dtype=np.uint64)
    digits = np.maximum(np.searchsorted(powers, offsets.astype(np.uint64), "right"), 1)
    padded = offsets.astype(np.uint64) * powers[_MOST_DIGITS - np.minimum(digits, _MOST_DIGITS)]
    return np.lexsort((digits, padded))


def _hexadecimal(digests: bytes, size: int) -> pa.Array:
    """Return digests of ``size`` bytes as an array of their digits."""
    count = len(digests) // size
    borders = pa.py_buffer(np.arange(count + 1, dtype=np.int32) * (2 * size))
    return pa.StringArray.from_buffers(count, borders, pa.py_buffer(digests.hex().encode()))


def _ids(columns: Sequence[ColumnHits], base: str, spans: list[str]) -> pa.Array:
    """Return :func:`~pipeline.records.identify` of each finding."""
    head, digest, place = f"finding\x1f{base}", hashlib.sha256, 0
    found = []
    for column in columns:
        tail = f"\x1f{column.rule.kind}\x1f{column.rule.id}"
        own = spans[place : place + len(column)]
        found += [digest(f"{head}{span}{tail}".encode("utf-8", "surrogatepass")).digest()[:_ID_BYTES] for span in own]
        place += len(column)
    return _hexadecimal(b"".join(found), _ID_BYTES)


def _records(columns: Sequence[ColumnHits], entry: FileEntry) -> pa.Array:
    starts, which = np.unique(np.concatenate([column.records for column in columns]), return_inverse=True)
    head, digest = f"record\x1f{entry.address}\x1f\x1f".encode("utf-8", "surrogatepass"), hashlib.sha256
    found = b"".join([digest(b"%b%d" % (head, start)).digest()[:_ID_BYTES] for start in starts.tolist()])
    return _hexadecimal(found, _ID_BYTES).take(pa.array(which))


def _joined(columns: Sequence[ColumnHits], key: bytes) -> dict[str, pa.Array]:
    """Return what differs from column to column or from value to value."""
    parts: dict[str, list[pa.Array]] = {}
    for column in columns:
        which, rule = pa.array(column.which), column.rule
        tags = canonical_tags(key, rule.kind, column.values)
        own = {
            "value_tag": _hexadecimal(tags, _TAG_BYTES).take(which),
            "shape": pa.array(column.shapes, pa.string()).take(which),
            "kind": pa.repeat(rule.kind, len(which)),
            "rule": pa.repeat(rule.id, len(which)),
            "encoding": pa.repeat(column.encoding, len(which)),
            "validated": pa.repeat(bool(rule.validate), len(which)),
            "score": pa.repeat(float(column.score), len(which)),
        }
        for name, array in own.items():
            parts.setdefault(name, []).append(array)
    return {name: pa.concat_arrays(arrays) for name, arrays in parts.items()}


def _text(value: str) -> pa.Scalar:
    return pa.scalar(plain_text(value), pa.string())
