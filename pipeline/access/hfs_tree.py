"""HFS+'s volume header, forks and b-trees.

Source: Apple, *Technical Note TN1150: HFS Plus Volume Format* ("Volume Header", "Fork Data Structure", "B-Trees",
"Extents Overflow File", "Journal"): big-endian throughout.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pipeline.access.fat_losses import Losses
from pipeline.access.found import Stream, read_stream
from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Severity

__all__ = ["Fork", "Header", "Overflow", "Tree", "parse_fork", "read_header"]

HEADER_AT: Final = 1024
ALLOCATION, EXTENTS, CATALOG, ATTRIBUTES, STARTUP, BAD_BLOCKS = 6, 3, 4, 8, 7, 5
_FORKS: Final = {ALLOCATION: 112, EXTENTS: 192, CATALOG: 272, ATTRIBUTES: 352, STARTUP: 432}
_LEAF: Final = 0xFF
_MAX_NODES: Final = 1 << 24
_MAX_EXTENTS: Final = 1_000_000
_JOURNALED: Final = 1 << 13

Extent = tuple[int, int]
"""First block and count."""


@dataclass(frozen=True, slots=True)
class Fork:
    """A fork as a record has it: its size, its blocks, and its first extents."""

    size: int
    blocks: int
    extents: tuple[Extent, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What of the volume header the rest rests on."""

    block: int
    blocks: int
    free: int
    case_sensitive: bool
    journal: int
    serial: str
    modified: int
    forks: dict[int, Fork]


def parse_fork(raw: bytes, at: int) -> Fork:
    """Return the fork data at a place."""
    size, _, blocks = struct.unpack_from(">QII", raw, at)
    pairs = struct.unpack_from(">16I", raw, at + 16)
    return Fork(size, blocks, tuple((s, c) for s, c in zip(pairs[::2], pairs[1::2], strict=True) if c))


def read_header(data: Readable) -> Header:
    """Return the volume header, or its copy in the last sector but one.

    Raises:
        ParseError: neither is one.
    """
    for at in (HEADER_AT, data.size - 1024):
        try:
            raw = data.read(at, 512)
        except UnreadableError:
            continue
        if len(raw) == 512 and raw[:2] in {b"H+", b"HX"}:
            block, blocks, free = struct.unpack_from(">III", raw, 40)
            if 512 <= block <= 1 << 20 and not block & (block - 1) and blocks:
                attributes, journal = struct.unpack_from(">I4xI", raw, 4)
                forks = {kind: parse_fork(raw, place) for kind, place in _FORKS.items()}
                return Header(
                    block, blocks, free, raw[:2] == b"HX", journal if attributes & _JOURNALED else 0,
                    raw[104:112].hex(), int.from_bytes(raw[20:24], "big"), forks,
                )  # fmt: skip
    raise ParseError("neither the HFS+ volume header nor its copy can be read")


class Overflow:
    """The extents that records have no room for, by file and fork."""

    def __init__(self, data: Readable, header: Header, losses: Losses) -> None:
        self._header = header
        self._more: dict[tuple[int, int], list[tuple[int, Extent]]] = {}
        fork = header.forks[EXTENTS]
        if not fork.size:
            return
        tree = Tree(data, self.stream(EXTENTS, fork), losses, "extents")
        for _, key, raw in tree.leaves():
            if len(key) < 10 or len(raw) < 64:
                continue
            kind, number, start = key[0], *struct.unpack_from(">II", key, 2)
            numbers = struct.unpack_from(">16I", raw)
            for first, count in zip(numbers[::2], numbers[1::2], strict=True):
                if count:
                    self._more.setdefault((number, kind), []).append((start, (first, count)))
                start += count

    def stream(self, number: int, fork: Fork, kind: int = 0) -> Stream:
        """Return a fork's bytes.

        Raises:
            ParseError: its extents lie outside the volume, or hold less than its size.
        """
        block, found = self._header.block, list(fork.extents)
        have = sum(count for _, count in found)
        if have < fork.blocks and number != EXTENTS:
            more = sorted(item for item in self._more.get((number, kind), []) if item[0] >= have)
            found += [extent for _, extent in more]
        if any(start + count > self._header.blocks for start, count in found) or len(found) > _MAX_EXTENTS:
            raise ParseError("a fork's extents lie outside the volume")
        runs = tuple((start * block, count * block) for start, count in found)
        if sum(length for _, length in runs) < fork.size:
            raise ParseError("a fork's extents hold less than its size")
        return Stream(fork.size, runs)


