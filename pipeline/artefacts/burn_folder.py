"""Files laid into the folder from which Windows burns discs, also those that were since burned and removed.

SOURCE: Microsoft, CSIDL_CDBURN_AREA (``AppData/Local/Microsoft/Windows/Burn``); NIST CFReDS, "Data Leakage Case",
questions 32 to 35: each file that is dragged to a disc is copied there first, and removed when the disc is burned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.artefacts.base import Action, Audit, Event, Fact, VolumeArtefact, Window
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.times import Span
from pipeline.records import FileEntry, Origin, Volume

__all__ = ["BurnFolder"]

_FOLDER: Final = re.compile(
    r"(?:/windows\.old[^/]*)?"
    r"/(?:users/[^/]+/appdata/local|documents and settings/[^/]+/local settings/application data)"
    r"/microsoft/(?:windows/burn|cd burning)/.+",
    re.IGNORECASE | re.DOTALL,
)
_KEPT: Final = (Origin.ALLOCATED, Origin.DELETED, Origin.ORPHAN)


@dataclass(frozen=True)
class BurnFolder(VolumeArtefact):
    """Finds the files of the folder in a volume's listing."""

    name: str = "burn-folder"
    version: int = 1

    def examine(
        self, volume: Volume, entries: Iterable[FileEntry], window: Window | None = None
    ) -> Iterator[tuple[FileEntry | None, Fact]]:
        """Yield the files, then the audit; a folder without files excludes nothing."""
        del window
        span = Span(step_s=10**9)
        for entry in entries:
            if entry.kind == "file" and not entry.stream and entry.origin in _KEPT and _staged(entry.path):
                span.add(entry.created)
                yield entry, _event(entry)
        yield None, Audit(
            system=volume.file_system, owner=volume.label, first=span.first, last=span.last, records=span.records,
            gaps=(), enabled="unknown", state_only=True, status="read",
        )  # fmt: skip


def _staged(path: str) -> bool:
    slashed = path if path.startswith("/") else f"/{path}"
    return _FOLDER.fullmatch(slashed) is not None and not slashed.lower().endswith("/desktop.ini")


def _event(entry: FileEntry) -> Event:
    return Event(
        time=entry.created, time_meaning="laid into the burn folder", action=Action.BURN_STAGED, subject=entry.path,
        place="entry", precision_us=max(entry.created_precision_us, 1), zone=entry.created_zone or "UTC",
        actor=owner_of(entry.path), detail={"bytes": entry.size, "origin": entry.origin},
    )  # fmt: skip
