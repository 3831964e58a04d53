"""Members of ZIP archives (PKWARE APPNOTE 6.3.10)."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from pipeline.decoders.archives import unlocked
from pipeline.decoders.base import Decoded, Limits, Locked, Member, Trouble
from pipeline.decoders.inflate import METHODS, unpack
from pipeline.decoders.local import MEASURED, local_entries

__all__ = ["FAULTS", "archives_in", "members_of", "name_of"]

FAULTS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, ValueError,
          RuntimeError, OverflowError, IndexError)  # fmt: skip


_LOCAL: Final = b"PK\3\4"
_LISTED: Final = b"PK\1\2"
_END: Final = b"PK\5\6"


@dataclass(slots=True)
class _Room:
    """Bytes that may still be unpacked, whether they are given or refused; and what passwords have opened."""

    left: int
    opened: dict[bytes, bytes]


def members_of(data: bytes, limits: Limits) -> Iterator[Decoded]:
    """Yield the members of a ZIP in the order of its directory; without one, what its local headers lead to.

    Times are left out: a DOS time is local and the medium does not say its zone (APPNOTE 4.4.6).
    """
    try:
        listed = zipfile.ZipFile(io.BytesIO(data)).infolist()
        listed = [*listed, *_unlisted(data, listed, limits.members)]
    except FAULTS as error:
        yield Trouble("zip-directory", f"directory is damaged ({type(error).__name__}); read by local headers instead")
        listed = local_entries(data, limits.members)
    overlapping = _overlaps(listed)
    locked = any(info.flag_bits & 1 for info in listed)
    room = _Room(limits.total_bytes, unlocked(data, limits) if locked else {})
    for count, info in enumerate(listed):
        if count >= limits.members:
            yield Trouble("limit-members", f"more than {limits.members} members")
            return
        if count in overlapping:
            yield Trouble("zip-overlap", "a member lies inside another one's bytes; refused as a bomb")
        elif not info.filename.endswith("/") or info.compress_size:
            yield from _member(data, info, limits, room)


def archives_in(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the archives in other content, the last one first: end records lead back to a directory.

    A program that unpacks itself is one: its archive's offsets count from the archive or from the program's start
    (APPNOTE 4.3.16). What lies inside an archive is its own matter, so that no byte is in two of them.
    """
    at, reached = data.rfind(_END), len(data)
    while at >= 0:
        count, size, offset, comment = struct.unpack("<HIIH", data[at + 10 : at + 22].ljust(12, b"\0"))
        if count and size <= at and data.startswith(_LISTED, at - size):
            start, end = max(at - size - offset, 0), min(at + 22 + comment, reached)
            yield start, end
            at = reached = start
        at = data.rfind(_END, 0, at)


def _unlisted(data: bytes, listed: list[zipfile.ZipInfo], limit: int) -> list[zipfile.ZipInfo]:
    """Return entries between the listed ones that the directory does not name: deleted, or hidden there."""
    found: list[zipfile.ZipInfo] = []
    end, left = 0, MEASURED
    bounds = [(info.header_offset, _start(data, info.header_offset), info.compress_size) for info in listed]
    for start, body, size in [*sorted(bounds, key=itemgetter(0)), (_directory(data, listed), None, 0)]:
        if data.find(_LOCAL, end, start) >= 0:
            for info in local_entries(data[end:start], limit - len(found), left):
                info.header_offset += end
                left -= info.file_size if info.flag_bits & 8 else 0
                found.append(info)
        end = max(end, start if body is None else body + size)
    return found


def _directory(data: bytes, listed: list[zipfile.ZipInfo]) -> int:
    """Return where the directory begins, or the end where it is not found."""
    last = max((info.header_offset + info.compress_size for info in listed), default=0)
    at = data.find(_LISTED, last)
    return at if at >= 0 else len(data)


def name_of(info: zipfile.ZipInfo) -> str:
    """Return the name: UTF-8 by flag bit 11 (APPNOTE 4.4.4); else UTF-8 where the bytes are that, else CP932.

    CP932 text that is also well-formed UTF-8 with characters outside ASCII does practically not occur in names.
    """
    if info.flag_bits & 0x800:
        return info.filename
    try:
        raw = info.orig_filename.encode("cp437")
    except UnicodeEncodeError:
        return info.filename
    for encoding in ("utf-8", "cp932"):
        try:
            return raw.decode(encoding).split("\0", 1)[0]
        except UnicodeDecodeError:
            continue
    return info.filename


def _overlaps(listed: list[zipfile.ZipInfo]) -> set[int]:
    """Return the places in the listing of members that begin before one listed earlier on the medium has ended."""
    found: set[int] = set()
    end = 0
    for start, place in sorted((info.header_offset, place) for place, info in enumerate(listed)):
        if start < end:
            found.add(place)
            continue
        end = start + 30 + listed[place].compress_size
    return found


def _member(data: bytes, info: zipfile.ZipInfo, limits: Limits, room: _Room) -> Iterator[Decoded]:
    """Yield a member, what there is of it, and a Trouble where it is not whole."""
    name, start = name_of(info), _start(data, info.header_offset)
    if info.flag_bits & 1:
        body = room.opened.get(_raw_name(info))
        yield Locked(name, "encrypted-member") if body is None else Member(name, body)
        return
    if start is None or info.compress_type not in METHODS:
        reason = "its local header is missing" if start is None else f"method {info.compress_type} is unknown"
        yield Trouble("zip-member", f"a member cannot be read: {reason}")
        return
    cap = min(limits.member_bytes, room.left, max(1 << 20, info.compress_size * limits.ratio))
    packed = data[start : start + info.compress_size]
    body, fault = unpack(packed, info.compress_type, cap, info.file_size)
    before, room.left = room.left, max(0, room.left - len(body))
    if len(body) > cap:
        yield Trouble(_limit(cap, limits, before), f"a member exceeds {cap} bytes")
        return
    if body or not info.file_size:
        yield Member(name, body, start if info.compress_type == zipfile.ZIP_STORED else None)
    if fault or len(body) < info.file_size or len(packed) < info.compress_size:
        yield Trouble("zip-member", f"a member is damaged ({fault or 'cut off'}); {len(body)} bytes of it are read")
    elif zlib.crc32(body) != info.CRC:
        yield Trouble("zip-crc", "a member differs from its checksum; its bytes are read as they are")


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437", "replace")


def _limit(cap: int, limits: Limits, room: int) -> str:
    if cap == limits.member_bytes:
        return "limit-member-bytes"
    return "limit-total-bytes" if cap == room else "limit-ratio"


def _start(data: bytes, at: int) -> int | None:
    """Offset of a member's bytes: 30 + name + extra behind its local header (APPNOTE 4.3.7)."""
    head = data[at : at + 30] if at >= 0 else b""
    if len(head) < 30 or not head.startswith(b"PK\3\4"):
        return None
    return at + 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
