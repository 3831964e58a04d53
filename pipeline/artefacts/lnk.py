"""Shell links as files: what a user opened (folders ``Recent``), and shortcuts that were laid down elsewhere.

Windows writes the link in ``Recent`` anew whenever the document is opened again: its creation is the first opening
that is still on record, its last write the last one. SOURCE: [MS-SHLLINK], read by :mod:`shell_link`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.reading import Reading
from pipeline.artefacts.shell_link import ShellLink, parse_link

__all__ = ["Shortcut"]

_LARGEST: Final = 1 << 20
"""Bytes; links stay under a few thousand."""
_RECENT: Final = re.compile(r"/recent/[^/]+$", re.IGNORECASE)


@dataclass(frozen=True)
class Shortcut(Artefact):
    """Reads every ``.lnk``: target, volume, host; the times of the link itself are those of the opening."""

    name: str = "shell-link"
    version: int = 1

    def wants(self, path: str, system: str = "") -> bool:
        """Return whether a path is a shell link, wherever it lies."""
        del system
        return path.endswith(".lnk")

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the openings, or the laying down, then the audit; a link holds last states."""
        reading = Reading("Windows shell link", owner_of(candidate.path))
        yield from reading.facts(_facts(candidate, reading))


def _facts(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    link = parse_link(candidate.content.read(0, min(candidate.content.size, _LARGEST)))
    for meaning, time in _times(candidate):
        reading.span.add(time)
        yield _event(candidate, link, meaning, time)
    if link.cut:
        reading.lose(link.cut)


def _times(candidate: Candidate) -> Iterator[tuple[str, datetime | None]]:
    if not _RECENT.search(candidate.path):
        yield "link made", candidate.created or candidate.modified
        return
    yield "last opened", candidate.modified
    if candidate.created is not None and candidate.created != candidate.modified:
        yield "first opened", candidate.created


def _event(candidate: Candidate, link: ShellLink, meaning: str, time: datetime | None) -> Event:
    opened = Action.FOLDER_OPENED if link.detail.get("kind") == "directory" else Action.FILE_OPENED
    return Event(
        time=time, time_meaning=meaning, action=Action.SHORTCUT_MADE if meaning == "link made" else opened,
        subject=link.target, place="link", actor=owner_of(candidate.path), detail=link.detail,
    )  # fmt: skip
