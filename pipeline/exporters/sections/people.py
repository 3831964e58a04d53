"""Personal data: records, people, households, kinds of data, and what the law's thresholds are held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pipeline.exporters.material import Material
from pipeline.exporters.text import neutral

__all__ = ["Count", "Kind", "People", "Total", "Trigger", "people_of"]

_KINDS: Final = """
SELECT kind, exhibit, count(*)::BIGINT AS n, count(DISTINCT value_tag)::BIGINT AS distinct_values
FROM findings GROUP BY ALL ORDER BY kind, exhibit
"""
_RECORDS: Final = """
SELECT f.exhibit, coalesce(p.dataset, '') AS dataset, count(DISTINCT f.record)::BIGINT AS n
FROM findings f JOIN people p ON p.person = f.person GROUP BY ALL ORDER BY 1, 2
"""
_HELD: Final = """
SELECT kind, count(DISTINCT person)::BIGINT AS people, count(*)::BIGINT AS places FROM findings
WHERE kind IN ('sensitive-marker', 'bank-account', 'credit-card', 'my-number') GROUP BY ALL ORDER BY kind
"""
_TAGS: Final = "SELECT kind, count(DISTINCT value_tag)::BIGINT AS n FROM findings GROUP BY ALL ORDER BY kind"
_EVERYONE: Final = "SELECT count(*)::BIGINT AS n FROM people"
_ORIGINS: Final = """
SELECT exhibit, origin, count(*)::BIGINT AS n FROM findings WHERE kind <> 'yara' GROUP BY ALL ORDER BY exhibit, origin
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """件・人・世帯 of a dataset in an exhibit."""

    exhibit: str
    dataset: str
    records: int
    low: int
    high: int
    households: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """件・人・世帯 of a dataset over all exhibits, everyone once, and whether the law's number is exceeded."""

    dataset: str
    records: int
    low: int
    high: int
    households: int
    without_household: int
    exceeds: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Findings of one kind by exhibit, and how many different values they are."""

    kind: str
    label: str
    by_exhibit: tuple[int, ...]
    values: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A ground of the law for reporting, its threshold and what this examination has to say to it."""

    ground: str
    threshold: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The section's rows; ``deadlines`` are labels with times."""

    everyone: int
    counts: tuple[Count, ...]
    totals: tuple[Total, ...]
    kinds: tuple[Kind, ...]
    origins: tuple[Kind, ...]
    triggers: tuple[Trigger, ...]
    deadlines: tuple[tuple[str, str], ...]
    article: str
    regime: str


def people_of(material: Material) -> People:
    """Return counts of people and kinds, the most sensitive first."""
    people: Mapping[str, Any] = material.inputs.verdict["people"]
    tags = {row["kind"]: row["n"] for row in material.queries.rows(_TAGS)}
    kinds = _tabled(material, material.queries.rows(_KINDS), "kind", tags)
    everyone = material.queries.count(_EVERYONE)
    return People(
        everyone=everyone, counts=_counts(material), totals=_totals(material), kinds=kinds,
        origins=_tabled(material, material.queries.rows(_ORIGINS), "origin", {}),
        triggers=_triggers(material, everyone), deadlines=_deadlines(material),
        article=str(people["article"]), regime=material.words.label("regime", people["regime"]),
    )  # fmt: skip


def _counts(material: Material) -> tuple[Count, ...]:
    """Return the verdict's counts; 件 are those of the exhibit itself."""
    titles = {dataset.id: dataset.title for dataset in material.case.datasets}
    records = {(row["exhibit"], row["dataset"]): row["n"] for row in material.queries.rows(_RECORDS)}
    rows = material.inputs.verdict["people"]["counts"]
    return tuple(
        Count(
            exhibit=row["exhibit"], low=row["low"], high=row["high"], households=row["households"],
            dataset=neutral(titles.get(row["dataset"]) or row["dataset"] or material.words.pick("（台帳外）", "–")),
            records=records.get((row["exhibit"], row["dataset"]), 0),
        )
        for row in sorted(rows, key=lambda row: (material.labels.index(row["exhibit"]), row["dataset"]))
    )  # fmt: skip


def _totals(material: Material) -> tuple[Total, ...]:
    titles = {dataset.id: dataset.title for dataset in material.case.datasets}
    words = material.words
    outside, everyone = words.pick("（台帳外）", "–"), words.pick("全体", "Everyone")
    return tuple(
        Total(
            dataset=everyone if row["dataset"] is None else neutral(titles.get(row["dataset"]) or outside),
            records=row["records"], low=row["low"], high=row["high"], households=row["households"],
            without_household=row["without_household"], exceeds=words.label("exceeds", row["exceeds"]),
        )
        for row in material.inputs.verdict["people"]["totals"]
    )  # fmt: skip


def _tabled(material: Material, rows: list[dict[str, Any]], group: str, values: Mapping[str, int]) -> tuple[Kind, ...]:
    counts = {(row[group], row["exhibit"]): row["n"] for row in rows}
    keys = sorted({row[group] for row in rows}, key=lambda key: material.words.rank(group, key))
    return tuple(
        Kind(
            kind=key, label=material.words.label(group, key), values=values.get(key, 0),
            by_exhibit=tuple(counts.get((key, label), 0) for label in material.labels),
        )
        for key in keys
    )  # fmt: skip


def _triggers(material: Material, everyone: int) -> tuple[Trigger, ...]:
    pick = material.words.pick
    number = material.inputs.verdict["people"]["threshold"]
    held = {row["kind"]: row for row in material.queries.rows(_HELD)}
    one = pick("1人以上", "1 or more")
    return (
        Trigger(ground=pick("要配慮個人情報を含む", "Special-care data"), threshold=one,
                found=_found(material, held, "sensitive-marker")),
        Trigger(ground=pick("財産的被害のおそれ（口座番号）", "Risk to property (bank accounts)"), threshold=one,
                found=_found(material, held, "bank-account")),
        Trigger(ground=pick("財産的被害のおそれ（カード番号）", "Risk to property (credit cards)"), threshold=one,
                found=_found(material, held, "credit-card")),
        Trigger(ground=pick("不正の目的によるおそれ", "Malicious purpose"), threshold=one,
                found=pick("第2章を参照（目的は委員会が判断する）", "See chapter 2; for the committee to judge")),
        Trigger(ground=pick("本人の数", "Number of people"), threshold=pick(f"{number:,}人超", f"> {number:,}"),
                found=pick(f"{everyone:,} 人（全証拠品、重複を除く）", f"{everyone:,} (all exhibits, once each)")),
        Trigger(ground=pick("個人番号（番号法第29条の4）", "Individual numbers (My Number Act 29-4)"),
                threshold=pick("含むか否か", "present or not"), found=_found(material, held, "my-number")),
    )  # fmt: skip


def _found(material: Material, held: Mapping[str, Mapping[str, Any]], kind: str) -> str:
    if kind not in held:
        return material.words.pick("調査した範囲では検出なし", "none found in what was examined")
    people, places = held[kind]["people"], held[kind]["places"]
    return material.words.pick(f"{people:,} 人・{places:,} か所で検出", f"found: {people:,} people, {places:,} places")


def _deadlines(material: Material) -> tuple[tuple[str, str], ...]:
    given: Mapping[str, str] = material.inputs.verdict["people"]["deadlines"]
    return tuple(
        (material.words.label("deadline", key), material.printer.time(datetime.fromisoformat(given[key])))
        for key in sorted(given, key=lambda key: material.words.rank("deadline", key))
    )
