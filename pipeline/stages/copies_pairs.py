"""Which holdings are worth comparing: those that share people, or telling values of records that name no known person.

Candidates come from an inverted index over what few holdings share; the comparison itself is exact. What bounds the
work is stated in the result, never silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.copies_columns import Profile, distinct

__all__ = ["Candidates", "candidates"]

LEAST: Final = 3
"""People, or values of nobody known, that two holdings share at least: fewer are in every second letter."""
COMMON: Final = 256
"""A person or value in more holdings than this tells no copy from another."""
PARTNERS: Final = 32
"""Holdings that one is compared with, those that share most first."""
PAIRS: Final = 50_000
"""Pairs that are compared at all, in the order of the holdings."""
_GROUPS: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs of holdings in order; ``cut`` holdings may have partners that they are not compared with."""

    pairs: tuple[tuple[int, int], ...]
    cut: int


def candidates(profiles: Sequence[Profile], telling: NDArray[np.bool_]) -> Candidates:
    """Return the pairs to compare; ``telling`` says by the number of a kind whether few people share its values."""
    keys, owners = _postings(profiles, telling)
    found: set[tuple[int, int]] = set()
    cut = 0
    starts = np.flatnonzero(np.diff(keys, prepend=keys[:1] - np.uint64(1))) if len(keys) else np.empty(0, np.int64)
    lengths = np.diff(starts, append=len(keys))
    everywhere = _everywhere(profiles, keys, starts, lengths, owners)
    shared = (lengths > 1) & (lengths <= COMMON)
    starts, lengths = starts[shared], lengths[shared]
    order = np.repeat(np.arange(len(starts)), lengths)
    members = owners[_ranges(starts, lengths)]
    by_holding = np.argsort(members, kind="stable")
    bounds = np.searchsorted(members[by_holding], np.arange(len(profiles) + 1))
    for one in range(len(profiles)):
        groups = order[by_holding[bounds[one] : bounds[one + 1]]]
        partners, more = _partners(one, groups, starts, lengths, owners, len(profiles))
        cut += more or bool(everywhere[one])
        found.update((min(one, other), max(one, other)) for other in partners)
    pairs = sorted(found)
    return Candidates(pairs=tuple(pairs[:PAIRS]), cut=cut + len({one for one, _ in pairs[PAIRS:]}))


def _everywhere(
    profiles: Sequence[Profile], keys: NDArray[np.uint64], starts: NDArray[np.int64], lengths: NDArray[np.int64],
    owners: NDArray[np.int64],
) -> NDArray[np.bool_]:  # fmt: skip
    """Tell which holdings have people that stand in too many others for candidates: daily exports of one list, say."""
    common = np.flatnonzero(lengths > COMMON)
    if not len(common):
        return np.zeros(len(profiles), dtype=bool)
    people = distinct(np.concatenate([one.everyone for one in profiles]))
    common = common[np.isin(keys[starts[common]], people)]
    members = owners[_ranges(starts[common], lengths[common])]
    found: NDArray[np.bool_] = np.bincount(members, minlength=len(profiles)) >= LEAST
    return found


def _postings(profiles: Sequence[Profile], telling: NDArray[np.bool_]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return (key, holding) sorted: people, and those telling values that somewhere stand without a known person."""
    nobody = [distinct(one.tags[(one.people == 0) & telling[one.kinds]]) for one in profiles]
    loose = distinct(np.concatenate(nobody)) if nobody else np.empty(0, np.uint64)
    parts = []
    for number, one in enumerate(profiles):
        values = distinct(one.tags[telling[one.kinds]])
        own = np.concatenate([one.everyone, values[np.isin(values, loose)]])
        parts.append((own, np.full(len(own), number, dtype=np.int64)))
    if not parts:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    keys, owners = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((owners, keys))
    return keys[order], owners[order]


def _partners(
    one: int, groups: NDArray[np.int64], starts: NDArray[np.int64], lengths: NDArray[np.int64],
    owners: NDArray[np.int64], holdings: int,
) -> tuple[list[int], bool]:  # fmt: skip
    """Return the holdings that share most with one, and whether there were more than are compared."""
    counts = np.zeros(holdings, dtype=np.int64)
    for first in range(0, len(groups), _GROUPS):
        members = owners[_ranges(starts[groups[first : first + _GROUPS]], lengths[groups[first : first + _GROUPS]])]
        if len(members) >= holdings:
            counts += np.bincount(members, minlength=holdings)
        else:
            np.add.at(counts, members, 1)
    counts[one] = 0
    partners = np.flatnonzero(counts >= LEAST)
    best = partners[np.argsort(-counts[partners], kind="stable")]
    return best[:PARTNERS].tolist(), len(best) > PARTNERS


def _ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the indexes of stretches, one after the other."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))
