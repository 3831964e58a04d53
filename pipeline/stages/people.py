"""Writes ``findings`` and ``people``: detections get the person they belong to; each distinct person is one row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.schemas import TABLES, schema_of
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context
from pipeline.stages.people_columns import COLUMNS, Detections, Owners, read_detections
from pipeline.stages.people_links import owners_of
from pipeline.store import file_digest

__all__ = ["PeopleStage", "people_batch"]


class PeopleStage(Stage):
    """Groups detections by record, matches records with the registers, and counts people."""

    name: ClassVar[str] = "people"
    version: ClassVar[int] = 2
    reads: ClassVar[tuple[str, ...]] = ("detections",)
    writes: ClassVar[tuple[str, ...]] = ("findings", "people")

    def depends(self, context: Context) -> Mapping[str, str]:
        """Return the digests of the registers."""
        paths = ((dataset.id, dataset.register) for dataset in context.case.datasets)
        return {name: file_digest(path) if path.exists() else "missing" for name, path in paths if path is not None}

    def units(self, context: Context) -> Sequence[Unit]:
        """Return the one unit: people are counted over the whole case."""
        del context
        return [Unit(key="case")]

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Assign people to detections and yield both tables."""
        del item
        rows = read_detections(context.store.finished("examine", "detections", COLUMNS))
        owners = owners_of(rows, context.registers)
        names = pa.array(owners.people, pa.string())
        person, place, schema = owners.person[rows.record], 0, schema_of(TABLES["findings"])
        for batch in context.store.finished("examine", "detections"):
            own = person[place : place + batch.num_rows]
            place += batch.num_rows
            who = names.take(pa.array(own, mask=own < 0))
            fields = [who if name == "person" else batch.column(name) for name in schema.names]
            yield "findings", pa.RecordBatch.from_arrays(fields, schema=schema)
        if len(names):
            yield "people", people_batch(rows, owners)


def people_batch(rows: Detections, owners: Owners) -> pa.RecordBatch:
    """Return the distinct people of records, by their keys."""
    count, person = len(owners.people), owners.person[rows.record]
    known = np.flatnonzero(person >= 0)
    order = np.argsort(np.array(owners.people))
    first = np.full(count, len(owners.person), np.int64)
    named = np.flatnonzero(owners.person >= 0)
    np.minimum.at(first, owners.person[named], named)
    reasons = [owners.reasons[number] for number in owners.reason[first[order]].tolist()]
    fields = {
        "person": pa.array([owners.people[number] for number in order.tolist()], pa.string()),
        "dataset": pa.array([dataset for _, dataset in reasons], pa.string()),
        "basis": pa.array([basis for basis, _ in reasons], pa.string()),
        "exhibits": _exhibits(rows, person, order),
        "findings": pa.array(np.bincount(person[known], minlength=count)[order]),
        "records": pa.array(_records(rows, owners.person, count)[order]),
        "household": _households(rows, person, order),
        "most": pa.array(_most(rows, owners, person, count)[order]),
    }
    schema = schema_of(TABLES["people"])
    return pa.RecordBatch.from_arrays([fields[name] for name in schema.names], schema=schema)


def _exhibits(rows: Detections, person: NDArray[np.int64], order: NDArray[np.int64]) -> pa.Array:
    """Return the exhibits of each person, sorted."""
    labels = sorted(rows.exhibits)
    rank = np.array([labels.index(label) for label in rows.exhibits], np.int64)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    known = person >= 0
    held = np.zeros(len(order) * len(labels), dtype=bool)
    held[place[person[known]] * len(labels) + rank[rows.exhibit[known]]] = True
    pairs = np.flatnonzero(held)
    borders = np.searchsorted(pairs, np.arange(len(order) + 1) * len(labels))
    texts = pa.array(labels, pa.string()).take(pa.array(pairs % len(labels)))
    return pa.ListArray.from_arrays(pa.array(borders, pa.int32()), texts)


def _records(rows: Detections, owner: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the number of records of each person; all detections without one count as one."""
    single = np.zeros(rows.records, dtype=bool)
    single[rows.record[rows.alone]] = True
    found = np.bincount(owner[(owner >= 0) & ~single], minlength=count)
    found += np.bincount(owner[(owner >= 0) & single], minlength=count) > 0
    return found


def _most(rows: Detections, owners: Owners, person: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return how many people each person may stand for: one, unless name and birth date alone made them one.

    Namesakes born on one day are told apart by their addresses, and by a list, which names each person once: then it
    is the most addresses that stand beside the name, or the most records of it in one content.
    """
    most = np.ones(count, np.int64)
    weak = np.zeros(count, dtype=bool)
    by_name = np.array([basis.startswith("name+birth-date") for basis, _ in owners.reasons], dtype=bool)
    named = np.flatnonzero(owners.person >= 0)
    weak[owners.person[named][by_name[owners.reason[named]]]] = True
    listed = np.flatnonzero((rows.source >= 0) & (person >= 0) & ~rows.alone)
    listed = listed[weak[person[listed]]]
    records = np.unique(np.stack([person[listed], rows.source[listed], rows.record[listed]]), axis=1)
    lists, size = np.unique(records[:2], axis=1, return_counts=True)
    np.maximum.at(most, lists[0], size)
    if "address" in rows.kinds:
        placed = np.flatnonzero((rows.kind == rows.kinds.index("address")) & (person >= 0))
        placed = placed[weak[person[placed]]]
        homes = np.unique(np.stack([person[placed].astype(np.uint64), rows.high[placed]]), axis=1)
        np.maximum(most, np.bincount(homes[0].astype(np.int64), minlength=count), out=most)
    return most


def _households(rows: Detections, person: NDArray[np.int64], order: NDArray[np.int64]) -> pa.Array:
    """Return the first household number of each person, as a tag."""
    found: dict[int, str] = {}
    if "household-number" in rows.kinds:
        own = np.flatnonzero((rows.kind == rows.kinds.index("household-number")) & (person >= 0))
        own = own[np.lexsort((rows.low[own], rows.high[own], person[own]))]
        people, first = np.unique(person[own], return_index=True)
        tags = zip(rows.high[own[first]].tolist(), rows.low[own[first]].tolist(), strict=True)
        found = {one: f"{high:016x}{low:016x}" for one, (high, low) in zip(people.tolist(), tags, strict=True)}
    return pa.array([found.get(number) for number in order.tolist()], pa.string())
