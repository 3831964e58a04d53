"""Detections as arrays: which record each belongs to, the distinct values of each record, who each record is of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.records import identify
from pipeline.register import Register
from pipeline.register_match import TagTable

__all__ = ["COLUMNS", "Detections", "Owners", "Values", "owners_of", "read_detections", "values_of"]

COLUMNS: Final = ("id", "exhibit", "kind", "value_tag", "record")
IDENTIFIERS: Final = ("citizen-code", "my-number", "resident-code")
SUPPORT: Final = ("address", "postal-code", "phone", "email", "bank-account", "household-number")
_ID_BYTES: Final = 12
_TAG_BYTES: Final = 16
_Ints = NDArray[np.int64]
_Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Detections:
    """One entry for each detection, in order; records are numbered as they first appear.

    ``high`` and ``low`` are the halves of a value's tag, in the order of their digits. ``alone`` says which detections
    have no record and are one by themselves.
    """

    kinds: Sequence[str]
    exhibits: Sequence[str]
    record: NDArray[np.int32]
    records: int
    kind: NDArray[np.int16]
    exhibit: NDArray[np.int32]
    high: _Words
    low: _Words
    alone: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Values:
    """The distinct values of records, ordered by record, kind and tag."""

    record: _Ints
    kind: _Ints
    high: _Words
    low: _Words


@dataclass(frozen=True, slots=True)
class Owners:
    """Who records are of: for each record the number of a person, or -1, and of what made them one."""

    people: Sequence[str]
    reasons: Sequence[tuple[str, str | None]]
    person: _Ints
    reason: _Ints


def read_detections(batches: Iterable[pa.RecordBatch]) -> Detections:
    """Read the columns that count."""
    names: dict[str, dict[str, int]] = {"kind": {}, "exhibit": {}}
    parts: dict[str, list[NDArray[np.generic]]] = {}
    for batch in batches:
        for name, found in names.items():
            parts.setdefault(name, []).append(_numbered(batch.column(name), found))
        alone = pc.equal(batch.column("record"), "")
        record = pc.if_else(alone, batch.column("id"), batch.column("record"))
        parts.setdefault("alone", []).append(np.asarray(alone))
        parts.setdefault("record", []).append(_bytes(record, _ID_BYTES))
        halves = _bytes(batch.column("value_tag"), _TAG_BYTES).view(">u8").astype(np.uint64)
        parts.setdefault("high", []).append(halves[:, 0].copy())
        parts.setdefault("low", []).append(halves[:, 1].copy())
    if not parts:
        empty = np.empty(0, np.uint64)
        none = np.empty(0, np.int32)
        return Detections((), (), none, 0, none.astype(np.int16), none, empty, empty, empty.astype(bool))
    joined = {name: np.concatenate(parts.pop(name)) for name in sorted(parts)}
    kinds = sorted(names["kind"])
    ranks = np.array([kinds.index(kind) for kind in names["kind"]], np.int16)
    record, count = _first_seen(joined.pop("record"))
    return Detections(
        kinds, list(names["exhibit"]), record, count, ranks[joined["kind"]], joined["exhibit"].astype(np.int32),
        joined["high"], joined["low"], joined["alone"].astype(bool),
    )  # fmt: skip


def _numbered(column: pa.Array, found: dict[str, int]) -> NDArray[np.int32]:
    """Return numbers for the few texts of a column, the same in each batch."""
    coded = column.dictionary_encode()
    numbers = [found.setdefault(text, len(found)) for text in coded.dictionary.to_pylist()]
    ranks: NDArray[np.int32] = np.array(numbers, np.int32)[np.asarray(coded.indices)]
    return ranks


def _bytes(column: pa.Array, size: int) -> NDArray[np.uint8]:
    """Return digests in hexadecimal as bytes, one row each."""
    digits = "".join(column.to_pylist())
    return np.frombuffer(bytes.fromhex(digits), np.uint8).reshape(len(column), size)


def _first_seen(ids: NDArray[np.uint8]) -> tuple[NDArray[np.int32], int]:
    """Number ids in the order of their first appearance."""
    high, low = ids[:, :8].copy().view(np.uint64)[:, 0], ids[:, 8:].copy().view(np.uint32)[:, 0]
    order = np.lexsort((low, high))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (high[order][1:] != high[order][:-1]) | (low[order][1:] != low[order][:-1])
    group = np.cumsum(new) - 1
    firsts = order[new]
    rank = np.empty(len(firsts), np.int32)
    rank[np.argsort(firsts)] = np.arange(len(firsts), dtype=np.int32)
    numbers = np.empty(len(order), np.int32)
    numbers[order] = rank[group]
    return numbers, len(firsts)


def values_of(rows: Detections) -> Values:
    """Return the distinct values of each record."""
    key = rows.record.astype(np.int64) * (len(rows.kinds) + 1) + rows.kind
    order = np.lexsort((rows.low, rows.high, key))
    key, high, low = key[order], rows.high[order], rows.low[order]
    new = np.ones(len(key), dtype=bool)
    new[1:] = (key[1:] != key[:-1]) | (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    key = key[new]
    return Values(key // (len(rows.kinds) + 1), key % (len(rows.kinds) + 1), high[new], low[new])


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


def owners_of(rows: Detections, registers: Mapping[str, Register]) -> Owners:
    """Return who each record is of; nobody where the record does not single one out.

    In this order: the row of a register; one identifier; name with birth date and one more field; name with birth
    date. A record with two different names, or two identifiers of a kind, singles out nobody.
    """
    values, naming = values_of(rows), _Naming(rows.records)
    for dataset in sorted(registers):
        _by_register(naming, dataset, registers[dataset], rows, values)
    singles = {kind: _single(values, number, rows.records) for number, kind in enumerate(rows.kinds)}
    for kind in IDENTIFIERS:
        place = singles.get(kind, np.full(rows.records, -1))
        records = naming.open(np.flatnonzero(place >= 0))
        tags = _digits(values, place[records])
        named = _each(lambda tag, kind=kind: identify("person", kind, tag), tags)  # type: ignore[misc]
        naming.name(records, named, [(kind, None)] * len(records))
    if {"name", "birth-date"} <= singles.keys():
        _by_name(naming, values, singles)
    return Owners(list(naming.people), list(naming.reasons), naming.person, naming.reason)


def _by_register(naming: _Naming, dataset: str, register: Register, rows: Detections, values: Values) -> None:
    table = TagTable(rows.kinds, values.record, values.kind, values.high.byteswap())
    found = register.match_many(table, rows.records)
    records = naming.open(np.flatnonzero(found.rows >= 0))
    who = _each(lambda row: identify("person", dataset, int(row)), found.rows[records].tolist())
    bits = _each(lambda bits: _basis(rows.kinds, bits), found.kinds[records].tolist())
    naming.name(records, who, [(f"register:{basis}", dataset) for basis in bits])


def _basis(kinds: Sequence[str], bits: int) -> str:
    return "+".join(kind for number, kind in enumerate(kinds) if bits >> number & 1)


def _by_name(naming: _Naming, values: Values, singles: Mapping[str, _Ints]) -> None:
    names, dates = singles["name"], singles["birth-date"]
    records = naming.open(np.flatnonzero((names >= 0) & (dates >= 0)))
    support = np.full(len(records), len(SUPPORT))
    for number in range(len(SUPPORT) - 1, -1, -1):
        if SUPPORT[number] in singles:
            support[singles[SUPPORT[number]][records] >= 0] = number
    bases = [*(f"name+birth-date+{kind}" for kind in SUPPORT), "name+birth-date"]
    pairs = list(zip(_digits(values, names[records]), _digits(values, dates[records]), strict=True))
    who = _each(lambda pair: identify("person", "name", *pair), pairs)
    naming.name(records, who, [(bases[number], None) for number in support.tolist()])


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
