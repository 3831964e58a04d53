"""Whether nothing found may be called ``not-confirmed``: the reasons against it, and the grade it would have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
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
_POWER: Final = """
SELECT time, subject FROM activity WHERE exhibit = $exhibit AND action = 'power' AND artefact = 'windows-event-log'
  AND time IS NOT NULL ORDER BY time, id
"""
_WHOLE_SYSTEM: Final = """
SELECT id FROM sources WHERE exhibit = $exhibit AND artefact = 'windows-event-log' AND system = 'System'
  AND status = 'read' AND len(gaps) = 0
"""
_STOPS: Final = frozenset({"stopped", "slept"})
_STARTS: Final = frozenset({"started", "woke"})
_NO_HOUR: Final = "no hour is recorded"
_SLACK: Final = timedelta(minutes=65)
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
    sources = [
        _bridged(row, off) for off in [_off_spans(database, exhibit)] for row in rows_of(database, _SOURCES, exhibit)
    ]
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


def _off_spans(database: duckdb.DuckDBPyConnection, exhibit: str) -> list[tuple[datetime, datetime]]:
    """Return when a Windows was off, from one record of its stopping to the next, of its starting, in a whole log."""
    if not rows_of(database, _WHOLE_SYSTEM, exhibit):
        return []
    rows = [(row["time"], row["subject"]) for row in rows_of(database, _POWER, exhibit)]
    return [(one, other) for (one, before), (other, after) in pairwise(rows) if before in _STOPS and after in _STARTS]


def _bridged(source: dict[str, Any], off: Sequence[tuple[datetime, datetime]]) -> dict[str, Any]:
    """Take away the hours without traffic in which the host was off; what was written last may be an hour old."""
    if source["artefact"] != "srum":
        return source
    gaps = [gap for gap in source["gaps"] or () if not (
        str(gap["reason"]).startswith(_NO_HOUR) and gap["start"] is not None and gap["end"] is not None
        and any(start - _SLACK <= gap["start"] and gap["end"] <= end + _SLACK for start, end in off))]  # fmt: skip
    return source | {"gaps": gaps}


def _off(name: Text, row: Mapping[str, Any]) -> Text:
    ja = f"{name['ja']}: 記録を止める設定がある（{row['governs']}）"
    return {"ja": ja, "en": f"{name['en']}: a setting switches it off ({row['governs']})"}


def _ordered(reasons: list[Text]) -> list[Text]:
    unique = {(reason["en"], reason["ja"]): reason for reason in reasons}
    return [unique[key] for key in sorted(unique)]
