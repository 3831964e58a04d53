"""An account as rows of ``extents`` and ``remains``, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.records import Certainty, ExtentClass, Origin
from pipeline.schemas import TABLES, schema_of
from pipeline.spans import Ints
from pipeline.stages.extents_claims import (
    DELETED,
    LIVE,
    METADATA,
    SLACK,
    UNALLOCATED,
    UNREADABLE,
    Claims,
    Label,
    Listing,
    owner_of,
    rank_of,
)
from pipeline.stages.extents_sweep import Account

__all__ = ["extent_batches", "remains_batch"]

_BATCH: Final = 1 << 16
_SYSTEM: Final = ("file", "stream", "link", "directory")
PACKED: Final = "packed"
"""Name of content that lies on the medium compressed or enciphered: its last clusters hold slack no reader gives."""


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
            "owner": _column(listing, "id", row, owned),
            "volume": _either(owned, _column(listing, "volume", row, owned), _taken([one[1] for one in labels], label)),
            "name": _either(owned, _names(listing, row, owned, rank), _taken([one[2] for one in labels], label)),
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


def _column(listing: Listing, name: str, row: Ints, owned: npt.NDArray[np.bool_]) -> pa.Array:
    """Return a column of the entries that hold pieces; null where none does."""
    if not len(listing):
        return pa.nulls(len(row), pa.string())
    return listing.table.column(name).take(pa.array(row, mask=~owned)).combine_chunks()


def _classes(rank: Ints) -> pa.Array:
    classes = np.full(len(rank), 0, dtype=np.int64)
    for number, lowest in enumerate((SLACK, LIVE, METADATA), 1):
        classes[rank >= lowest] = number
    order = (ExtentClass.DELETED_CONTENT, ExtentClass.FILE_SLACK, ExtentClass.FILE_CONTENT,
             ExtentClass.FILE_SYSTEM_METADATA)  # fmt: skip
    return _taken([str(one) for one in order], classes)


def _names(listing: Listing, row: Ints, owned: npt.NDArray[np.bool_], rank: Ints) -> Any:
    """Name structures by their file, directories as such, content that is not stored as it reads as packed."""
    kind, reader, volume = (_column(listing, name, row, owned) for name in ("kind", "reader", "volume"))
    plain = pc.is_in(kind, pa.array(_SYSTEM))
    base = pc.replace_substring_regex(_column(listing, "path", row, owned), "(?s)^.*/", "")
    stream = _column(listing, "stream", row, owned)
    full = pc.if_else(pc.equal(stream, ""), base, pc.binary_join_element_wise(base, stream, ":"))
    content = pc.and_(
        pa.array((rank != SLACK) & (rank != METADATA)), pc.is_in(volume, pa.array(listing.plain, pa.string()))
    )
    packed = pc.and_(pc.equal(reader, "file-system"), content)
    word = pc.if_else(pc.equal(kind, "directory"), "directory", pc.if_else(packed, PACKED, ""))
    return pc.if_else(plain, word, full)


def _claimants(account: Account, shared: Ints, listing: Listing, base: int) -> dict[str, Any]:
    counts = np.zeros(len(shared), dtype=np.int64)
    several = shared >= 0
    counts[several] = account.counts[shared[several]]
    rows = account.claimants[shared[several]]
    lengths = np.zeros(len(shared), dtype=np.int64)
    lengths[several] = (rows >= 0).sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    flat = rows[rows >= 0] - base
    ids = _column(listing, "id", flat, np.ones(len(flat), dtype=bool))
    return {
        "claimants": pa.ListArray.from_arrays(pa.array(offsets), ids.cast(pa.string())),
        "claimant_count": pa.array(counts),
    }


def remains_batch(exhibit: str, account: Account, claims: Claims, listing: Listing, base: int) -> pa.RecordBatch:
    """Return what is left of every deleted entry that has runs; twins of a stream share what is left of it."""
    gone = (rank_of(claims.key) >= DELETED) & (rank_of(claims.key) < SLACK)
    held = Claims(claims.start[gone], claims.end[gone], owner_of(claims.key[gone]) - base).within(0, account.size)
    rank = rank_of(account.key)
    ours = (rank >= DELETED) & (rank < SLACK)
    shared = np.zeros(len(rank), dtype=bool)
    shared[account.shared] = True
    unreadable = rank == UNREADABLE
    states = {
        "own": (ours & ~shared) | (rank == UNALLOCATED), "shared": ours & shared, "unreadable": unreadable,
        "lost": ~ours & (rank != UNALLOCATED) & ~unreadable,
    }  # fmt: skip
    count = len(listing)
    sums = {name: np.bincount(held.key, weights=_within(account.bounds, flags, held), minlength=count)[listing.of]
            for name, flags in states.items()}  # fmt: skip
    sums = {name: values.astype(np.int64) for name, values in sums.items()}
    listed = ~listing.being("origin", Origin.ALLOCATED) & (sum(sums.values(), np.zeros(count, np.int64)) > 0)
    rows = np.flatnonzero(listed)
    columns = {
        "file": _column(listing, "id", rows, np.ones(len(rows), dtype=bool)),
        "exhibit": pa.repeat(exhibit, len(rows)),
        **{name: pa.array(values[rows]) for name, values in sums.items()},
        "certainty": pa.array(_certainties(listing, sums)[rows].tolist(), type=pa.string()),
    }
    schema = schema_of(TABLES["remains"])
    return pa.RecordBatch.from_arrays(
        [_plain(columns[name], schema.field(name).type) for name in schema.names], schema=schema
    )


def _within(bounds: Ints, flags: npt.NDArray[np.bool_], held: Claims) -> npt.NDArray[np.float64]:
    """Return how many bytes of each claim lie in flagged pieces."""
    before = np.concatenate([[0], np.cumsum(np.where(flags, np.diff(bounds), 0))])

    def up_to(offset: Ints) -> Ints:
        piece = np.minimum(np.searchsorted(bounds, offset, side="right") - 1, len(flags) - 1)
        inside: Ints = before[piece] + np.where(flags[piece], offset - bounds[piece], 0)
        return inside

    return (up_to(held.end) - up_to(held.start)).astype(np.float64)


def _certainties(listing: Listing, sums: dict[str, Ints]) -> npt.NDArray[Any]:
    """Lower what the listing says: nothing that others hold too is intact, nothing that is lost is whole."""
    worst = (Certainty.NO_CONTENT, Certainty.INTACT, Certainty.CONTIGUITY_ASSUMED, Certainty.PARTLY_OVERWRITTEN,
             Certainty.OVERWRITTEN)  # fmt: skip
    said = np.ones(len(listing), dtype=np.int64)
    for number, certainty in enumerate(worst):
        said[listing.being("certainty", certainty)] = number
    left = sums["own"] + sums["shared"] + sums["unreadable"]
    found = np.where(sums["shared"] > 0, 2, 0)
    found = np.where(sums["lost"] > 0, np.where(left > 0, 3, 4), found)
    return np.array([str(one) for one in worst], dtype=object)[np.maximum(said, found)]
