"""The journal of ext3 and ext4: older copies of blocks, by the descriptors that name them.

Source: the kernel's ``Documentation/filesystems/ext4`` ("Journal (jbd2)"): big-endian; descriptors are taken from the
whole ring, as what lies behind its end was written before and is still there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pipeline.access.ext_layout import ExtLayout
from pipeline.access.found import Stream, read_stream
from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError, UnreadableError

__all__ = ["Copy", "Journal"]

_MAGIC: Final = b"\xc0\x3b\x39\x98"
_DESCRIPTOR, _COMMIT, _SUPER_1, _SUPER_2 = 1, 2, 3, 4
_64BIT: Final = 2
_CSUM_2: Final = 8
_CSUM_3: Final = 16
_ESCAPED, _SAME_UUID, _LAST = 1, 2, 8
_MAX_BLOCKS: Final = 1 << 22
_STEP: Final = 1024
_UNUSED: Final = 2
"""Numbers of transactions that unmounting and mounting pass over: jbd2 adds one when it ends, one when it begins."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A block as a transaction wrote it: the transaction, the block it is of, where in the journal it lies."""

    sequence: int
    block: int
    at: int
    escaped: bool


class Journal:
    """A journal's copies of blocks, each with the transaction it is of; ``unread`` counts bytes not looked at.

    Drivers that know no ``s_head`` begin at ``s_first`` (at 20 of the super block) with every mount, so what a short
    mount wrote may be gone while older transactions, which lay behind that, are left.
    """

    def __init__(self, data: Readable, stream: Stream, layout: ExtLayout) -> None:
        self._data, self.stream, self._layout = data, stream, layout
        raw = read_stream(data, stream, 0, 1024)
        if len(raw) < 1024 or raw[:4] != _MAGIC or struct.unpack_from(">I", raw, 4)[0] not in {_SUPER_1, _SUPER_2}:
            raise ParseError("the journal has no super block")
        size, blocks, self._first = struct.unpack_from(">III", raw, 12)
        if size != layout.block:
            raise ParseError("the journal's blocks are not the volume's")
        (self._features,) = struct.unpack_from(">I", raw, 40)
        self._count = min(blocks, stream.size // size, _MAX_BLOCKS)
        self.unread = (max(blocks, stream.size // size) - self._count) * size
        self._whole: set[int] = set()
        self.copies = self._all()
        self._unbroken = self._last_gap()

    def broken_after(self, sequence: int) -> bool:
        """Tell whether transactions behind one are gone that newer ones that are left came after."""
        return self._unbroken - sequence > _UNUSED + 1

    def _last_gap(self) -> int:
        """Return the first of the transactions that are left whole to the newest, without a gap."""
        whole = sorted(self._whole, reverse=True)
        for newer, older in pairwise(whole):
            if newer - older > _UNUSED + 1:
                return newer
        return whole[-1] if whole else 0

    def _all(self) -> dict[int, list[Copy]]:
        """Return copies by the block they are of, the newest first; a newer transaction's claim on a place holds."""
        owners: dict[int, Copy] = {}
        begun: set[int] = set()
        ended = self._first - 1
        for at, raw in self._marked():
            kind, sequence = struct.unpack_from(">II", raw, 4)
            if kind == _COMMIT:
                ended = at
                self._whole |= begun & {sequence}
            elif ended == at - 1:
                begun.add(sequence)
            if kind != _DESCRIPTOR:
                owners[at] = Copy(sequence, -1, at, escaped=False)
                continue
            owners[at] = Copy(sequence, -1, at, escaped=False)
            for place, copy in enumerate(self._tags(raw, sequence, at), at + 1):
                if place not in owners or owners[place].sequence < sequence:
                    owners[place] = copy
        found: dict[int, list[Copy]] = {}
        for copy in owners.values():
            if copy.block >= 0:
                found.setdefault(copy.block, []).append(copy)
        for copies in found.values():
            copies.sort(key=lambda copy: (-copy.sequence, copy.at))
        return found

    def _marked(self) -> Iterator[tuple[int, bytes]]:
        """Yield the journal's own blocks: descriptors, commits, revocations."""
        size = self._layout.block
        for first in range(0, self._count, _STEP):
            try:
                raw = read_stream(self._data, self.stream, first * size, min(_STEP, self._count - first) * size)
            except UnreadableError:
                self.unread += min(_STEP, self._count - first) * size
                continue
            at = raw.find(_MAGIC)
            while at >= 0:
                if at % size == 0 and at + size <= len(raw):
                    yield first + at // size, raw[at : at + size]
                at = raw.find(_MAGIC, at + 4)

    def _tags(self, raw: bytes, sequence: int, at: int) -> Iterator[Copy]:
        wide = bool(self._features & _64BIT)
        size = 16 if self._features & _CSUM_3 else 8 + 4 * wide + 2 * bool(self._features & _CSUM_2)
        place, end = 12, len(raw) - 4 * bool(self._features & (_CSUM_2 | _CSUM_3))
        while place + size <= end:
            (block,), high = struct.unpack_from(">I", raw, place), 0
            if self._features & _CSUM_3:
                flags, high = struct.unpack_from(">II", raw, place + 4)
            else:
                (flags,) = struct.unpack_from(">H", raw, place + 6)
                high = struct.unpack_from(">I", raw, place + 8)[0] if wide else 0
            at += 1
            yield Copy(sequence, block | (high << 32 if wide else 0), at, bool(flags & _ESCAPED))
            place += size + (0 if flags & _SAME_UUID else 16)
            if flags & _LAST:
                return

    def read(self, copy: Copy) -> bytes:
        """Return a copy's bytes, none where they cannot be read."""
        size = self._layout.block
        try:
            raw = read_stream(self._data, self.stream, copy.at * size, size) if copy.at < self._count else b""
        except UnreadableError:
            return b""
        return _MAGIC + raw[4:] if copy.escaped else raw
