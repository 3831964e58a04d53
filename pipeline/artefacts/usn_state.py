"""The state of the NTFS change journal: since when it exists, and whether one before it was deleted.

SOURCE: Microsoft, USN_JOURNAL_DATA (winioctl.h): the journal's id is the time of its creation, LowestValidUsn the first
USN it may hold. A volume's first journal begins at 0; one that begins later was made after another had been deleted
(``fsutil usn deletejournal``) or given up by a repair. The stream ``$Max``: maximum size, delta, id, lowest valid USN.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact
from pipeline.artefacts.reading import Reading
from pipeline.artefacts.times import from_filetime
from pipeline.errors import ParseError

__all__ = ["JournalState"]

_SIZE: Final = 32


@dataclass(frozen=True)
class JournalState(Artefact):
    """Reads ``$Max``, beside the journal itself."""

    name: str = "usn-journal-state"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = ("/$extend/$usnjrnl",)
    stream: ClassVar[str] = "$max"

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the deletion of an earlier journal, if there was one, then the audit."""
        reading = Reading("NTFS change journal's state")
        yield from reading.facts(_state(candidate, reading))


def _state(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    data = candidate.content.read(0, min(_SIZE, candidate.content.size))
    if len(data) < _SIZE:
        message = "the journal's state is shorter than its 32 bytes"
        raise ParseError(message)
    size, delta, identifier, lowest = struct.unpack("<QQQQ", data)
    made = from_filetime(identifier)
    if made is None or not size:
        reading.lose("the journal's state is overwritten")
        return
    reading.span.add(made)
    if lowest:
        yield Event(
            time=made, time_meaning="journal made anew", action=Action.LOG_CLEARED, subject="NTFS change journal",
            place="state", precision_us=1,
            detail={
                "lowest_usn": lowest, "maximum_size": size, "delta": delta, "shows": "deleted, or given up by a repair",
            },
        )  # fmt: skip
