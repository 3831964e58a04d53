"""The artefact family: one reader per kind of trace, from bytes to events and one audit of the source."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar

from pipeline.access.interfaces import Readable
from pipeline.records import FileEntry, Gap, Volume

__all__ = [
    "Action",
    "Artefact",
    "Audit",
    "Candidate",
    "Event",
    "Fact",
    "Trouble",
    "VolumeArtefact",
    "Window",
    "matches",
]

Window = tuple[datetime, datetime]
"""From and to, both UTC."""


class Action(StrEnum):
    """What an event says happened; the vocabulary that questions of the verdict are asked in."""

    VISITED = "visited"
    """A page was shown."""
    DOWNLOADED = "downloaded"
    """A file came from the web."""
    UPLOAD_HINT = "uploaded-hint"
    """A page that takes uploads was used, a form was sent, or a file was chosen for one; not yet an upload."""
    UPLOADED = "uploaded"
    """A server or a sync client recorded that data was received from here."""
    MAIL_SENT = "mail-sent"
    DEVICE_FIRST_CONNECTED = "device-first-connected"
    DEVICE_CONNECTED = "device-connected"
    DEVICE_REMOVED = "device-removed"
    DEVICE_CONFIGURED = "device-configured"
    """The system prepared a device; normally at its connection."""
    VOLUME_MOUNTED = "volume-mounted-trace"
    """A host left a trace on a volume, or of a volume."""
    LOG_CLEARED = "log-cleared"
    LOGGING_STOPPED = "logging-stopped"
    AUDIT_CHANGED = "audit-changed"
    TIME_CHANGED = "time-changed"
    TIME_CHECKED = "time-checked"
    """The clock was compared with a source of time."""
    TIMES_SET = "times-set"
    """A file bears times that were set, not those at which it was made."""
    WIPING_TOOL = "wiping-tool"
    COMMAND_RUN = "command-run"
    TRANSFER_COMMAND = "transfer-command"
    """A command that sends data elsewhere."""
    ARCHIVE_COMMAND = "archive-command"
    """A command that packs or encrypts data."""
    LOGON = "logon"
    LOGON_FAILED = "logon-failed"
    LOGOFF = "logoff"
    POWER = "power"
    """The host started, stopped, slept or woke."""
    PRINTED = "printed"
    ENTRY_CREATED = "entry-created"
    ENTRY_MODIFIED = "entry-modified"
    ENTRY_ACCESSED = "entry-accessed"
    ENTRY_CHANGED = "entry-changed"
    ENTRY_DELETED = "entry-deleted"
    ENTRY_RENAMED = "entry-renamed"
    FOLDER_OPENED = "folder-opened"
    REQUEST_SERVED = "request-served"
    """A server sent data to a client."""
    RECEIVED = "data-received"
    """A server on this host stored data that a client sent."""
    CONNECTION = "connection"
    """A network connection was let through or refused."""
    FILE_OPENED = "file-opened"
    """A program opened a file for a user: shell links, jump lists, lists of recent documents."""
    FILE_PRESENT = "file-present"
    """A file was there, or was shown; nothing says that it was opened."""
    FILE_CHOSEN = "file-chosen"
    """A file was chosen in a dialogue to open or save."""
    FILE_DISCARDED = "file-discarded"
    """A file was moved to a recycle bin."""
    PROGRAM_RUN = "program-run"
    PROGRAM_PRESENT = "program-present"
    """A program was on the system; nothing says that it ran."""
    SEARCHED = "searched"
    """Words were searched for."""
    PATH_TYPED = "path-typed"
    DATA_SENT = "data-sent"
    """Bytes that a program sent and received over the network, in a stretch of time."""
    NETWORK_JOINED = "network-joined"
    SHARE_ACCESSED = "share-accessed"
    """A file or folder of another host's share was used, or one of this host's by another."""
    REMOTE_SESSION = "remote-session"
    """A desktop or shell session from here to another host, or from another host to here."""
    MAIL_RECEIVED = "mail-received"
    SYNCED = "synced"
    """A cloud client met a file otherwise than by sending it: it was listed, received or removed."""
    TOOL_CONFIGURED = "tool-configured"
    """A program that can send data has a server or an account set up."""
    TASK_SCHEDULED = "task-scheduled"
    ACCOUNT_KNOWN = "account-known"
    """A user account exists on the host."""
    BURNED = "burned"
    BURN_STAGED = "burn-staged"
    """A file was laid into the folder from which Windows burns discs; not yet burned."""
    CLIPBOARD_USED = "clipboard-used"
    SHORTCUT_MADE = "shortcut-made"
    """A link to a file, folder or program was laid down; its target was there then, nothing says that it was opened."""
    SETTING = "setting"
    """What a host was set up to record, share or know, as it stood when the source was last written; ``governs`` names
    the source or channel it decides on, ``state`` is ``on`` or ``off``, ``unchanged_since`` the last change of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file that an artefact wants, and the files beside it, by the suffix that names them."""

    path: str
    content: Readable
    companions: Mapping[str, Readable] = field(default_factory=dict)
    timezone: str = "Asia/Tokyo"
    modified: datetime | None = None
    """When the file was last written: gives the year to logs that keep none."""
    created: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something an artefact says happened; ``time`` is UTC, ``place`` locates the record inside the source.

    Where a record names them, ``device`` is the serial number of a device, and ``detail`` holds, under these names,
    what events are joined by: ``volume_serial`` (8 upper-case hexadecimal digits), ``volume_label``, ``drive_type``
    (``removable``, ``fixed``, ``network``, ``optical``), ``disk_signature`` (8 digits), ``bytes`` (size of the file or
    bytes sent), ``received`` (bytes), ``target_created`` and ``target_modified`` (ISO 8601), ``host``, ``account``,
    ``program``, ``sha1``, ``state`` (``old`` where a later record has taken its place).
    """

    time: datetime | None
    time_meaning: str
    action: Action
    subject: str
    place: str
    precision_us: int = 1_000_000
    zone: str = "UTC"
    actor: str = ""
    device: str = ""
    detail: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What one source speaks for, from its own content.

    ``system`` is what wrote it (a browser, a log channel, a shell); ``enabled`` is ``yes`` where its records prove
    that it was writing at both ends of its span; ``state_only`` sources never carry a negative.
    """

    system: str
    owner: str
    first: datetime | None
    last: datetime | None
    records: int
    gaps: tuple[Gap, ...]
    enabled: str
    state_only: bool
    status: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """What could not be read of a source: what, why and what follows."""

    code: str
    message: str


Fact = Event | Audit | Trouble


@lru_cache(maxsize=256)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Translate patterns, in which ``*`` is any run of characters inside one path component."""
    parts = (re.escape(pattern).replace(r"\*", "[^/]*") for pattern in patterns)
    return re.compile(rf"(?:/windows\.old[^/]*)?(?:{'|'.join(parts)})", re.DOTALL)


