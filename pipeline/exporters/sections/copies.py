"""Copies of data: what holds whose data, which holdings are copies of which, and where pieces of them lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline.exporters.material import Material
from pipeline.exporters.text import neutral

__all__ = ["Between", "Copies", "Held", "Link", "Piece", "copies_of"]

_MOST: Final = 20
_HELD: Final = """
SELECT exhibit, address, origin, files, records, people, households, datasets FROM holdings WHERE people > 0
ORDER BY people DESC, exhibit, address, id LIMIT $most
"""
_HELD_COUNT: Final = "SELECT count(*)::BIGINT AS n FROM holdings WHERE people > 0"
_LINKS: Final = """
SELECT p.address AS part, w.address AS whole, c.relation, c.changes, c.people, c.part_people, c.whole_people,
       c.part_records_held, c.part_records
FROM copies c JOIN holdings p ON p.id = c.part JOIN holdings w ON w.id = c.whole WHERE c.nearest
ORDER BY c.people DESC, p.exhibit, p.address, c.id LIMIT $most
"""
_LINK_COUNT: Final = "SELECT count(*)::BIGINT AS n FROM copies WHERE nearest"
_BETWEEN: Final = """
SELECT part_exhibit, whole_exhibit, relation, count(*)::BIGINT AS n, max(people)::BIGINT AS people
FROM copies WHERE lineage GROUP BY ALL ORDER BY 1, 2, 3
"""
_PIECES: Final = """
SELECT exhibit, class, count(*)::BIGINT AS n, sum(length)::BIGINT AS bytes, max(people)::BIGINT AS people
FROM block_matches GROUP BY ALL ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What one holding holds."""

    exhibit: str
    place: str
    origin: str
    files: int
    records: int
    people: int
    households: int
    datasets: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A copy and the nearest holding that it may come from, or that may come from it."""

    part: str
    whole: str
    relation: str
    changes: str
    people: int
    whole_people: int
    held: int
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """How many copies of one relation there are between two exhibits, and of how many people at most."""

    part: str
    whole: str
    relation: str
    copies: int
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Pieces of known contents in a class of an exhibit's bytes."""

    exhibit: str
    class_: str
    places: int
    size: str
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """The section's rows; the public edition has no places. ``more…`` are left out."""

    held: tuple[Held, ...]
    more_held: int
    links: tuple[Link, ...]
    more_links: int
    between: tuple[Between, ...]
    pieces: tuple[Piece, ...]


def copies_of(material: Material) -> Copies:
    """Return what holds people's data and how it was copied."""
    ask, most = material.queries, 0 if material.public else _MOST
    held = tuple(_held(material, row) for row in ask.rows(_HELD, most=most))
    links = tuple(_link(material, row) for row in ask.rows(_LINKS, most=most))
    return Copies(
        held=held, more_held=ask.count(_HELD_COUNT) - len(held), links=links,
        more_links=ask.count(_LINK_COUNT) - len(links),
        between=tuple(
            Between(part=row["part_exhibit"], whole=row["whole_exhibit"], copies=row["n"], people=row["people"],
                    relation=material.words.label("relation", row["relation"]))
            for row in ask.rows(_BETWEEN)
        ),
        pieces=tuple(
            Piece(exhibit=row["exhibit"], class_=material.words.label("extent", row["class"]), places=row["n"],
                  size=material.printer.size(row["bytes"]), people=row["people"])
            for row in ask.rows(_PIECES)
        ),
    )  # fmt: skip


def _held(material: Material, row: Mapping[str, Any]) -> Held:
    titles = {dataset.id: dataset.title for dataset in material.case.datasets}
    return Held(
        exhibit=row["exhibit"], place=material.printer.text(row["address"]),
        origin=material.words.label("origin", row["origin"]), files=row["files"], records=row["records"],
        people=row["people"], households=row["households"],
        datasets="、".join(neutral(titles.get(one) or one) for one in row["datasets"]),
    )  # fmt: skip


def _link(material: Material, row: Mapping[str, Any]) -> Link:
    words = material.words
    return Link(
        part=material.printer.text(row["part"]), whole=material.printer.text(row["whole"]),
        relation=words.label("relation", row["relation"]), people=row["people"], whole_people=row["whole_people"],
        changes=words.pick("、", ", ").join(words.label("change", one) for one in row["changes"]),
        held=row["part_records_held"], records=row["part_records"],
    )  # fmt: skip
