"""Damage in an MFT, counted by kind, with the first places named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipeline.records import Diagnostic, Severity, diagnose

__all__ = ["Faults"]

_NAMED: Final = 5
_TEXTS: Final = {
    "attribute-list-unreadable": "attribute lists cannot be read; streams or names of these files may be missing",
    "extension-missing": "records that an attribute list names do not belong to it; streams or names may be missing",
    "fixup": "records whose sectors do not belong together (torn write); read where possible",
    "folder-cycle": "folders that contain themselves; what they hold is listed under /$OrphanFiles",
    "index-unreadable": "folder indexes cannot be read; names of deleted files in them are not listed",
    "mft-damaged": "copies of the table's own record are damaged; the other one is used",
    "mft-runs-damaged": "the table's own run list is damaged or ends too early; records in what is lost are not listed",
    "mft-unreadable": "records cannot be read; what they name is not listed",
    "path-too-long": "paths longer than NTFS allows; cut and listed under /$OrphanFiles",
    "rows-without-end": "records with more names and streams than a file can have; not all of them are listed",
    "runs-damaged": "run lists are damaged or leave the volume; content behind the damage is not read",
}
_LOSSES: Final = frozenset(
    {"attribute-list-unreadable", "extension-missing", "mft-runs-damaged", "mft-unreadable", "rows-without-end"}
)


class Faults:
    """Counts of damage; memory does not grow with them."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._first: dict[str, list[int]] = {}

    def add(self, code: str, record: int) -> None:
        """Count one, in a record's number."""
        self._counts[code] = self._counts.get(code, 0) + 1
        first = self._first.setdefault(code, [])
        if record not in first:
            first.append(record)
            first.sort()
            del first[_NAMED:]

    def diagnostics(self, address: str) -> Iterator[Diagnostic]:
        """Yield one diagnostic per kind of damage, in their order of name."""
        for code in sorted(self._counts):
            places = ", ".join(map(str, self._first[code]))
            message = f"{address}: {_TEXTS[code]}; {self._counts[code]} times, first in MFT records {places}"
            yield diagnose("entries", address, code, message, Severity.LOSS if code in _LOSSES else Severity.WARNING)