class Tree:
    """A b-tree file; nodes are read one by one, and none twice."""

    def __init__(self, data: Readable, stream: Stream, losses: Losses, name: str) -> None:
        self._data, self._stream, self._losses, self._name = data, stream, losses, name
        raw = read_stream(data, stream, 0, 512)
        if len(raw) < 120 or raw[8] != 1:
            raise ParseError(f"the {name} tree has no header")
        self.first, _, self.size = struct.unpack_from(">IIH", raw, 24)
        if self.size not in {512 << n for n in range(7)}:
            raise ParseError(f"the {name} tree has nodes of impossible size")
        self.count = min(stream.size // self.size, _MAX_NODES)
        self.used: set[int] = set()

    def node(self, number: int) -> bytes:
        """Return a node, nothing where it cannot be read."""
        if not 0 <= number < self.count:
            return b""
        try:
            return read_stream(self._data, self._stream, number * self.size, self.size)
        except UnreadableError:
            return b""

    def leaves(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield the leaves' records in order: node, key without its length, data; a broken chain is a loss."""
        number, self.used = self.first, set()
        while number:
            raw = self.node(number)
            if number in self.used or len(raw) < self.size or raw[8] != _LEAF:
                self._losses.add(f"the chain of the {self._name} tree's leaves is broken", severity=Severity.LOSS)
                yield from self._unchained()
                return
            self.used.add(number)
            yield from self._records(number, raw)
            (number,) = struct.unpack_from(">I", raw)

    def _unchained(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield the records of every leaf that the broken chain did not reach."""
        for number in range(1, self.count):
            raw = self.node(number) if number not in self.used else b""
            if len(raw) == self.size and raw[8] == _LEAF:
                self.used.add(number)
                yield from self._records(number, raw)

    def _records(self, number: int, raw: bytes) -> Iterator[tuple[int, bytes, bytes]]:
        for start, end in self.spans(raw):
            if end - start < 4:
                continue
            (length,) = struct.unpack_from(">H", raw, start)
            data_at = start + 2 + length + length % 2
            if data_at > end:
                self._losses.add(f"a damaged record of the {self._name} tree", severity=Severity.LOSS)
                continue
            yield number, raw[start + 2 : start + 2 + length], raw[data_at:end]

    def spans(self, raw: bytes) -> list[tuple[int, int]]:
        """Return where a node's records lie; damaged offsets are left out and counted."""
        (count,) = struct.unpack_from(">H", raw, 10)
        count = min(count, (self.size - 14) // 2 - 1)
        offsets = struct.unpack_from(f">{count + 1}H", raw, self.size - 2 * (count + 1))[::-1]
        pairs = list(pairwise(offsets))
        good = [(a, b) for a, b in pairs if 14 <= a < b <= self.size - 2 * (count + 1)]
        self._losses.add(
            f"a damaged record of the {self._name} tree", count=len(pairs) - len(good), severity=Severity.LOSS
        )
        return good

    def unused(self) -> Iterator[bytes]:
        """Yield bytes that no live record uses: what is free in the leaves, and whole nodes that are not in use."""
        quiet, self._losses = self._losses, Losses()
        for number in range(1, self.count):
            raw = self.node(number)
            if number not in self.used:
                if raw.strip(b"\0"):
                    yield raw
                continue
            end = max((end for _, end in self.spans(raw)), default=14)
            if raw[end:].strip(b"\0"):
                yield raw[end:]
        self._losses = quiet
