"""UDF's outer structures: anchors, the volume's descriptors, partitions and how each maps to the volume's bytes.

Source of every offset and tag here: ECMA-167, 3rd edition (part 3: volume structure, 10.1-10.10; part 4, 14.3 and
14.12) and OSTA *Universal Disk Format* 2.60 (2.2.4 logical volume, 2.2.8-2.2.14 partition maps, tables, metadata file).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError, UnreadableError

__all__ = ["WRITE_ONCE", "Descriptors", "Partition", "Piece", "dstring", "find_descriptors", "read_block", "tag_of"]

_SECTORS: Final = (2048, 512, 4096, 1024)
_MAX_SEQUENCE: Final = 4096  # blocks of a sequence of descriptors
_MAX_MAPS: Final = 16
PRIMARY, ANCHOR, POINTER, PARTITION, LOGICAL, FREE_LIST, TERMINATOR, INTEGRITY = 1, 2, 3, 5, 6, 7, 8, 9

WRITE_ONCE: Final = 2

Piece = tuple[int, int]
"""Start in volume bytes, -1 where nothing is recorded, and length."""


def tag_of(raw: bytes, location: int | None = None) -> int:
    """Return the identifier of a descriptor's tag, 0 where the tag is none (ECMA-167 3/7.2: sum of 15 bytes)."""
    if len(raw) < 16 or (sum(raw[:16]) - raw[4]) & 0xFF != raw[4]:
        return 0
    identifier, stated = struct.unpack_from("<H10xI", raw)
    return identifier if location in {None, stated} else 0


def dstring(raw: bytes) -> str:
    """Return a d-string: its last byte is the length, its first says 8 or 16 bits a character (UDF 2.1.3)."""
    length = min(raw[-1], len(raw) - 1) if raw else 0
    return characters(raw[:length])


def characters(raw: bytes) -> str:
    """Return d-characters; 254 and 255 stand for 8 and 16 in deleted names (UDF 2.3.4.2, 2.1.1)."""
    if not raw:
        return ""
    if raw[0] in {16, 255}:
        return raw[1:].decode("utf-16-be", "surrogatepass" if len(raw) % 2 else "replace")
    return raw[1:].decode("latin-1")


