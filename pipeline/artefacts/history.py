"""What browser histories have in common: events of visits, and the holes that removed visits leave."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pipeline.artefacts.base import Action, Audit, Event
from pipeline.artefacts.times import Span
from pipeline.artefacts.upload_sites import kind_of_site, without_query
from pipeline.records import Gap

__all__ = ["FORM_SENT", "VisitRun", "history_audit", "page_event"]

FORM_SENT: Final = "form-submit"
"""How a page was reached: by a form. A form that only asks carries its words in the address; one that sends does not."""  # noqa: E501
_MOST_GAPS: Final = 1000
_QUIET: Final = timedelta(days=1)
"""The longest time without a visit that is no gap where a removed last visit leaves no missing id."""


class VisitRun:
    """Visits in the order of their ids; ids that are missing between two visits are visits removed."""

    def __init__(self, *, reuses: bool = False) -> None:
        # Visits that come from another device keep their own times, so order by id proves no step of the clock.
        self.span = Span(step_s=10**9)
        self.gaps: list[Gap] = []
        self._reuses = reuses
        self._id: int | None = None
        self._time: datetime | None = None

    def add(self, number: int, time: datetime | None) -> None:
        """Count a visit. Ids missing before the first are the browser's own expiry and only shorten the span."""
        self.span.add(time)
        if self._id is not None and number > self._id + 1:
            self._gap(time, number - self._id - 1)
        elif self._reuses and self._time is not None and time is not None and time - self._time > _QUIET:
            reason = "more than a day without a visit, and ids of removed visits are given again"
            self.gaps = [*self.gaps[:_MOST_GAPS], Gap(start=self._time, end=time, reason=reason)]
        self._id, self._time = number, time or self._time

    def close(self, highest: int) -> None:
        """Compare with the highest id that was ever given (0: unknown)."""
        if highest > (self._id or 0):
            self._gap(None, highest - (self._id or 0))

    def damaged(self) -> None:
        """Say that nothing is known from here on."""
        self.gaps.append(Gap(start=self._time, end=None, reason="the database is damaged behind this record"))

    def _gap(self, end: datetime | None, missing: int) -> None:
        if len(self.gaps) == _MOST_GAPS:
            self.gaps.append(Gap(start=None, end=None, reason=f"more than {_MOST_GAPS} holes"))
        if len(self.gaps) > _MOST_GAPS:
            return
        start = self._time
        if start is not None and end is not None and end < start:
            start, end = end, start
        self.gaps.append(Gap(start=start, end=end, reason=f"{missing} visit records removed"))


def page_event(url: str, time: datetime | None, place: str, actor: str, transition: str) -> Event:
    """Return the event of one visit: a hint of an upload where the page takes data, else a visit."""
    site = kind_of_site(url)
    shown = without_query(url)
    detail: dict[str, str | int] = {"transition": transition, "query_characters": len(url) - len(shown)}
    posted = transition == FORM_SENT and len(url) == len(shown)
    if site:
        detail |= {"site": site, "shows": "a page that takes data was open; not that data was sent"}
    elif posted:
        detail |= {"shows": "a form was sent; what it held is not kept"}
    action = Action.UPLOAD_HINT if site or posted else Action.VISITED
    return Event(
        time=time, time_meaning="visited", action=action, subject=shown, place=place, precision_us=1, actor=actor,
        detail=detail,
    )  # fmt: skip


def history_audit(system: str, owner: str, run: VisitRun, status: str) -> Audit:
    """Return the audit of a browser profile."""
    span = run.span
    return Audit(
        system=system, owner=owner, first=span.first, last=span.last, records=span.records,
        gaps=(*run.gaps, *span.gaps), enabled="yes" if span.records else "unknown", state_only=False, status=status,
    )  # fmt: skip
