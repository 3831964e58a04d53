"""Writes ``findings`` and ``people``: detections get the person they belong to; each distinct person is one row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from pipeline.records import Finding, Person, identify
from pipeline.register import Match, Register
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context
from pipeline.store import file_digest

__all__ = ["PeopleStage", "person_of"]

IDENTIFIERS: Final = ("citizen-code", "my-number", "resident-code")
SUPPORT: Final = ("address", "postal-code", "phone", "email", "bank-account", "household-number")


@dataclass(slots=True)
class _Known:
    """What gathers about one person."""

    dataset: str | None
    basis: str
    exhibits: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)
    findings: int = 0
    household: str | None = None


class PeopleStage(Stage):
    """Groups detections by record, matches records with the registers, and counts people."""

    name: ClassVar[str] = "people"
    version: ClassVar[int] = 1
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
        known: dict[str, _Known] = {}
        for findings in _records(context.store.rows("detections")):
            person, basis, dataset = person_of(findings, context.registers)
            if person is not None:
                _gather(known.setdefault(person, _Known(dataset, basis)), findings)
            for finding in findings:
                yield "findings", replace(finding, person=person)
        for key in sorted(known):
            yield "people", _row(key, known[key])


def _records(detections: Iterable[Finding]) -> Iterator[list[Finding]]:
    """Group detections by record; those outside a record stand alone."""
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in detections:
        groups[finding.record or finding.id].append(finding)
    yield from groups.values()


def _tags(findings: Iterable[Finding]) -> dict[str, tuple[str, ...]]:
    tags: dict[str, set[str]] = defaultdict(set)
    for finding in findings:
        tags[finding.kind].add(finding.value_tag)
    return {kind: tuple(sorted(values)) for kind, values in sorted(tags.items())}


def person_of(findings: Sequence[Finding], registers: Mapping[str, Register]) -> tuple[str | None, str, str | None]:
    """Return (person, basis, dataset) of a record; no person where the record does not single one out.

    In this order: the row of a register; one identifier; name with birth date and one more field; name with birth
    date. A record with two different names, or two identifiers of a kind, singles out nobody.
    """
    tags = _tags(findings)
    for dataset in sorted(registers):
        match: Match | None = registers[dataset].match_tags(tags)
        if match is not None:
            return identify("person", dataset, match.row), f"register:{match.basis}", dataset
    for kind in IDENTIFIERS:
        if len(tags.get(kind, ())) == 1:
            return identify("person", kind, tags[kind][0]), kind, None
    names, dates = tags.get("name", ()), tags.get("birth-date", ())
    if len(names) == 1 and len(dates) == 1:
        support = [kind for kind in SUPPORT if len(tags.get(kind, ())) == 1]
        basis = "name+birth-date" + (f"+{support[0]}" if support else "")
        return identify("person", "name", names[0], dates[0]), basis, None
    return None, "", None


def _gather(person: _Known, findings: Sequence[Finding]) -> None:
    for finding in findings:
        person.exhibits.add(finding.exhibit)
        person.records.add(finding.record)
        person.findings += 1
        if finding.kind == "household-number":
            person.household = min(finding.value_tag, person.household or finding.value_tag)


def _row(key: str, person: _Known) -> Person:
    return Person(
        person=key, dataset=person.dataset, basis=person.basis, exhibits=tuple(sorted(person.exhibits)),
        findings=person.findings, records=len(person.records), household=person.household,
    )  # fmt: skip
