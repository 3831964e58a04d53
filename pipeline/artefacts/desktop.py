"""What a Linux desktop keeps of files that were used and discarded: ``recently-used.xbel`` and ``*.trashinfo``.

SOURCE: freedesktop.org Desktop Bookmark Specification (XBEL with ``bookmark:applications``) and Trash Specification 1.0
(``Path`` percent-encoded, ``DeletionDate`` in local time).
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.times import Span, from_local, parse_iso
from pipeline.artefacts.xmltree import xml_of
from pipeline.errors import ParseError

__all__ = ["RecentlyUsed", "TrashInfo", "state_audit"]

_APPLICATIONS: Final = "{http://www.freedesktop.org/standards/desktop-bookmarks}application"


def state_audit(system: str, owner: str, span: Span, status: str) -> Audit:
    """Return the audit of a source that holds last states only."""
    return Audit(
        system=system, owner=owner, first=span.first, last=span.last, records=span.records, gaps=(), enabled="unknown",
        state_only=True, status=status,
    )  # fmt: skip


@dataclass(frozen=True)
class RecentlyUsed(Artefact):
    """Files that programs of a desktop opened, with each program's last use."""

    name: str = "recently-used"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = tuple(
        f"{home}/{name}" for home in ("/home/*", "/root")
        for name in (".local/share/recently-used.xbel", ".recently-used.xbel", ".local/share/user-places.xbel")
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per file and program, then the audit."""
        span, owner, status = Span(step_s=10**9), owner_of(candidate.path), "read"
        try:
            root = xml_of(candidate.content)
        except ParseError as error:
            root, status = Element("none"), "unreadable"
            yield Trouble("recent-files-damaged", str(error))
        for number, mark in enumerate(root.iter("bookmark")):
            for event in _uses(mark, number, owner):
                span.add(event.time)
                yield event
        yield state_audit("desktop", owner, span, status)


def _uses(mark: Element, number: int, owner: str) -> Iterator[Event]:
    path = unquote(mark.get("href", "")).removeprefix("file://")
    uses = [(app.get("name", ""), app.get("modified", "")) for app in mark.iter(_APPLICATIONS)]
    opened = uses or [("", mark.get("visited") or mark.get("modified") or "")]
    for use, (program, stamp) in enumerate(opened):
        yield Event(
            time=parse_iso(stamp.replace("Z", "+00:00")), time_meaning="last used by the program",
            action=Action.FILE_OPENED, subject=path, actor=owner, place=f"bookmark {number} use {use}",
            detail={"program": program} if program else {},
        )  # fmt: skip


@dataclass(frozen=True)
class TrashInfo(Artefact):
    """A file that was moved to the trash: from where and when."""

    name: str = "trash-info"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        "/home/*/.local/share/trash/info/*.trashinfo", "/root/.local/share/trash/info/*.trashinfo",
        "/.trash-*/info/*.trashinfo", "/.trash/*/info/*.trashinfo",
    )  # fmt: skip

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the event, then the audit."""
        span, owner, status = Span(), owner_of(candidate.path), "read"
        text = candidate.content.read(0, min(candidate.content.size, 1 << 16)).decode("utf-8", "replace")
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(text)
            path = unquote(parser.get("Trash Info", "Path"))
            stamp = parser.get("Trash Info", "DeletionDate")
            naive = datetime.fromisoformat(stamp).replace(tzinfo=None)
        except (configparser.Error, ValueError) as error:
            yield Trouble(
                "trash-info-damaged", f"no trash entry ({type(error).__name__}); what was discarded is unknown"
            )
            yield state_audit("trash", owner, span, "unreadable")
            return
        time = from_local(naive, candidate.timezone)
        span.add(time)
        yield Event(
            time=time, time_meaning="discarded", action=Action.FILE_DISCARDED, subject=path, actor=owner,
            place="Trash Info", zone=f"local {candidate.timezone}",
        )  # fmt: skip
        yield state_audit("trash", owner, span, status)