@dataclass(slots=True)
class Partition:
    """How the blocks of a partition map to the volume: by a start, by tables, or through another partition's file.

    ``access`` says how it may be written (ECMA-167 3/10.5.7).
    """

    start: int
    length: int
    block: int
    space: bytes = b""
    virtual: Sequence[int] | None = None
    spared: dict[int, int] = field(default_factory=dict)
    packet: int = 32
    pieces: list[Piece] = field(default_factory=list)
    kind: str = "physical"
    access: int = 0

    def place(self, number: int) -> int:
        """Return the volume byte of a block; ParseError where the partition has none of that number."""
        if self.kind == "metadata":
            return self._inside(number * self.block)
        if self.virtual is not None:
            if number >= len(self.virtual):
                raise ParseError(f"virtual block {number} is not in the table")
            number = self.virtual[number]
        if number >= self.length:
            raise ParseError(f"block {number} lies outside the partition")
        packet = number - number % self.packet
        if packet in self.spared:
            return (self.spared[packet] + number - packet) * self.block
        return (self.start + number) * self.block

    def _inside(self, at: int) -> int:
        for start, length in self.pieces:
            if at < length:
                if start < 0:
                    break
                return start + at
            at -= length
        raise ParseError("a block lies outside the metadata file")

    def run(self, number: int, length: int) -> Iterator[Piece]:
        """Yield the pieces of consecutive blocks; most partitions give one."""
        if self.kind == "physical" and self.virtual is None and not self.spared:
            self.place(number + max(-(-length // self.block), 1) - 1)
            yield self.place(number), length
            return
        for at in range(0, length, self.block):
            yield self.place(number + at // self.block), min(self.block, length - at)


@dataclass(slots=True)
class Descriptors:
    """What the anchors and the descriptors say; ``seen`` are the places they lie at, with their names."""

    sector: int
    block: int = 2048
    label: str = ""
    serial: str = ""
    root: bytes = b""
    maps: list[bytes] = field(default_factory=list)
    parts: dict[int, Partition] = field(default_factory=dict)
    seen: list[tuple[int, int, str]] = field(default_factory=list)
    integrity: tuple[int, int] = (0, 0)


def read_block(data: Readable, start: int, length: int) -> bytes:
    """Return bytes, none where they cannot be read."""
    try:
        return data.read(start, length) if 0 <= start < data.size else b""
    except UnreadableError:
        return b""


def find_descriptors(data: Readable) -> Descriptors:
    """Return the volume's descriptors, by the first anchor that leads to a logical volume.

    Raises:
        ParseError: no anchor, or no logical volume with a partition.
    """
    for sector in _SECTORS:
        found = Descriptors(sector)
        last = data.size // sector - 1
        anchors = [n for n in (256, last, last - 256, 512) if n > 16]
        for number in dict.fromkeys(anchors):
            raw = read_block(data, number * sector, sector)
            if tag_of(raw, number) != ANCHOR:
                continue
            found.seen.append((number * sector, sector, "anchor"))
            length, start, spare_length, spare = struct.unpack_from("<IIII", raw, 16)
            for count, first, name in ((length, start, "descriptors"), (spare_length, spare, "spare descriptors")):
                found.seen.append((first * sector, min(count, _MAX_SEQUENCE * sector), name))
                if not (found.maps and found.parts):
                    _sequence(data, found, first, count // sector)
        if found.maps and found.parts:
            found.seen = list(dict.fromkeys(found.seen))
            return found
    raise ParseError("no UDF anchor leads to a logical volume")


def _sequence(data: Readable, found: Descriptors, first: int, count: int) -> None:
    """Take what a sequence of descriptors says; of several of a kind the last number counts (ECMA-167 3/8.4.3)."""
    newest: dict[tuple[int, int], int] = {}
    at, left, jumps = first, min(count, _MAX_SEQUENCE), 0
    while left > 0:
        raw = read_block(data, at * found.sector, found.sector)
        kind = tag_of(raw, at)
        at, left = at + 1, left - 1
        if kind in {0, TERMINATOR}:
            return
        number = struct.unpack_from("<I", raw, 16)[0]
        if kind == POINTER and jumps < 8:
            length, at = struct.unpack_from("<II", raw, 20)
            left, jumps = min(length // found.sector, _MAX_SEQUENCE), jumps + 1
            continue
        key = (kind, struct.unpack_from("<H", raw, 22)[0] if kind == PARTITION else 0)
        if newest.get(key, -1) <= number:
            newest[key] = number
            _take(found, kind, raw)


def _take(found: Descriptors, kind: int, raw: bytes) -> None:
    if kind == PRIMARY:
        found.serial = dstring(raw[72:200])[:64]
        found.label = found.label or dstring(raw[24:56])
    elif kind == PARTITION:
        number, start, length = (*struct.unpack_from("<H", raw, 22), *struct.unpack_from("<II", raw, 188))
        access = int.from_bytes(raw[184:188], "little")
        found.parts[number] = Partition(start, length, found.sector, raw[56:184], access=access)
    elif kind == LOGICAL:
        found.label, (found.block,) = dstring(raw[84:212]) or found.label, struct.unpack_from("<I", raw, 212)
        if found.block != found.sector:
            raise ParseError("UDF blocks that are no sectors are not read")
        found.root = raw[248:264]
        length, start = struct.unpack_from("<II", raw, 432)
        found.integrity = (start * found.sector, min(length, _MAX_SEQUENCE * found.sector))
        found.maps = list(_maps(raw))


def _maps(raw: bytes) -> Iterator[bytes]:
    length, count = struct.unpack_from("<II", raw, 264)
    at, end = 440, min(440 + length, len(raw))
    for _ in range(min(count, _MAX_MAPS)):
        size = raw[at + 1] if at + 2 <= end else 0
        if size < 6 or at + size > end:
            return
        yield raw[at : at + size]
        at += size
