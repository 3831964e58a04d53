"""RAR archives of both kinds (technote.txt of RAR 4; RAR 5.0 archive format): blocks whose headers have checksums."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from pipeline.carvers.base import Carved, Carver, View

__all__ = ["Rar"]

_FOUR: Final = b"Rar!\x1a\x07\0"
_FIVE: Final = b"Rar!\x1a\x07\x01\0"
_PIECE: Final = 1 << 20
_LONGEST_HEADER: Final = 2 << 20
_MOST_BLOCKS: Final = 1 << 17


@dataclass(frozen=True, slots=True)
class _Block:
    """A block: lengths of header and data, what it is; ``crc`` of its data where they are stored unpacked."""

    header: int
    data: int
    kind: str
    crc: int | None = None


@dataclass(frozen=True)
class Rar(Carver):
    """Walks blocks by their checksums to the end block; members that are not packed are checked as well."""

    name: str = "rar"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((_FOUR, 0), (_FIVE, 0))

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the archive; partial behind its last sound block where there is no end block."""
        five = view.read(start, min(8, limit)) == _FIVE
        at, members, unchecked, reason = 8 if five else 7, 0, 0, "no end block"
        for _ in range(_MOST_BLOCKS):
            block = (_five if five else _four)(view, start + at, limit - at)
            if block is None or block.kind == "locked":
                reason = reason if block is None else "headers are encrypted"
                at += block.header if block else 0
                break
            end = at + block.header + block.data
            if end > limit or not _fits(view, start + at + block.header, block):
                reason = "a member is cut off or damaged"
                break
            at = end
            if block.kind == "end":
                note = f"{unchecked} of {members} members not checked" if unchecked else ""
                return Carved(start, at, "rar", note=note)
            members += block.kind == "file"
            unchecked += block.kind == "file" and block.crc is None
        return (
            Carved(start, at, "rar", complete=False, note=reason) if members or reason.startswith("headers") else None
        )


def _fits(view: View, at: int, block: _Block) -> bool:
    """Tell whether stored data agree with their checksum."""
    if block.crc is None:
        return True
    crc, end = 0, at + block.data
    while at < end:
        piece = view.read(at, min(_PIECE, end - at))
        if not piece:
            return False
        crc, at = zlib.crc32(piece, crc), at + len(piece)
    return crc == block.crc


def _four(view: View, at: int, limit: int) -> _Block | None:
    """Return a block of RAR 4: CRC (low half of a CRC-32), type, flags, size, and the size of data behind it."""
    head = view.read(at, min(7, limit))
    size = int.from_bytes(head[5:7], "little")
    if len(head) < 7 or not 0x72 <= head[2] <= 0x7B or size < 7:
        return None
    flags, kind = int.from_bytes(head[3:5], "little"), head[2]
    body = view.read(at, min(size, limit))
    covered = body[2:13] if kind == 0x73 and len(body) > 13 else body[2:]
    if len(body) < size or zlib.crc32(covered) & 0xFFFF != int.from_bytes(body[:2], "little"):
        return None
    if kind == 0x7B:
        return _Block(size, 0, "end")
    if kind == 0x73:
        return _Block(size, 0, "locked" if flags & 0x80 else "main")
    if kind not in (0x74, 0x7A) or size < 32:
        return _Block(size, int.from_bytes(body[7:11], "little") if flags & 0x8000 else 0, "other")
    packed = int.from_bytes(body[7:11], "little")
    packed += int.from_bytes(body[32:36], "little") << 32 if flags & 0x100 else 0
    stored = body[25] == 0x30 and not flags & 0x07
    crc = int.from_bytes(body[16:20], "little") if stored else None
    return _Block(size, packed, "file" if kind == 0x74 else "service", crc)


def _five(view: View, at: int, limit: int) -> _Block | None:
    """Return a block of RAR 5: CRC-32 over size, type, flags and fields; numbers in groups of seven bits."""
    head = view.read(at, min(7, limit))
    size, behind = _number(head, 4)
    length = behind + size
    if len(head) < 7 or not 2 <= size <= _LONGEST_HEADER or length > limit:
        return None
    body = view.read(at, length)
    if len(body) < length or zlib.crc32(body[4:]) != int.from_bytes(body[:4], "little"):
        return None
    kind, place = _number(body, behind)
    flags, place = _number(body, place)
    _, place = _number(body, place) if flags & 1 else (0, place)
    data, place = _number(body, place) if flags & 2 else (0, place)
    if kind in (4, 5):
        return _Block(length, 0, "end" if kind == 5 else "locked")
    return _Block(
        length, data, {2: "file", 3: "service"}.get(kind, "other"), _stored(body, place, flags) if kind == 2 else None
    )


def _stored(body: bytes, at: int, header_flags: int) -> int | None:
    """Return the CRC of a member that is neither packed, nor split, nor encrypted; None of others."""
    flags, at = _number(body, at)
    _, at = _number(body, at)
    _, at = _number(body, at)
    at += 4 if flags & 2 else 0
    crc = int.from_bytes(body[at : at + 4], "little")
    method, at = _number(body, at + 4 if flags & 4 else at)
    plain = flags & 4 and not header_flags & 0x19 and not method >> 7 & 7
    return crc if plain else None


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and the offset behind it; 0 where it has no end."""
    value = 0
    for place in range(at, min(at + 10, len(data))):
        value |= (data[place] & 0x7F) << 7 * (place - at)
        if data[place] < 0x80:
            return value, place + 1
    return 0, len(data)
