"""What could not be examined, and how much was: diagnostics, volumes, classes of bytes, examinations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline.exporters.material import Material
from pipeline.records import NOT_CALLED_FOR, ExtentClass

__all__ = ["Bar", "Coverage", "Gap", "Grid", "Missed", "Part", "Trouble", "Unread", "coverage_of", "missed_of"]

_MOST: Final = 60
_SAMPLES: Final = 3
_TROUBLES: Final = """
SELECT regexp_extract(address, '^[^!]*') AS exhibit, severity, code, stage, count(*)::BIGINT AS n,
       list_slice(list(message ORDER BY message, id), 1, $most) AS messages
FROM diagnostics GROUP BY ALL ORDER BY exhibit, severity, code, stage
"""
_GAPS: Final = """
SELECT exhibit, class, examined_by, outcome, reason, sum(bytes)::BIGINT AS bytes, sum(items)::BIGINT AS items
FROM coverage WHERE outcome <> 'examined' AND NOT starts_with(coalesce(reason, ''), $spared) GROUP BY ALL
ORDER BY exhibit, outcome, bytes DESC, class, examined_by, reason
"""
_UNREAD: Final = "SELECT * FROM volumes WHERE state <> 'open' ORDER BY exhibit, start, address"
_PARTS: Final = "SELECT exhibit, class, sum(length)::BIGINT AS bytes FROM extents GROUP BY ALL ORDER BY exhibit, class"
_SIZES: Final = "SELECT exhibit, size FROM evidence ORDER BY exhibit"
_CELLS: Final = """
SELECT exhibit, class, examined_by, outcome, sum(bytes)::BIGINT AS bytes, sum(items)::BIGINT AS items
FROM coverage WHERE NOT starts_with(coalesce(reason, ''), $spared) GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Diagnostics of one kind in one exhibit."""

    exhibit: str
    severity: str
    label: str
    code: str
    stage: str
    count: int
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A volume that could not be read."""

    exhibit: str
    address: str
    size: str
    state: str
    encryption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Bytes that an examination did not reach, or only in part."""

    exhibit: str
    label: str
    examination: str
    outcome: str
    bytes: int
    items: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Everything not examined; ``notes`` counts remarks that took nothing away.

    ``unlisted`` are exhibits without any volume, ``unexamined`` those without any examination on record.
    """

    troubles: tuple[Trouble, ...]
    unread: tuple[Unread, ...]
    gaps: tuple[Gap, ...]
    gaps_left: int
    notes: int
    unlisted: tuple[str, ...]
    unexamined: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A class of bytes of one exhibit; ``share`` is of 1."""

    class_: str
    label: str
    bytes: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """An exhibit's bytes by class; ``unaccounted`` are those of the medium that no class holds."""

    exhibit: str
    total: int
    unaccounted: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Examinations (columns) by class (rows) of one exhibit; a cell is a mark and its outcome, or empty."""

    exhibit: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of each exhibit was examined, and how."""

    bars: tuple[Bar, ...]
    grids: tuple[Grid, ...]

    @property
    def classes(self) -> tuple[tuple[str, str, tuple[Part | None, ...]], ...]:
        """Rows of the legend: class, label and each exhibit's part."""
        labels = {part.class_: part.label for bar in self.bars for part in bar.parts}
        held = [{part.class_: part for part in bar.parts} for bar in self.bars]
        known = [str(one) for one in ExtentClass]
        order = sorted(labels, key=lambda one: (known.index(one) if one in known else len(known), one))
        return tuple((class_, labels[class_], tuple(parts.get(class_) for parts in held)) for class_ in order)


def missed_of(material: Material) -> Missed:
    """Return what was not examined, losses first."""
    words, queries = material.words, material.queries
    troubles = queries.rows(_TROUBLES, most=_SAMPLES)
    told = sorted(
        (row for row in troubles if row["severity"] != "note"),
        key=lambda row: (words.rank("severity", row["severity"]), row["exhibit"], -row["n"], row["code"]),
    )
    gaps = queries.rows(_GAPS, spared=NOT_CALLED_FOR)
    return Missed(
        troubles=tuple(_trouble(material, row) for row in told),
        unread=tuple(_unread(material, row) for row in queries.rows(_UNREAD)),
        gaps=tuple(_gap(material, row) for row in gaps[:_MOST]), gaps_left=max(0, len(gaps) - _MOST),
        notes=sum(row["n"] for row in troubles if row["severity"] == "note"),
        unlisted=_without(material, "SELECT DISTINCT exhibit FROM volumes ORDER BY 1"),
        unexamined=_without(material, "SELECT DISTINCT exhibit FROM coverage ORDER BY 1"),
    )  # fmt: skip


