"""Compound files ([MS-CFB]): doc, xls, ppt, msg and whatever else is kept in one."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from pipeline.carvers.base import Carved, Carver, View

__all__ = ["Compound"]

_FREE: Final = 0xFFFFFFFF
_END: Final = 0xFFFFFFFE
_FAT: Final = 0xFFFFFFFD
_DIFAT: Final = 0xFFFFFFFC
_LARGEST: Final = 0xFFFFFFFA
"""MAXREGSECT: sector numbers are below it (§2.1)."""
_HEAD_ENTRIES: Final = 109
_STREAM, _ROOT = 2, 5


@dataclass(frozen=True, slots=True)
class _Sectors:
    """The sectors of a file: their size, the table of them (§2.3)."""

    view: View
    start: int
    limit: int
    size: int
    table: Any

    def read(self, number: int) -> bytes:
        """Return one sector; sector 0 follows the header's own."""
        at = (number + 1) * self.size
        return self.view.read(self.start + at, self.size) if at + self.size <= self.limit else b""

    def chain(self, first: int, used: Any) -> list[int] | None:
        """Return the sectors of a chain and mark them; None where it leaves the table or meets another one."""
        found: list[int] = []
        while first < _LARGEST:
            if first >= len(self.table) or used[first]:
                return None
            used[first] = True
            found.append(first)
            first = int(self.table[first])
        self.view.spend(16 * len(found))
        return found if first == _END else None


@dataclass(frozen=True)
class Compound(Carver):
    """Follows the chains of the directory and of every stream; ends with the last sector in use."""

    name: str = "ole2"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = ((b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0),)

    def carve(self, view: View, start: int, limit: int) -> Carved | None:
        """Return the file; partial where streams cross or the space ends before the last sector."""
        head = view.read(start, min(512, limit))
        shift = {3: 9, 4: 12}.get(int.from_bytes(head[26:28], "little"))
        if len(head) < 512 or shift is None or head[28:34] != bytes((0xFE, 0xFF, shift, 0, 6, 0)):
            return None
        sectors = _table(view, start, limit, head, 1 << shift)
        if sectors is None:
            return None
        used = np.zeros(len(sectors.table), bool)
        streams = _streams(sectors, int.from_bytes(head[48:52], "little"), used)
        last = np.flatnonzero(sectors.table != _FREE)
        if streams is None or not len(last):
            return None
        end = (int(last[-1]) + 2) * sectors.size
        if end > limit:
            return Carved(start, limit, "ole2", complete=False, note=f"cut off: {end} bytes in use")
        fault = _fault(sectors, streams, int.from_bytes(head[56:60], "little"), used)
        return Carved(start, end, "ole2", complete=not fault, note=fault or "contents of streams not checked")


def _table(view: View, start: int, limit: int, head: bytes, size: int) -> _Sectors | None:
    """Return the sectors with their table, put together from the places that header and DIFAT give (§2.2, §2.5)."""
    count, following = struct.unpack_from("<I", head, 44)[0], struct.unpack_from("<I", head, 68)[0]
    places = list(struct.unpack_from(f"<{_HEAD_ENTRIES}I", head, 76))
    bare = _Sectors(view, start, limit, size, None)
    difat: list[int] = []
    while following < _LARGEST and len(places) < count:
        body = bare.read(following)
        if not body or following in difat or len(difat) > limit // size:
            return None
        difat.append(following)
        *more, following = struct.unpack(f"<{size // 4}I", body)
        places += more
    pieces = [bare.read(place) if place < _LARGEST else b"" for place in places[:count]]
    if not 0 < count <= min(len(places), limit // size) or not all(pieces):
        return None
    table = np.frombuffer(b"".join(pieces), "<u4")
    own = [*((place, _FAT) for place in places[:count]), *((place, _DIFAT) for place in difat)]
    if any(place >= len(table) or table[place] != mark for place, mark in own):
        return None
    return _Sectors(view, start, limit, size, table)


def _streams(sectors: _Sectors, first: int, used: Any) -> list[tuple[int, int, int]] | None:
    """Return (type, first sector, size) of the directory's entries (§2.6), None where it is no directory."""
    chain = sectors.chain(first, used)
    if not chain:
        return None
    found = []
    for sector in chain:
        body = sectors.read(sector)
        for at in range(0, len(body) - 127, 128):
            length, kind = int.from_bytes(body[at + 64 : at + 66], "little"), body[at + 66]
            if kind and (kind not in (1, _STREAM, _ROOT) or length % 2 or not 2 <= length <= 64 or body[at + 67] > 1):
                return None
            size = int.from_bytes(body[at + 120 : at + (128 if sectors.size == 4096 else 124)], "little")
            found.append((kind, int.from_bytes(body[at + 116 : at + 120], "little"), size))
    return found if found and found[0][0] == _ROOT else None


def _fault(sectors: _Sectors, streams: list[tuple[int, int, int]], cutoff: int, used: Any) -> str:
    """Return what is wrong with the chains of the streams that have sectors of their own."""
    for kind, first, size in streams:
        own = kind == _ROOT or (kind == _STREAM and size >= cutoff)
        if not own or not size:
            continue
        chain = sectors.chain(first, used)
        if chain is None or len(chain) < -(-size // sectors.size):
            return "chains of its streams are damaged"
    return ""
