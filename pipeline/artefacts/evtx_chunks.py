"""The audit of a Windows event log, from its own chunk and record headers, independent of any parser of records.

SOURCE: Joachim Metz, "Windows XML Event Log (EVTX) format": file header (next record id, chunks, flags),
chunk header (record ids, free space, checksums), record header (id, FILETIME).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.artefacts.times import Span, from_filetime
from pipeline.records import Gap

__all__ = ["Chunk", "LogAudit", "audit_log"]

CHUNK: Final = 65536
_HEAD: Final = 4096
_FIRST_RECORD: Final = 512
_MOST_GAPS: Final = 1000
_DIRTY: Final = 1


@dataclass(slots=True)
class Chunk:
    """What one chunk holds: ids and times of its first and last record, and what is wrong with it."""

    first_id: int
    last_id: int = 0
    first: datetime | None = None
    last: datetime | None = None
    records: int = 0
    wrong: list[str] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


@dataclass(slots=True)
class LogAudit:
    """What a log speaks for."""

    span: Span
    gaps: list[Gap]
    damaged: bool
    readable: bool
    records: int


def audit_log(content: Readable) -> LogAudit:
    """Return the audit of a log; damage is a gap, never an error."""
    head = content.read(0, min(_HEAD, content.size))
    gaps: list[Gap] = []
    chunks = list(_chunks(content, gaps))
    chunks.sort(key=lambda chunk: chunk.first_id)
    span = Span()
    before: Chunk | None = None
    for chunk in chunks:
        for time in (chunk.first, chunk.last):
            span.add(time)
        gaps += chunk.gaps
        gaps += [Gap(start=chunk.first, end=chunk.last, reason=reason) for reason in chunk.wrong]
        if before is not None and chunk.first_id > before.last_id + 1:
            gaps.append(_jump(before.last_id, before.last, chunk.first_id, chunk.first))
        before = chunk
    gaps += _end(head, content.size, before)
    damaged = bool(gaps)
    records = sum(chunk.records for chunk in chunks)
    gaps += span.gaps
    return LogAudit(span=span, gaps=gaps[:_MOST_GAPS], damaged=damaged, readable=bool(chunks), records=records)


def _jump(before_id: int, before: datetime | None, after_id: int, after: datetime | None) -> Gap:
    start, end = before, after
    if start is not None and end is not None and end < start:
        start, end = end, start
    return Gap(start=start, end=end, reason=f"records {before_id + 1} to {after_id - 1} are missing")


def _end(head: bytes, size: int, last: Chunk | None) -> Iterator[Gap]:
    """Compare the end of the records with what the file header promises."""
    when = last.last if last is not None else None
    if len(head) < 128 or head[:8] != b"ElfFile\0":
        yield Gap(start=None, end=None, reason="the file header is destroyed; how many records there were is unknown")
        return
    (following,) = struct.unpack_from("<Q", head, 24)
    (count,) = struct.unpack_from("<H", head, 42)
    flags, checksum = struct.unpack_from("<II", head, 120)
    if zlib.crc32(head[:120]) != checksum:
        yield Gap(start=when, end=None, reason="the file header's checksum is wrong; records may be missing at the end")
    elif last is not None and following > last.last_id + 1:
        yield _jump(last.last_id, when, following, None)
    elif last is None and following > 1:
        yield Gap(start=None, end=None, reason=f"records 1 to {following - 1} are missing")
    if size < _HEAD + count * CHUNK:
        yield Gap(start=when, end=None, reason="the file is shorter than its header says")
    elif flags & _DIRTY and last is None:
        yield Gap(start=None, end=None, reason="the log was in use and holds no record yet on disk")


def _chunks(content: Readable, gaps: list[Gap]) -> Iterator[Chunk]:
    when: datetime | None = None
    for start in range(_HEAD, content.size, CHUNK):
        raw = content.read(start, min(CHUNK, content.size - start))
        if raw[:8] == b"ElfChnk\0":
            chunk = _walk(raw)
            if chunk is not None:
                when = chunk.last
                yield chunk
                continue
        if raw.count(0) != len(raw) and len(gaps) < _MOST_GAPS:
            gaps.append(Gap(start=when, end=None, reason=f"the chunk at {start} has no readable records"))


def _walk(raw: bytes) -> Chunk | None:
    """Walk the records of a chunk; None where there is none."""
    if len(raw) < _FIRST_RECORD:
        return None
    chunk: Chunk | None = None
    free = struct.unpack_from("<I", raw, 48)[0]
    position = _FIRST_RECORD
    while position + 28 <= len(raw) and raw[position : position + 4] == b"**\0\0":
        size, number, stamp = struct.unpack_from("<IQQ", raw, position + 4)
        if size < 28 or position + size > len(raw):
            break
        chunk = _count(chunk, number, from_filetime(stamp))
        position += size
    if chunk is not None:
        chunk.wrong += _wrong(raw, free, position, chunk)
    return chunk


def _count(chunk: Chunk | None, number: int, time: datetime | None) -> Chunk:
    if chunk is None:
        chunk = Chunk(first_id=number, last_id=number - 1)
    if number != chunk.last_id + 1 and len(chunk.gaps) < 16:
        chunk.gaps.append(_jump(chunk.last_id, chunk.last, number, time))
    chunk.last_id = max(number, chunk.last_id)
    chunk.first = chunk.first if chunk.first is not None else time
    chunk.last = time if time is not None else chunk.last
    chunk.records += 1
    return chunk


def _wrong(raw: bytes, free: int, end: int, chunk: Chunk) -> Iterator[str]:
    """Yield what is wrong. In the chunk in use, the header lags behind the records: more records are no loss."""
    if len(raw) < CHUNK:
        yield "the chunk is cut off"
        return
    (last_id,) = struct.unpack_from("<Q", raw, 32)
    if zlib.crc32(raw[:120] + raw[128:512]) != struct.unpack_from("<I", raw, 124)[0]:
        yield "the chunk header's checksum is wrong"
    elif end < free:
        yield f"records up to {last_id} of this chunk are unreadable behind {chunk.last_id}"
    elif end == free and zlib.crc32(raw[_FIRST_RECORD:free]) != struct.unpack_from("<I", raw, 52)[0]:
        yield "the chunk data's checksum is wrong; a record in it is altered"
