"""The report for the committee, and its public edition: one HTML file, no outside resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.config import Case

__all__ = ["ReportModel", "build_model", "render_report"]

_MOST: Final = 200
_NEAR: Final = 500
_COLOURS: Final = {"examined": "#3d6b5c", "partial": "#c08a2d", "not-examined": "#a23b3b"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportModel:
    """What the report shows; every text out of the evidence is masked already."""

    case: Mapping[str, str]
    verdict: Mapping[str, Any]
    evidence: Sequence[Mapping[str, Any]]
    coverage: Sequence[Mapping[str, Any]]
    not_examined: Sequence[Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]
    places: Mapping[str, str]
    left_out: Mapping[str, int]


def build_model(
    tables: Mapping[str, Any], verdict: Mapping[str, Any], case: Case, mask: Callable[[str], str]
) -> ReportModel:
    """Gather a report from Arrow tables; ``mask`` is applied to every address and path."""
    coverage = _rows(tables, "coverage")
    missed = [row | {"reason": mask(row["reason"])} for row in coverage if row["outcome"] != "examined"]
    events, more = _events(tables, case)
    return ReportModel(
        case=_case(case), verdict=_masked(verdict, mask), evidence=_rows(tables, "evidence"), coverage=_bars(coverage),
        not_examined=missed[:_MOST], events=events, places=_places(tables, verdict, mask),
        left_out={"not_examined": max(0, len(missed) - _MOST), "events": more},
    )  # fmt: skip


def render_report(model: ReportModel, *, language: str, edition: str) -> str:
    """Return the report as HTML; the ``public`` edition has counts but no address, path or serial."""
    environment = Environment(
        loader=PackageLoader("pipeline.exporters"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    page = environment.get_template("report.html.j2")
    return page.render(m=model, ja=language == "ja", lang=language, public=edition == "public", most=_MOST)


def _rows(tables: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return [dict(row) for row in tables[name].to_pylist()]


def _masked(verdict: Mapping[str, Any], mask: Callable[[str], str]) -> dict[str, Any]:
    questions = [item | {"coverage": [mask(reason) for reason in item["coverage"]]} for item in verdict["questions"]]
    return {**verdict, "questions": questions}


def _case(case: Case) -> dict[str, str]:
    incident = case.incident
    found = "" if incident.discovered_at is None else incident.discovered_at.isoformat()
    return {
        "id": case.id, "title": case.title, "timezone": case.timezone, "regime": incident.regime,
        "lost": incident.lost_from.isoformat(), "recovered": incident.recovered_at.isoformat(), "discovered": found,
    }  # fmt: skip


def _bars(coverage: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a stacked bar for each exhibit and examination; parts are in percent of its bytes."""
    sums: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    for row in coverage:
        parts = sums.setdefault((row["exhibit"], row["examined_by"]), {})
        key = (row["class"], row["outcome"])
        parts[key] = parts.get(key, 0) + row["bytes"]
    return [_bar(exhibit, by, parts) for (exhibit, by), parts in sorted(sums.items())]


def _bar(exhibit: str, examined_by: str, parts: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    total, at, drawn = max(1, sum(parts.values())), 0.0, []
    for (class_, outcome), size in sorted(parts.items(), key=lambda item: (item[0][1], item[0][0])):
        width = 100 * size / total
        colour = _COLOURS.get(outcome, "#777777")
        drawn.append(
            {
                "x": round(at, 3),
                "w": round(width, 3),
                "colour": colour,
                "class": class_,
                "outcome": outcome,
                "bytes": size,
            }
        )
        at += width
    return {"exhibit": exhibit, "by": examined_by, "total": sum(parts.values()), "parts": drawn}


def _events(tables: Mapping[str, Any], case: Case) -> tuple[list[dict[str, Any]], int]:
    start, end = case.incident.lost_from, case.incident.recovered_at
    span = max((end - start).total_seconds(), 1.0)
    low, high = start - (end - start) / 2, end + (end - start) / 2
    rows = [row for row in _rows(tables, "activity") if row["time"] is not None and low <= row["time"] <= high]
    labels = sorted({row["exhibit"] for row in rows})
    shown = [
        {"x": round(50 * ((row["time"] - low).total_seconds() / span), 3), "y": labels.index(row["exhibit"]),
         "exhibit": row["exhibit"], "action": row["action"], "time": row["time"].isoformat()}
        for row in rows[:_NEAR]
    ]  # fmt: skip
    return shown, max(0, len(rows) - _NEAR)


def _places(tables: Mapping[str, Any], verdict: Mapping[str, Any], mask: Callable[[str], str]) -> dict[str, str]:
    wanted = {
        (ground["table"], ground["row"])
        for question in verdict["questions"]
        for ground in [*question["grounds"][:_MOST], *question["contradicting"][:_MOST]]
    }
    return {
        row["id"]: mask(row["address"])
        for name in ("activity", "files", "findings")
        for row in _rows(tables, name)
        if (name, row["id"]) in wanted
    }
