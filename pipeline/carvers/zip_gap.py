"""ZIP archives in two pieces: the directory says where members begin, their checksums where the joint is."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.carvers.base import Carved, View
from pipeline.carvers.joints import Pieces, joint

__all__ = ["mended"]

SEARCHED: Final = 16 << 20
"""Bytes in which the end record is looked for."""
ENDS: Final = 32
_STEP: Final = 1 << 20
_LISTING: Final = 16
"""What a byte of a directory costs, beside one that is only read."""
_END: Final = re.compile(rb"PK\x05\x06\0\0\0\0")
_LOCAL: Final = b"PK\3\4"
_UNKNOWN: Final = 0xFFFFFFFF
_STREAMED: Final = 8
"""Bit 3 of the flags (4.4.4): checksum and sizes stand behind the data, zeros in the local header."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A member as the directory has it (APPNOTE 4.3.12)."""

    offset: int
    method: int
    time: bytes
    locked: bool
    crc: int
    packed: int
    size: int
    name: bytes


@dataclass(frozen=True, slots=True)
class _Archive:
    """The directory: its members by offset, where it starts, and where the archive ends."""

    members: tuple[_Member, ...]
    start: int
    end: int


def mended(view: View, start: int, limit: int) -> Carved | None:
    """Return the archive in two pieces that all its checksums agree with."""
    reach = min(limit, SEARCHED)
    for end in _ends(view, start, start + reach):
        record = view.read(end, 22)
        size, offset = struct.unpack_from("<II", record.ljust(22, b"\0"), 12)
        gap = end - start - size - offset
        if gap <= 0 or gap % view.cluster or offset < 30 or view.read(start + gap, 4) == _LOCAL:
            continue  # the last: an archive in one piece ends with that record
        data = view.read(start, min(limit, end - start + 22 + 0xFFFF))
        for archive, cuts in _directories(view, data, end - start, gap):
            pieces = Pieces(data, gap)
            cut = _cut(view, pieces, archive, cuts)
            if cut is not None:
                return Carved(start, archive.end, "zip", gap=(cut, gap))
    return None


def _ends(view: View, start: int, stop: int) -> list[int]:
    """Return the end records between two offsets, the first ``ENDS``; what was searched is searched once."""
    searched, found = view.memo.setdefault("zip-ends", [(0, 0), []])
    low, high = searched if searched[0] <= start <= searched[1] else (start, start)
    kept = list(found) if high > start else []
    while high < stop:
        data = view.read(high, min(_STEP, stop - high) + 8)
        kept += [high + match.start() for match in _END.finditer(data)]
        high += _STEP
    kept = sorted(set(kept))
    view.memo["zip-ends"] = [(low, high), kept]
    return [place for place in kept if start <= place < stop][:ENDS]


def _directories(view: View, data: bytes, at: int, gap: int) -> list[tuple[_Archive, Sequence[int]]]:
    """Return (directory, cuts) as the end record at ``at`` (4.3.16) allows; no cuts: before the directory."""
    count, size, offset, comment = struct.unpack_from("<HIIH", data, at + 10)
    end, pieces, cluster = offset + size + 22 + comment, Pieces(data, gap), view.cluster
    inside = range(-(-(offset + 1) // cluster) * cluster, offset + size + 1, cluster)
    view.spend(_LISTING * size * (1 + len(inside)))
    listed: list[tuple[tuple[_Member, ...], tuple[int, ...]]] = [(_listed(data[at - size : at], count), ())]
    listed += [(_listed(pieces.joined(cut, offset, offset + size), count), (cut,)) for cut in inside]
    return [(_Archive(members, offset, end), cuts) for members, cuts in listed if members]


def _listed(directory: bytes, count: int) -> tuple[_Member, ...]:
    """Return the members of a directory, by offset; nothing where it is not whole."""
    at, found = 0, list[_Member]()
    while at + 46 <= len(directory) and directory[at : at + 4] == b"PK\1\2":
        flags, method = struct.unpack_from("<HH", directory, at + 8)
        crc, packed, size, name, extra, comment = struct.unpack_from("<IIIHHH", directory, at + 16)
        (offset,) = struct.unpack_from("<I", directory, at + 42)
        if _UNKNOWN in (packed, size, offset):
            return ()
        found.append(
            _Member(offset, method, directory[at + 12 : at + 16], bool(flags & 1), crc, packed, size,
                    directory[at + 46 : at + 46 + name])
        )  # fmt: skip
        at += 46 + name + extra + comment
    return tuple(sorted(found, key=lambda item: item.offset)) if at == len(directory) and len(found) == count else ()


def _cut(view: View, pieces: Pieces, archive: _Archive, cuts: Sequence[int]) -> int | None:
    """Return where the first piece ends, if every member is whole with it."""
    members = archive.members
    if members[0].offset or _data_start(pieces, members[0], archive.start) is None:
        return None
    if not cuts:
        before = [member for member in members if _data_start(pieces, member, archive.start) is not None]
        last = before[-1]
        behind = min((member.offset for member in members if member.offset > last.offset), default=archive.start)
        first = (last.offset // view.cluster + 1) * view.cluster
        cuts = range(first, behind + 1, view.cluster)
        found = _inside(view, pieces, last, cuts)
    else:
        found = cuts[0]
    whole = found is not None and all(_whole(view, pieces, found, member) for member in members)
    return found if whole else None


def _data_start(pieces: Pieces, member: _Member, cut: int) -> int | None:
    """Return where a member's data begin, if its local header stands where the directory says, and agrees with it."""
    head = pieces.joined(cut, member.offset, member.offset + 30)
    if len(head) < 30 or not head.startswith(_LOCAL) or head[10:14] != member.time:
        return None
    flags, method, *sums = struct.unpack_from("<HH4xIII", head, 6)
    stated = zip(sums, (member.crc, member.packed, member.size), strict=True)
    agree = flags & _STREAMED or all(local in (listed, _UNKNOWN) for local, listed in stated)
    if method != member.method or not agree:
        return None
    name, extra = struct.unpack_from("<HH", head, 26)
    body = member.offset + 30 + name
    return body + extra if pieces.joined(cut, member.offset + 30, body) == member.name else None


def _inside(view: View, pieces: Pieces, member: _Member, cuts: Sequence[int]) -> int | None:
    """Return the cut with which a member is whole; the only one there is where its method has no check here."""
    start = _data_start(pieces, member, cuts[0] if cuts else 0)
    start = _data_start(pieces, member, cuts[-1]) if start is None and cuts else start
    if start is None:
        return None
    if member.locked or member.method not in (0, 8):
        return cuts[0] if len(cuts) == 1 else None
    return joint(
        view, pieces, cuts, span=(start, start + member.packed), wbits=-15 if member.method else None,
        fits=lambda size, crc: (size, crc) == (member.size, member.crc),
    )  # fmt: skip


def _whole(view: View, pieces: Pieces, cut: int, member: _Member) -> bool:
    """Tell whether a member stands in its place and agrees with its checksum."""
    start = _data_start(pieces, member, cut)
    if start is None:
        return False
    if member.locked or member.method not in (0, 8):
        return True
    data = pieces.joined(cut, start, start + member.packed)
    view.spend(len(data) + member.size)
    if not member.method:
        return zlib.crc32(data) == member.crc and len(data) == member.size
    try:
        body = zlib.decompressobj(-15).decompress(data, member.size + 1)
    except zlib.error:
        return False
    return len(body) == member.size and zlib.crc32(body) == member.crc