def _without(material: Material, sql: str) -> tuple[str, ...]:
    held = {row["exhibit"] for row in material.queries.rows(sql)}
    return tuple(label for label in material.labels if label not in held)


def _trouble(material: Material, row: Mapping[str, Any]) -> Trouble:
    words, printer = material.words, material.printer
    return Trouble(
        exhibit=printer.text(row["exhibit"]), severity=words.label("severity", row["severity"]), code=row["code"],
        label=words.label("code", row["code"]), stage=words.label("stage", row["stage"]), count=row["n"],
        messages=() if material.public else tuple(printer.text(text) for text in row["messages"]),
    )  # fmt: skip


def _unread(material: Material, row: Mapping[str, Any]) -> Unread:
    return Unread(
        exhibit=row["exhibit"], address="" if material.public else material.printer.text(row["address"]),
        size=material.printer.size(row["length"]), state=material.words.label("state", row["state"]),
        encryption=material.printer.text(row["encryption"]),
    )  # fmt: skip


def _gap(material: Material, row: Mapping[str, Any]) -> Gap:
    words = material.words
    return Gap(
        exhibit=row["exhibit"], label=words.label("extent", row["class"]),
        examination=words.label("examination", row["examined_by"]), outcome=words.label("outcome", row["outcome"]),
        bytes=row["bytes"], items=row["items"], reason="" if material.public else material.printer.text(row["reason"]),
    )  # fmt: skip


def coverage_of(material: Material) -> Coverage:
    """Return the account of bytes and the table of examinations, by exhibit."""
    parts, cells = material.queries.rows(_PARTS), material.queries.rows(_CELLS, spared=NOT_CALLED_FOR)
    sizes = {row["exhibit"]: row["size"] for row in material.queries.rows(_SIZES)}
    return Coverage(
        bars=tuple(
            _bar(material, label, sizes.get(label, 0), [row for row in parts if row["exhibit"] == label])
            for label in material.labels
        ),
        grids=tuple(
            _grid(material, label, [row for row in cells if row["exhibit"] == label]) for label in material.labels
        ),
    )


def _bar(material: Material, label: str, size: int, rows: list[dict[str, Any]]) -> Bar:
    total = sum(row["bytes"] for row in rows)
    parts = [
        Part(
            class_=row["class"], label=material.words.label("extent", row["class"]), bytes=row["bytes"],
            share=row["bytes"] / max(total, 1),
        )
        for row in sorted(rows, key=lambda row: material.words.rank("extent", row["class"]))
    ]  # fmt: skip
    return Bar(exhibit=label, total=total, unaccounted=abs(size - total), parts=tuple(parts))


def _grid(material: Material, label: str, rows: list[dict[str, Any]]) -> Grid:
    words = material.words
    columns = sorted({row["examined_by"] for row in rows}, key=lambda key: words.rank("examination", key))
    classes = sorted({row["class"] for row in rows}, key=lambda key: words.rank("extent", key))
    outcomes: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        outcomes.setdefault((row["class"], row["examined_by"]), {})[row["outcome"]] = row["bytes"]
    return Grid(
        exhibit=label, columns=tuple(words.label("examination", key) for key in columns),
        rows=tuple(
            (words.label("extent", class_), tuple(_cell(outcomes.get((class_, key), {})) for key in columns))
            for class_ in classes
        ),
    )  # fmt: skip


def _cell(outcomes: Mapping[str, int]) -> tuple[str, str]:
    """Return the mark of a cell and its outcome: one part left out keeps the whole from being complete."""
    if not outcomes:
        return ("", "")
    if set(outcomes) == {"examined"}:
        return ("✓", "examined")
    return ("×", "not-examined") if set(outcomes) == {"not-examined"} else ("△", "partial")
