"""Hits of columns become findings as Arrow batches: the rows that :class:`FindingMaker` makes, without making them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.address import join
from pipeline.detectors import ColumnHits
from pipeline.records import FileEntry, Run
from pipeline.rules_values import value_tags
from pipeline.schemas import TABLES, plain_text, schema_of

__all__ = ["finding_batch", "image_offsets"]

_ID_DIGITS: Final = 24


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
    """Return the findings of a page's columns; ``runs`` are those of the entry that have a place on the medium."""
    offsets = np.concatenate([column.starts for column in columns])
    lengths = np.concatenate([column.lengths for column in columns])
    texts = _joined(columns, key)
    spans = [f"{start}+{length}" for start, length in zip(offsets.tolist(), lengths.tolist(), strict=True)]
    base = join(entry.address, "bytes", "")
    fields: dict[str, Any] = {
        "id": pa.array(list(_ids(columns, base, spans)), pa.string()),
        "address": pa.array([base + span for span in spans], pa.string()),
        "offset": pa.array(offsets),
        "image_offset": image_offsets(runs, offsets, lengths),
        "length": pa.array(lengths),
        "record": _records(columns, entry),
        "person": pa.nulls(len(spans), pa.string()),
        **texts,
    }
    constants = {
        "exhibit": entry.exhibit, "path": entry.path, "file": entry.id, "origin": entry.origin, "content": content,
        "locator": "",
    }  # fmt: skip
    fields |= {name: pa.repeat(_text(value), len(spans)) for name, value in constants.items()}
    schema = schema_of(TABLES["detections"])
    return pa.RecordBatch.from_arrays([fields[name] for name in schema.names], schema=schema)


def _ids(columns: Sequence[ColumnHits], base: str, spans: list[str]) -> Iterator[str]:
    """Yield :func:`~pipeline.records.identify` of each finding, from one state of the digest."""
    begun = hashlib.sha256(f"finding\x1f{base}".encode("utf-8", "surrogatepass"))
    place = 0
    for column in columns:
        tail = f"\x1f{column.rule.kind}\x1f{column.rule.id}"
        for span in spans[place : place + len(column)]:
            digest = begun.copy()
            digest.update((span + tail).encode())
            yield digest.hexdigest()[:_ID_DIGITS]
        place += len(column)


def _records(columns: Sequence[ColumnHits], entry: FileEntry) -> pa.Array:
    starts, which = np.unique(np.concatenate([column.records for column in columns]), return_inverse=True)
    begun = hashlib.sha256(f"record\x1f{entry.address}\x1f\x1f".encode("utf-8", "surrogatepass"))
    names = []
    for start in starts.tolist():
        digest = begun.copy()
        digest.update(b"%d" % start)
        names.append(digest.hexdigest()[:_ID_DIGITS])
    return pa.array(names, pa.string()).take(pa.array(which))


def _joined(columns: Sequence[ColumnHits], key: bytes) -> dict[str, pa.Array]:
    """Return what differs from column to column or from value to value."""
    parts: dict[str, list[pa.Array]] = {}
    for column in columns:
        which = pa.array(column.which)
        rule = column.rule
        tags = value_tags(key, rule.kind, column.values)
        own = {
            "value_tag": pa.array(tags, pa.string()).take(which),
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
