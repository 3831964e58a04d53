"""The recycle bin: what was deleted from where and when, and whether its content is still there.

SOURCE: Joachim Metz, "Windows Recycle Bin file formats": $I of versions 1 (name of 260 characters at 24) and 2 (length
at 24, name at 28), size at 8, FILETIME at 16; INFO2 (number of records at 4, or 0, their size at 12; records behind 20
bytes: name in the code page, number at 260, drive at 264, FILETIME at 268, size at 276, name in Unicode at 280).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Candidate, Event, Fact
from pipeline.artefacts.reading import Reading
from pipeline.artefacts.times import from_filetime
from pipeline.errors import ParseError

__all__ = ["OldRecycleBin", "RecycleBin"]

_SID: Final = re.compile(r"/(s-1-[\d-]{1,180})/", re.IGNORECASE)
_LONGEST: Final = 1 << 16
_NARROW, _BOTH = 280, 800
"""Record sizes of Windows 95 and of NT and later."""
_CODE_PAGE: Final = "cp932"
"""INFO2 does not name the system's code page; Japanese Windows uses this one."""
_MOST: Final = 100_000


@dataclass(frozen=True)
class RecycleBin(Artefact):
    """Reads $I; the file beside it, $R with the same rest of the name, is the content."""

    name: str = "recycle-bin"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = ("/$recycle.bin/*/$i*",)

    def beside(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield the path of the content."""
        folder, _, name = path.rpartition("/")
        yield "$r", f"{folder}/$R{name[2:]}"

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the deletion, then the audit; emptying the bin removes the record."""
        reading = Reading("Windows recycle bin", _owner(candidate.path))
        yield from reading.facts(_deletion(candidate, reading))


@dataclass(frozen=True)
class OldRecycleBin(Artefact):
    """Reads INFO2 of Windows XP and earlier."""

    name: str = "recycle-bin-info2"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = ("/recycler/*/info2", "/recycled/info2")

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield the deletions, then the audit."""
        reading = Reading("Windows recycle bin", _owner(candidate.path))
        yield from reading.facts(_records(candidate, reading))


def _owner(path: str) -> str:
    found = _SID.search(path)
    return found.group(1).upper() if found is not None else ""


def _deletion(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    data = candidate.content.read(0, min(candidate.content.size, _LONGEST))
    version, size, stamp = struct.unpack_from("<QQQ", data) if len(data) >= 28 else (0, 0, 0)
    if version not in (1, 2):
        message = "neither version 1 nor 2 of a recycle bin record"
        raise ParseError(message)
    start, length = (24, 260) if version == 1 else (28, int.from_bytes(data[24:28], "little"))
    raw = data[start : start + 2 * length]
    time = from_filetime(stamp)
    if len(raw) < 2 * length or time is None:
        reading.lose("the record's name or time is cut off or destroyed")
    reading.span.add(time)
    kept = "present beside the record" if "$r" in candidate.companions else "none found beside the record"
    yield Event(
        time=time, time_meaning="moved to the recycle bin", action=Action.FILE_DISCARDED,
        subject=raw.decode("utf-16-le", "replace").split("\0", 1)[0], place="record", precision_us=1,
        actor=_owner(candidate.path), detail={"bytes": size, "content": kept, "version": version},
    )  # fmt: skip


def _records(candidate: Candidate, reading: Reading) -> Iterator[Fact]:
    head = candidate.content.read(0, min(20, candidate.content.size))
    stated, size = int.from_bytes(head[4:8], "little"), int.from_bytes(head[12:16], "little")
    if len(head) < 20 or size not in (_NARROW, _BOTH):
        message = "the header states no known size of records"
        raise ParseError(message)
    for number in range(_MOST):
        start = 20 + number * size
        data = candidate.content.read(start, max(min(size, candidate.content.size - start), 0))
        if len(data) < size:
            if any(data) or number < min(stated, _MOST):
                reading.lose(f"record {number} is cut off, or records behind it are")
            return
        if any(data):
            yield _record(candidate, data, reading)
        else:
            reading.lose(f"record {number} is overwritten with zeros")
    reading.lose(f"more than {_MOST} records")


def _record(candidate: Candidate, data: bytes, reading: Reading) -> Event:
    number, drive, stamp, size = struct.unpack_from("<IIQI", data, 260)
    time = from_filetime(stamp)
    if time is None:
        reading.lose("a record's time is destroyed")
    reading.span.add(time)
    name = data[280:].decode("utf-16-le", "replace") if len(data) == _BOTH else data[:260].decode(_CODE_PAGE, "replace")
    return Event(
        time=time, time_meaning="moved to the recycle bin", action=Action.FILE_DISCARDED,
        subject=name.split("\0", 1)[0], place=f"record {number}", precision_us=1, actor=_owner(candidate.path),
        detail={"bytes": size, "drive": drive, "state": "in the bin" if data[0] else "restored or removed for good"},
    )  # fmt: skip
