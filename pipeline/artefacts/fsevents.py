"""macOS file system events (``.fseventsd``): what changed on a volume, and mounts, in the order of their numbers.

SOURCE: libyal dtformats "MacOS File System Events Disk Log Stream format": gzip; pages with signature ``1SLD``,
``2SLD`` or ``3SLD``, four bytes, page size; records of a path ended by zero, event id (64 bits), flags (32 bits, read
big-endian) and from version 2 the node id, from version 3 four more bytes. A file's name is the id that follows its
last.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.packed import unpacked
from pipeline.errors import ParseError
from pipeline.records import Gap

__all__ = ["FileSystemEvents"]

_SIZES: Final = {b"1SLD": 0, b"2SLD": 8, b"3SLD": 12}
_LARGEST: Final = 256 << 20
_LONGEST_PATH: Final = 4096
_DAY_US: Final = 86_400_000_000
_FLAGS: Final = (
    (0x00000002, Action.VOLUME_MOUNTED, "mounted"), (0x00000004, Action.VOLUME_MOUNTED, "unmounted"),
    (0x02000000, Action.ENTRY_DELETED, "removed"), (0x08000000, Action.ENTRY_RENAMED, "renamed"),
    (0x01000000, Action.ENTRY_CREATED, "created"), (0x80000000, Action.ENTRY_CREATED, "folder created"),
    (0x10000000, Action.ENTRY_MODIFIED, "modified"),
)  # fmt: skip
"""The first that is set names the event; flags of one record gather what happened to a path."""
_NOISE: Final = re.compile(
    r"/?(?:private/var|System|usr|Library|\.Spotlight-V100|\.DocumentRevisions|Users/[^/]+/Library)(?:/|$)"
)


@dataclass(slots=True)
class _Seen:
    records: int = 0
    lowest: int = 0
    highest: int = 0
    gaps: list[Gap] = field(default_factory=list)


@dataclass(frozen=True)
class FileSystemEvents(Artefact):
    """Reads changes of files outside the system's own folders. Records have no time: the file's change bounds it."""

    name: str = "macos-fsevents"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = ("/.fseventsd/*", "/system/volumes/data/.fseventsd/*")

    def wants(self, path: str, system: str = "") -> bool:
        """Return whether a path is a log: its name is a number."""
        name = path.rpartition("/")[2]
        return super().wants(path, system) and (re.fullmatch(r"[0-9a-f]{16}", name) is not None or name == "x")

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield events, then the audit."""
        seen, status = _Seen(), "read"
        try:
            yield from self._pages(candidate, seen)
            name = candidate.path.rpartition("/")[2]
            if re.fullmatch(r"[0-9a-fA-F]{16}", name) and seen.highest > int(name, 16):
                message = f"event {seen.highest} is higher than the file's name {name}"
                raise ParseError(message)
        except ParseError as error:
            status = "damaged" if seen.records else "unreadable"
            seen.gaps.append(Gap(start=None, end=candidate.modified, reason=str(error)))
            yield Trouble("fsevents-damaged", str(error))
        yield Audit(
            system="fseventsd", owner=f"events {seen.lowest} to {seen.highest}" if seen.records else "", first=None,
            last=None, records=seen.records, gaps=tuple(seen.gaps), enabled="yes" if seen.records else "unknown",
            state_only=True, status=status,
        )  # fmt: skip

    def _pages(self, candidate: Candidate, seen: _Seen) -> Iterator[Event]:
        data, base = bytearray(), 0
        for piece in unpacked(candidate.content):
            data += piece
            while len(data) >= 12:
                extra, size = _SIZES.get(bytes(data[:4])), int.from_bytes(data[8:12], "little")
                if extra is None or not 12 <= size <= _LARGEST:
                    message = f"no page of events is at {base}; what follows is not read"
                    raise ParseError(message)
                if len(data) < size:
                    break
                yield from _records(bytes(data[12:size]), extra, base + 12, candidate, seen)
                del data[:size]
                base += size
        if data or not base:
            message = f"the log breaks off inside a page at {base}"
            raise ParseError(message)


def _records(page: bytes, extra: int, base: int, candidate: Candidate, seen: _Seen) -> Iterator[Event]:
    at = 0
    while at < len(page):
        end = page.find(b"\0", at, at + _LONGEST_PATH)
        if end < 0 or end + 13 + extra > len(page):
            message = f"a record of the page breaks off at {base + at}"
            raise ParseError(message)
        number, flags = struct.unpack_from("<Q", page, end + 1)[0], struct.unpack_from(">I", page, end + 9)[0]
        seen.records += 1
        seen.lowest, seen.highest = min(seen.lowest or number, number), max(seen.highest, number)
        path = page[at:end].decode("utf-8", "replace")
        found = next(((action, word) for bit, action, word in _FLAGS if flags & bit), None)
        if found is not None and (flags & 6 or not _NOISE.match(path)):
            yield Event(
                time=candidate.modified, time_meaning="at the latest when the log was written", action=found[0],
                subject=f"/{path.lstrip('/')}", place=f"unpacked offset {base + at}", precision_us=_DAY_US,
                detail={"event": number, "flags": f"{flags:08x}", "change": found[1]},
            )  # fmt: skip
        at = end + 13 + extra
