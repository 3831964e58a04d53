"""Databases of cloud clients: Dropbox, OneDrive, Google Drive, Nextcloud.

Most hold the last state, not what was sent.

SOURCE: tables as the clients make them: Dropbox ``sync_history`` (seconds since 1970, ``direction`` upload or
download); OneDrive ``od_ClientFile_Records`` (``lastChange`` in seconds) with ``od_ClientFolder_Records``; Google
DriveFS ``items`` (milliseconds); Nextcloud and ownCloud desktop/src/common/syncjournaldb.cpp (``metadata``,
``uploadinfo``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from pipeline.artefacts.base import Action, Candidate, Event
from pipeline.artefacts.rowsource import RowSource
from pipeline.artefacts.sqlite import Database
from pipeline.artefacts.times import from_unix_us

__all__ = ["DriveFiles", "DropboxHistory", "NextcloudJournal", "OneDriveFiles"]

_HOMES: Final = ("/users/*", "/home/*", "/root")
_DEEPEST: Final = 64
_MOST_FOLDERS: Final = 500_000


def _seconds(value: object, unit: int = 1_000_000) -> datetime | None:
    return from_unix_us(value * unit) if isinstance(value, int) and 0 < value < 10**16 else None


def _bytes(value: object) -> dict[str, str | int]:
    return {"bytes": value} if isinstance(value, int) and value >= 0 else {}


@dataclass(frozen=True)
class DropboxHistory(RowSource):
    """Dropbox's own history: files that went up and came down, with their times."""

    name: str = "dropbox-sync"
    version: int = 1
    system: ClassVar[str] = "Dropbox"
    state_only: ClassVar[bool] = False
    needs: ClassVar[tuple[str, tuple[str, ...]]] = ("sync_history", ("timestamp", "direction", "local_path"))
    patterns: ClassVar[tuple[str, ...]] = (
        *(f"{home}/.dropbox*/instance*/sync_history.db" for home in _HOMES),
        "/users/*/appdata/local/dropbox/instance*/sync_history.db",
        "/users/*/appdata/roaming/dropbox/instance*/sync_history.db",
    )

    def events(self, base: Database, candidate: Candidate, owner: str) -> Iterator[Event]:
        """Yield a transfer per row; what was added or edited here and went up was uploaded."""
        del candidate
        query = "SELECT rowid, timestamp, event_type, file_event_type, direction, local_path FROM sync_history ORDER BY rowid"  # noqa: E501
        for number, stamp, kind, change, direction, path in base.rows(query):
            up = direction == "upload" and change in {"add", "edit", "create", "modify"}
            detail: dict[str, str | int] = {
                "direction": str(direction or ""), "change": str(change or ""), "kind": str(kind or ""),
                "program": "Dropbox",
            }  # fmt: skip
            yield Event(
                time=_seconds(stamp), time_meaning="recorded by the client", subject=str(path or ""), actor=owner,
                action=Action.UPLOADED if up else Action.SYNCED, place=f"sync_history.rowid={number}", detail=detail,
            )  # fmt: skip


def _paths(rows: Iterator[tuple[Any, ...]]) -> dict[str, tuple[str, str]]:
    """Return folders as (name, parent) by their id."""
    found: dict[str, tuple[str, str]] = {}
    for number, parent, name in rows:
        if len(found) >= _MOST_FOLDERS:
            break
        found[str(number)] = str(name or ""), str(parent or "")
    return found


def _joined(parent: str, name: str, folders: dict[str, tuple[str, str]]) -> str:
    parts, seen = [name], 0
    while parent in folders and seen < _DEEPEST:
        folder, parent = folders[parent]
        parts.append(folder)
        seen += 1
    return "/".join(part for part in reversed(parts) if part)


@dataclass(frozen=True)
class OneDriveFiles(RowSource):
    """Files that OneDrive keeps in step: a state that says neither who sent them nor when."""

    name: str = "onedrive-files"
    version: int = 1
    system: ClassVar[str] = "OneDrive"
    needs: ClassVar[tuple[str, tuple[str, ...]]] = (
        "od_ClientFile_Records", ("resourceID", "parentResourceID", "fileName"),
    )  # fmt: skip
    patterns: ClassVar[tuple[str, ...]] = (
        "/users/*/appdata/local/microsoft/onedrive/settings/*/syncenginedatabase.db",
        "/users/*/library/containers/com.microsoft.onedrive-mac/data/library/application support/onedrive/settings/*/syncenginedatabase.db",  # noqa: E501
    )

    def events(self, base: Database, candidate: Candidate, owner: str) -> Iterator[Event]:
        """Yield a state per file."""
        del candidate
        folders: dict[str, tuple[str, str]] = {}
        if {"resourceID", "parentResourceID", "folderName"} <= base.columns("od_ClientFolder_Records"):
            query = "SELECT resourceID, parentResourceID, folderName FROM od_ClientFolder_Records"
            folders = _paths(base.rows(query))
        columns = base.columns("od_ClientFile_Records")
        chosen = [name if name in columns else "NULL" for name in ("lastChange", "size", "fileStatus", "sharedItem")]
        query = (
            f"SELECT rowid, parentResourceID, fileName, {','.join(chosen)} FROM od_ClientFile_Records ORDER BY rowid"  # noqa: S608
        )
        for number, parent, name, change, size, status, shared in base.rows(query):
            detail: dict[str, str | int] = {"program": "OneDrive", "state": str(status), **_bytes(size)}
            detail |= {"shared": int(bool(shared))} if shared is not None else {}
            yield Event(
                time=_seconds(change), time_meaning="last change of the file", action=Action.SYNCED, actor=owner,
                subject=_joined(str(parent or ""), str(name or ""), folders),
                place=f"od_ClientFile_Records.rowid={number}", detail=detail,
            )  # fmt: skip


