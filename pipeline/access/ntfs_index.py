"""Names that folder indexes keep in their unused space after the files went.

Sources: Linux-NTFS project documentation, "$INDEX_ALLOCATION", "Index Entry", "$FILE_NAME"; Carrier, *File System
Forensic Analysis*, ch. 13 ("index slack").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.ntfs_batch import Batch, fix_sectors
from pipeline.access.ntfs_mft import Mft, Stream
from pipeline.errors import UnreadableError

__all__ = ["FolderIndex", "SlackNames", "held_in", "slack_names"]

_MAX_INDEX: Final = 64 << 20
_PIECE: Final = 1 << 20
_TOGETHER: Final = 8 << 20
_ENTRY: Final = 16
_NAME: Final = 66
_DOS: Final = 2


@dataclass(frozen=True, slots=True)
class FolderIndex:
    """Where a folder's names lie outside its record."""

    number: int
    sequence: int
    streams: list[Stream]


@dataclass(frozen=True, slots=True)
class SlackNames:
    """What unused index space names, a value each: in ``folder`` the record ``number``, UTF-16 in ``raw``."""

    folder: NDArray[np.int64]
    sequence: NDArray[np.int64]
    number: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    raw: bytes

    def __len__(self) -> int:
        return len(self.number)


def slack_names(mft: Mft, folders: Iterable[FolderIndex]) -> Iterator[SlackNames]:
    """Yield names from the unused space of folders' indexes, in their order, at most 64 MiB of each index.

    Blocks of many folders are searched together. An entry counts where its lengths agree with each other and its
    parent is this folder.
    """
    blocks: list[bytes] = []
    parents: list[int] = []
    held = 0
    for parent, raw in _blocks(mft, folders):
        blocks.append(raw)
        parents.extend(repeat(parent, len(raw) // mft.geometry.index))
        held += len(raw)
        if held >= _TOGETHER:
            yield _names(b"".join(blocks), np.array(parents, np.uint64), mft.geometry.index)
            blocks, parents, held = [], [], 0
    if held:
        yield _names(b"".join(blocks), np.array(parents, np.uint64), mft.geometry.index)


def _blocks(mft: Mft, folders: Iterable[FolderIndex]) -> Iterator[tuple[int, bytes]]:
    """Yield whole index blocks with the reference of their folder."""
    size = mft.geometry.index
    for folder in folders:
        for index in folder.streams:
            stream = mft.open(index)
            for start in range(0, min(stream.size, _MAX_INDEX), _PIECE):
                try:
                    raw = stream.read(start, _PIECE)
                except UnreadableError:
                    mft.faults.add("index-unreadable", folder.number)
                    break
                yield folder.number | folder.sequence << 48, raw[: len(raw) // size * size]


def _names(blocks: bytes, parents: NDArray[np.uint64], size: int) -> SlackNames:
    """Return from index blocks, each of the folder in ``parents``, what looks like an entry behind the used bytes."""
    table = np.frombuffer(bytearray(blocks), np.uint8).reshape(-1, size)
    present = (table[:, :4] == np.frombuffer(b"INDX", np.uint8)).all(axis=1)
    fix_sectors(table, present)
    used = 24 + table[:, 28:32].copy().view("<u4")[:, 0].astype(np.int64)
    rows, columns = np.nonzero(table.view("<u8") == parents[:, None])
    places = columns * 8 - _ENTRY
    fits = present[rows] & (places >= used[rows]) & (places + _ENTRY + _NAME <= size)
    rows, places = rows[fits], places[fits]
    flat = table.tobytes()
    octets = np.frombuffer(flat, np.uint8)
    starts = rows * size + places
    texts = starts + _ENTRY + _NAME
    lengths, spaces = octets[texts - 2].astype(np.int64), octets[texts - 1]
    keys = octets[starts + 10].astype(np.int64) | octets[starts + 11].astype(np.int64) << 8
    good = (lengths > 0) & (spaces != _DOS) & (keys == _NAME + 2 * lengths) & (texts + 2 * lengths <= (rows + 1) * size)
    numbers = octets[starts[good, None] + np.arange(6)].astype(np.int64) @ (1 << 8 * np.arange(6))
    folders = parents[rows[good]]
    return SlackNames(
        (folders & np.uint64((1 << 48) - 1)).astype(np.int64), (folders >> np.uint64(48)).astype(np.int64), numbers,
        texts[good], (texts + 2 * lengths)[good], flat,
    )  # fmt: skip


def held_in(batch: Batch, found: SlackNames) -> NDArray[np.bool_]:
    """Tell which names the records of a batch hold in the same folder."""
    names, held = batch.names, np.zeros(len(found), np.bool_)
    inside = np.flatnonzero((found.number >= batch.first) & (found.number < batch.first + len(batch)))
    at, last = (np.searchsorted(names.record, found.number[inside] - batch.first, side) for side in ("left", "right"))
    while len(inside):
        more = at < last
        inside, at, last = inside[more], at[more], last[more]
        length = found.end[inside] - found.start[inside]
        alike = (names.parent[at] == found.folder[inside]) & (names.end[at] - names.start[at] == length)
        same = np.flatnonzero(alike)
        held[inside[same]] |= _equal(
            (found.raw, found.start[inside[same]]), (batch.raw, names.start[at[same]]), length[same]
        )
        at = at + 1
    return held


def _equal(
    one: tuple[bytes, NDArray[np.int64]], other: tuple[bytearray, NDArray[np.int64]], length: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Compare stretches of bytes, each as long in both."""
    heads = np.cumsum(length) - length
    step = np.arange(int(length.sum()))
    left, right = (np.frombuffer(raw, np.uint8)[np.repeat(start - heads, length) + step] for raw, start in (one, other))
    equal = np.ones(len(length), np.bool_)
    if not np.array_equal(left, right):
        equal[np.repeat(np.arange(len(length)), length)[left != right]] = False
    return equal
