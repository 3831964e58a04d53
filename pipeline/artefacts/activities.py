"""Windows' timeline: documents opened and programs used, from when to when, and uses of the clipboard.

Rows leave after 30 days. SOURCE: Microsoft, "UserActivity class" (payload); C. Katsavounidis,
"Windows Timeline" (tables Activity and ActivityOperation; types 5 opened, 6 in use, 10 and 16 clipboard).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs, unquote, urlsplit

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.reading import Reading
from pipeline.artefacts.sqlite import COMPANIONS, Database, opened
from pipeline.artefacts.times import from_unix_us
from pipeline.artefacts.upload_sites import without_query
from pipeline.errors import ParseError

__all__ = ["Activities"]

_TABLES: Final = ("Activity", "ActivityOperation")
_COLUMNS: Final = (
    "AppId",
    "ActivityType",
    "StartTime",
    "EndTime",
    "LastModifiedTime",
    "Payload",
    "PlatformDeviceId",
    "Group",
)
_KINDS: Final = {5: Action.FILE_OPENED, 6: Action.PROGRAM_RUN, 10: Action.CLIPBOARD_USED, 16: Action.CLIPBOARD_USED}
_MEANINGS: Final = {5: "opened", 6: "in use from", 10: "clipboard used", 16: "clipboard used"}
_LONGEST: Final = 1 << 20
_BRACED: Final = re.compile(r"\{([0-9a-fA-F-]{36})\}")

Json = dict[str, Any]


@dataclass(frozen=True)
class Activities(Artefact):
    """Reads ActivitiesCache.db; clipped content itself is not taken over."""

    name: str = "windows-timeline"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        "/users/*/appdata/local/connecteddevicesplatform/*/activitiescache.db",
    )  # fmt: skip
    companion_suffixes: ClassVar[tuple[str, ...]] = COMPANIONS

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per row of the kinds that matter, then the audit."""
        reading = Reading("Windows timeline", owner_of(candidate.path))
        yield from reading.facts(_events(candidate, reading))


def _events(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    with opened(candidate) as database:
        present = [table for table in _TABLES if database.columns(table)]
        if not present:
            message = "it holds no table of activities"
            raise ParseError(message)
        if next(database.rows("PRAGMA quick_check(1)"), ("",))[0] != "ok":
            reading.lose("pages of the database are damaged")
        for table in present:
            for number, row in _rows(database, table):
                start = _second(row.get("StartTime")) or _second(row.get("LastModifiedTime"))
                reading.span.add(start)
                kind = row.get("ActivityType")
                if kind in _KINDS:
                    yield _event(candidate, f"{table} row {number}", row, kind, start)


def _rows(database: Database, table: str) -> Iterator[tuple[int, Json]]:
    known = [name for name in _COLUMNS if name in database.columns(table)]
    names = ", ".join(f'"{name}"' for name in known)
    for number, *values in database.rows(f"SELECT rowid, {names} FROM {table} ORDER BY rowid"):  # noqa: S608
        yield number, dict(zip(known, values, strict=True))


def _event(candidate: Candidate, place: str, row: Json, kind: int, start: datetime | None) -> Event:
    payload, program = _object(row.get("Payload")), _program(row.get("AppId"))
    subject, detail = _target(payload)
    end = _second(row.get("EndTime"))
    detail |= {"program": program} if program else {}
    detail |= {"until": end.isoformat()} if end is not None else {}
    seconds = payload.get("activeDurationSeconds")
    detail |= {"seconds": seconds} if isinstance(seconds, int) else {}
    if kind in (10, 16) and isinstance(row.get("Group"), str):
        detail["group"] = row["Group"]
    return Event(
        time=start, time_meaning=_MEANINGS[kind], action=_KINDS[kind],
        subject=program if kind != 5 else subject, place=place, actor=owner_of(candidate.path), detail=detail,
    )  # fmt: skip


def _target(payload: Json) -> tuple[str, dict[str, str | int]]:
    """Return what was opened: the path of its address, else the text shown; and where that lies."""
    shown = payload.get("displayText")
    detail: dict[str, str | int] = {"title": shown} if isinstance(shown, str) and shown else {}
    uri = payload.get("contentUri") or payload.get("activationUri") or ""
    if not isinstance(uri, str) or not uri.lower().startswith("file:"):
        subject = (
            without_query(uri) if isinstance(uri, str) and uri.startswith("http") else str(detail.get("title", ""))
        )
        return subject, detail
    parts = urlsplit(uri.replace("\\", "/"))
    for key, name in (("VolumeId", "volume_id"), ("ObjectId", "droid_file")):
        found = _BRACED.fullmatch((parse_qs(parts.query).get(key) or [""])[0])
        detail |= {name: found.group(1).lower()} if found is not None else {}
    path = unquote(f"{parts.netloc}{parts.path}").lstrip("/").replace("/", "\\")
    return path if path[1:2] == ":" else f"\\\\{path}", detail


def _program(raw: object) -> str:
    """Return the program of an AppId: a list of names, one per platform."""
    try:
        listed = json.loads(raw) if isinstance(raw, str) and len(raw) < _LONGEST else []
    except (ValueError, RecursionError):
        return ""
    known = {
        str(one.get("platform")): str(one.get("application"))
        for one in (listed if isinstance(listed, list) else []) if isinstance(one, dict)
    }  # fmt: skip
    return next((known[name] for name in ("x_exe_path", "windows_win32", "windows_universal") if name in known), "")


def _object(raw: object) -> Json:
    if not isinstance(raw, str | bytes) or len(raw) > _LONGEST:
        return {}
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _second(value: object) -> datetime | None:
    return from_unix_us(value * 1_000_000) if isinstance(value, int) and value > 0 else None
