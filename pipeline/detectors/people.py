"""People: distinct persons in records, by the strongest key each record has.

An identifier outranks name + birth date + place, which outranks name + birth date. A record with a name alone adds no
person: it is counted as ambiguous. Without an identifier the count is an interval, never a guess.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.detectors.hits import Hit
from pipeline.rules_values import IDENTIFIER_KINDS, value_tag

__all__ = ["PeopleCount", "PersonKey", "PersonRecord", "count_people", "records_of"]

_PLACES: Final = ("address", "postal-code")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRecord:
    """The values of one row by kind, as keyed tags; ``row`` is the register row it matched, or None."""

    record: str
    tags: Mapping[str, Sequence[str]]
    row: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonKey:
    """One distinct person: a digest key, what made them one, and the records they are in."""

    key: str
    basis: str
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleCount:
    """Distinct people between ``low`` and ``high`` (equal where exact), by ``rule``.

    ``ambiguous`` are records that name somebody but may be anybody already counted; ``households`` are distinct
    household numbers.
    """

    people: tuple[PersonKey, ...]
    low: int
    high: int
    rule: str
    records: int
    ambiguous: int
    households: int


def records_of(hits: Iterable[Hit], key: bytes, source: str) -> tuple[PersonRecord, ...]:
    """Group hits of one content by row and replace each value by its tag; ``source`` names the content."""
    rows: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for hit in sorted(hits, key=lambda hit: (hit.record_start, hit.start, hit.kind)):
        rows[hit.record_start][hit.kind].append(value_tag(key, hit.kind, hit.value))
    return tuple(
        PersonRecord(record=f"{source}+{start}", tags={kind: tuple(tags) for kind, tags in sorted(kinds.items())})
        for start, kinds in sorted(rows.items())
    )


def count_people(records: Iterable[PersonRecord]) -> PeopleCount:
    """Count distinct people: identifiers first, then weaker keys joined to them where that is unambiguous."""
    everything = sorted(records, key=lambda record: record.record)
    strong: dict[str, _Group] = {}
    weak: dict[str, _Group] = {}
    known: dict[str, set[str]] = defaultdict(set)
    pending: list[PersonRecord] = []
    for record in everything:
        identity = _identity(record)
        if identity is None:
            pending.append(record)
            continue
        strong.setdefault(identity[0], _Group(identity[1], [])).records.append(record.record)
        for key in _weak_keys(record):
            known[key].add(identity[0])
    ambiguous = sum(not _placed(record, strong, weak, known) for record in pending if _names_somebody(record))
    return _summary(strong, weak, everything, ambiguous)


@dataclass(slots=True)
class _Group:
    basis: str
    records: list[str]


def _identity(record: PersonRecord) -> tuple[str, str] | None:
    if record.row is not None:
        return f"register:{record.row}", "register"
    for kind in IDENTIFIER_KINDS:
        if tags := record.tags.get(kind):
            return f"{kind}:{tags[0]}", kind
    return None


def _weak_keys(record: PersonRecord) -> list[str]:
    return [
        f"{name}|{birth}" for name in record.tags.get("name", ()) for birth in record.tags.get("birth-date", ())[:1]
    ][:1]


def _names_somebody(record: PersonRecord) -> bool:
    return "name" in record.tags or "name-kana" in record.tags


def _placed(
    record: PersonRecord, strong: dict[str, _Group], weak: dict[str, _Group], known: Mapping[str, set[str]]
) -> bool:
    keys = _weak_keys(record)
    owners = known.get(keys[0], set()) if keys else set()
    if not keys or len(owners) > 1:
        return False
    if owners:
        strong[min(owners)].records.append(record.record)
        return True
    place = next((tag for kind in _PLACES for tag in record.tags.get(kind, ())[:1]), "")
    basis = "name+birth-date+place" if place else "name+birth-date"
    weak.setdefault(f"{keys[0]}|{place}", _Group(basis, [])).records.append(record.record)
    return True


def _summary(
    strong: Mapping[str, _Group], weak: Mapping[str, _Group], records: Sequence[PersonRecord], ambiguous: int
) -> PeopleCount:
    groups = {**strong, **weak}
    people = tuple(
        PersonKey(key=key, basis=group.basis, records=tuple(group.records)) for key, group in sorted(groups.items())
    )
    fewest = len(strong) + len({key.rpartition("|")[0] for key in weak})
    homes = {tag for record in records for tag in record.tags.get("household-number", ())}
    rule = "identifier" if not weak else "identifier, then name + birth date (low) or with the place (high)"
    named = sum(1 for record in records if _identity(record) or _names_somebody(record))
    return PeopleCount(
        people=people,
        low=fewest,
        high=len(groups),
        rule=rule,
        records=named,
        ambiguous=ambiguous,
        households=len(homes),
    )
