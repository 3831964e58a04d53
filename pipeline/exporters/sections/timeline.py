"""What happened around the loss: dots by exhibit and kind of action, and the events that claims rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pipeline.exporters.material import Material
from pipeline.exporters.sections.grounds import Ground
from pipeline.exporters.sections.questions import Answer

__all__ = ["Dot", "KeyEvent", "Lane", "Timeline", "timeline_of"]

_MOST: Final = 60
_STEPS: Final = 400
"""Time is drawn in so many columns: events of a kind in one column are one dot."""
_MARGIN: Final = timedelta(days=2)
_GROUPS: Final = {
    "medium": ("device-first-connected", "device-connected", "device-removed", "device-configured",
               "volume-mounted-trace"),
    "file": ("entry-created", "entry-modified", "entry-accessed", "entry-changed", "entry-deleted", "entry-renamed",
             "folder-opened", "printed"),
    "transfer": ("transfer-command", "uploaded", "uploaded-hint", "downloaded", "mail-sent", "request-served",
                 "connection"),
    "conceal": ("wiping-tool", "log-cleared", "logging-stopped", "audit-changed", "time-changed"),
    "pack": ("archive-command", "command-run"),
    "web": ("visited",),
    "session": ("logon", "logon-failed", "logoff", "power"),
}  # fmt: skip
_DOTS: Final = """
SELECT exhibit, action, least(floor((epoch(time) - $low) / $step), $last)::BIGINT AS place, count(*)::BIGINT AS n
FROM activity WHERE epoch(time) >= $low AND epoch(time) <= $high GROUP BY ALL ORDER BY ALL
"""
_OUTSIDE: Final = """
SELECT count(*)::BIGINT AS n FROM activity WHERE time IS NOT NULL AND NOT (epoch(time) >= $low AND epoch(time) <= $high)
"""
_TIMELESS: Final = "SELECT count(*)::BIGINT AS n FROM activity WHERE time IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """Events of one group near one time; ``at`` is a share of the axis."""

    at: float
    count: int
    actions: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The events of one group in one exhibit."""

    exhibit: str
    group: str
    label: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEvent:
    """An event that a claim rests on, and the places in the report that say so."""

    time: str
    inside: bool
    exhibit: str
    what: str
    address: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The picture's parts and the table; ``window`` and ``days`` are shares of the axis."""

    lanes: tuple[Lane, ...]
    days: tuple[tuple[float, str], ...]
    window: tuple[float, float]
    shown: int
    outside: int
    timeless: int
    events: tuple[KeyEvent, ...]
    events_left: int
    untimed: tuple[KeyEvent, ...]


def timeline_of(material: Material, answers: Sequence[Answer]) -> Timeline:
    """Return the timeline from two days before the loss, or a quarter of the window, to as long after the recovery."""
    incident = material.case.incident
    margin = max(_MARGIN, (incident.recovered_at - incident.lost_from) / 4)
    low, high = incident.lost_from - margin, incident.recovered_at + margin
    span = (high - low).total_seconds()
    values = {"low": low.timestamp(), "high": high.timestamp()}
    rows = material.queries.rows(_DOTS, **values, step=span / _STEPS, last=_STEPS - 1)
    events = _events(material, answers)
    timed = [event for event in events if event.time != "–"]
    untimed = [event for event in events if event.time == "–"]
    return Timeline(
        lanes=_lanes(material, rows), days=_days(material, low, high),
        window=(margin / (high - low), 1 - margin / (high - low)),
        shown=sum(row["n"] for row in rows), outside=material.queries.count(_OUTSIDE, **values),
        timeless=material.queries.count(_TIMELESS), events=tuple(timed[:_MOST]), untimed=tuple(untimed[:_MOST]),
        events_left=max(0, len(timed) - _MOST) + max(0, len(untimed) - _MOST),
    )  # fmt: skip


def _group_of(action: str) -> str:
    return next((group for group, actions in _GROUPS.items() if action in actions), "other")


def _lanes(material: Material, rows: Sequence[Mapping[str, Any]]) -> tuple[Lane, ...]:
    held: dict[tuple[str, str], dict[int, list[Mapping[str, Any]]]] = {}
    for row in rows:
        held.setdefault((row["exhibit"], _group_of(row["action"])), {}).setdefault(row["place"], []).append(row)
    return tuple(
        Lane(
            exhibit=label, group=group, label=material.words.label("group", group),
            dots=tuple(_dot(material, place, held[label, group][place]) for place in sorted(held[label, group])),
        )
        for label in material.labels for group in material.words.keys("group") if (label, group) in held
    )  # fmt: skip


def _dot(material: Material, place: int, rows: Sequence[Mapping[str, Any]]) -> Dot:
    actions = ", ".join(f"{material.words.label('action', row['action'])} {row['n']}" for row in rows)
    return Dot(at=(place + 0.5) / _STEPS, count=sum(row["n"] for row in rows), actions=actions)


def _days(material: Material, low: datetime, high: datetime) -> tuple[tuple[float, str], ...]:
    """Return midnights in the case's zone, at most some twelve of them."""
    zone, span = material.printer.zone, (high - low).total_seconds()
    every = max(1, round(span / 86_400 / 12))
    first = low.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    marks = []
    for number in range(1, int(span / 86_400) + 2, every):
        local = (first + timedelta(days=number)).replace(tzinfo=zone)
        share = (local - low).total_seconds() / span
        if 0 <= share <= 1:
            marks.append((share, material.words.pick(f"{local.month}月{local.day}日", f"{local:%m-%d}")))
    return tuple(marks)


def _events(material: Material, answers: Sequence[Answer]) -> list[KeyEvent]:
    """Return the grounds that are events or entries, once each, those without a time last."""
    numbers: dict[tuple[str, str], list[str]] = {}
    grounds: dict[tuple[str, str], Ground] = {}
    for answer in answers:
        for ground in (*answer.grounds.shown, *answer.contradicting.shown):
            if ground.table in ("activity", "files"):
                grounds[ground.table, ground.row] = ground
                numbers.setdefault((ground.table, ground.row), []).append(answer.number)
    order = sorted(grounds, key=lambda key: (grounds[key].time is None, str(grounds[key].time), key))
    return [_event(material, grounds[key], tuple(numbers[key])) for key in order]


def _event(material: Material, ground: Ground, numbers: tuple[str, ...]) -> KeyEvent:
    incident, time = material.case.incident, ground.time
    return KeyEvent(
        time=ground.clock, exhibit=ground.exhibit, what=ground.what, address=ground.address,
        inside=time is not None and incident.lost_from <= time <= incident.recovered_at, numbers=numbers,
    )  # fmt: skip
