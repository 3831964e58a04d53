"""The account itself: claims laid over each other, at each byte one of them, and all that claim it.

The image is swept from its start to its end, a window at a time: in memory are the claims of one window and of the
long ones that reach into it. Where windows are cut makes no difference: pieces that go on are joined again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.spans import NONE, Ints, counted, cuts, painted, smallest
from pipeline.stages.extents_claims import DELETED, LIVE, SLACK, UNALLOCATED, Claims, key_of, owner_of, rank_of
from pipeline.stages.extents_listing import Listing

__all__ = ["MOST", "WINDOW", "Account", "Listed", "Stated", "Window", "account", "joined", "swept"]

MOST: Final = 8
"""How many claimants of a run are kept; the rest are counted."""
WINDOW: Final = 1 << 16
"""Claims that begin in a window, at most; more where as many reach into it, so that none is laid out again and again"""


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
        return int(self.bounds[-1] - self.bounds[0])

    def between(self, first: int, stop: int) -> Account:
        """Return some pieces."""
        kept = (self.shared >= first) & (self.shared < stop)
        return Account(self.bounds[first : stop + 1], self.key[first:stop], self.shared[kept] - first,
                       self.claimants[kept], self.counts[kept])  # fmt: skip

    def followed(self, after: Account) -> Account:
        """Return the pieces of two accounts, the second of which begins where the first ends."""
        return Account(
            np.concatenate([self.bounds[:-1], after.bounds]), np.concatenate([self.key, after.key]),
            np.concatenate([self.shared, after.shared + len(self.key)]),
            np.concatenate([self.claimants, after.claimants]), np.concatenate([self.counts, after.counts]),
        )  # fmt: skip


class Layer(Protocol):
    """Stretches by which claims are made, in the order of where they begin."""

    @property
    def start(self) -> Ints: ...

    @property
    def end(self) -> Ints: ...

    def claims(self, which: Ints) -> Claims:
        """Return the claims that some stretches make."""


@dataclass(frozen=True, slots=True)
class Stated:
    """Claims as they are, in the order of where they begin."""

    start: Ints
    end: Ints
    key: Ints

    @classmethod
    def of(cls, claims: Claims) -> Stated:
        """Put claims in order."""
        order = np.argsort(claims.start, kind="stable")
        return cls(claims.start[order], claims.end[order], claims.key[order])

    def claims(self, which: Ints) -> Claims:
        """Return the claims that some stretches make."""
        return Claims(self.start[which], self.end[which], self.key[which])


@dataclass(frozen=True, slots=True)
class Listed:
    """What the entries of a listing claim: content, and slack behind it where they are allocated."""

    listing: Listing
    first_owner: int

    @property
    def start(self) -> Ints:
        """Return where stretches begin."""
        return self.listing.start

    @property
    def end(self) -> Ints:
        """Return where stretches end."""
        return self.listing.end

    def claims(self, which: Ints) -> Claims:
        """Return the claims that some stretches make."""
        start, used, end = self.listing.start[which], self.listing.used[which], self.listing.end[which]
        entry = self.listing.entry[which].astype(np.int64)
        rank, owner = self.listing.rank[entry].astype(np.int64), self.first_owner + entry
        behind = rank >= LIVE
        slack = Claims(used[behind], end[behind], key_of(SLACK, owner[behind]))
        return Claims.joined([Claims(start, used, key_of(rank, owner)), slack])


@dataclass(frozen=True, slots=True)
class Window:
    """A part of an image: its account, and the claims that it closes, cut to it."""

    account: Account
    claims: Claims


def swept(size: int, layers: Sequence[Layer], base: int, first_owner: int, *, most: int = WINDOW) -> Iterator[Window]:
    """Yield the windows of an image from its start to its end.

    Args:
        size: of the image.
        layers: who says what.
        base: key of the bytes that nobody claims.
        first_owner: number of the first entry; smaller ones are labels.
        most: stretches of a layer that begin in a window, unless as many reach into it.
    """
    low, at = 0, [int(np.searchsorted(layer.start, 0)) for layer in layers]
    reaching = [np.arange(first) for first in at]
    while low < size:
        most = max(most, *(len(which) for which in reaching))
        high = min(_end_of(layer.start, first + most, low, size) for layer, first in zip(layers, at, strict=True))
        stop = [int(np.searchsorted(layer.start, high)) for layer in layers]
        mine = [np.concatenate([which, np.arange(*part)])
                for which, *part in zip(reaching, at, stop, strict=True)]  # fmt: skip
        said = [layer.claims(which) for layer, which in zip(layers, mine, strict=True)]
        claims = Claims.joined(said).within(low, high)
        yield Window(account(low, high, claims, base, first_owner=first_owner), claims)
        reaching = [which[layer.end[which] > high] for layer, which in zip(layers, mine, strict=True)]
        low, at = high, stop


def _end_of(start: Ints, place: int, low: int, size: int) -> int:
    """Return where a window from ``low`` ends so that what begins in it is before ``place``, or all at ``low``."""
    place = max(place, int(np.searchsorted(start, low, side="right")))
    return min(int(start[place]), size) if place < len(start) else size


def joined(accounts: Iterable[Account]) -> Iterator[Account]:
    """Yield the pieces of windows with those that go on joined, across windows as well."""
    held: Account | None = None
    for one in accounts:
        whole = _joined(one if held is None else held.followed(one))
        if len(whole.key) > 1:
            yield whole.between(0, len(whole.key) - 1)
        held = whole.between(len(whole.key) - 1, len(whole.key))
    if held is not None:
        yield held


def account(low: int, high: int, claims: Claims, base: int, *, first_owner: int) -> Account:
    """Return the pieces of a part of an image, not joined: at each byte the smallest key holds.

    Deleted entries hold only what is unallocated: where the file system says that a cluster is in use, it is of the
    live file that claims it, or allocated but unlisted, and the deleted entry is one more claimant.

    Args:
        low: where the part begins.
        high: where it ends.
        claims: who says what of it.
        base: key of the bytes that nobody claims.
        first_owner: number of the first entry; smaller ones are labels.
    """
    bounds = low + cuts(high - low, claims.start - low, claims.end - low)
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
    return Account(bounds, key, shared, claimants, counts)


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


def _joined(pieces: Account) -> Account:
    """Join neighbours that have the same holder and the same claimants."""
    bounds, key, shared = pieces.bounds, pieces.key, pieces.shared
    claimants, counts = pieces.claimants, pieces.counts
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
