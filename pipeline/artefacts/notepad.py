"""Tabs of Windows 11's Notepad: which files stood open, and notes that were never saved.

SOURCE: ogmini, "Notepad State Library" (2024): ``NP``, sequence number, kind (0 never saved, 1 of a file); of a file:
path, size, encoding, line ends, FILETIME of its last write and SHA-256; numbers are unsigned LEB128. What was typed is
content of the file, not of the activity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact
from pipeline.artefacts.bytesource import owner_of
from pipeline.artefacts.reading import Reading
from pipeline.artefacts.times import from_filetime
from pipeline.errors import ParseError

__all__ = ["NotepadTab"]

_HEAD: Final = 1 << 17
_LONGEST_PATH: Final = 32_768
_UNSAVED, _SAVED = 0, 1


@dataclass(frozen=True)
class NotepadTab(Artefact):
    """Reads one tab; the files ``.0.bin`` and ``.1.bin`` beside it only keep how it was shown."""

    name: str = "notepad-tab"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = (
        "/users/*/appdata/local/packages/microsoft.windowsnotepad_*/localstate/tabstate/*.bin",
    )  # fmt: skip

    def wants(self, path: str, system: str = "") -> bool:
        """Return whether a path is a tab's, and not only its view's."""
        return path.endswith(".bin") and not path.endswith((".0.bin", ".1.bin")) and super().wants(path, system)

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the tab, dated when its state was written last, then the audit."""
        reading = Reading("Notepad", owner_of(candidate.path))
        yield from reading.facts(_tab(candidate, reading))


def _tab(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    data = candidate.content.read(0, min(candidate.content.size, _HEAD))
    if data[:2] != b"NP":
        message = "no state of a tab"
        raise ParseError(message)
    _, at = _number(data, 2)
    kind, at = _number(data, at)
    if kind not in (_UNSAVED, _SAVED):
        message = f"a state of the unknown kind {kind}"
        raise ParseError(message)
    subject, detail = _file(data, at) if kind == _SAVED else ("", {"state": "never saved"})
    reading.span.add(candidate.modified)
    yield Event(
        time=candidate.modified, time_meaning="tab written last", place="tab", subject=subject,
        action=Action.FILE_OPENED if kind == _SAVED else Action.FILE_PRESENT, actor=owner_of(candidate.path),
        detail=detail,
    )  # fmt: skip


def _file(data: bytes, at: int) -> tuple[str, dict[str, str | int]]:
    length, at = _number(data, at)
    end = at + 2 * length
    if not 0 < length <= _LONGEST_PATH or end > len(data):
        message = "the path of the tab's file is cut off"
        raise ParseError(message)
    path = data[at:end].decode("utf-16-le", "replace")
    size, at = _number(data, end)
    stamp, at = _number(data, at + 2)
    digest = data[at : at + 32]
    if len(digest) < 32:
        message = "the digest of the tab's file is cut off"
        raise ParseError(message)
    detail: dict[str, str | int] = {"bytes": size, "sha256": digest.hex()}
    written = from_filetime(stamp)
    return path, detail | ({"target_modified": written.isoformat()} if written is not None else {})


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return an unsigned LEB128 number and where it ends."""
    value = 0
    for place in range(10):
        if at + place >= len(data):
            break
        value |= (data[at + place] & 0x7F) << 7 * place
        if data[at + place] < 0x80:
            return value, at + place + 1
    message = "a number of the tab's state is cut off"
    raise ParseError(message)