def matches(patterns: tuple[str, ...], path: str) -> bool:
    """Return whether a lower-case path of a volume, or of its Windows.old, is one of some patterns."""
    return _compiled(patterns).fullmatch(path if path.startswith("/") else f"/{path}") is not None


@dataclass(frozen=True)
class Artefact(ABC):
    """A reader of one kind of file."""

    name: str
    version: int
    patterns: ClassVar[tuple[str, ...]] = ()
    companion_suffixes: ClassVar[tuple[str, ...]] = ()
    stream: ClassVar[str] = ""
    """The named stream that is read, lower-case; empty for a file's own bytes."""
    carved_types: ClassVar[tuple[str, ...]] = ()
    """Types of carved objects that are read though they have no path."""

    def wants(self, path: str, system: str = "") -> bool:
        """Return whether a lower-case path, relative to its volume, is one of this artefact's."""
        del system
        return matches(self.patterns, path)

    def beside(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield name and path of what may lie beside a file and is wanted with it."""
        folder = path.rpartition("/")[0]
        for suffix in self.companion_suffixes:
            yield suffix, path + suffix
            yield suffix, f"{folder}/{suffix}"

    @abstractmethod
    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield events and troubles, and exactly one audit, whatever the bytes are."""


@dataclass(frozen=True)
class VolumeArtefact(ABC):
    """A reader of traces in the listing of a volume."""

    name: str
    version: int

    @abstractmethod
    def examine(
        self, volume: Volume, entries: Iterable[FileEntry], window: Window | None = None
    ) -> Iterator[tuple[FileEntry | None, Fact]]:
        """Yield what the listing says, each fact with its entry, and exactly one audit of the volume."""
