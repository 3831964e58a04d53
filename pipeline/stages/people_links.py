"""Who records are of: by a register, by an identifier, by name and birth date, and by what ties them to somebody known.

A record that does not name somebody by itself is tied to a person by a key that only this person's records have. A key
that records of several people have ties nobody: what is ambiguous stays so. An identifier ties records of another one
only where both belong together one to one, for a row may bear the head of household's code beside a member's number.
Keys are 64 bits of keyed tags, combined: for ten million distinct ones two are equal by chance once in 370,000 cases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.digests import hexadecimal, numbered
from pipeline.records import identify
from pipeline.register import Register
from pipeline.register_match import TagTable
from pipeline.stages.people_columns import Detections, Owners, Values, values_of

__all__ = ["owners_of", "people_in"]

IDENTIFIERS: Final = ("citizen-code", "my-number", "resident-code")
SUPPORT: Final = ("address", "postal-code", "phone", "email", "bank-account", "household-number")
_PAIR: Final = ("name", "birth-date")
_TIES: Final = (
    *((*_PAIR, kind) for kind in SUPPORT), ("name-kana", "bank-account"), ("name", "bank-account"), ("name", "phone"),
    ("name", "email"), ("name", "address"), *(("name-kana", "birth-date", kind) for kind in SUPPORT),
)  # fmt: skip
"""Kinds that together tie a record to somebody known. Kana with a birth date alone are no tie: 2,199 of 460,517 made-up
people share them."""
_NOBODY: Final = -1
_SEVERAL: Final = -2
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
"""The golden ratio in 64 bits (Knuth, The Art of Computer Programming 3, §6.4): the order of kinds counts."""
_Ints = NDArray[np.int64]
_Keys = NDArray[np.uint64]


class _Naming:
    """Gathers who records are of; the first reason that singles out somebody stands."""

    def __init__(self, records: int) -> None:
        self.people: dict[str, int] = {}
        self.reasons: dict[tuple[str, str | None], int] = {}
        self.person = np.full(records, -1, np.int64)
        self.reason = np.full(records, -1, np.int64)

    def name(self, records: _Ints, who: Sequence[str], reasons: Sequence[tuple[str, str | None]]) -> None:
        """Say who some records are of."""
        self.person[records] = [self.people.setdefault(one, len(self.people)) for one in who]
        self.reason[records] = [self.reasons.setdefault(one, len(self.reasons)) for one in reasons]

    def open(self, records: _Ints) -> _Ints:
        """Return those of some records that are nobody's yet."""
        return records[self.person[records] < 0]

    def tie(self, records: _Ints, keys: _Keys, *, one_to_one: bool = False) -> _Ints:
        """Give open records to the one person whose records have their key; return those with a key of nobody.

        ``one_to_one`` asks that this person's records have no other key, else the key counts as nobody's.
        """
        known = self.person[records] >= 0
        if known.all():
            return np.empty(0, np.int64)
        values, person = _owned(keys[known], self.person[records][known], one_to_one=one_to_one)
        open_, wanted = records[~known], keys[~known]
        owner = np.full(len(wanted), _NOBODY, np.int64)
        if len(values):
            place = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
            owner = np.where(values[place] == wanted, person[place], _NOBODY)
        self._give(open_[owner >= 0], owner[owner >= 0])
        return np.asarray(open_[owner == _NOBODY], np.int64)

    def _give(self, records: _Ints, owners: _Ints) -> None:
        known = np.flatnonzero(self.person >= 0)
        reason = np.empty(len(self.people), np.int64)
        reason[self.person[known][::-1]] = self.reason[known][::-1]
        self.person[records] = owners
        self.reason[records] = reason[owners]


def _owned(keys: _Keys, people: _Ints, *, one_to_one: bool) -> tuple[_Keys, _Ints]:
    """Return distinct keys with the one person each is of, or with _SEVERAL, or _NOBODY where the tie is void."""
    order = np.lexsort((people, keys))
    keys, people = keys[order], people[order]
    new = np.ones(len(keys), dtype=bool)
    new[1:] = (keys[1:] != keys[:-1]) | (people[1:] != people[:-1])
    values, first, count = np.unique(keys[new], return_index=True, return_counts=True)
    person = np.where(count == 1, people[new][first], _SEVERAL)
    if one_to_one and len(values):
        has = np.bincount(people[new])
        person = np.where((person >= 0) & (has[person] > 1), _NOBODY, person)
    return values, person


