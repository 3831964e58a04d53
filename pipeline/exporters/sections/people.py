"""Personal data: records, people and households, kinds of data, and the numbers the law's thresholds are held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pipeline.exporters.material import Material

__all__ = ["Count", "Kind", "People", "Trigger", "people_of"]

_KINDS: Final = """
SELECT kind, exhibit, count(*)::BIGINT AS n, count(DISTINCT value_tag)::BIGINT AS distinct_values
FROM findings GROUP BY ALL ORDER BY kind, exhibit
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
        everyone=everyone, counts=tuple(_count(material, row) for row in people["counts"]), kinds=kinds,
        origins=_tabled(material, material.queries.rows(_ORIGINS), "origin", {}),
        triggers=_triggers(material, {kind.kind: kind for kind in kinds}, everyone), deadlines=_deadlines(material),
        article=str(people["article"]), regime=material.words.label("regime", people["regime"]),
    )  # fmt: skip


def _count(material: Material, row: Mapping[str, Any]) -> Count:
    titles = {dataset.id: dataset.title for dataset in material.case.datasets}
    dataset = titles.get(row["dataset"]) or row["dataset"] or material.words.pick("（台帳外）", "(no register)")
    return Count(
        exhibit=row["exhibit"], dataset=dataset, records=row["records"], low=row["low"], high=row["high"],
        households=row["households"],
    )  # fmt: skip


def _tabled(
    material: Material, rows: list[dict[str, Any]], group: str, values: Mapping[str, int]
) -> tuple[Kind, ...]:
    counts = {(row[group], row["exhibit"]): row["n"] for row in rows}
    keys = sorted({row[group] for row in rows}, key=lambda key: material.words.rank(group, key))
    return tuple(
        Kind(
            kind=key, label=material.words.label(group, key), values=values.get(key, 0),
            by_exhibit=tuple(counts.get((key, label), 0) for label in material.labels),
        )
        for key in keys
    )  # fmt: skip


def _triggers(material: Material, kinds: Mapping[str, Kind], everyone: int) -> tuple[Trigger, ...]:
    pick = material.words.pick
    number = material.inputs.verdict["people"]["threshold"]
    found = {name: sum(kinds[name].by_exhibit) if name in kinds else 0 for name in _WATCHED}
    money = found["bank-account"] + found["credit-card"]
    return (
        Trigger(ground=pick("要配慮個人情報を含む", "Special-care data"), threshold=pick("1人以上", "1 or more"),
                found=_places(material, found["sensitive-marker"])),
        Trigger(ground=pick("財産的被害のおそれ", "Risk to property"), threshold=pick("1人以上", "1 or more"),
                found=_places(material, money)),
        Trigger(ground=pick("不正の目的によるおそれ", "Malicious purpose"), threshold=pick("1人以上", "1 or more"),
                found=pick("2章の各設問を参照（目的の判断は委員会による）", "See chapter 2; purpose is for the committee")),
        Trigger(ground=pick("本人の数", "Number of people"), threshold=pick(f"{number:,}人を超える", f"more than {number:,}"),
                found=pick(f"{everyone:,} 人（証拠品全体、重複を除く）", f"{everyone:,} (all exhibits, once each)")),
        Trigger(ground=pick("個人番号（番号法第29条の4）", "Individual numbers (My Number Act 29-4)"),
                threshold=pick("別途の報告基準", "separate thresholds"), found=_places(material, found["my-number"])),
    )  # fmt: skip


_WATCHED: Final = ("sensitive-marker", "bank-account", "credit-card", "my-number")


def _places(material: Material, count: int) -> str:
    if count:
        return material.words.pick(f"該当する値を {count:,} か所で検出", f"such values found in {count:,} places")
    return material.words.pick("調査した範囲では検出なし", "none found in what was examined")


def _deadlines(material: Material) -> tuple[tuple[str, str], ...]:
    given: Mapping[str, str] = material.inputs.verdict["people"]["deadlines"]
    return tuple(
        (material.words.label("deadline", key), material.printer.time(datetime.fromisoformat(given[key])))
        for key in sorted(given, key=lambda key: material.words.rank("deadline", key))
    )
