"""macOS: downloads that were quarantined, use of programs, lists of recent items, volumes on the desktop.

SOURCE: ``LSQuarantineEvent`` of Launch Services, ``ZOBJECT`` of ``knowledgeC.db`` (seconds since 2001), shared file
lists (``.sfl2``, ``.sfl3``: keyed archives of bookmarks), Finder's ``FXDesktopVolumePositions`` (label and, in
hexadecimal, the volume's creation in seconds since 2001), ``fsck_hfs.log``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.desktop import state_audit
from pipeline.artefacts.linelog import MONTHS, Line, LineLog, naive_stamp
from pipeline.artefacts.plists import PLIST_FAULTS, bookmark_of, plist_of, unarchived
from pipeline.artefacts.rowsource import RowSource
from pipeline.artefacts.sqlite import Database
from pipeline.artefacts.times import Span, from_cocoa, from_local
from pipeline.artefacts.upload_sites import kind_of_site, without_query

__all__ = ["FinderSettings", "FsckLog", "KnowledgeStore", "QuarantineEvents", "SharedFileList"]

_STATE: Final = "state without a time"


@dataclass(frozen=True)
class QuarantineEvents(RowSource):
    """Files that programs marked as coming from elsewhere."""

    name: str = "macos-quarantine"
    version: int = 1
    system: ClassVar[str] = "Launch Services"
    needs: ClassVar[tuple[str, tuple[str, ...]]] = (
        "LSQuarantineEvent", ("LSQuarantineTimeStamp", "LSQuarantineAgentName", "LSQuarantineDataURLString"),
    )  # fmt: skip
    patterns: ClassVar[tuple[str, ...]] = (
        "/users/*/library/preferences/com.apple.launchservices.quarantineeventsv2",
        "/users/*/library/preferences/com.apple.launchservices.quarantineevents",
    )

    def events(self, base: Database, candidate: Candidate, owner: str) -> Iterator[Event]:
        """Yield one event a download."""
        del candidate
        query = (
            "SELECT rowid, LSQuarantineTimeStamp, LSQuarantineAgentName, LSQuarantineDataURLString, "
            "LSQuarantineOriginURLString FROM LSQuarantineEvent ORDER BY rowid"
        )
        for number, stamp, agent, url, origin in base.rows(query):
            detail: dict[str, str | int] = {"program": str(agent or ""), "url": without_query(str(origin or ""))}
            yield Event(
                time=from_cocoa(stamp), time_meaning="quarantined", action=Action.DOWNLOADED, actor=owner,
                subject=without_query(str(url or "")), place=f"LSQuarantineEvent.rowid={number}", precision_us=1,
                detail=detail,
            )  # fmt: skip


_STREAMS: Final = {
    "/app/usage": Action.PROGRAM_RUN, "/app/inFocus": Action.PROGRAM_RUN, "/app/activity": Action.PROGRAM_RUN,
    "/safari/history": Action.VISITED, "/app/webUsage": Action.VISITED, "/app/install": Action.PROGRAM_PRESENT,
}  # fmt: skip


@dataclass(frozen=True)
class KnowledgeStore(RowSource):
    """Programs in use and pages shown, of about the last thirty days."""

    name: str = "macos-knowledge"
    version: int = 1
    system: ClassVar[str] = "KnowledgeC"
    needs: ClassVar[tuple[str, tuple[str, ...]]] = (
        "ZOBJECT", ("ZSTARTDATE", "ZENDDATE", "ZSTREAMNAME", "ZVALUESTRING"),
    )  # fmt: skip
    patterns: ClassVar[tuple[str, ...]] = (
        "/users/*/library/application support/knowledge/knowledgec.db",
        "/private/var/db/coreduet/knowledge/knowledgec.db", "/var/db/coreduet/knowledge/knowledgec.db",
    )  # fmt: skip

    def events(self, base: Database, candidate: Candidate, owner: str) -> Iterator[Event]:
        """Yield one event a use."""
        del candidate
        query = "SELECT Z_PK, ZSTARTDATE, ZENDDATE, ZSTREAMNAME, ZVALUESTRING FROM ZOBJECT ORDER BY Z_PK"
        for number, start, end, stream, value in base.rows(query):
            action = _STREAMS.get(str(stream))
            if action is None:
                continue
            subject, ended = without_query(str(value or "")), from_cocoa(end)
            site = kind_of_site(subject) if action is Action.VISITED else ""
            detail: dict[str, str | int] = {"stream": str(stream)}
            detail |= {"site": site} if site else {}
            detail |= {"until": ended.isoformat()} if ended is not None else {}
            yield Event(
                time=from_cocoa(start), time_meaning="use began", action=Action.UPLOAD_HINT if site else action,
                subject=subject, actor=owner, place=f"ZOBJECT.Z_PK={number}", precision_us=1, detail=detail,
            )  # fmt: skip


@dataclass(frozen=True)
class SharedFileList(Artefact):
    """Recent documents, favourites and servers, by their bookmarks; the order is kept, times are not."""

    name: str = "macos-file-list"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = tuple(
        f"/users/*/library/application support/com.apple.sharedfilelist/{place}.{ending}"
        for place in ("*", "*/*") for ending in ("sfl", "sfl2", "sfl3", "sfl4")
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield one event an item, then the audit."""
        span, owner, status, failed = Span(), owner_of(candidate.path), "read", 0
        name = candidate.path.rpartition("/")[2]
        items: list[Any] = []
        try:
            root = unarchived(plist_of(candidate.content))
            found = root.get("items") if isinstance(root, dict) else None
            items = found if isinstance(found, list) else []
        except PLIST_FAULTS as error:
            status = "unreadable"
            yield Trouble("file-list-damaged", f"no keyed archive ({type(error).__name__}); recent items are unknown")
        for number, item in enumerate(items):
            try:
                event = _listed(item, number, name, owner)
            except PLIST_FAULTS:
                failed += 1
                continue
            span.add(None)
            yield event
        if failed:
            status = "damaged"
            yield Trouble("file-list-damaged", f"{failed} items could not be read")
        yield state_audit("shared file list", owner, span, status)


