"""Windows event logs: whole files and loose chunks (Joachim Metz, "Windows XML Event Log (EVTX) format")."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.carvers.base import Carved, Carver

__all__ = ["EventChunks", "EventLog"]

CHUNK: Final = 65536
_HEAD: Final = 4096
_FIRST: Final = 512
"""Offset of a chunk's first record, behind header, string offsets and template pointers (§4)."""
_RECORD: Final = 28
"""Least length of a record: signature, size, id, FILETIME, and the size again at its end (§5)."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What the walk of a chunk found: ids, bytes that are proved, and whether both checksums hold."""

    first: int
    last: int
    end: int
    sound: bool


@dataclass(frozen=True)
class EventLog(Carver):
    """Walks the chunks behind a file header whose checksum holds, as long as their record ids go on."""

    name: str = "evtx"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"ElfFile\0", 0),)

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the log; it is whole where as many sound chunks follow as the header counts."""
        head = view.read(start, min(128, limit))
        if len(head) < 128 or struct.unpack_from("<IHHHH", head, 32)[0::3] != (128, _HEAD):
            return None
        if zlib.crc32(head[:120]) != struct.unpack_from("<I", head, 124)[0]:
            return None
        (count,) = struct.unpack_from("<H", head, 42)
        chunks, end, sound = _chunks(view, start, _HEAD, limit, following=False)
        if not chunks:
            return None
        whole = sound and chunks >= count
        fault = "" if whole else f"{chunks} of {count} chunks, the last ones not sound or not there"
        return Carved(start, end, "evtx", complete=whole, note=fault)


@dataclass(frozen=True)
class EventChunks(Carver):
    """Takes chunks that lie one behind the other with ids that go on, each proved by its records and checksums."""

    name: str = "evtx-chunk"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"ElfChnk\0", 0),)

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the chunks; one that breaks off behind at least one record is partial."""
        chunks, end, sound = _chunks(view, start, 0, limit, following=True)
        if not chunks:
            return None
        return Carved(start, end, "evtx-chunk", complete=sound, note="" if sound else "ends with its last sound record")


def _chunks(view: Readable, start: int, at: int, limit: int, *, following: bool) -> tuple[int, int, bool]:
    """Return number, end and soundness of the chunks from ``at``; ids must go on where ``following``."""
    count, end, sound, expected = 0, at, False, -1
    while at < limit:
        chunk = _walk(view.read(start + at, min(CHUNK, limit - at)))
        if chunk is None or (following and expected >= 0 and chunk.first != expected):
            break
        count, end, sound, expected = count + 1, at + chunk.end, chunk.sound, chunk.last + 1
        if not sound:
            break
        at += CHUNK
    return count, end, sound


def _walk(raw: bytes) -> _Chunk | None:
    """Walk the records of a chunk: each states its size at both ends, and ids rise by one."""
    if len(raw) < _FIRST or not raw.startswith(b"ElfChnk\0") or struct.unpack_from("<I", raw, 40)[0] != 128:
        return None
    free, checksum = struct.unpack_from("<II", raw, 48)
    first = last = -1
    at = _FIRST
    while at + _RECORD <= len(raw) and raw[at : at + 4] == b"**\0\0":
        size, number = struct.unpack_from("<IQ", raw, at + 4)
        stop = at + size
        if size < _RECORD or stop > len(raw) or struct.unpack_from("<I", raw, stop - 4)[0] != size:
            break
        if last >= 0 and number != last + 1:
            break
        first, last, at = first if first >= 0 else number, number, stop
    if last < 0:
        return None
    headed = zlib.crc32(raw[:120] + raw[128:_FIRST]) == struct.unpack_from("<I", raw, 124)[0]
    filled = at > free or (at == free and zlib.crc32(raw[_FIRST:free]) == checksum)
    sound = headed and filled and len(raw) == CHUNK
    return _Chunk(first, last, CHUNK if sound else at, sound)
