"""Which blocks of a snapshot are the volume's own bytes of today, and where the others are kept.

libvshadow reads snapshots; it does not say where what it reads lies. These are the catalog and the block lists again,
only as far as needed to give a file of a snapshot its place on the medium: a block that no store has copied is the
volume's own, one that a store has copied once, and plainly, lies in that store. Of every other block no place is given.

Source: libvshadow, "Volume Shadow Snapshot (VSS) format" (volume header, catalog entries 2 and 3, block descriptors).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError
from pipeline.records import Run

__all__ = ["SnapshotPlaces", "read_places"]

_HEADER_AT: Final = 0x1E00
_IDENTIFIER: Final = bytes.fromhex("6b87083876c1484eb7ae04046e6cc752")
_BLOCK: Final = 0x4000
_HEADER: Final = 128
_CATALOG, _LIST = 2, 3
_MAX_CATALOG: Final = 256
_MAX_BLOCKS: Final = 1 << 16  # of a list: 33 million descriptors, half a terabyte of copied data
_DESCRIPTOR: Final = np.dtype(
    [("original", "<u8"), ("relative", "<u8"), ("kept", "<u8"), ("flags", "<u4"), ("bitmap", "<u4")]
)
_FORWARDER, _UNUSED = 1, 4
_NOWHERE: Final = -1

_Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SnapshotPlaces:
    """Blocks of the volume that are not its own in a snapshot, ascending, and where each is kept; -1: not told."""

    blocks: _Places
    kept: _Places

    def of(self, runs: Iterable[Run]) -> tuple[Run, ...] | None:
        """Return where runs of the snapshot lie in the volume; None where that cannot be told of all of them."""
        found: list[Run] = []
        for run in runs:
            if run.start < 0:
                found.append(run)
                continue
            for piece in self._pieces(run.start, run.start + run.length):
                if piece.start < 0:
                    return None
                found.append(piece)
        return tuple(found)

    def _pieces(self, start: int, end: int) -> Iterator[Run]:
        first = int(np.searchsorted(self.blocks, start - start % _BLOCK))
        last = int(np.searchsorted(self.blocks, end))
        for block, kept in zip(self.blocks[first:last].tolist(), self.kept[first:last].tolist(), strict=True):
            if start < block:
                yield Run(start=start, length=block - start)
                start = block
            stop = min(end, block + _BLOCK)
            yield Run(start=kept + start - block if kept >= 0 else _NOWHERE, length=stop - start)
            start = stop
        if start < end:
            yield Run(start=start, length=end - start)


def read_places(data: Readable) -> list[tuple[int, SnapshotPlaces]]:
    """Return the snapshots of a volume, oldest first: when each was made (FILETIME), and its places.

    Raises:
        ParseError: the catalog or a block list is damaged.
        UnreadableError: it cannot be read.
    """
    header = data.read(_HEADER_AT, _HEADER)
    if header[:16] != _IDENTIFIER:
        return []
    created: dict[bytes, int] = {}
    lists: dict[bytes, int] = {}
    for block in _chain(data, int.from_bytes(header[48:56], "little"), _CATALOG, _MAX_CATALOG):
        for at in range(_HEADER, _BLOCK, 128):
            kind, first, guid = struct.unpack_from("<QQ16s", block, at)
            if kind == 2:
                created[guid] = struct.unpack_from("<Q", block, at + 48)[0]
            elif kind == 3:
                lists[guid] = first
    order = sorted(created, key=lambda guid: (created[guid], guid))
    if set(created) != set(lists):
        raise ParseError("the snapshots' catalog is not complete")
    own = [_store(data, lists[guid]) for guid in order]
    return [(created[guid], _merged(own[number:], data.size)) for number, guid in enumerate(order)]


def _chain(data: Readable, place: int, kind: int, limit: int) -> Iterator[bytes]:
    """Yield the blocks of a chain; ParseError where one is none, or the chain does not end."""
    for _ in range(limit):
        if not place:
            return
        block = data.read(place, _BLOCK)
        if len(block) < _BLOCK or block[:16] != _IDENTIFIER or int.from_bytes(block[20:24], "little") != kind:
            raise ParseError(f"no block of a snapshot's structures at volume byte {place}")
        if int.from_bytes(block[32:40], "little") != place:
            raise ParseError(f"a block of a snapshot's structures at volume byte {place} belongs elsewhere")
        yield block
        place = int.from_bytes(block[40:48], "little")
    raise ParseError("a chain of a snapshot's blocks has no end")


def _store(data: Readable, place: int) -> tuple[_Places, _Places]:
    """Return the blocks that one store has copied and where; -1 for those that are not plain copies."""
    parts = [np.frombuffer(block, _DESCRIPTOR, offset=_HEADER) for block in _chain(data, place, _LIST, _MAX_BLOCKS)]
    rows = np.concatenate(parts) if parts else np.zeros(0, _DESCRIPTOR)
    empty = (rows["original"] == 0) & (rows["relative"] == 0) & (rows["kept"] == 0) & (rows["flags"] == 0)
    rows = rows[~empty & ((rows["flags"] & _UNUSED) == 0)]
    blocks = np.concatenate([rows["original"], rows["relative"][(rows["flags"] & _FORWARDER) != 0]]).astype(np.int64)
    blocks -= blocks % _BLOCK
    known, index, count = np.unique(blocks, return_index=True, return_counts=True)
    if not len(rows):
        return known, known
    plain = (count == 1) & (index < len(rows))
    taken = rows[np.minimum(index, len(rows) - 1)]
    plain &= (taken["flags"] == 0) & (taken["original"].astype(np.int64) == known)
    return known, np.where(plain, taken["kept"].astype(np.int64), _NOWHERE)


def _merged(stores: Sequence[tuple[_Places, _Places]], size: int) -> SnapshotPlaces:
    """Return the places by the first store, from a snapshot's own to the newest, that has copied a block."""
    blocks = np.concatenate([blocks for blocks, _ in stores])
    kept = np.concatenate([kept for _, kept in stores])
    known, index = np.unique(blocks, return_index=True)  # the first of equals
    chosen = kept[index]
    return SnapshotPlaces(known, np.where((chosen >= 0) & (chosen + _BLOCK <= size), chosen, _NOWHERE))
