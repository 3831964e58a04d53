r"""Settings of programs that send data: which servers and accounts they know. Passwords and keys are never read out.

SOURCE: rclone.conf (``[remote]`` and ``type``), AWS "Configuration and credential file settings", boto.cfg,
WinSCP.ini (``[Sessions\\name]``, percent-encoded), PuTTY's ``~/.putty``, Cyberduck's ``*.duck`` property lists,
FileZilla's ``sitemanager.xml``, ``recentservers.xml`` and ``filezilla.xml`` with ``queue.sqlite3``
(src/interface/queue_storage.cpp).
"""

from __future__ import annotations

import plistlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import unquote
from xml.parsers.expat import ExpatError

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import lines, owner_of
from pipeline.artefacts.desktop import state_audit
from pipeline.artefacts.rowsource import RowSource
from pipeline.artefacts.sqlite import Database
from pipeline.artefacts.times import Span
from pipeline.artefacts.upload_sites import without_query
from pipeline.artefacts.xmltree import xml_of
from pipeline.errors import ParseError

__all__ = ["CyberduckBookmark", "FileZillaQueue", "FileZillaServers", "ToolSettings"]

_HOMES: Final = ("/home/*", "/root", "/users/*")
_STATE: Final = "state without a time"
_MOST: Final = 50_000
_SECTION: Final = re.compile(r"\s*\[([^\]]{1,512})\]")
_VALUE: Final = re.compile(r"\s*([\w.\- \\]{1,64}?)\s*[=:]\s*(.{0,2048})")
_KEPT: Final = {
    "type": "kind", "provider": "kind", "host": "host", "hostname": "host", "user": "account", "username": "account",
    "url": "url", "endpoint": "url", "region": "region", "account": "account", "remote": "remote", "role_arn": "",
    "hostname_": "host", "portnumber": "port", "sso_start_url": "url", "bucket": "bucket", "lastpath": "folder",
    "localdirectory": "folder", "remotedirectory": "remote", "fsprotocol": "protocol", "drive_id": "drive",
}  # fmt: skip
"""Settings that name a place or an account, and what they are called here. All others may be secrets and are not kept."""  # noqa: E501


@dataclass(frozen=True)
class ToolSettings(Artefact):
    """Sections of settings, an event each, with what names a host or an account."""

    name: str = "transfer-tool-settings"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        *(f"{home}/{name}" for home in _HOMES
          for name in (".config/rclone/rclone.conf", ".rclone.conf", ".aws/config", ".aws/credentials", ".boto",
                       ".s3cfg", ".config/lftp/bookmarks", ".lftp/bookmarks", ".netrc", ".ssh/config",
                       ".putty/sessions/*", ".putty/sshhostkeys", ".config/gcloud/configurations/config_*",
                       ".mega-cmd/megacmd.conf")),
        "/users/*/appdata/roaming/rclone/rclone.conf", "/users/*/appdata/roaming/winscp.ini",
        "/users/*/documents/winscp.ini", "/program files*/winscp/winscp.ini",
        "/users/*/appdata/roaming/gcloud/configurations/config_*", "/users/*/appdata/roaming/nextcloud/nextcloud.cfg",
        "/home/*/.config/nextcloud/nextcloud.cfg", "/users/*/library/preferences/nextcloud/nextcloud.cfg",
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per section, then the audit."""
        span, owner, damaged = Span(), owner_of(candidate.path), False
        tool = _tool(candidate.path.lower())
        current, at, kept = "", 0, dict[str, str | int]()
        for offset, raw in lines(candidate.content):
            damaged = damaged or b"\0\0\0\0" in raw or b"\xff\xff" in raw
            text = raw.decode("utf-8", "replace")
            if (section := _opened(text, tool)) is not None:
                yield from _told(tool, current, kept, owner, at, span)
                current, at, kept = section, offset, {}
            elif (found := _VALUE.match(text)) is not None:
                key = _KEPT.get(found[1].strip().lower().rpartition("\\")[2])
                if key and len(kept) < 20:
                    kept[key] = unquote(without_query(found[2].strip()))[:256]
        yield from _told(tool, current, kept, owner, at, span)
        if damaged:
            yield Trouble("settings-damaged", "the file holds bytes that are no text; servers may be missing")
        yield state_audit(tool, owner, span, "damaged" if damaged else "read")


def _tool(path: str) -> str:
    for name in ("rclone", "aws", "boto", "s3cfg", "lftp", "netrc", "putty", "winscp", "gcloud", "mega", "nextcloud"):
        if name in path:
            return name
    return "ssh" if "/.ssh/" in path else "transfer tool"


def _opened(text: str, tool: str) -> str | None:
    """Return the name of the section that a line opens."""
    if tool == "ssh":
        found = re.match(r"\s*Host\s+(\S.{0,255})", text, re.IGNORECASE)
        return found[1].strip() if found is not None else None
    if tool == "netrc":
        found = re.match(r"\s*machine\s+(\S{1,255})", text)
        return found[1] if found is not None else None
    if tool == "putty" and (found := re.match(r"\S{1,32}@(\d{1,5}):(\S{1,255}) ", text)) is not None:
        return f"{found[2]}:{found[1]}"
    if tool == "lftp" and (found := re.match(r"(\S{1,100})\s+(\S{1,512})", text)) is not None:
        return f"{found[1]} {without_query(found[2])}"
    found = _SECTION.match(text)
    return unquote(found[1]) if found is not None else None


def _told(tool: str, section: str, kept: Mapping[str, str | int], owner: str, at: int, span: Span) -> Iterator[Event]:
    ignored = tool == "winscp" and not section.lower().startswith(("sessions\\", "configuration\\cdcache"))
    if (not section and not kept) or ignored or span.records >= _MOST:
        return
    span.add(None)
    yield Event(
        time=None, time_meaning=_STATE, action=Action.TOOL_CONFIGURED, subject=f"{tool} {section}".strip(), actor=owner,
        place=f"offset {at}", detail={"program": tool, **{key: value for key, value in kept.items() if value != ""}},
    )  # fmt: skip


@dataclass(frozen=True)
class FileZillaServers(Artefact):
    """Servers that FileZilla was connected to, and the folder it showed last."""

    name: str = "filezilla-servers"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = tuple(
        f"{folder}/{name}.xml"
        for folder in ("/users/*/appdata/roaming/filezilla", "/home/*/.config/filezilla", "/home/*/.filezilla",
                       "/root/.config/filezilla", "/users/*/.config/filezilla")
        for name in ("recentservers", "sitemanager", "filezilla")
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per server and last folder, then the audit."""
        span, owner, status = Span(), owner_of(candidate.path), "read"
        try:
            root = xml_of(candidate.content)
            for number, server in enumerate(root.iter("Server")):
                said = {key: (server.findtext(key) or "").strip()[:256] for key in ("Host", "Port", "User", "Name")}
                if said["Host"] and span.records < _MOST:
                    span.add(None)
                    yield _state(
                        Action.TOOL_CONFIGURED, f"FileZilla {said['Host']}", owner, f"Server {number}",
                        {"program": "FileZilla", "host": said["Host"], "port": said["Port"], "account": said["User"]},
                    )  # fmt: skip
            for setting in root.iter("Setting"):
                if "last local" in setting.get("name", "").lower() and setting.text:
                    span.add(None)
                    place = setting.get("name", "")
                    yield _state(Action.FOLDER_OPENED, setting.text, owner, place, {"program": "FileZilla"})
        except ParseError as error:
            status = "damaged" if span.records else "unreadable"
            yield Trouble("settings-damaged", str(error))
        yield state_audit("FileZilla", owner, span, status)