@dataclass(frozen=True)
class DriveFiles(RowSource):
    """Files that Google Drive for desktop knows: a state; files of the account need never have been here."""

    name: str = "google-drive-files"
    version: int = 1
    system: ClassVar[str] = "Google Drive"
    needs: ClassVar[tuple[str, tuple[str, ...]]] = ("items", ("stable_id", "local_title"))
    patterns: ClassVar[tuple[str, ...]] = (
        "/users/*/appdata/local/google/drivefs/*/metadata_sqlite_db",
        "/users/*/library/application support/google/drivefs/*/metadata_sqlite_db",
        "/users/*/appdata/local/google/drivefs/*/mirror_metadata_sqlite.db",
        "/users/*/library/application support/google/drivefs/*/mirror_metadata_sqlite.db",
    )

    def events(self, base: Database, candidate: Candidate, owner: str) -> Iterator[Event]:
        """Yield a state per file that is no folder."""
        del candidate
        folders: dict[str, tuple[str, str]] = {}
        if {"item_stable_id", "parent_stable_id"} <= base.columns("stable_parents"):
            query = (
                "SELECT p.item_stable_id, p.parent_stable_id, i.local_title FROM stable_parents p "
                "JOIN items i ON i.stable_id=p.item_stable_id"
            )
            folders = _paths(base.rows(query))
        columns = base.columns("items")
        wanted = ("is_folder", "mime_type", "file_size", "modified_date", "trashed", "is_owner", "shared_with_me_date")
        chosen = [name if name in columns else "NULL" for name in wanted]
        query = f"SELECT stable_id, local_title, {','.join(chosen)} FROM items ORDER BY stable_id"  # noqa: S608
        for number, title, folder, mime, size, modified, trashed, own, _ in base.rows(query):
            if folder:
                continue
            detail: dict[str, str | int] = {"program": "Google Drive", "type": str(mime or ""), **_bytes(size)}
            detail |= {"state": "in the trash"} if trashed else {}
            detail |= {"own": int(bool(own))} if own is not None else {}
            parent = folders.get(str(number), ("", ""))[1]
            yield Event(
                time=_seconds(modified, 1000), time_meaning="last change of the file", action=Action.SYNCED,
                subject=_joined(parent, str(title or ""), folders), actor=owner, place=f"items.stable_id={number}",
                precision_us=1000, detail=detail,
            )  # fmt: skip


@dataclass(frozen=True)
class NextcloudJournal(RowSource):
    """Files that Nextcloud or ownCloud keeps in step, and uploads that were under way."""

    name: str = "nextcloud-journal"
    version: int = 1
    system: ClassVar[str] = "Nextcloud"
    needs: ClassVar[tuple[str, tuple[str, ...]]] = ("metadata", ("path", "modtime", "filesize"))
    patterns: ClassVar[tuple[str, ...]] = tuple(
        f"{folder}/{name}"
        for folder in ("/users/*/*", "/home/*/*", "/users/*", "/home/*", "/users/*/documents/*")
        for name in (".sync_*.db", "._sync_*.db", ".csync_journal.db")
    )

    def events(self, base: Database, candidate: Candidate, owner: str) -> Iterator[Event]:
        """Yield a state per file, and a hint per upload that has not ended."""
        del candidate
        for number, path, modified, size in base.rows(
            "SELECT rowid, path, modtime, filesize FROM metadata WHERE type IS NOT 2 ORDER BY rowid"
        ):
            yield Event(
                time=_seconds(modified), time_meaning="last change of the file", action=Action.SYNCED, actor=owner,
                subject=str(path or ""), place=f"metadata.rowid={number}",
                detail={"program": "Nextcloud", **_bytes(size)},
            )  # fmt: skip
        if {"path", "size", "modtime"} <= base.columns("uploadinfo"):
            for number, path, modified, size in base.rows(
                "SELECT rowid, path, modtime, size FROM uploadinfo ORDER BY rowid"
            ):
                yield Event(
                    time=_seconds(modified), time_meaning="last change of the file", action=Action.UPLOAD_HINT,
                    subject=str(path or ""), actor=owner, place=f"uploadinfo.rowid={number}",
                    detail={"program": "Nextcloud", "shows": "an upload was under way", **_bytes(size)},
                )  # fmt: skip
