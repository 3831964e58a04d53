"""Two listings of one volume compared row by row: by path, or by where the first byte lies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from pipeline.access.ext import JOURNAL
from pipeline.access.own import OWN
from pipeline.access.tsk_rows import INDIRECT
from pipeline.records import Diagnostic, FileEntry, Origin, Severity, Volume, diagnose

__all__ = ["Joiner", "comparable", "listed"]

_NAMED: Final = 200
_VIRTUAL: Final = ("/$OrphanFiles", "/$MBR", "/$FAT1", "/$FAT2", "/$ALLOC_BITMAP", "/$UPCASE_TABLE", "/$VOLUME_GUID")


def comparable(row: FileEntry) -> bool:
    """Tell whether an entry of The Sleuth Kit is one that another reader could list."""
    return not row.path.startswith(_VIRTUAL) and row.kind != "virtual" and row.path != "/" and row.stream != INDIRECT


def listed(row: FileEntry, by: str) -> FileEntry:
    """Return an entry with the readers that list it."""
    return row if row.listed_by in {by, JOURNAL} else replace(row, listed_by=by)


class Joiner:
    """Compares the listings of one volume, at once or in parts; ``rest`` is what only the second listed, by id."""

    def __init__(self, volume: Volume, second: str) -> None:
        self._first, self._second = volume.reader, second
        self._streams_alone = volume.file_system in OWN  # named streams of these are not what the second lists
        self._alone = 0
        self.rest: dict[str, FileEntry] = {}

    def joined(self, entries: Iterable[FileEntry], others: Iterable[FileEntry]) -> Iterator[FileEntry | Diagnostic]:
        """Yield the first reader's entries, marked with who lists them, and where the two differ."""
        unmatched: dict[tuple[object, ...], list[FileEntry]] = defaultdict(list)
        self.rest = {row.id: row for row in others}
        for row in self.rest.values():
            for key in _keys(row):
                unmatched[key].append(row)
        for entry in entries:
            if entry.origin != Origin.ALLOCATED:
                yield listed(entry, self._first)
                continue
            match = next((row for key in _keys(entry) for row in unmatched.get(key, ()) if row.id in self.rest), None)
            if match is None:
                self._alone += 1
                yield listed(entry, self._first)
                expected = entry.kind == "metadata" or entry.path == "/" or (entry.stream and self._streams_alone)
                if self._alone <= _NAMED and not expected:
                    yield _one_sided(entry, self._first, self._second)
                continue
            self.rest.pop(match.id)
            yield listed(entry, f"{self._first}+{self._second}")
            if match.size != entry.size and entry.kind == "file":
                yield _differing(entry, self._first, match, self._second)

    def alone(self, rows: Iterable[FileEntry]) -> Iterator[FileEntry | Diagnostic]:
        """Yield what only the second reader lists."""
        for row in rows:
            if row.kind not in {"metadata", "virtual"}:
                yield listed(row, self._second)
                yield _one_sided(row, self._second, self._first)


def _keys(row: FileEntry) -> Iterator[tuple[object, ...]]:
    """Yield what identifies an entry to another reader: its path, and where its first byte lies."""
    yield "path", row.path.lower(), row.stream
    if row.runs and row.runs[0].start >= 0:
        yield "run", row.runs[0].start, row.size if row.kind == "file" else row.kind


def _differing(entry: FileEntry, lister: str, match: FileEntry, other: str) -> Diagnostic:
    message = f"{entry.address}: {entry.size} bytes by {lister}, {match.size} by {other}; the first is used"
    return diagnose("entries", entry.address, "listings-differ", message, Severity.WARNING)


def _one_sided(entry: FileEntry, lister: str, other: str) -> Diagnostic:
    message = f"{entry.address}: listed by {lister} only, not by {other}; it is kept and examined"
    return diagnose("entries", entry.address, "listed-by-one", message, Severity.NOTE)
