"""Whether the records that would show an act are there, unbroken and cover the window: what a negative rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline.verdict_rules import Requirement

__all__ = ["closed_parts", "failing", "unfit"]

Row = Mapping[str, Any]
_CONTENT = frozenset({"locked", "unreadable"})


def unfit(source: Row, start: datetime, end: datetime, enabled: str) -> str:
    """Return why a source cannot carry a negative for a window, or an empty text."""
    if source["status"] != "read":
        return f"status {source['status']}"
    if source["state_only"]:
        return "state only"
    if source["enabled"] == "no" or (enabled == "yes" and source["enabled"] != "yes"):
        return f"enabled {source['enabled']}"
    first, last = source["first"], source["last"]
    if first is None or last is None or first > start or last < end:
        return "does not cover the window"
    broken = any(_meets(gap, start, end) for gap in source["gaps"] or ())
    return "broken inside the window" if broken else ""


def failing(
    requirement: Requirement, sources: Sequence[Row], places: Sequence[str], start: datetime, end: datetime
) -> list[str]:
    """Return what keeps a requirement from holding; empty where it holds. Every source of its kind must be fit."""
    kind = [
        source
        for source in sources
        if source["artefact"] in requirement.artefacts
        and (not requirement.systems or source["system"] in requirement.systems)
    ]
    reasons = [
        f"{requirement.name}: {why}" for source in kind if (why := unfit(source, start, end, requirement.enabled))
    ]
    held = {source["address"].lower().rpartition("/")[0] for source in kind}
    missing = [place for place in places if place not in held]
    if missing:
        reasons.append(f"{requirement.name}: {len(missing)} places have no readable record")
    systems = {source["system"] for source in kind}
    reasons += [f"{requirement.name}: {name} is missing" for name in requirement.systems if name not in systems]
    if not kind and not requirement.optional:
        reasons.append(f"{requirement.name}: no such record was found")
    return sorted(set(reasons))


def closed_parts(negative: str, coverage: Sequence[Row], volumes: Sequence[Row], losses: int) -> list[str]:
    """Return what was not examined of an exhibit and could hold the record that is looked for."""
    reasons = [f"volume {row['state']}" for row in volumes if row["state"] != "open"]
    reasons += [
        f"{row['class']} {row['outcome']} ({row['examined_by']}): {row['reason']}"
        for row in coverage
        if row["outcome"] != "examined" and (negative == "content" or row["examined_by"] == "listed")
    ]
    reasons += [f"{row['class']} bytes" for row in coverage if row["class"] in _CONTENT]
    if losses:
        reasons.append(f"{losses} losses in the diagnostics")
    done = {row["examined_by"] for row in coverage if row["outcome"] == "examined"}
    wanted = {"listed", "detected"} if negative == "content" else {"listed"}
    reasons += [f"nothing was {name}" for name in sorted(wanted - done)]
    if not volumes:
        reasons.append("no volume was opened")
    return sorted(set(reasons))


def _meets(gap: Row, start: datetime, end: datetime) -> bool:
    return (gap["start"] is None or gap["start"] <= end) and (gap["end"] is None or gap["end"] >= start)
