r"""SYSTEM: the application compatibility cache (ShimCache), XP to Windows 11.

It lists programs that were run or merely seen in a folder; the time is the file's own, not that of a start.

SOURCE: libyal winreg-kb, "Application Compatibility Cache key" (head 0xDEADBEEF XP: 400 bytes, entries of 552;
0xBADC0FFE 2003 and Vista: 8 bytes; 0xBADC0FEE 7: 128 bytes; head size 0x80 Windows 8, entries ``00ts``, and 8.1,
entries ``10ts``; head size 0x30 and 0x34 Windows 10 and later, entries ``10ts``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, data_of, keys
from pipeline.artefacts.hive_artefact import Scene
from pipeline.artefacts.times import from_filetime

__all__ = ["shim_cache"]

_PLACES: Final = ("Session Manager\\AppCompatCache", "Session Manager\\AppCompatibility")
_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Program:
    path: str
    modified: int
    executed: str = ""
    updated: int = 0


def shim_cache(scene: Scene) -> Iterator[Event]:
    """Yield the programs of every control set.

    Raises:
        ValueError: the cache is in no known layout, or ends inside an entry.
    """
    for control in keys(scene.root):
        for place in _PLACES:
            key = at(control, f"Control\\{place}")
            data = data_of(key, "AppCompatCache")
            path = f"{control.get_name()}\\Control\\{place}\\AppCompatCache"
            for position, program in enumerate(_programs(data)):
                yield _event(program, position, path)


def _event(program: _Program, position: int, place: str) -> Event:
    name = program.path
    detail: dict[str, str | int] = {
        "position": position,
        "shows": "the program was there; a start is not shown by this",
    }
    if program.executed:
        detail["executed_flag"] = program.executed
    updated = from_filetime(program.updated)
    if updated is not None:
        detail["updated"] = updated.isoformat()
    modified: datetime | None = from_filetime(program.modified)
    return Event(
        time=modified, time_meaning="last change of the program's file", action=Action.PROGRAM_PRESENT,
        subject=name, place=f"{place}\\{position}", precision_us=1, detail=detail | {"program": name},
    )  # fmt: skip


def _programs(data: bytes) -> Iterator[_Program]:
    if not data:
        return
    magic = int.from_bytes(data[:4], "little")
    if magic == 0xDEADBEEF:
        yield from _xp(data)
    elif magic in {0xBADC0FFE, 0xBADC0FEE}:
        yield from _fixed(data, seven=magic == 0xBADC0FEE)
    elif magic in {0x80, 0x30, 0x34}:
        yield from _signed(data, magic)
    elif len(data) >= 8:
        message = f"the program cache has an unknown layout (0x{magic:08X})"
        raise ValueError(message)


def _xp(data: bytes) -> Iterator[_Program]:
    count = min(int.from_bytes(data[4:8], "little"), 96)
    for start in range(400, 400 + 552 * count, 552):
        entry = data[start : start + 552]
        modified, _, updated = struct.unpack_from("<QQQ", entry, 528)
        yield _Program(_text(entry[:528]), modified, updated=updated)


def _fixed(data: bytes, *, seven: bool) -> Iterator[_Program]:
    """Entries of one size, names elsewhere: 2003 and Vista 24 bytes (32 on 64 bits), 7 adds the place of a blob.

    A 64-bit entry is known by the padding after its two lengths: four zero bytes, where a 32-bit one has the place.
    """
    start = 128 if seven else 8
    count = min(int.from_bytes(data[4:8], "little"), _MOST)
    wide = data[start + 4 : start + 8] == bytes(4)
    size = (48 if wide else 32) if seven else (32 if wide else 24)
    for at_ in range(start, start + count * size, size):
        length, _ = struct.unpack_from("<HH", data, at_)
        place = struct.unpack_from("<Q" if wide else "<I", data, at_ + (8 if wide else 4))[0]
        modified = struct.unpack_from("<Q", data, at_ + (16 if wide else 8))[0]
        flags = struct.unpack_from("<I", data, at_ + (24 if wide else 16))[0]
        if place + length > len(data):
            message = f"the name of a program lies outside the cache (entry {(at_ - start) // size})"
            raise ValueError(message)
        name = data[place : place + length].decode("utf-16-le", "replace")
        yield _Program(name, modified, ("yes" if flags & 2 else "no") if seven else "")


def _signed(data: bytes, head: int) -> Iterator[_Program]:
    """Entries with a signature and their own length: Windows 8, 8.1 (``00ts``, ``10ts``), 10 and 11 (``10ts``)."""
    position = head
    for _ in range(_MOST):
        if position + 14 > len(data) or data[position : position + 4] not in {b"10ts", b"00ts"}:
            break
        size = struct.unpack_from("<I", data, position + 8)[0]
        entry = data[position + 12 : position + 12 + size]
        if len(entry) < size:
            message = "the program cache ends inside an entry"
            raise ValueError(message)
        yield _of_entry(entry, old=head == 0x80, packaged=data[position : position + 4] == b"10ts")
        position += 12 + size
    if position < len(data) and data[position:].strip(b"\0"):
        message = f"the program cache cannot be read from {position} on"
        raise ValueError(message)


def _of_entry(entry: bytes, *, old: bool, packaged: bool) -> _Program:
    """Read an entry; 8 and 8.1 have flags, and 8.1 a package's name before them."""
    length = struct.unpack_from("<H", entry)[0]
    name = entry[2 : 2 + length].decode("utf-16-le", "replace")
    after = 2 + length
    executed = ""
    if old:
        after += 2 + struct.unpack_from("<H", entry, after)[0] if packaged else 0
        executed, after = "yes" if struct.unpack_from("<I", entry, after)[0] & 2 else "no", after + 8
    return _Program(name, struct.unpack_from("<Q", entry, after)[0], executed)


def _text(raw: bytes) -> str:
    return raw.decode("utf-16-le", "replace").split("\0")[0]
