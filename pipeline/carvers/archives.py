"""ZIP archives (PKWARE APPNOTE 6.3.10, 4.3), walked entry by entry with their checksums."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass, field, replace
from typing import Final

from pipeline.carvers.base import Carved, Carver, SpentError, View
from pipeline.carvers.zip_gap import mended

__all__ = ["UNPACKED", "Zip"]

UNPACKED: Final = 256 << 20
"""Bytes that the check of one archive may unpack; entries behind that are taken by their stated sizes."""
SEARCHED: Final = 32 << 20
"""Bytes behind a member that cannot be unpacked in which its descriptor is looked for; one further off is not found."""
_PIECE: Final = 1 << 16
_HEAD: Final = 256
"""Bytes of a local header that are read first."""
_LOCAL: Final = struct.Struct("<6xHH4xIIIHH")
"""Flags, method, CRC-32, packed size, size, lengths of name and extra field (4.3.7)."""
_CENTRAL: Final = struct.Struct("<28xHHH8xI")
"""Lengths of name, extra field and comment, offset of the local header (4.3.12)."""
_METHODS: Final = (0, 8, 9, 12, 14, 93, 95, 98, 99)
_NAME: Final = re.compile(rb"[^\x00-\x1f]{1,4096}", re.DOTALL)
_UNKNOWN: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Entry:
    """A local header; sizes and checksum as it states them, ``start`` is that of its data."""

    start: int
    flags: int
    method: int
    crc: int
    packed: int
    size: int

    @property
    def streamed(self) -> bool:
        """Whether sizes follow the data (flag bit 3, 4.4.4)."""
        return bool(self.flags & 8) and not self.packed


@dataclass(slots=True)
class _Walk:
    """What the walk knows: entries checked by checksum, taken unchecked, wrong; bytes it may still unpack."""

    left: int = UNPACKED
    checked: int = 0
    unchecked: int = 0
    offsets: list[int] = field(default_factory=list)

    def note(self) -> str:
        """Say what was not checked."""
        return f"{self.unchecked} of {len(self.offsets)} members not checked" if self.unchecked else ""


@dataclass(frozen=True)
class Zip(Carver):
    """Walks local headers, checks each member's CRC, then the directory and its end record."""

    name: str = "zip"
    version: int = 4
    headers: tuple[tuple[bytes, int], ...] = ((b"PK\x03\x04", 0),)

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the archive; one whose walk breaks off behind at least one checked member is partial."""
        walk, at = _Walk(), 0
        while (entry := _entry(view, start, at, limit)) and (end := _end(view, start, entry, limit, walk)) is not None:
            walk.offsets.append(at)
            at = end
        if not walk.offsets:
            return None
        stop = _directory(view, start, at, limit, walk.offsets) if entry is None else None
        if stop is not None:
            return Carved(start, stop, "zip", note=walk.note())
        if not walk.checked:
            return None
        reasons = ("no directory where the walk of members ends", walk.note())
        return Carved(start, at, "zip", complete=False, note="; ".join(reason for reason in reasons if reason))

    def mend(self, view: View, start: int, limit: int, found: Carved | None) -> Carved | None:
        """Return the archive in two pieces whose members and directory all agree; else what was found."""
        if _entry(view, start, 0, limit) is None:
            return found
        try:
            return mended(view, start, limit) or found
        except SpentError:
            return found


def _number(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "little")


def _entry(view: View, start: int, at: int, limit: int) -> _Entry | None:
    """Return the local header at ``at`` (4.3.7), if there is a plausible one."""
    head = view.read(start + at, min(_HEAD, max(limit - at, 0)))
    if len(head) < 30 or not head.startswith(b"PK\3\4") or head[4] > 63:
        return None
    flags, method, crc, packed, size, name, extra = _LOCAL.unpack_from(head)
    if method not in _METHODS:
        return None
    body = at + 30 + name + extra
    fields = head[30:] if 30 + name + extra <= len(head) else view.read(start + at + 30, name + extra)
    if body > limit or len(fields) < name + extra or not _NAME.fullmatch(fields, 0, name):
        return None
    if _UNKNOWN in (packed, size):
        size, packed = _zip64(fields[name : name + extra])
    return _Entry(body, flags, method, crc, packed, size)


def _zip64(extra: bytes) -> tuple[int, int]:
    """Return size and packed size from extra field 0x0001 (4.5.3), zeros without one."""
    at = 0
    while at + 4 <= len(extra):
        if extra[at : at + 2] == b"\1\0" and _number(extra, at + 2, 2) >= 16:
            return _number(extra, at + 4, 8), _number(extra, at + 12, 8)
        at += 4 + _number(extra, at + 2, 2)
    return 0, 0


def _end(view: View, start: int, entry: _Entry, limit: int, walk: _Walk) -> int | None:
    """Return where an entry ends, its descriptor included; None where it is wrong or does not end."""
    readable = not entry.flags & 1 and walk.left > 0
    if not readable or (entry.method != 8 and (entry.streamed or entry.method != 0)):
        walk.unchecked += 1
        if entry.streamed:
            return _described(view, start, entry.start, limit)
        end = entry.start + entry.packed
        return None if end > limit else _descriptor(view, start, end, entry) or end
    if entry.start + entry.packed > limit:
        return None
    packed, size, crc = _checked(view, start, entry, limit, walk)
    if packed < 0 or (not entry.streamed and (packed, size, crc) != (entry.packed, entry.size, entry.crc)):
        return None
    walk.checked += 1
    end = entry.start + packed
    if not entry.flags & 8:
        return end
    described = _descriptor(view, start, end, replace(entry, crc=crc, packed=packed, size=size))
    return described if entry.streamed else described or end


def _checked(view: View, start: int, entry: _Entry, limit: int, walk: _Walk) -> tuple[int, int, int]:
    """Return packed size, size and CRC as unpacking finds them; a packed size of -1 where it fails."""
    engine = zlib.decompressobj(-15 if entry.method == 8 else 15)
    stop = limit if entry.streamed else entry.start + entry.packed
    at, size, crc = entry.start, 0, 0
    while walk.left > 0 and not engine.eof and (entry.method == 8 or at < stop):
        piece = view.read(start + at, min(_PIECE, stop - at))
        try:
            body = engine.decompress(piece, _PIECE) if entry.method == 8 else piece
        except zlib.error:
            return -1, size, crc
        if not piece and not body:
            return -1, size, crc
        at += len(piece) - len(engine.unused_data if engine.eof else engine.unconsumed_tail)
        size, crc, walk.left = size + len(body), zlib.crc32(body, crc), walk.left - len(body)
    ended = engine.eof if entry.method == 8 else at == stop
    return (at - entry.start if ended else -1), size, crc


def _descriptor(view: View, start: int, at: int, entry: _Entry) -> int | None:
    """Return the offset behind a data descriptor (4.3.9), with or without signature, sizes of 4 or 8 bytes."""
    if not entry.flags & 8:
        return None
    data = view.read(start + at, 24)
    for mark in (b"PK\7\x08", b""):
        for width in (4, 8):
            sizes = (value & (1 << 8 * width) - 1 for value in (entry.packed, entry.size))
            wanted = mark + entry.crc.to_bytes(4, "little") + b"".join(size.to_bytes(width, "little") for size in sizes)
            if data.startswith(wanted):
                return at + len(wanted)
    return None


def _described(view: View, start: int, body: int, limit: int) -> int | None:
    """Return the end of data that cannot be unpacked: the descriptor that states the distance to itself."""
    at, limit = body, min(limit, body + SEARCHED)
    while at < limit:
        data = view.read(start + at, min(1 << 20, limit - at) + 16)
        for match in re.finditer(rb"PK\x07\x08", data):
            if _number(data, match.start() + 8, 4) == at + match.start() - body:
                return at + match.start() + 16
        if len(data) < (1 << 20):
            return None
        at += 1 << 20
    return None


def _directory(view: View, start: int, at: int, limit: int, offsets: list[int]) -> int | None:
    """Return the end of the end record where the directory (4.3.12) lists the members that the walk met."""
    first, listed = at, []
    while at + 46 <= limit and (head := view.read(start + at, 46)).startswith(b"PK\1\2") and len(head) == 46:
        name, extra, comment, offset = _CENTRAL.unpack(head)
        listed.append(offset)
        at += 46 + name + extra + comment
    known = set(offsets)
    if not listed or any(offset not in known for offset in listed if offset != _UNKNOWN):
        return None
    if view.read(start + at, 4) == b"PK\6\6":
        at += 12 + _number(view.read(start + at + 4, 8), 0, 8)
        at += 20 if view.read(start + at, 4) == b"PK\6\7" else 0
    end = view.read(start + at, 22)
    stop = at + 22 + _number(end, 20, 2)
    placed = _number(end, 16, 4) in (first, _UNKNOWN)
    return stop if len(end) == 22 and end.startswith(b"PK\5\6") and placed and stop <= limit else None