def owners_of(rows: Detections, registers: Mapping[str, Register]) -> Owners:
    """Return who each record is of; nobody where the record does not single one out.

    In this order: the row of a register; one identifier; name with birth date; and last what ties a record to somebody
    so known. A record with two different names, or two identifiers of a kind, singles out nobody by them.
    """
    values, naming = values_of(rows), _Naming(rows.records)
    for dataset in sorted(registers):
        _by_register(naming, dataset, registers[dataset], rows, values)
    singles = {kind: _single(values, number, rows.records) for number, kind in enumerate(rows.kinds)}
    for kind in IDENTIFIERS:
        if kind in singles:
            records, keys = _keyed(values, singles, (kind,))
            new = naming.tie(records, keys, one_to_one=True)
            tags = _digits(values, singles[kind][new])
            named = _each(lambda tag, kind=kind: identify("person", kind, tag), tags)  # type: ignore[misc]
            naming.name(new, named, [(kind, None)] * len(new))
    if set(_PAIR) <= singles.keys():
        _by_name(naming, values, singles)
    for kinds in _TIES:
        if set(kinds) <= singles.keys():
            naming.tie(*_keyed(values, singles, kinds))
    return Owners(list(naming.people), list(naming.reasons), naming.person, naming.reason)


def _by_register(naming: _Naming, dataset: str, register: Register, rows: Detections, values: Values) -> None:
    table = TagTable(rows.kinds, values.record, values.kind, values.high.byteswap())
    found = register.match_many(table, rows.records)
    records = naming.open(np.flatnonzero(found.rows >= 0))
    who = people_in(dataset, found.rows[records])
    bits = _each(lambda bits: _basis(rows.kinds, bits), found.kinds[records].tolist())
    naming.name(records, who, [(f"register:{basis}", dataset) for basis in bits])


def people_in(dataset: str, rows: _Ints) -> list[str]:
    """Return the ids of the people in rows of a register."""
    ids: list[str] = hexadecimal(numbered(("person", dataset), rows, np.zeros_like(rows))).to_pylist()
    return ids


def _basis(kinds: Sequence[str], bits: int) -> str:
    return "+".join(kind for number, kind in enumerate(kinds) if bits >> number & 1)


def _by_name(naming: _Naming, values: Values, singles: Mapping[str, _Ints]) -> None:
    """Tie records to the one person known by their name and birth date; make those whom nobody has new people."""
    records, keys = _keyed(values, singles, _PAIR)
    records = naming.tie(records, keys)
    support = np.full(len(records), len(SUPPORT))
    for number in range(len(SUPPORT) - 1, -1, -1):
        if SUPPORT[number] in singles:
            support[singles[SUPPORT[number]][records] >= 0] = number
    bases = [*(f"name+birth-date+{kind}" for kind in SUPPORT), "name+birth-date"]
    parts = (_digits(values, singles[kind][records]) for kind in _PAIR)
    who = _each(lambda pair: identify("person", "name", *pair), list(zip(*parts, strict=True)))
    naming.name(records, who, [(bases[number], None) for number in support.tolist()])


def _keyed(values: Values, singles: Mapping[str, _Ints], kinds: Sequence[str]) -> tuple[_Ints, _Keys]:
    """Return the records that have one value of each kind, and those values as one key."""
    has = np.logical_and.reduce([singles[kind] >= 0 for kind in kinds])
    records = np.flatnonzero(has)
    keys = np.zeros(len(records), np.uint64)
    for kind in kinds:
        keys = keys * _MIX + values.high[singles[kind][records]]
    return records, keys


def _single(values: Values, kind: int, records: int) -> _Ints:
    """Return, for each record, the place of its one value of a kind; -1 where it has none or several."""
    own = np.flatnonzero(values.kind == kind)
    place = np.full(records, -1, np.int64)
    place[values.record[own]] = own
    place[np.bincount(values.record[own], minlength=records) != 1] = -1
    return place


def _digits(values: Values, places: _Ints) -> list[str]:
    pairs = zip(values.high[places].tolist(), values.low[places].tolist(), strict=True)
    return [f"{high:016x}{low:016x}" for high, low in pairs]


def _each(make: Callable[[Any], str], keys: Sequence[Any]) -> list[str]:
    """Return what is made of each key, once for equal ones."""
    known = {key: make(key) for key in dict.fromkeys(keys)}
    return [known[key] for key in keys]
