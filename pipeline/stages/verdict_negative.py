"""Whether nothing found may be called ``not-confirmed``: the reasons against it, and the grade it would have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import duckdb

from pipeline.config import Case
from pipeline.stages.verdict_account import missing_rows, unlisted
from pipeline.stages.verdict_sources import Window, closed_parts, failing
from pipeline.verdict_rules import Question, Text
from pipeline.verdict_tables import rows_of

__all__ = ["weigh_negative"]

_LOSSES: Final = "SELECT id FROM diagnostics WHERE severity = 'loss' AND regexp_extract(address, '^[^!]*') = $exhibit"
_SOURCES: Final = """
SELECT s.*, coalesce(f.origin, 'unknown') AS origin FROM sources s
LEFT JOIN files f ON f.id = s.file AND f.exhibit = s.exhibit WHERE s.exhibit = $exhibit ORDER BY s.address, s.id
"""
_SWITCHED_OFF: Final = """
SELECT DISTINCT said(detail, 'governs') AS governs FROM activity WHERE exhibit = $exhibit AND action = 'setting'
  AND said(detail, 'state') = 'off' AND said(detail, 'governs') IS NOT NULL ORDER BY 1
"""
_NO_SOURCE: Final[Text] = {
    "ja": "このシステムで該当の行為を記録するものが、規則に挙げられていない",
    "en": "the rules name no record that would show it on this system",
}
_SHORT: Final[Text] = {
    "ja": ": 記録は揃っているが、除外するには足りない",
    "en": ": the records are whole but do not exclude it",
}
_CUT: Final = """
SELECT id FROM activity WHERE exhibit = $exhibit AND action IN ('log-cleared', 'logging-stopped')
  AND (time IS NULL OR touches(time, precision_us))
UNION ALL SELECT id FROM activity WHERE exhibit = $exhibit AND action = 'time-changed'
  AND (time IS NULL OR touches(time, precision_us)) AND clock_jump_s(detail) > 300
"""
"""Records cleared or stopped, or the clock set by more than five minutes, in the window or at an unknown time."""


def weigh_negative(
    database: duckdb.DuckDBPyConnection, question: Question, exhibit: str, case: Case
) -> tuple[list[Text], str]:
    """Return what stands against a negative, in order, and its strength; no strength where something does."""
    reasons = [block.reason for block in question.blocks if rows_of(database, block.sql, exhibit)]
    if question.negative == "never":
        return _ordered([question.never, *reasons]), ""
    coverage = rows_of(database, "SELECT * FROM coverage WHERE exhibit = $exhibit", exhibit)
    volumes = rows_of(database, "SELECT * FROM volumes WHERE exhibit = $exhibit", exhibit)
    reasons += closed_parts(question.negative, coverage, volumes, len(rows_of(database, _LOSSES, exhibit)))
    reasons += unlisted(volumes, coverage)
    if question.negative in {"content", "encrypted"}:
        reasons += missing_rows(database, exhibit, coverage)
    if question.negative != "sources":
        return _ordered(reasons), "" if reasons else "ordinary"
    if rows_of(database, _CUT, exhibit):
        ja = "記録の消去、停止、または時計の変更が期間内または時刻不明で残っている"
        reasons.append(
            {"ja": ja, "en": "records were cleared or stopped, or the clock was set, in the window or undated"}
        )
    reasons += _missing(database, question, "ordinary", exhibit, case)
    strong = bool(question.sources.get("strong")) and not _missing(database, question, "strong", exhibit, case)
    return _ordered(reasons), "" if reasons else ("strong" if strong else "ordinary")


def _missing(
    database: duckdb.DuckDBPyConnection, question: Question, grade: str, exhibit: str, case: Case
) -> list[Text]:
    sources: list[dict[str, Any]] = rows_of(database, _SOURCES, exhibit)
    window = Window(case.incident.lost_from, case.incident.recovered_at)
    hosts = {row["host"] for row in rows_of(database, "SELECT host FROM hosts WHERE exhibit = $exhibit", exhibit)}
    asked = [item for item in question.sources.get(grade, ()) if not (item.hosts and hosts) or hosts & set(item.hosts)]
    reasons: list[Text] = [] if asked else [_NO_SOURCE]
    for requirement in asked:
        sql = requirement.places
        places = [str(row["place"]).lower() for row in rows_of(database, sql, exhibit)] if sql else []
        reasons += failing(requirement, sources, places, window)
        reasons += [_off(requirement.name, row) for row in rows_of(database, _SWITCHED_OFF, exhibit)
                    if row["governs"] in {*requirement.systems, *requirement.artefacts}]  # fmt: skip
        if requirement.unless and rows_of(database, requirement.unless, exhibit):
            reasons.append({name: requirement.name[name] + _SHORT[name] for name in _SHORT})
    return reasons


def _off(name: Text, row: Mapping[str, Any]) -> Text:
    ja = f"{name['ja']}: 記録を止める設定がある（{row['governs']}）"
    return {"ja": ja, "en": f"{name['en']}: a setting switches it off ({row['governs']})"}


def _ordered(reasons: list[Text]) -> list[Text]:
    unique = {(reason["en"], reason["ja"]): reason for reason in reasons}
    return [unique[key] for key in sorted(unique)]
