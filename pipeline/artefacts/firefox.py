"""Firefox: ``places.sqlite`` (visits, downloads as annotations) and the ``downloads.sqlite`` of old versions.

SOURCE: mozilla-central toolkit/components/places/nsPlacesTables.h, nsINavHistoryService.idl (transition types).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.history import VisitRun, history_audit, page_event
from pipeline.artefacts.sqlite import COMPANIONS, Database, opened
from pipeline.artefacts.times import from_unix_us
from pipeline.artefacts.upload_sites import without_query
from pipeline.errors import ParseError

__all__ = ["PROFILES", "FirefoxDownloads", "FirefoxPlaces", "profile_of"]

PROFILES: Final = (
    "/users/*/appdata/roaming/mozilla/firefox/profiles/*",
    "/documents and settings/*/application data/mozilla/firefox/profiles/*",
    "/users/*/library/application support/firefox/profiles/*",
    "/home/*/.mozilla/firefox/*",
    "/root/.mozilla/firefox/*",
    "/home/*/snap/firefox/common/.mozilla/firefox/*",
    "/home/*/.var/app/org.mozilla.firefox/.mozilla/firefox/*",
    "/home/*/.config/mozilla/firefox/*",
)
_TRANSITIONS: Final = (
    "unknown", "link", "typed", "bookmark", "embed", "redirect-permanent", "redirect-temporary", "download",
    "framed-link", "reload",
)  # fmt: skip


def profile_of(path: str) -> str:
    """Return ``user/profile`` of a profile's file."""
    return f"{owner_of(path)}/{path.rpartition('/')[0].rpartition('/')[2]}".strip("/")


@dataclass(frozen=True)
class FirefoxPlaces(Artefact):
    """Reads visits and download annotations; missing visit ids are gaps."""

    name: str = "firefox-places"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = tuple(f"{folder}/places.sqlite" for folder in PROFILES)
    companion_suffixes: ClassVar[tuple[str, ...]] = COMPANIONS

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield one event a visit and a download, then the audit."""
        # moz_historyvisits is no AUTOINCREMENT: what "forget" takes from the end leaves no hole once visits follow.
        run, owner, status = VisitRun(reuses=True), profile_of(candidate.path), "read"
        try:
            with opened(candidate) as base:
                if "visit_date" not in base.columns("moz_historyvisits"):
                    message = "the database has no table of visits; it shows nothing of this browser's use"
                    raise ParseError(message)
                yield from _visits(base, owner, run)
                yield from _annotations(base, owner)
        except ParseError as error:
            run.damaged()
            status = "damaged" if run.span.records else "unreadable"
            yield Trouble("browser-history-damaged", str(error))
        yield history_audit("Firefox", owner, run, status)


def _visits(base: Database, owner: str, run: VisitRun) -> Iterator[Fact]:
    query = (
        "SELECT v.id, v.visit_date, v.visit_type, p.url FROM moz_historyvisits v "
        "LEFT JOIN moz_places p ON p.id=v.place_id ORDER BY v.id"
    )
    for number, raw, kind, url in base.rows(query):
        time = from_unix_us(raw)
        run.add(number, time)
        if time is None:
            yield Trouble("time-out-of-range", f"moz_historyvisits.id={number}: its time is none; kept without one")
        meaning = _TRANSITIONS[kind] if isinstance(kind, int) and 0 <= kind < len(_TRANSITIONS) else "unknown"
        shown = url if isinstance(url, str) else ""
        yield page_event(shown, time, f"moz_historyvisits.id={number}", owner, meaning)


def _annotations(base: Database, owner: str) -> Iterator[Fact]:
    if not base.columns("moz_annos") or not base.columns("moz_anno_attributes"):
        return
    query = (
        "SELECT a.id, n.name, a.content, a.dateAdded, p.url FROM moz_annos a JOIN moz_anno_attributes n "
        "ON n.id=a.anno_attribute_id LEFT JOIN moz_places p ON p.id=a.place_id "
        "WHERE n.name IN ('downloads/destinationFileURI') ORDER BY a.id"
    )
    for number, _, target, added, url in base.rows(query):
        yield Event(
            time=from_unix_us(added), time_meaning="download started", action=Action.DOWNLOADED, actor=owner,
            subject=str(target or ""), place=f"moz_annos.id={number}", precision_us=1,
            detail={"url": without_query(str(url or "")), **_size(base, number)},
        )  # fmt: skip


def _size(base: Database, number: int) -> dict[str, int]:
    query = (
        "SELECT m.content FROM moz_annos a JOIN moz_annos m ON m.place_id=a.place_id JOIN moz_anno_attributes n "
        "ON n.id=m.anno_attribute_id WHERE a.id=? AND n.name='downloads/metaData' LIMIT 1"
    )
    for (content,) in base.rows(query, number):
        try:
            size = json.loads(content).get("fileSize") if isinstance(content, str) else None
        except (ValueError, AttributeError, RecursionError):
            size = None
        return {"bytes": size} if isinstance(size, int) else {}
    return {}


@dataclass(frozen=True)
class FirefoxDownloads(Artefact):
    """Reads the table of downloads that Firefox kept until version 25."""

    name: str = "firefox-downloads"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = tuple(f"{folder}/downloads.sqlite" for folder in PROFILES)
    companion_suffixes: ClassVar[tuple[str, ...]] = COMPANIONS

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield one event a download, then the audit."""
        run, owner, status = VisitRun(), profile_of(candidate.path), "read"
        try:
            with opened(candidate) as base:
                yield from _old_downloads(base, owner, run)
        except ParseError as error:
            run.damaged()
            status = "damaged" if run.span.records else "unreadable"
            yield Trouble("browser-history-damaged", str(error))
        yield history_audit("Firefox", owner, run, status)


def _old_downloads(base: Database, owner: str, run: VisitRun) -> Iterator[Fact]:
    if not {"target", "startTime"} <= base.columns("moz_downloads"):
        message = "the database has no table of downloads"
        raise ParseError(message)
    query = "SELECT id, target, source, startTime, endTime, currBytes FROM moz_downloads ORDER BY id"
    for number, target, source, start, end, size in base.rows(query):
        time, ended = from_unix_us(start), from_unix_us(end)
        run.add(number, time)
        detail: dict[str, str | int] = {"url": without_query(str(source or ""))}
        detail |= {"bytes": size} if isinstance(size, int) else {}
        detail |= {"ended": ended.isoformat()} if ended is not None else {}
        yield Event(
            time=time, time_meaning="download started", action=Action.DOWNLOADED, subject=str(target or ""),
            actor=owner, place=f"moz_downloads.id={number}", precision_us=1000, detail=detail,
        )  # fmt: skip
