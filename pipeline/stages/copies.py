"""Writes ``holdings`` and ``copies``: what each content holds of people, and which holdings are copies of which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import numpy as np

from pipeline.records import Copy, Holding, Severity, diagnose, identify
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context
from pipeline.stages.copies_columns import COLUMNS, TELLING, Gathered, distinct, gather
from pipeline.stages.copies_owners import Datasets, Owners
from pipeline.stages.copies_pairs import COMMON, LEAST, PARTNERS, candidates
from pipeline.stages.copies_relation import NEARLY_ALL, REORDERED, Comparison, Side, compare

__all__ = ["CopiesStage"]

ENOUGH: Final = 10
"""Records of a part that a whole holds, from which on the part may have been made from it; a letter names fewer."""
_NO_FORM: Final = frozenset({"ascii", "text", "bytes"})


@dataclass(frozen=True, slots=True)
class _One:
    """A holding as it is compared: its row, its columns, and its words."""

    row: Holding
    side: Side
    kinds: frozenset[str]
    forms: frozenset[str]


class CopiesStage(Stage):
    """Compares what every content, and the bytes outside of contents, hold of people."""

    name: ClassVar[str] = "copies"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("findings", "people", "files")
    writes: ClassVar[tuple[str, ...]] = ("holdings", "copies")

    def units(self, context: Context) -> Sequence[Unit]:
        """Return the one unit: copies are looked for over the whole case."""
        del context
        return [Unit(key="case")]

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Gather the holdings, compare those that share people, and join copies to families."""
        store = context.store
        labels = sorted(exhibit.label for exhibit in context.case.exhibits)
        found = gather((label, store.batches("findings", exhibit=label, columns=COLUMNS)) for label in labels)
        holdings = list(_holdings(found, Owners(store), Datasets(store)))
        copies = list(_same_contents(holdings))
        for row in _compared(found, holdings, item.address):
            if isinstance(row, Copy):
                copies.append(row)
            else:
                yield "diagnostics", row
        family, nearest = _families(copies), _nearest(copies)
        for one in holdings:
            yield "holdings", replace(one.row, family=family.get(one.row.id, ""))
        for copy in copies:
            yield "copies", replace(copy, nearest=copy.id in nearest)


def _holdings(found: Gathered, owners: Owners, datasets: Datasets) -> Iterator[_One]:
    """Yield the holdings of people; values that name nobody count from a few on."""
    telling = np.asarray([kind in TELLING for kind in found.kinds], dtype=bool)
    for place, profile in zip(found.places, found.profiles, strict=True):
        side = Side(profile)
        values = len(distinct(profile.tags[telling[profile.kinds]]))
        if not len(side.people) and values < LEAST:
            continue
        kinds = frozenset(found.kinds[number] for number in side.kinds)
        forms = frozenset(found.encodings[number] for number in side.encodings)
        home = found.kinds.index("household-number") if "household-number" in kinds else -1
        file = owners.of(place)
        row = Holding(
            id=identify("holding", place.exhibit, place.content, "" if place.content else place.file),
            exhibit=place.exhibit, content=place.content, file=place.file, address=file.address, path=file.path,
            origin=file.origin, type=file.type, files=file.files,
            records=len(distinct(profile.records[profile.people != 0])), people=len(side.people),
            households=len(distinct(profile.tags[profile.kinds == home])), values=values,
            datasets=datasets.of(side.people), kinds=tuple(sorted(kinds)), encodings=tuple(sorted(forms)), family="",
        )  # fmt: skip
        yield _One(row, side, kinds, forms)


def _same_contents(holdings: Sequence[_One]) -> Iterator[Copy]:
    """Yield each further exhibit's holding of a content as a copy of the first one's."""
    first: dict[str, _One] = {}
    for one in holdings:
        if not one.row.content or first.setdefault(one.row.content, one) is one:
            continue
        row, people = one.row, one.row.people
        whole = first[row.content].row
        yield _copy(row, whole, "same-content", Comparison(
            people=people, values=row.values, left_compared=row.records, left_held=row.records,
            right_compared=row.records, right_held=row.records, in_order=1.0 if people > 1 else None,
        ))  # fmt: skip


