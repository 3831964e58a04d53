"""Safari: visits and what was removed from them, and its list of downloads.

SOURCE: tables ``history_visits``, ``history_items`` and ``history_tombstones`` of ``History.db`` (seconds since 2001;
``http_non_get`` is a form that was sent; a tombstone is a stretch of history that was removed), ``Downloads.plist``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.desktop import state_audit
from pipeline.artefacts.history import FORM_SENT, VisitRun, history_audit, page_event
from pipeline.artefacts.plists import PLIST_FAULTS, plist_of
from pipeline.artefacts.sqlite import COMPANIONS, Database, opened
from pipeline.artefacts.times import Span, from_cocoa
from pipeline.artefacts.upload_sites import without_query
from pipeline.errors import ParseError
from pipeline.records import Gap

__all__ = ["SafariDownloads", "SafariHistory"]

_FOLDERS: Final = (
    "/users/*/library/safari", "/users/*/library/safari/profiles/*",
    "/users/*/library/containers/com.apple.safari/data/library/safari",
    "/users/*/library/containers/com.apple.safari/data/library/safari/profiles/*",
)  # fmt: skip


@dataclass(frozen=True)
class SafariHistory(Artefact):
    """Reads visits; missing ids and tombstones are gaps."""

    name: str = "safari-history"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = tuple(f"{folder}/history.db" for folder in _FOLDERS)
    companion_suffixes: ClassVar[tuple[str, ...]] = COMPANIONS

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield one event a visit and a tombstone, then the audit."""
        run, owner, status = VisitRun(), owner_of(candidate.path), "read"
        try:
            with opened(candidate) as base:
                if not {"visit_time", "history_item"} <= base.columns("history_visits"):
                    message = "the database has no table of visits; it shows nothing of this browser's use"
                    raise ParseError(message)
                yield from _visits(base, owner, run)
                yield from _tombstones(base, owner, run)
        except ParseError as error:
            run.damaged()
            status = "damaged" if run.span.records else "unreadable"
            yield Trouble("browser-history-damaged", str(error))
        yield history_audit("Safari", owner, run, status)


def _visits(base: Database, owner: str, run: VisitRun) -> Iterator[Fact]:
    posted = "v.http_non_get" if "http_non_get" in base.columns("history_visits") else "0"
    query = (
        f"SELECT v.id, v.visit_time, {posted}, i.url FROM history_visits v "  # noqa: S608
        "LEFT JOIN history_items i ON i.id=v.history_item ORDER BY v.id"
    )
    for number, raw, sent, url in base.rows(query):
        time = from_cocoa(raw)
        run.add(number, time)
        shown = url if isinstance(url, str) else ""
        if sent:
            shown = without_query(shown)
        yield page_event(shown, time, f"history_visits.id={number}", owner, FORM_SENT if sent else "visit")
    if base.columns("sqlite_sequence"):
        run.close(base.number("SELECT seq FROM sqlite_sequence WHERE name='history_visits'"))


def _tombstones(base: Database, owner: str, run: VisitRun) -> Iterator[Fact]:
    if not {"start_time", "end_time"} <= base.columns("history_tombstones"):
        return
    for number, start, end in base.rows("SELECT id, start_time, end_time FROM history_tombstones ORDER BY id"):
        first, last = from_cocoa(start), from_cocoa(end)
        if len(run.gaps) < 1000:
            run.gaps.append(Gap(start=first, end=last, reason="history was removed here"))
        yield Event(
            time=last, time_meaning="end of what was removed", action=Action.LOG_CLEARED, subject="Safari history",
            actor=owner, place=f"history_tombstones.id={number}", precision_us=1,
            detail={"from": first.isoformat() if first is not None else ""},
        )  # fmt: skip


@dataclass(frozen=True)
class SafariDownloads(Artefact):
    """Reads the list of downloads, which the user or a setting empties."""

    name: str = "safari-downloads"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = tuple(f"{folder}/downloads.plist" for folder in _FOLDERS)

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield one event a download, then the audit."""
        span, owner, status = Span(step_s=10**9), owner_of(candidate.path), "read"
        try:
            tree = plist_of(candidate.content)
            entries = tree.get("DownloadHistory", []) if isinstance(tree, dict) else []
            for number, entry in enumerate(entries[:100_000] if isinstance(entries, list) else []):
                if isinstance(entry, dict):
                    event = _download(entry, number, owner)
                    span.add(event.time)
                    yield event
        except PLIST_FAULTS as error:
            status = "unreadable"
            yield Trouble("downloads-damaged", f"no property list ({type(error).__name__}); downloads are unknown")
        yield state_audit("Safari", owner, span, status)


def _download(entry: dict[str, Any], number: int, owner: str) -> Event:
    added = entry.get("DownloadEntryDateAddedKey")
    time = added.replace(tzinfo=UTC) if isinstance(added, datetime) else None
    detail: dict[str, str | int] = {"url": without_query(str(entry.get("DownloadEntryURL", "")))}
    for key, name in (
        ("DownloadEntryProgressBytesSoFar", "bytes"),
        ("DownloadEntryProgressTotalToLoad", "total_bytes"),
    ):
        value = entry.get(key)
        detail |= {name: value} if isinstance(value, int) and value >= 0 else {}
    return Event(
        time=time, time_meaning="download started", action=Action.DOWNLOADED, actor=owner,
        subject=str(entry.get("DownloadEntryPath", "")), place=f"DownloadHistory {number}", detail=detail,
    )  # fmt: skip
