"""The exhibits: what they are, whether they are what was acquired, who held them; and by what method they were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline.config import Exhibit
from pipeline.exporters.material import Material
from pipeline.exporters.text import neutral

__all__ = ["Digest", "ExhibitPage", "Method", "exhibits_of", "method_of"]

_EVIDENCE: Final = "SELECT * FROM evidence ORDER BY exhibit"
_VOLUMES: Final = "SELECT * FROM volumes ORDER BY exhibit, start, address"
_SOURCES: Final = """
SELECT exhibit, artefact, system, count(*)::BIGINT AS n, sum(records)::BIGINT AS records, min(first) AS first,
       max(last) AS last, count(*) FILTER (WHERE status <> 'read')::BIGINT AS damaged,
       sum(len(gaps))::BIGINT AS gaps, bool_or(state_only) AS state_only
FROM sources GROUP BY ALL ORDER BY exhibit, artefact, system
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """One digest of an exhibit, three times; ``match`` is ``yes``, ``no`` or empty where nothing was to compare."""

    name: str
    stored: str
    recorded: str
    computed: str
    match: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitPage:
    """One exhibit; ``integrity`` is ``same``, ``differs`` or ``unknown``. Public: no serial, person or custody."""

    label: str
    role: str
    format: str
    size: int
    serial: str
    integrity: str
    unreadable: int
    digests: tuple[Digest, ...]
    merkle_root: str
    acquired: tuple[tuple[str, str], ...]
    custody: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How the examination was made: stages, versions, readers of volumes, and the records that were read."""

    stages: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    rules: tuple[tuple[str, str], ...]
    volumes: tuple[tuple[str, str, str, str, str], ...]
    sources: tuple[tuple[str, str, int, int, str, str, str], ...]
    levels: tuple[tuple[str, str, str], ...]


def exhibits_of(material: Material) -> tuple[ExhibitPage, ...]:
    """Return the exhibits' pages; one without a row of evidence was not readable and says so by its absence."""
    rows = {row["exhibit"]: row for row in material.queries.rows(_EVIDENCE)}
    return tuple(_page(material, item, rows[item.label]) for item in material.case.exhibits if item.label in rows)


def _page(material: Material, item: Exhibit, row: Mapping[str, Any]) -> ExhibitPage:
    public = material.public
    digests = tuple(_digest(row, name) for name in ("md5", "sha1", "sha256"))
    return ExhibitPage(
        label=item.label, role=material.words.label("role", item.role), format=material.printer.text(row["format"]),
        size=row["size"], serial="" if public else neutral(item.serial or ""), integrity=_integrity(row, digests),
        unreadable=row["unreadable"], digests=digests,
        merkle_root=row["merkle_root"], acquired=() if public else _acquired(material, item),
        custody=() if public else _custody(material, item),
    )  # fmt: skip


def _integrity(row: Mapping[str, Any], digests: tuple[Digest, ...]) -> str:
    """Return the state of the whole: one digest that differs outweighs any that agree."""
    if any(digest.match == "no" for digest in digests):
        return "differs"
    return "same" if row["verified"] else "unknown"


def _digest(row: Mapping[str, Any], name: str) -> Digest:
    stored, recorded, computed = row[f"stored_{name}"] or "", row[f"recorded_{name}"] or "", row[name]
    compared = [value for value in (stored, recorded) if value]
    match = ("yes" if all(value.lower() == computed for value in compared) else "no") if compared else ""
    return Digest(
        name={"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256"}[name], stored=neutral(stored),
        recorded=neutral(recorded), computed=computed, match=match,
    )  # fmt: skip


def _acquired(material: Material, item: Exhibit) -> tuple[tuple[str, str], ...]:
    pick, made = material.words.pick, item.acquired
    when = "" if made.at is None else material.printer.time(made.at)
    facts = (
        (pick("取得者", "By"), made.by), (pick("取得日時", "At"), when), (pick("道具", "Tool"), made.tool),
        (pick("立会人", "Witness"), made.witness), (pick("封印", "Seal"), made.seal),
    )  # fmt: skip
    return tuple((name, neutral(value)) for name, value in facts if value)


def _custody(material: Material, item: Exhibit) -> tuple[tuple[str, str, str, str], ...]:
    moves = sorted(item.custody, key=lambda move: (move.at, move.from_, move.to))
    return tuple(
        (material.printer.time(move.at), neutral(move.from_), neutral(move.to), neutral(move.note)) for move in moves
    )


def method_of(material: Material) -> Method:
    """Return how the examination was made."""
    words, inputs, printer = material.words, material.inputs, material.printer
    return Method(
        stages=tuple((name, words.label("stage", name)) for name in words.keys("stage")),
        versions=tuple(sorted(inputs.versions.items())), rules=tuple(sorted(inputs.rules.items())),
        volumes=tuple(
            (row["exhibit"], printer.text(row["file_system"]) or "–", printer.size(row["length"]), row["reader"] or "–",
             words.label("state", row["state"]))
            for row in material.queries.rows(_VOLUMES)
        ),
        sources=tuple(
            (row["exhibit"], _source(material, row), row["n"], row["records"], printer.time(row["first"]),
             printer.time(row["last"]), _condition(material, row))
            for row in material.queries.rows(_SOURCES)
        ),
        levels=tuple((key, words.label("level", key), words.label("definition", key)) for key in words.keys("level")),
    )  # fmt: skip


def _source(material: Material, row: Mapping[str, Any]) -> str:
    name = material.words.label("artefact", row["artefact"])
    system = "" if material.public else material.printer.text(row["system"])
    return f"{name} ({system})" if system else name


def _condition(material: Material, row: Mapping[str, Any]) -> str:
    pick = material.words.pick
    parts = [pick(f"損傷 {row['damaged']}", f"damaged: {row['damaged']}")] if row["damaged"] else []
    parts += [pick(f"空白 {row['gaps']}", f"gaps: {row['gaps']}")] if row["gaps"] else []
    parts += [pick("最後の状態のみ", "last state only")] if row["state_only"] else []
    parts += [pick("時刻なし", "no times")] if row["first"] is None and not row["state_only"] else []
    return pick("、", ", ").join(parts) or pick("空白の記録なし", "no gap on record")