def _listed(item: Any, number: int, name: str, owner: str) -> Event:
    raw = item.get("Bookmark")
    mark = bookmark_of(raw) if isinstance(raw, bytes) else {}
    shown = str(item.get("Name") or "")
    lower = name.lower()
    action = Action.SHARE_ACCESSED if "server" in lower or "host" in lower else Action.FILE_OPENED
    action = Action.PROGRAM_RUN if "recentapplications" in lower else action
    detail: dict[str, str | int] = {"list": name, "order": number, **{k: v for k, v in mark.items() if k != "path"}}
    return Event(
        time=None, time_meaning=_STATE, action=action, subject=mark.get("path") or shown, actor=owner,
        place=f"item {number}", detail=detail,
    )  # fmt: skip


_POSITION: Final = re.compile(r"(.{1,255})_(-?0x[0-9a-fA-F.]{1,40}p[+-]?\d{1,4})", re.DOTALL)


@dataclass(frozen=True)
class FinderSettings(Artefact):
    """Volumes that were shown on the desktop, with their creation; folders that were opened."""

    name: str = "macos-finder"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = ("/users/*/library/preferences/com.apple.finder.plist",)

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield one event a volume and a folder, then the audit."""
        span, owner, status = Span(), owner_of(candidate.path), "read"
        try:
            tree = plist_of(candidate.content)
            for event in (*_volumes(tree, owner), *_folders(tree, owner)):
                span.add(None)
                yield event
        except PLIST_FAULTS as error:
            status = "unreadable"
            yield Trouble("finder-damaged", f"no property list ({type(error).__name__}); volumes are unknown")
        yield state_audit("Finder", owner, span, status)


def _volumes(tree: Any, owner: str) -> Iterator[Event]:
    for number, key in enumerate(sorted(tree.get("FXDesktopVolumePositions") or {})[:10_000]):
        found = _POSITION.fullmatch(key)
        label = found[1] if found is not None else key
        made = from_cocoa(float.fromhex(found[2])) if found is not None else None
        detail: dict[str, str | int] = {"volume_label": label}
        detail |= {"volume_created": made.isoformat()} if made is not None else {}
        yield Event(
            time=None, time_meaning=_STATE, action=Action.VOLUME_MOUNTED, subject=label, actor=owner,
            place=f"FXDesktopVolumePositions {number}", detail=detail,
        )  # fmt: skip


def _folders(tree: Any, owner: str) -> Iterator[Event]:
    for number, folder in enumerate((tree.get("FXRecentFolders") or [])[:1000]):
        raw = folder.get("file-bookmark")
        mark = bookmark_of(raw) if isinstance(raw, bytes) and raw[:4] == b"book" else {}
        yield Event(
            time=None, time_meaning=_STATE, action=Action.FOLDER_OPENED, actor=owner,
            subject=mark.get("path") or str(folder.get("name", "")), place=f"FXRecentFolders {number}",
            detail={key: value for key, value in mark.items() if key != "path"},
        )  # fmt: skip


@dataclass(frozen=True)
class FsckLog(LineLog):
    """Volumes that were checked when they were connected, in local time."""

    name: str = "macos-fsck-log"
    version: int = 1
    system: ClassVar[str] = "fsck"
    state_only: ClassVar[bool] = True
    patterns: ClassVar[tuple[str, ...]] = (
        "/var/log/fsck_hfs.log*", "/private/var/log/fsck_hfs.log*", "/var/log/fsck_apfs.log*",
        "/private/var/log/fsck_apfs.log*", "/users/*/library/logs/fsck_hfs.log*",
    )  # fmt: skip
    form: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"^(/dev/\S{1,64}): fsck_(?:hfs|apfs) started at (\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})[^\n]*"
        rb"((?:\n(?!/dev/\S{1,64}: fsck_\w{3,4} started)[^\n]*){0,60})",
        re.MULTILINE,
    )
    stamped: ClassVar[int] = 2
    loose: ClassVar[re.Pattern[bytes] | None] = re.compile(
        rb"^(?!/dev/\S{1,64}: fsck_\w{3,4} started)[^\n]*[^\s\0\xff][^\n]*", re.MULTILINE
    )

    def moment(self, stamp: bytes, candidate: Candidate) -> datetime | None:
        """Read a local time."""
        parts = [int(stamp[20:24]), MONTHS.get(stamp[4:7], 0), int(stamp[8:10])]
        naive = naive_stamp([*parts, int(stamp[11:13]), int(stamp[14:16]), int(stamp[17:19])])
        return from_local(naive, candidate.timezone) if naive is not None else None

    def told(self, found: re.Match[bytes], line: Line) -> Iterable[Event]:
        """Read a check, and the label that it names."""
        node = found[1].decode("utf-8", "replace")
        label = re.search(rb"The volume ([^\n]{1,255}?) (?:appears to be OK|was repaired|could not|cannot)", found[3])
        detail: dict[str, str | int] = {"node": node, "program": "fsck"}
        detail |= {"volume_label": label[1].decode("utf-8", "replace").strip()} if label is not None else {}
        yield line.event(Action.VOLUME_MOUNTED, node, meaning="check began", zone=line.local, detail=detail)
