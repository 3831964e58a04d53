"""Windows Search: which files, mails and pages were indexed, when, and who wrote them; also those since deleted.

SOURCE: Microsoft, "Windows Property System" (names of the properties); Joachim Metz, "Windows Search database format"
(tables SystemIndex_0A and SystemIndex_PropertyStore, columns ``number-name``); Windows 11: Windows.db, SQLite, with
SystemIndex_1_PropertyStore (WorkId, ColumnId, Value) and SystemIndex_1_PropertyStore_Metadata (Id, UniqueKey).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from pipeline.artefacts import ese, sqlite
from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact
from pipeline.artefacts.reading import Reading
from pipeline.artefacts.times import from_filetime
from pipeline.artefacts.upload_sites import without_query
from pipeline.errors import ParseError

__all__ = ["SearchIndex"]

_FOLDER: Final = "/programdata/microsoft/search/data/applications/windows"
_TABLES: Final = ("SystemIndex_PropertyStore", "SystemIndex_0A")
_KEPT: Final = {
    "System_Search_GatherTime": "time", "System_ItemPathDisplay": "path", "System_ItemUrl": "url",
    "System_Size": "bytes", "System_DateModified": "target_modified", "System_DateCreated": "target_created",
    "System_FileOwner": "owner", "System_Author": "author", "System_ItemAuthors": "author",
    "System_Document_LastAuthor": "last_author", "System_ComputerName": "host", "System_IsFolder": "folder",
    "System_ThumbnailCacheId": "thumbnail",
}  # fmt: skip
_STAMPS: Final = ("target_modified", "target_created")
_MOST: Final = 5_000_000
_ABSENT: Final = b"\x2a" * 8
"""Bytes that stand where a number has no value (measured)."""

Item = dict[str, Any]


@dataclass(frozen=True)
class SearchIndex(Artefact):
    """Reads Windows.edb and Windows.db; an entry is the last state of an item, dated when it was indexed."""

    name: str = "windows-search"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        f"{_FOLDER}/windows.edb", f"{_FOLDER}/windows.db",
        "/documents and settings/*/application data/microsoft/search/data/applications/windows/windows.edb",
    )  # fmt: skip
    companion_suffixes: ClassVar[tuple[str, ...]] = sqlite.COMPANIONS

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per item, then the audit."""
        reading = Reading("Windows Search")
        yield from reading.facts(_events(candidate, reading))


def _events(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    plain = candidate.content.read(0, 16) == b"SQLite format 3\0"
    for number, item in _of_sqlite(candidate) if plain else _of_ese(candidate, reading):
        event = _event(number, item)
        if event is not None:
            reading.span.add(event.time)
            yield event


def _of_ese(candidate: Candidate, reading: Reading) -> Iterator[tuple[int, Item]]:
    database, clean = ese.opened(candidate, reading)
    table = next((name for name in _TABLES if name in set(database.names())), "")
    if not table:
        reading.lose("the table of indexed items is absent")
    titles = database.columns(table) if table else ()
    wanted = {title: _KEPT[short] for title in titles if (short := title.partition("-")[2]) in _KEPT}
    key = "WorkID" if "WorkID" in titles else "DocID"
    for row in database.rows(table, key, *wanted) if table else ():
        number = row.get(key)
        values = ((wanted[title], value) for title, value in row.items() if title in wanted and value is not None)
        yield number if isinstance(number, int) else 0, dict(values)
    if not clean:
        reading.lose("the database was not closed; what was indexed last may stand in its logs only", reading.span.last)


def _of_sqlite(candidate: Candidate) -> Iterator[tuple[int, Item]]:
    store = "SystemIndex_1_PropertyStore"
    with sqlite.opened(candidate) as database:
        if not database.columns(store):
            message = "the table of indexed items is absent"
            raise ParseError(message)
        named = database.rows(f"SELECT Id, UniqueKey FROM {store}_Metadata")  # noqa: S608 - a constant
        columns = {number: str(key).partition("-")[2] for number, key in named}
        item: Item = {}
        before: int | None = None
        query = f"SELECT WorkId, ColumnId, Value FROM {store} ORDER BY WorkId, ColumnId"  # noqa: S608 - a constant
        for work, column, value in database.rows(query):
            if before is not None and work != before:
                yield before, item
                item = {}
            before = work if isinstance(work, int) else 0
            if columns.get(column) in _KEPT:
                item[_KEPT[columns[column]]] = value
        if before is not None:
            yield before, item


def _event(number: int, item: Mapping[str, Any]) -> Event | None:
    subject = _text(item.get("path")) or without_query(_text(item.get("url")))
    if not subject:
        return None
    detail: dict[str, str | int] = {
        key: _text(item[key])[:400] for key in ("owner", "author", "last_author", "host") if item.get(key)
    }
    for key in _STAMPS:
        stamp = _stamp(item.get(key))
        if stamp is not None:
            detail[key] = stamp.isoformat()
    if item.get("bytes") not in (None, _ABSENT):
        detail["bytes"] = _size(item["bytes"])
    if isinstance(item.get("thumbnail"), bytes):
        detail["thumbnail"] = f"{int.from_bytes(item['thumbnail'], 'little'):016X}"
    if item.get("folder") in (1, b"\xff", b"\x01"):
        detail["kind"] = "directory"
    return Event(
        time=_stamp(item.get("time")), time_meaning="indexed", action=Action.FILE_PRESENT,
        subject=subject, place=f"item {number}", precision_us=1, detail=detail,
    )  # fmt: skip


def _stamp(value: object) -> datetime | None:
    """Return a FILETIME: a number, or eight bytes, big-endian in Windows 7, little-endian later."""
    if isinstance(value, bytes) and len(value) == 8:
        return from_filetime(int.from_bytes(value, "little")) or from_filetime(int.from_bytes(value, "big"))
    return from_filetime(value) if isinstance(value, int) else None


def _size(value: object) -> int:
    """Return a size, kept like a FILETIME: of the two orders of bytes the one that gives less than an exabyte."""
    if isinstance(value, bytes) and len(value) == 8:
        return min(int.from_bytes(value, "little"), int.from_bytes(value, "big"))
    return value if isinstance(value, int) else 0


def _text(value: object) -> str:
    raw = value.decode("utf-16-le", "replace").split("\0", 1)[0] if isinstance(value, bytes) else value
    return raw if isinstance(raw, str) else ""
