"""Stores that are there and are not read: what they would show stays unknown, and each says so.

SOURCE: the places at which the systems and clients keep them, by their own documentation; formats that are enciphered
(Dropbox's ``*.dbx``), undocumented or not yet read here (Apple's unified log, ASL, Spotlight).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from pipeline.artefacts.base import Artefact, Audit, Candidate, Fact, Trouble
from pipeline.artefacts.bytesource import owner_of
from pipeline.records import Gap

__all__ = ["UnreadStore"]

_STORES: Final = (
    (r"/dropbox.*\.dbx$|/dropbox/.*nucleus\.sqlite3$", "Dropbox", "Dropbox's store is enciphered or undocumented"),
    (r"/tracev3|\.tracev3$|/uuidtext/", "unified log", "Apple's unified log is not read"),
    (r"/asl/.*\.asl$", "ASL", "Apple's system log before macOS 10.12 is not read"),
    (r"/\.spotlight-v100/", "Spotlight", "Spotlight's store is not read"),
    (r"/megasync/|/mega limited/", "MEGA", "MEGA's store is enciphered"),
    (r"/onedrive/settings/.*\.dat", "OneDrive", "OneDrive's older store of files is not read"),
    (r"/drivefs/.*\.txt", "Google Drive", "the log of Google Drive for desktop is not read"),
    (r"/drivefs/.*mirror_sqlite\.db", "Google Drive", "the mirror's store of Google Drive is not read"),
    (r"/box/.*\.db$", "Box", "Box's store is not read"),
    (r"icloud|/clouddocs/", "iCloud", "iCloud Drive's store is not read"),
)  # fmt: skip
_KINDS: Final = tuple((re.compile(pattern), system, why) for pattern, system, why in _STORES)


@dataclass(frozen=True)
class UnreadStore(Artefact):
    """Names a store that would hold traces, its size and last change; it speaks for no time."""

    name: str = "unread-store"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        *(f"{home}/{place}" for home in ("/users/*", "/home/*", "/root")
          for place in (".dropbox*/instance*/*.dbx", ".dropbox*/instance*/nucleus.sqlite3",
                        ".dropbox*/instance*/sync/nucleus.sqlite3")),
        "/users/*/appdata/local/dropbox/instance*/*.dbx", "/users/*/appdata/local/dropbox/instance*/sync/nucleus.sqlite3",  # noqa: E501
        "/private/var/db/diagnostics/*/*.tracev3", "/var/db/diagnostics/*/*.tracev3",
        "/private/var/log/asl/*.asl", "/var/log/asl/*.asl",
        "/.spotlight-v100/store-v2/*/store.db", "/.spotlight-v100/store-v2/*/.store.db",
        "/users/*/appdata/local/mega limited/megasync/*.db", "/users/*/library/application support/mega limited/megasync/*.db",  # noqa: E501
        "/home/*/.local/share/data/mega limited/megasync/*.db",
        "/users/*/appdata/local/microsoft/onedrive/settings/*/*.dat",
        "/users/*/appdata/local/google/drivefs/logs/drive_fs*.txt",
        "/users/*/library/application support/google/drivefs/logs/drive_fs*.txt",
        "/users/*/appdata/local/google/drivefs/*/mirror_sqlite.db",
        "/users/*/library/application support/google/drivefs/*/mirror_sqlite.db",
        "/users/*/appdata/local/box/box/data/*.db", "/users/*/library/application support/box/box/data/*.db",
        "/users/*/library/application support/clouddocs/session/db/client.db",
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the trouble, then the audit."""
        path = candidate.path.lower()
        system, why = next(((name, why) for form, name, why in _KINDS if form.search(path)), ("store", "not read"))
        changed = f", last written {candidate.modified.isoformat()}" if candidate.modified is not None else ""
        yield Trouble("store-not-read", f"{why}: {candidate.content.size} bytes{changed}; what it records is unknown")
        yield Audit(
            system=system, owner=owner_of(candidate.path), first=None, last=None, records=0,
            gaps=(Gap(start=None, end=None, reason=why),), enabled="unknown", state_only=True, status="unreadable",
        )  # fmt: skip
