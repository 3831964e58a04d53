"""What two holdings have in common: people, records and values, counted both ways, and what sets them apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.copies_columns import Profile, distinct, numbered

__all__ = ["Comparison", "Side", "compare"]

NEARLY_ALL: Final = 0.95
"""Share of a part's records that the whole holds."""
REORDERED: Final = 0.9
"""Share of neighbouring people in the same order, below which a list counts as ordered anew."""

_Numbers = NDArray[np.uint64]


@dataclass(frozen=True)
class Side:
    """A holding with what comparisons ask of it again and again."""

    profile: Profile

    @cached_property
    def people(self) -> _Numbers:
        """Distinct people, ascending."""
        return self.profile.everyone

    @cached_property
    def tags(self) -> tuple[_Numbers, NDArray[np.int64]]:
        """Distinct values, ascending, and each finding's number among them."""
        return numbered(self.profile.tags)

    @cached_property
    def facts(self) -> tuple[_Numbers, NDArray[np.int64]]:
        """Distinct values with whose they are, ascending, and each finding's number among them."""
        return numbered(self.profile.facts)

    @cached_property
    def loose(self) -> _Numbers:
        """Distinct values of records that name no known person, ascending."""
        return distinct(self.profile.tags[self.profile.people == 0])

    @cached_property
    def kinds(self) -> frozenset[int]:
        """Numbers of the kinds of value."""
        return frozenset(np.unique(self.profile.kinds).tolist())

    @cached_property
    def encodings(self) -> frozenset[int]:
        """Numbers of the encodings."""
        return frozenset(np.unique(self.profile.encodings).tolist())

    @cached_property
    def records(self) -> tuple[NDArray[np.int64], int]:
        """Return each finding's record as a number from 0, and how many records there are."""
        different, numbers = numbered(self.profile.records)
        return numbers, len(different)

    @cached_property
    def appearance(self) -> _Numbers:
        """Distinct people in the order they first stand here."""
        found, numbers = numbered(self.profile.people)
        first = np.full(len(found), len(numbers))
        np.minimum.at(first, numbers, np.arange(len(numbers)))
        order = np.argsort(first, kind="stable")
        people: _Numbers = found[order][found[order] != 0]
        return people


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two sides share; ``…_held`` of ``…_compared`` records of a side are in the other."""

    people: int
    values: int
    left_compared: int
    left_held: int
    right_compared: int
    right_held: int
    in_order: float | None


def compare(left: Side, right: Side) -> Comparison:
    """Compare two holdings exactly."""
    shared = left.people[_in(left.people, right.people)]
    common = np.asarray(sorted(left.kinds & right.kinds), dtype=np.uint8)
    left_compared, left_held = _held(left, right, common)
    right_compared, right_held = _held(right, left, common)
    return Comparison(
        people=len(shared), values=int(_in(left.tags[0], right.tags[0]).sum()),
        left_compared=left_compared, left_held=left_held, right_compared=right_compared, right_held=right_held,
        in_order=_in_order(left.appearance, right.appearance, shared),
    )  # fmt: skip


def _held(side: Side, other: Side, common: NDArray[np.uint8]) -> tuple[int, int]:
    """Return how many records of a side have values of common kinds, and of how many all of these are in the other.

    A value counts with its person; without, where either side does not know whose it is. Records that single nobody out
    (headings, signatures) are asked only of a side on which none does.
    """
    profile, (records, count) = side.profile, side.records
    asked = np.isin(profile.kinds, common)
    known = profile.people != 0
    asked &= known if known.any() else True
    (facts, fact), (tags, tag) = side.facts, side.tags
    held = (known & _in(facts, other.facts[0])[fact]) | _in(tags, other.loose)[tag]
    held |= ~known & _in(tags, other.tags[0])[tag]
    have = np.bincount(records[asked], minlength=count) > 0
    lacking = np.bincount(records[asked & ~held], minlength=count) > 0
    return int(have.sum()), int((have & ~lacking).sum())


def _in(values: _Numbers, among: _Numbers) -> NDArray[np.bool_]:
    """Tell of each value whether it is among sorted ones."""
    if not len(among):
        return np.zeros(len(values), dtype=bool)
    places = np.searchsorted(among, values)
    places[places == len(among)] = 0
    found: NDArray[np.bool_] = among[places] == values
    return found


def _in_order(left: _Numbers, right: _Numbers, shared: _Numbers) -> float | None:
    """Return the share of neighbours among the shared people of one side that follow each other in the other too."""
    if len(shared) < 2:
        return None
    there = right[_in(right, shared)]
    order = np.argsort(there, kind="stable")
    ranks = order[np.searchsorted(there[order], left[_in(left, shared)])]
    return round(float(np.mean(np.diff(ranks) > 0)), 4)
