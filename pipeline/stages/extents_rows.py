"""An account as rows of ``extents``, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.records import ExtentClass
from pipeline.schemas import TABLES, schema_of
from pipeline.spans import Ints
from pipeline.stages.extents_claims import LIVE, METADATA, SLACK, Label, owner_of, rank_of
from pipeline.stages.extents_listing import PACKED_NAME, Listing
from pipeline.stages.extents_sweep import Account

__all__ = ["extent_batches"]

_BATCH: Final = 1 << 16


def extent_batches(
    exhibit: str, account: Account, labels: Sequence[Label], listing: Listing
) -> Iterator[pa.RecordBatch]:
    """Yield the pieces of an account in batches."""
    base, count = len(labels), len(account.key)
    shared = np.full(count, -1, dtype=np.int64)
    shared[account.shared] = np.arange(len(account.shared))
    for low in range(0, count, _BATCH):
        part = slice(low, min(low + _BATCH, count))
        owner, rank = owner_of(account.key[part]), rank_of(account.key[part])
        owned = owner >= base
        row = np.where(owned, owner - base, 0)
        label = np.where(owned, 0, owner)
        columns = {
            "exhibit": pa.repeat(exhibit, len(owner)),
            "start": pa.array(account.bounds[part]),
            "length": pa.array(np.diff(account.bounds[part.start : part.stop + 1])),
            "class": _either(owned, _classes(rank), _taken([one[0] for one in labels], label)),
            "owner": _ids(listing, row, owned),
            "volume": _either(owned, _volumes(listing, row), _taken([one[1] for one in labels], label)),
            "name": _either(owned, _names(listing, row, rank), _taken([one[2] for one in labels], label)),
            **_claimants(account, shared[part], listing, base),
        }
        schema = schema_of(TABLES["extents"])
        yield pa.RecordBatch.from_arrays([_plain(columns[name], schema.field(name).type) for name in schema.names],
                                   schema=schema)  # fmt: skip


def _plain(column: Any, kind: pa.DataType) -> pa.Array:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return array.cast(kind) if array.type != kind else array


def _either(owned: npt.NDArray[np.bool_], theirs: Any, ours: Any) -> Any:
    return pc.if_else(pa.array(owned), theirs, ours)


def _taken(values: Sequence[str], index: Ints) -> pa.Array:
    return pa.array(values or [""], type=pa.string()).take(pa.array(index))


def _volumes(listing: Listing, row: Ints) -> pa.Array:
    return _taken(listing.volumes, listing.volume[row]) if len(listing) else pa.nulls(len(row), pa.string())


def _ids(listing: Listing, row: Ints, owned: npt.NDArray[np.bool_]) -> pa.Array:
    """Return the ids of the entries that hold pieces; null where none does."""
    if not len(listing):
        return pa.nulls(len(row), pa.string())
    return listing.ids.take(pa.array(row, mask=~owned))


def _classes(rank: Ints) -> pa.Array:
    classes = np.full(len(rank), 0, dtype=np.int64)
    for number, lowest in enumerate((SLACK, LIVE, METADATA), 1):
        classes[rank >= lowest] = number
    order = (ExtentClass.DELETED_CONTENT, ExtentClass.FILE_SLACK, ExtentClass.FILE_CONTENT,
             ExtentClass.FILE_SYSTEM_METADATA)  # fmt: skip
    return _taken([str(one) for one in order], classes)


def _names(listing: Listing, row: Ints, rank: Ints) -> pa.Array:
    """Return the names of pieces that entries hold; what lies behind packed content is not packed."""
    if not len(listing):
        return pa.nulls(len(row), pa.string())
    name = listing.name[row]
    return _taken(listing.names, np.where((name == PACKED_NAME) & ((rank == SLACK) | (rank == METADATA)), 0, name))


def _claimants(account: Account, shared: Ints, listing: Listing, base: int) -> dict[str, Any]:
    counts = np.zeros(len(shared), dtype=np.int64)
    several = shared >= 0
    counts[several] = account.counts[shared[several]]
    rows = account.claimants[shared[several]]
    lengths = np.zeros(len(shared), dtype=np.int64)
    lengths[several] = (rows >= 0).sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    flat = rows[rows >= 0] - base
    ids = _ids(listing, flat, np.ones(len(flat), dtype=bool))
    return {
        "claimants": pa.ListArray.from_arrays(pa.array(offsets), ids.cast(pa.string())),
        "claimant_count": pa.array(counts),
    }
