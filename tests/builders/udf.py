"""Writes files into an empty UDF volume that mkudffs made: its kernel driver is not everywhere.

Layout: ECMA-167, 3rd edition; written apart from the reader, judged by 7-Zip in the tests.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

FILE, FOLDER = 5, 4


def crc(raw: bytes) -> int:
    """Return the CRC of ECMA-167 1/7.2.6: CCITT, from 0."""
    value = 0
    for byte in raw:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value


def tagged(kind: int, location: int, body: bytes) -> bytes:
    """Return a descriptor with its tag."""
    head = struct.pack("<HHBBHHHI", kind, 2, 0, 0, 1, crc(body), len(body), location)
    return head[:4] + bytes([(sum(head) - head[4]) & 0xFF]) + head[5:] + body


def stamp(year: int, month: int, day: int, hour: int, minute: int, second: int, rest: bytes, offset: int) -> bytes:
    """Return a timestamp; ``rest`` are hundredths, hundreds of microseconds, microseconds; -2047: no offset."""
    return struct.pack("<HhBBBBB", 1 << 12 | offset & 0xFFF, year, month, day, hour, minute, second) + rest


WHEN = stamp(2022, 6, 21, 9, 30, 15, b"\x0c\x22\x38", 540)


@dataclass
class Writer:
    """An image being written to; blocks are taken from its space bitmap."""

    path: Path
    block: int

    def __post_init__(self) -> None:
        self.places: dict[int, list[tuple[int, int]]] = {}
        self.raw = bytearray(self.path.read_bytes())
        main = struct.unpack_from("<I", self.raw, 256 * self.block + 20)[0]
        for number in range(main, main + 16):
            at = number * self.block
            kind = struct.unpack_from("<H", self.raw, at)[0]
            if kind == 5:
                self.start = struct.unpack_from("<I", self.raw, at + 188)[0]
                self.bitmap = struct.unpack_from("<I", self.raw, at + 56 + 12)[0]
            if kind == 6:
                file_set = struct.unpack_from("<I", self.raw, at + 252)[0]
        self.root = struct.unpack_from("<I", self.raw, (self.start + file_set) * self.block + 404)[0]

    def take(self, count: int, gap: int = 0) -> int:
        """Take consecutive blocks, after leaving ``gap`` free ones."""
        base = (self.start + self.bitmap) * self.block
        bits = struct.unpack_from("<I", self.raw, base + 16)[0]
        run = 0
        for number in range(bits):
            free = self.raw[base + 24 + number // 8] >> number % 8 & 1
            run = run + 1 if free else 0
            if run == count + gap:
                first = number - count + 1
                for taken in range(first, first + count):
                    self.raw[base + 24 + taken // 8] &= ~(1 << taken % 8)
                return first
        raise ValueError("the volume is full")

    def give(self, first: int, count: int) -> None:
        """Give blocks back."""
        base = (self.start + self.bitmap) * self.block
        for number in range(first, first + count):
            self.raw[base + 24 + number // 8] |= 1 << number % 8

    def put(self, number: int, raw: bytes) -> None:
        """Write into a block and those behind it."""
        at = (self.start + number) * self.block
        self.raw[at : at + len(raw)] = raw

    def content(self, raw: bytes, pieces: int = 1) -> list[tuple[int, int]]:
        """Store bytes in some stretches; return (block, length) of each."""
        step = -(-len(raw) // pieces // self.block) * self.block
        placed = []
        for at in range(0, len(raw), step or 1):
            part = raw[at : at + step]
            first = self.take(-(-len(part) // self.block), gap=at and 3)
            self.put(first, part)
            placed.append((first, len(part)))
        return placed

    def entry(self, at: int, kind: int, size: int, places: list[tuple[int, int]], inside: bytes | None = None) -> None:
        """Write a file entry with short allocation descriptors, or with its bytes inside."""
        ads = b"".join(struct.pack("<II", length, block) for block, length in places) if inside is None else inside
        icb = struct.pack("<IHHHBB6xH", 0, 4, 0, 1, 0, kind, 0 if inside is None else 3)
        body = icb + struct.pack("<IIIHBBI", 0, 0, 0x14A5, 1, 0, 0, 0)
        blocks = sum(-(-length // self.block) for _, length in places)
        body += struct.pack("<QQ", size, blocks) + WHEN * 3 + struct.pack("<I16s32sQII", 1, b"", b"", 16, 0, len(ads))
        self.put(at, tagged(261, at, body + ads).ljust(self.block, b"\0"))

    def file(self, raw: bytes, pieces: int = 1, *, inside: bool = False) -> int:
        """Store a file; return the block of its entry."""
        at = self.take(1)
        if inside:
            self.entry(at, FILE, len(raw), [], raw)
        else:
            self.places[at] = self.content(raw, pieces)
            self.entry(at, FILE, len(raw), self.places[at])
        return at

    def forget(self, at: int) -> None:
        """Give back a file's blocks, its entry's too."""
        for first, length in [(at, 1), *self.places[at]]:
            self.give(first, -(-length // self.block))

    def folder(self, names: list[tuple[str, int, int]], parent: int, at: int | None = None) -> int:
        """Store a directory of (name, block of the entry, flags); return the block of its entry."""
        at = self.take(1) if at is None else at
        raw = name_entry("", parent, 10, self.block)
        for name, block, flags in names:
            raw += name_entry(name, block, flags, self.block)
        self.entry(at, FOLDER, len(raw), self.content(raw))
        return at

    def retag(self, at: int) -> None:
        """Make a changed descriptor's tag right again; ``at`` is a byte of the image."""
        kind, location = struct.unpack_from("<H10xI", self.raw, at)
        self.raw[at : at + self.block] = tagged(kind, location, bytes(self.raw[at + 16 : at + self.block]))

    def with_metadata_partition(self) -> None:
        """Add a metadata partition (UDF 2.50, 2.2.10) whose file is the whole partition, and put the root in it."""
        file, length = self.take(1), 0
        main, spare = (struct.unpack_from("<I", self.raw, 256 * self.block + at)[0] for at in (20, 28))
        for number in [*range(main, main + 16), *range(spare, spare + 16)]:
            at = number * self.block
            kind = struct.unpack_from("<H", self.raw, at)[0]
            if kind == 5:
                (length,) = struct.unpack_from("<I", self.raw, at + 192)
            if kind == 6:
                entity = b"\0*UDF Metadata Partition".ljust(32, b"\0")
                raw = struct.pack("<BBH32sHHIIIIHB5x", 2, 64, 0, entity, 1, 0, file, file, 0xFFFFFFFF, 32, 1, 0)
                self.raw[at + 446 : at + 446 + 64] = raw
                struct.pack_into("<II", self.raw, at + 264, 70, 2)
                (file_set,) = struct.unpack_from("<I", self.raw, at + 252)
                struct.pack_into("<H", self.raw, at + 256, 1)
                self.retag(at)
        self.entry(file, 250, length * self.block, [(0, length * self.block)])
        at = (self.start + file_set) * self.block
        struct.pack_into("<H", self.raw, at + 408, 1)
        self.retag(at)

    def save(self) -> Path:
        """Write the image back."""
        self.path.write_bytes(self.raw)
        return self.path


def name_entry(name: str, block: int, flags: int, size: int) -> bytes:
    """Return a file identifier: flags 2 folder, 4 deleted, 8 parent."""
    if not name:
        text = b""
    elif name.isascii():
        text = b"\x08" + name.encode("ascii")
    else:
        text = b"\x10" + name.encode("utf-16-be")
    body = struct.pack("<HBBIIH6xH", 1, flags, len(text), size, block, 0, 0) + text
    return tagged(257, 0, body.ljust(-(-(len(body) + 16) // 4) * 4 - 16, b"\0"))