def _compared(found: Gathered, holdings: Sequence[_One], address: str) -> Iterator[Any]:
    """Yield the copies among different contents, and what bounds left out."""
    first: dict[str, _One] = {}
    apart = [one for one in holdings if first.setdefault(one.row.content or one.row.id, one) is one]
    telling = np.asarray([kind in TELLING for kind in found.kinds], dtype=bool)
    chosen = candidates([one.side.profile for one in apart], telling)
    if chosen.cut:
        message = (
            f"{chosen.cut} holdings share people with more than {PARTNERS} others, or people that stand in more than "
            f"{COMMON}, or came late in too many pairs; they were compared with those that share most besides, so that "
            "the list of their copies may be short"
        )
        yield diagnose("copies", address, "copies-limit", message, Severity.WARNING)
    for left, right in chosen.pairs:
        result = compare(apart[left].side, apart[right].side)
        if result.people >= LEAST or result.values >= ENOUGH:
            yield _judged(apart[left], apart[right], result)


def _judged(left: _One, right: _One, found: Comparison) -> Copy:
    """Name the part, the relation and the changes of two holdings."""
    left_share, right_share = (
        _share(found.left_held, found.left_compared),
        _share(found.right_held, found.right_compared),
    )
    if (left_share, -left.row.people, -len(left.kinds)) > (right_share, -right.row.people, -len(right.kinds)):
        part, whole = left, right
    else:
        part, whole = right, left
        found = replace(
            found, left_compared=found.right_compared, left_held=found.right_held, right_compared=found.left_compared,
            right_held=found.left_held,
        )  # fmt: skip
    share, back = max(left_share, right_share), min(left_share, right_share)
    same = share == back == 1 and part.row.people == whole.row.people == found.people
    relation = "same-records" if same else "part" if share >= NEARLY_ALL else "overlap"
    return _copy(part.row, whole.row, relation, found, _changes(part, whole, found))


def _share(count: int, of: int) -> float:
    return round(count / of, 4) if of else 0.0


def _changes(part: _One, whole: _One, found: Comparison) -> tuple[str, ...]:
    """Return what sets a part apart from its whole."""
    forms = part.forms - _NO_FORM, whole.forms - _NO_FORM
    said = {
        "inside": _inside(part.row, whole.row),
        "re-encoded": bool(forms[0] and forms[1] and not forms[0] & forms[1]),
        "repacked": part.row.type != whole.row.type,
        "re-ordered": found.in_order is not None and found.in_order < REORDERED,
        "filtered": found.right_held < found.right_compared,
        "columns-dropped": bool(whole.kinds - part.kinds),
        "columns-added": bool(part.kinds - whole.kinds),
    }
    return tuple(name for name, holds in said.items() if holds)


def _inside(one: Holding, other: Holding) -> bool:
    """Tell whether one of two holdings lies in the other, which is no copy."""
    return one.address.startswith(f"{other.address}!member") or other.address.startswith(f"{one.address}!member")


def _copy(part: Holding, whole: Holding, relation: str, found: Comparison, changes: tuple[str, ...] = ()) -> Copy:
    enough = found.left_held >= (ENOUGH if relation == "part" else LEAST)
    return Copy(
        id=identify("copy", part.id, whole.id), part=part.id, whole=whole.id, part_exhibit=part.exhibit,
        whole_exhibit=whole.exhibit, relation=relation, changes=changes,
        lineage=relation != "overlap" and "inside" not in changes and (enough or relation == "same-content"),
        nearest=False,
        people=found.people, part_people=part.people, whole_people=whole.people,
        part_share=_share(found.people, part.people), whole_share=_share(found.people, whole.people),
        part_records=found.left_compared, part_records_held=found.left_held, whole_records=found.right_compared,
        whole_records_held=found.right_held, values=found.values,
        dropped=tuple(sorted(set(whole.kinds) - set(part.kinds))),
        added=tuple(sorted(set(part.kinds) - set(whole.kinds))), in_order=found.in_order,
    )  # fmt: skip


def _nearest(copies: Sequence[Copy]) -> frozenset[str]:
    """Return, for each part, the id of the copy whose whole holds fewest people and records besides."""
    best: dict[str, tuple[tuple[bool, int, int, str], str]] = {}
    for copy in copies:
        key = copy.relation != "same-content", copy.whole_people, copy.whole_records, copy.whole
        if copy.lineage and (copy.part not in best or key < best[copy.part][0]):
            best[copy.part] = key, copy.id
    return frozenset(key for _, key in best.values())


def _families(copies: Sequence[Copy]) -> Mapping[str, str]:
    """Return the smallest id of each holding's family: what copies join, directly or through others."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for copy in copies:
        if copy.lineage:
            one, other = sorted((root(copy.part), root(copy.whole)))
            parent[other] = one
    return {key: root(key) for key in sorted(parent)}
