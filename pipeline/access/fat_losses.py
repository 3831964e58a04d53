"""What a walk over a FAT or exFAT volume could not read or decide, counted by kind with the first places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipeline.address import at_bytes
from pipeline.records import Diagnostic, Severity, Volume, diagnose

__all__ = ["Losses"]

_SHOWN: Final = 3
_REMEDY: Final = {
    Severity.LOSS: "the listing lacks what was there: image the medium again or scan these bytes raw",
    Severity.WARNING: "look at these entries with a second reader",
    Severity.NOTE: "nothing needs to be done",
}


class Losses:
    """Counts by kind; a kind becomes one diagnostic, however often it occurs."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, Severity], int] = {}
        self._places: dict[tuple[str, Severity], list[tuple[int, int]]] = {}

    def add(
        self, text: str, place: tuple[int, int] | None = None, *, count: int = 1, severity: Severity = Severity.WARNING
    ) -> None:
        """Count a kind of loss; ``place`` is its (start, length) in the volume, in bytes. Nothing where 0 are lost."""
        if count <= 0:
            return
        key = (text, severity)
        self._counts[key] = self._counts.get(key, 0) + count
        shown = self._places.setdefault(key, [])
        if place is not None and len(shown) < _SHOWN:
            shown.append(place)

    def merge(self, other: Losses) -> None:
        """Take over what another counted."""
        for (text, severity), count in other._counts.items():
            self.add(text, count=count, severity=severity)
            room = self._places[text, severity]
            room.extend(other._places[text, severity][: _SHOWN - len(room)])

    def rows(self, volume: Volume, code: str) -> Iterator[Diagnostic]:
        """Yield one diagnostic per kind, in the order of the texts."""
        for text, severity in sorted(self._counts):
            count, places = self._counts[text, severity], self._places[text, severity]
            first = ", ".join(at_bytes(volume.address, start, length) for start, length in places)
            where = f" (first: {first})" if first else ""
            message = f"{volume.address}: {text}: {count} times{where}; {_REMEDY[severity]}"
            yield diagnose("entries", volume.address, code, message, severity)