def _state(action: Action, subject: str, owner: str, place: str, detail: Mapping[str, str | int]) -> Event:
    return Event(
        time=None, time_meaning=_STATE, action=action, subject=subject, actor=owner, place=place,
        detail={key: value for key, value in detail.items() if value != ""},
    )  # fmt: skip


@dataclass(frozen=True)
class FileZillaQueue(RowSource):
    """Transfers that FileZilla still had to do when it was closed."""

    name: str = "filezilla-queue"
    version: int = 1
    system: ClassVar[str] = "FileZilla"
    needs: ClassVar[tuple[str, tuple[str, ...]]] = ("files", ("source_file", "download", "size"))
    patterns: ClassVar[tuple[str, ...]] = (
        "/users/*/appdata/roaming/filezilla/queue.sqlite3", "/home/*/.config/filezilla/queue.sqlite3",
        "/root/.config/filezilla/queue.sqlite3", "/users/*/.config/filezilla/queue.sqlite3",
    )  # fmt: skip

    def events(self, base: Database, candidate: Candidate, owner: str) -> Iterator[Event]:
        """Yield a hint per file."""
        del candidate
        joined = {"local_path"} <= base.columns("files") and {"id", "path"} <= base.columns("local_paths")
        folder = "p.path" if joined else "NULL"
        join = "LEFT JOIN local_paths p ON p.id=f.local_path" if joined else ""
        query = f"SELECT f.rowid, f.source_file, f.download, f.size, {folder} FROM files f {join} ORDER BY f.rowid"  # noqa: S608
        for number, name, download, size, place in base.rows(query):
            detail: dict[str, str | int] = {"program": "FileZilla", "shows": "queued; not sent when this was written"}
            detail |= {"bytes": size} if isinstance(size, int) and size >= 0 else {}
            action = Action.SYNCED if download else Action.UPLOAD_HINT
            yield _state(action, f"{place or ''}{name or ''}", owner, f"files.rowid={number}", detail)


@dataclass(frozen=True)
class CyberduckBookmark(Artefact):
    """A server that Cyberduck knows: a bookmark, or an entry of its history."""

    name: str = "cyberduck-bookmark"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = tuple(
        f"{folder}/{name}/*.duck"
        for folder in ("/users/*/appdata/roaming/cyberduck", "/users/*/library/application support/cyberduck",
                       "/users/*/library/group containers/g69sctx94z.duck/library/application support/duck")
        for name in ("bookmarks", "history", "sessions")
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the event, then the audit."""
        span, owner, status = Span(), owner_of(candidate.path), "read"
        try:
            tree: Any = plistlib.loads(candidate.content.read(0, min(candidate.content.size, 1 << 20)))
            if not isinstance(tree, dict) or "Hostname" not in tree:
                message = "no bookmark"
                raise ValueError(message)
            span.add(None)
            said = {
                key: str(tree.get(key, ""))[:256] for key in ("Hostname", "Username", "Protocol", "Access Timestamp")
            }
            yield _state(
                Action.TOOL_CONFIGURED, f"Cyberduck {said['Hostname']}", owner, "Hostname",
                {"program": "Cyberduck", "host": said["Hostname"], "account": said["Username"],
                 "protocol": said["Protocol"], "last_used": said["Access Timestamp"]},
            )  # fmt: skip
        except (
            ValueError,
            ExpatError,
            RecursionError,
            IndexError,
            OverflowError,
            plistlib.InvalidFileException,
        ) as error:
            status = "unreadable"
            yield Trouble("settings-damaged", f"no property list of Cyberduck ({type(error).__name__})")
        yield state_audit("Cyberduck", owner, span, status)
