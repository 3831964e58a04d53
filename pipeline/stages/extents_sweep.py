"""The account itself: claims laid over each other, at each byte one of them, and all that claim it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.spans import NONE, Ints, counted, cuts, painted, smallest
from pipeline.stages.extents_claims import DELETED, SLACK, UNALLOCATED, Claims, owner_of, rank_of

__all__ = ["MOST", "Account", "account"]

MOST: Final = 8
"""How many claimants of a run are kept; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Account:
    """Pieces of an image from ``bounds[n]`` to ``bounds[n + 1]`` with the key that holds each.

    ``shared`` numbers the pieces that several entries claim; ``claimants`` and ``counts`` have a row for each.
    """

    bounds: Ints
    key: Ints
    shared: Ints
    claimants: Ints
    counts: Ints

    @property
    def size(self) -> int:
        """Bytes accounted for."""
        return int(self.bounds[-1])


def account(size: int, claims: Claims, base: int, first_owner: int) -> Account:
    """Return the pieces of an image: at each byte the smallest key holds, whatever the order of the claims.

    Deleted entries hold only what is unallocated: where the file system says that a cluster is in use, it is of the
    live file that claims it, or allocated but unlisted, and the deleted entry is one more claimant.

    Args:
        size: of the image.
        claims: who says what.
        base: key of the bytes that nobody claims.
        first_owner: number of the first entry; smaller ones are labels.
    """
    claims = claims.within(0, size)
    bounds = cuts(size, claims.start, claims.end)
    first, stop = np.searchsorted(bounds, claims.start), np.searchsorted(bounds, claims.end)
    pieces = len(bounds) - 1
    rank = rank_of(claims.key)
    gone = (rank >= DELETED) & (rank < SLACK)
    key = np.minimum(painted(pieces, first[~gone], stop[~gone], claims.key[~gone]), base)
    deleted = painted(pieces, first[gone], stop[gone], claims.key[gone])
    free = (rank_of(key) == UNALLOCATED) & (deleted != NONE)
    key[free] = deleted[free]
    owned = owner_of(claims.key) >= first_owner
    shared, claimants, counts = _shared(pieces, first[owned], stop[owned], claims.key[owned])
    return _joined(bounds, key, shared, claimants, counts)


def _shared(pieces: int, first: Ints, stop: Ints, keys: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the pieces that several entries claim, who they are (a row of ``MOST``, -1 for none), and how many."""
    counts = counted(pieces, first, stop)
    several = counts > 1
    number = np.concatenate([[0], np.cumsum(several)])
    low, high = number[first], number[stop]
    held = low < high
    owners = smallest(int(number[-1]), low[held], high[held], keys[held], most=MOST)
    full = owners[:, -1] != NONE
    owners = np.where(owners == NONE, -1, owner_of(owners))
    for column in range(1, MOST):
        again = (owners[:, :column] == owners[:, column : column + 1]).any(axis=1)
        owners[again, column] = -1
    distinct = (owners >= 0).sum(axis=1)
    kept = distinct > 1
    total = np.where(full, np.maximum(counts[several], distinct), distinct)
    return np.flatnonzero(several)[kept], owners[kept], total[kept].astype(np.int64)


def _joined(bounds: Ints, key: Ints, shared: Ints, claimants: Ints, counts: Ints) -> Account:
    """Join neighbours that have the same holder and the same claimants."""
    row = np.full(len(key), -1, dtype=np.int64)
    row[shared] = np.arange(len(shared))
    new = np.ones(len(key), dtype=bool)
    new[1:] = (key[1:] != key[:-1]) | _differ(row[1:], row[:-1], claimants, counts)
    kept = np.flatnonzero(new)
    of = row[kept]
    held = of >= 0
    return Account(
        bounds=np.append(bounds[kept], bounds[-1]), key=key[kept], shared=np.flatnonzero(held),
        claimants=claimants[of[held]], counts=counts[of[held]],
    )  # fmt: skip


def _differ(right: Ints, left: Ints, claimants: Ints, counts: Ints) -> npt.NDArray[np.bool_]:
    differ: npt.NDArray[np.bool_] = (right < 0) != (left < 0)
    both = np.flatnonzero((right >= 0) & (left >= 0))
    differ[both] = (claimants[right[both]] != claimants[left[both]]).any(axis=1) | (
        counts[right[both]] != counts[left[both]]
    )
    return differ
