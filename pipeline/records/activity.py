"""Rows of what artefacts say happened, and of what each source covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["ActivityEvent", "Gap", "Source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch of time that a source does not speak for, and why."""

    start: datetime | None
    end: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityEvent:
    """Something an artefact says happened."""

    id: str
    exhibit: str
    address: str
    file: str
    source: str
    artefact: str
    time: datetime | None
    time_meaning: str
    precision_us: int
    zone: str
    action: str
    subject: str
    actor: str
    device: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The audit of one source of activity: what it speaks for, from its own content.

    ``enabled`` is ``yes``, ``no`` or ``unknown``; ``state_only`` sources hold a last state and never carry a negative;
    ``status`` is ``read``, ``damaged`` or ``unreadable``.
    """

    id: str
    exhibit: str
    address: str
    file: str
    artefact: str
    system: str
    owner: str
    first: datetime | None
    last: datetime | None
    records: int
    gaps: tuple[Gap, ...]
    enabled: str
    state_only: bool
    status: str
