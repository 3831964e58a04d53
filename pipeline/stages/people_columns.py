"""Detections as arrays: which record each belongs to, the distinct values of each record, who each record is of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.errors import IntegrityError

__all__ = ["COLUMNS", "Detections", "Owners", "Values", "read_detections", "values_of"]

COLUMNS: Final = ("id", "exhibit", "kind", "value_tag", "record", "content", "locator")
_ID_BYTES: Final = 12
_TAG_BYTES: Final = 16
_Ints = NDArray[np.int64]
_Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Detections:
    """One entry for each detection, in order; records are numbered as they first appear.

    ``high`` and ``low`` are the halves of a value's tag, in the order of their digits. ``alone`` says which detections
    have no record and are one by themselves. ``source`` numbers the content a detection stands in, its bytes and what
    they say once decoded apart; what has no content, as raw space, is -1.
    """

    kinds: Sequence[str]
    exhibits: Sequence[str]
    record: NDArray[np.int32]
    records: int
    kind: NDArray[np.int16]
    exhibit: NDArray[np.int32]
    high: _Words
    low: _Words
    alone: NDArray[np.bool_]
    source: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Values:
    """The distinct values of records, ordered by record, kind and tag."""

    record: _Ints
    kind: _Ints
    high: _Words
    low: _Words


@dataclass(frozen=True, slots=True)
class Owners:
    """Who records are of: for each record the number of a person, or -1, and of what made them one."""

    people: Sequence[str]
    reasons: Sequence[tuple[str, str | None]]
    person: _Ints
    reason: _Ints


def read_detections(batches: Iterable[pa.RecordBatch]) -> Detections:
    """Read the columns that count."""
    names: dict[str, dict[str, int]] = {"kind": {}, "exhibit": {}, "content": {}}
    parts: dict[str, list[NDArray[np.generic]]] = {}
    for batch in batches:
        for name, found in names.items():
            parts.setdefault(name, []).append(_numbered(batch.column(name), found))
        parts.setdefault("decoded", []).append(np.asarray(pc.not_equal(batch.column("locator"), "")))
        alone = pc.equal(batch.column("record"), "")
        record = pc.if_else(alone, batch.column("id"), batch.column("record"))
        parts.setdefault("alone", []).append(np.asarray(alone))
        parts.setdefault("record", []).append(_bytes(record, _ID_BYTES))
        halves = _bytes(batch.column("value_tag"), _TAG_BYTES).view(">u8").astype(np.uint64)
        parts.setdefault("high", []).append(halves[:, 0].copy())
        parts.setdefault("low", []).append(halves[:, 1].copy())
    if not parts:
        empty = np.empty(0, np.uint64)
        none = np.empty(0, np.int32)
        return Detections((), (), none, 0, none.astype(np.int16), none, empty, empty, empty.astype(bool), none)
    joined = {name: np.concatenate(parts.pop(name)) for name in sorted(parts)}
    kinds = sorted(names["kind"])
    ranks = np.array([kinds.index(kind) for kind in names["kind"]], np.int16)
    record, count = _first_seen(joined.pop("record"))
    source = (joined["content"] * 2 + joined["decoded"]).astype(np.int32)
    source[joined["content"] == names["content"].get("", -1)] = -1
    return Detections(
        kinds, list(names["exhibit"]), record, count, ranks[joined["kind"]], joined["exhibit"].astype(np.int32),
        joined["high"], joined["low"], joined["alone"].astype(bool), source,
    )  # fmt: skip


def _numbered(column: pa.Array, found: dict[str, int]) -> NDArray[np.int32]:
    """Return numbers for the few texts of a column, the same in each batch."""
    coded = column.dictionary_encode()
    numbers = [found.setdefault(text, len(found)) for text in coded.dictionary.to_pylist()]
    ranks: NDArray[np.int32] = np.array(numbers, np.int32)[np.asarray(coded.indices)]
    return ranks


def _bytes(column: pa.Array, size: int) -> NDArray[np.uint8]:
    """Return digests in hexadecimal as bytes, one row each."""
    borders = np.frombuffer(column.buffers()[1], np.int32, len(column) + 1, column.offset * 4)
    if not (np.diff(borders) == 2 * size).all():
        raise IntegrityError("detections: an id or a tag is not of its length; run the stage examine again")
    digits = memoryview(column.buffers()[2] or b"")[int(borders[0]) : int(borders[-1])]
    return np.frombuffer(bytes.fromhex(str(digits, "ascii")), np.uint8).reshape(len(column), size)


def _first_seen(ids: NDArray[np.uint8]) -> tuple[NDArray[np.int32], int]:
    """Number ids in the order of their first appearance; equal ones mostly follow one another."""
    high, low = ids[:, :8].copy().view(np.uint64)[:, 0], ids[:, 8:].copy().view(np.uint32)[:, 0]
    heads = np.flatnonzero(_changes(high, low))
    order = heads[np.lexsort((low[heads], high[heads]))]
    new = _changes(high[order], low[order])
    rank = np.empty(int(new.sum()), np.int32)
    rank[np.argsort(order[new])] = np.arange(len(rank), dtype=np.int32)
    numbers = np.empty(len(ids), np.int32)
    numbers[order] = rank[np.cumsum(new) - 1]
    return np.repeat(numbers[heads], np.diff(np.append(heads, len(ids)))), len(rank)


def _changes(*columns: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where rows differ from the row before; the first one does."""
    new = np.ones(len(columns[0]), dtype=bool)
    new[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return new


def values_of(rows: Detections) -> Values:
    """Return the distinct values of each record."""
    kinds = len(rows.kinds) + 1
    key = rows.record.astype(np.int64) * kinds + rows.kind
    order = np.argsort(key, kind="stable")
    heads = np.append(np.flatnonzero(_changes(key[order])), len(order))
    several = np.repeat(np.diff(heads) > 1, np.diff(heads))
    own = order[several]
    order[several] = own[np.lexsort((rows.low[own], rows.high[own], key[own]))]
    key, high, low = key[order], rows.high[order], rows.low[order]
    new = _changes(key, high, low)
    return Values(key[new] // kinds, key[new] % kinds, high[new], low[new])
