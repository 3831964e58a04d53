"""WebCacheV01.dat: what Internet Explorer, old Edge and programs that use WinINet visited, also local files.

A row holds the last visit of a page and how often it was visited. SOURCE: Joachim Metz, "WebCache database format"
(Containers, Container_#, times as FILETIME); measured on Windows' own file: the texts of a download (referrer, type,
copy in the cache, address, target) behind byte 0x148 of its headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Final
from urllib.parse import unquote

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.ese import Database, Row, opened
from pipeline.artefacts.history import page_event
from pipeline.artefacts.reading import Reading
from pipeline.artefacts.times import from_filetime
from pipeline.artefacts.upload_sites import without_query

__all__ = ["WebCache"]

_COLUMNS: Final = ("EntryId", "AccessedTime", "AccessCount", "Url", "ResponseHeaders")
_VISIT: Final = re.compile(r"(?:Visited|:\d{16}): ?([^@]{0,256})@(.+)", re.DOTALL)
"""``Visited: user@address`` in the history, ``:from-to: user@address`` in that of a day or a week."""
_TEXTS: Final = 0x148
_MOST_CONTAINERS: Final = 10_000


@dataclass(frozen=True)
class WebCache(Artefact):
    """Reads history and downloads; what was cached beside them is no visit by a user."""

    name: str = "webcache"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = ("/users/*/appdata/local/microsoft/windows/webcache/webcachev*.dat",)

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield visits, files opened and downloads, then the audit."""
        reading = Reading("Internet Explorer and WinINet", owner_of(candidate.path))
        yield from reading.facts(_events(candidate, reading))


def _events(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    database, clean = opened(candidate, reading)
    for number, name in _containers(database):
        for row in database.rows(f"Container_{number}", *_COLUMNS):
            event = _download(row) if name == "iedownload" else _visit(row, owner_of(candidate.path))
            if event is not None:
                reading.span.add(event.time)
                yield replace(event, place=f"container {number} row {row.get('EntryId')}")
    if not clean:
        reading.lose("the database was not closed; the last visits may stand in its logs only", reading.span.last)


def _containers(database: Database) -> Iterator[tuple[int, str]]:
    """Yield number and kind of the containers of history and downloads."""
    for place, row in enumerate(database.rows("Containers", "ContainerId", "Name")):
        name = str(row.get("Name") or "").lower()
        wanted = name in {"iedownload", "history"} or name.startswith("mshist")
        if wanted and place < _MOST_CONTAINERS and isinstance(row.get("ContainerId"), int):
            yield row["ContainerId"], name


def _visit(row: Row, owner: str) -> Event | None:
    found = _VISIT.fullmatch(str(row.get("Url") or ""))
    if found is None or found.group(2).startswith(":Host:"):
        return None
    user, url = found.groups()
    time, count = from_filetime(row.get("AccessedTime") or 0), row.get("AccessCount") or 0
    event = page_event(url, time, "", user or owner, "")
    detail = {key: value for key, value in event.detail.items() if key != "transition"} | {"count": count}
    if url.lower().startswith("file:"):
        path = unquote(url.partition(":")[2].lstrip("/")).replace("/", "\\")
        path = path if path[1:2] == ":" else f"\\\\{path}"
        return replace(event, action=Action.FILE_OPENED, time_meaning="last opened", subject=path, detail=detail)
    return replace(event, time_meaning="visited last", detail=detail)


def _download(row: Row) -> Event | None:
    raw = row.get("ResponseHeaders")
    texts = raw[_TEXTS:].decode("utf-16-le", "replace").split("\0") if isinstance(raw, bytes) else []
    texts = [text for text in texts if text.strip()]
    if len(texts) < 2:
        return None
    return Event(
        time=from_filetime(row.get("AccessedTime") or 0), time_meaning="downloaded", action=Action.DOWNLOADED,
        subject=texts[-1], place="", precision_us=1, detail={"url": without_query(texts[-2])},
    )  # fmt: skip
