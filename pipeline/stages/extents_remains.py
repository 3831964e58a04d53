"""What is left of every deleted entry, summed while the image is swept, as rows of ``remains``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.records import Certainty
from pipeline.schemas import TABLES, schema_of
from pipeline.spans import Ints
from pipeline.stages.extents_claims import DELETED, SLACK, UNALLOCATED, UNREADABLE, Claims, owner_of, rank_of
from pipeline.stages.extents_listing import WORST, Listing
from pipeline.stages.extents_sweep import Account, Window

__all__ = ["Remains"]

_BATCH: Final = 1 << 16
_LOWERED: Final = (Certainty.CONTIGUITY_ASSUMED, Certainty.PARTLY_OVERWRITTEN, Certainty.OVERWRITTEN)
_STATES: Final = ("own", "shared", "unreadable", "lost")


class Remains:
    """Bytes of deleted entries by what became of them."""

    def __init__(self, listing: Listing, first_owner: int) -> None:
        self._listing = listing
        self._first_owner = first_owner
        self._rows = np.flatnonzero(listing.gone)
        self._sums = np.zeros((len(_STATES), len(self._rows)), dtype=np.int64)

    def watched(self, windows: Iterable[Window]) -> Iterator[Account]:
        """Yield the accounts of windows, having added up what they leave of deleted entries."""
        for window in windows:
            self._add(window.account, window.claims)
            yield window.account

    def _add(self, account: Account, claims: Claims) -> None:
        rank = rank_of(claims.key)
        gone = (rank >= DELETED) & (rank < SLACK)
        if not gone.any():
            return
        held = Claims(claims.start[gone], claims.end[gone], owner_of(claims.key[gone]) - self._first_owner)
        row = np.searchsorted(self._rows, held.key)
        for sums, flags in zip(self._sums, _states(account), strict=True):
            np.add.at(sums, row, _within(account.bounds, flags, held))

    def batches(self, exhibit: str) -> Iterator[pa.RecordBatch]:
        """Yield a row for every deleted entry that has bytes; twins of a stream share what is left of it."""
        schema = schema_of(TABLES["remains"])
        of = np.searchsorted(self._rows, self._listing.of[self._rows])
        for low in range(0, len(self._rows), _BATCH):
            sums = self._sums[:, of[low : low + _BATCH]]
            listed = sums.sum(axis=0) > 0
            rows, sums = self._rows[low : low + _BATCH][listed], sums[:, listed]
            columns = {
                "file": self._listing.ids.take(pa.array(rows)),
                "exhibit": pa.repeat(exhibit, len(rows)),
                **{name: pa.array(values) for name, values in zip(_STATES, sums, strict=True)},
                "certainty": pa.array(_certainties(self._listing.certainty[rows], sums).tolist(), type=pa.string()),
            }
            yield pa.RecordBatch.from_arrays([columns[name].cast(schema.field(name).type) for name in schema.names],
                                             schema=schema)  # fmt: skip


def _states(account: Account) -> tuple[npt.NDArray[np.bool_], ...]:
    """Return for each of ``_STATES`` which pieces are so to a deleted entry that claims them."""
    rank = rank_of(account.key)
    ours, free, unreadable = (rank >= DELETED) & (rank < SLACK), rank == UNALLOCATED, rank == UNREADABLE
    shared = np.zeros(len(rank), dtype=bool)
    shared[account.shared] = True
    return (ours & ~shared) | free, ours & shared, unreadable, ~ours & ~free & ~unreadable


def _within(bounds: Ints, flags: npt.NDArray[np.bool_], held: Claims) -> Ints:
    """Return how many bytes of each claim lie in flagged pieces."""
    before = np.concatenate([[0], np.cumsum(np.where(flags, np.diff(bounds), 0))])

    def up_to(offset: Ints) -> Ints:
        piece = np.minimum(np.searchsorted(bounds, offset, side="right") - 1, len(flags) - 1)
        inside: Ints = before[piece] + np.where(flags[piece], offset - bounds[piece], 0)
        return inside

    return up_to(held.end) - up_to(held.start)


def _certainties(said: npt.NDArray[Any], sums: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Lower what the listing says: nothing that others hold too is intact, nothing that is lost is whole."""
    own, shared, unreadable, lost = sums
    assumed, partly, gone = map(WORST.index, _LOWERED)
    found = np.where(shared > 0, assumed, 0)
    found = np.where(lost > 0, np.where(own + shared + unreadable > 0, partly, gone), found)
    worst: npt.NDArray[Any] = np.array([str(one) for one in WORST], dtype=object)[np.maximum(said, found)]
    return worst
