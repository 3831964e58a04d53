"""What claims rest on, told for readers: events and entries one by one, findings by the file that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pipeline.config import Incident
from pipeline.exporters.material import Material

__all__ = ["Ground", "GroundList", "grounds_of"]

_TIMES: Final = ("created", "modified", "accessed", "changed")
_EVENTS: Final = """
SELECT g.claim, g.relation, g.note, a.id AS row, a.exhibit, a.address, a.time, a.action, a.subject, a.device, a.artefact
FROM chain g JOIN activity a ON g."table" = 'activity' AND a.id = g.row
QUALIFY row_number() OVER (PARTITION BY g.claim, g.relation ORDER BY a.time NULLS LAST, a.id) <= $most
ORDER BY g.claim, g.relation, a.time NULLS LAST, a.id
"""
_ENTRIES: Final = """
SELECT g.claim, g.relation, g.note, f.id AS row, f.exhibit, f.address, f.origin, f.created, f.modified, f.accessed,
       f.changed, held.records, held.people
FROM chain g JOIN files f ON g."table" = 'files' AND f.id = g.row
LEFT JOIN (SELECT file, count(DISTINCT record)::BIGINT AS records, count(DISTINCT person)::BIGINT AS people
           FROM findings WHERE person IS NOT NULL GROUP BY file) held ON held.file = f.id
QUALIFY row_number() OVER (PARTITION BY g.claim, g.relation ORDER BY f.address, f.id) <= $most
ORDER BY g.claim, g.relation, f.address, f.id
"""
_FINDINGS: Final = """
WITH held AS (
    SELECT g.claim, g.relation, min(g.note) AS note, f.exhibit, f.file, min(f.id) AS row, min(f.address) AS address,
           count(*)::BIGINT AS findings, count(DISTINCT f.record)::BIGINT AS records,
           count(DISTINCT f.person)::BIGINT AS people
    FROM chain g JOIN findings f ON g."table" = 'findings' AND f.id = g.row GROUP BY ALL)
SELECT held.* EXCLUDE (address), coalesce(files.address, held.address) AS address, files.origin AS origin
FROM held LEFT JOIN files ON files.id = held.file
QUALIFY row_number() OVER (PARTITION BY claim, relation ORDER BY findings DESC, held.row) <= $most
ORDER BY claim, relation, findings DESC, held.row
"""
_TOTALS: Final = "SELECT claim, relation, count(*)::BIGINT AS n FROM chain GROUP BY ALL ORDER BY 1, 2"
_OTHERS: Final = """
SELECT claim, relation, note, row, "table" AS name FROM chain WHERE "table" NOT IN ('activity', 'files', 'findings')
QUALIFY row_number() OVER (PARTITION BY claim, relation ORDER BY "table", row) <= $most
ORDER BY claim, relation, "table", row
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One line of the evidence chain. ``stands_for`` rows of the chain are behind it."""

    table: str
    row: str
    exhibit: str
    time: datetime | None
    clock: str
    what: str
    address: str
    stands_for: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundList:
    """The grounds of one claim in one relation; ``total`` rows of the chain, of which ``shown`` lines are told."""

    total: int
    shown: tuple[Ground, ...]

    @property
    def left(self) -> int:
        """Rows of the chain that no line stands for."""
        return self.total - sum(ground.stands_for for ground in self.shown)

    def first(self, most: int) -> GroundList:
        """Return the list with at most some lines."""
        return GroundList(total=self.total, shown=self.shown[:most])


def grounds_of(material: Material, *, most: int) -> dict[tuple[str, str], GroundList]:
    """Return lists of grounds by claim and relation; in the public edition, counts alone."""
    totals = {(row["claim"], row["relation"]): row["n"] for row in material.queries.rows(_TOTALS)}
    shown: dict[tuple[str, str], list[Ground]] = {key: [] for key in totals}
    tellers = ((_EVENTS, _event), (_ENTRIES, _entry), (_FINDINGS, _finding), (_OTHERS, _other))
    for sql, tell in () if material.public else tellers:
        for row in material.queries.rows(sql, most=most):
            shown[(row["claim"], row["relation"])].append(tell(material, row))
    return {key: GroundList(total=total, shown=tuple(shown[key])) for key, total in totals.items()}


def _event(material: Material, row: Mapping[str, Any]) -> Ground:
    printer, words = material.printer, material.words
    told = [row["subject"]] if row["subject"] and row["subject"] not in row["address"] else []
    told += [row["device"]] if row["device"] else []
    parts = [words.label("action", row["action"]), " / ".join(printer.text(text) for text in told)]
    what = ": ".join(part for part in parts if part)
    return Ground(
        table="activity", row=row["row"], exhibit=row["exhibit"], time=row["time"],
        clock=printer.time(row["time"]), address=printer.text(row["address"]),
        what=f"{what} [{words.label('artefact', row['artefact'])}]", stands_for=1,
    )  # fmt: skip


def _entry(material: Material, row: Mapping[str, Any]) -> Ground:
    words, window = material.words, material.case.incident
    inside = [(row[name], name) for name in _TIMES if row[name] and _inside(window, row[name])]
    parts = [words.pick("{}の項目", "{} entry").format(words.label("origin", row["origin"]))]
    if row["people"]:
        held = f"{row['records']:,}", f"{row['people']:,}"
        parts.append(words.pick("個人情報 {} 件・{} 人", "{} records of {} people").format(*held))
    if inside:
        names = "・".join(words.label("meaning", name) for _, name in inside)
        parts.append(words.pick(f"期間内の時刻: {names}", f"times in the window: {names}"))
    time = min(inside)[0] if inside else None
    return Ground(
        table="files", row=row["row"], exhibit=row["exhibit"], time=time, clock=material.printer.time(time),
        what=words.pick("。", "; ").join(parts), address=material.printer.text(row["address"]), stands_for=1,
    )  # fmt: skip


def _inside(window: Incident, time: datetime) -> bool:
    return window.lost_from <= time <= window.recovered_at


def _finding(material: Material, row: Mapping[str, Any]) -> Ground:
    counts = f"{row['findings']:,}", f"{row['records']:,}", f"{row['people']:,}"
    what = material.words.pick(
        f"検出 {counts[0]} か所（{counts[1]} 件・{counts[2]} 人）",
        f"{counts[0]} findings in {counts[1]} records of {counts[2]} people",
    )
    if row["origin"]:
        what += f" [{material.words.label('origin', row['origin'])}]"
    return Ground(
        table="findings", row=row["row"], exhibit=row["exhibit"], time=None, clock="", what=what,
        address=material.printer.text(row["address"]), stands_for=row["findings"],
    )  # fmt: skip


def _other(material: Material, row: Mapping[str, Any]) -> Ground:
    return Ground(
        table=material.printer.text(row["name"]), row=material.printer.text(row["row"]), exhibit="", time=None,
        clock="", what=material.printer.text(row["note"]), address="", stands_for=1,
    )  # fmt: skip
