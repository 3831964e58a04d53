"""Names that folder indexes keep in their unused space after the files went.

Sources: Linux-NTFS project documentation, "$INDEX_ALLOCATION", "Index Entry", "$FILE_NAME"; Carrier, *File System
Forensic Analysis*, ch. 13 ("index slack").
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.ntfs_batch import fix_sectors
from pipeline.access.ntfs_mft import Mft, Stream
from pipeline.errors import UnreadableError

__all__ = ["slack_names"]

_MAX_INDEX: Final = 64 << 20
_PIECE: Final = 1 << 20
_ENTRY: Final = 16
_NAME: Final = 66
_DOS: Final = 2


def slack_names(mft: Mft, index: Stream, folder: int, sequence: int) -> Iterator[tuple[bytes, int]]:
    """Yield (name as UTF-16, record) from the unused space of a folder's index, at most 64 MiB of it.

    An entry counts where its lengths agree with each other and its parent is this folder.
    """
    size, stream = mft.geometry.index, mft.open(index)
    for start in range(0, min(stream.size, _MAX_INDEX), _PIECE):
        try:
            raw = stream.read(start, _PIECE)
        except UnreadableError:
            mft.faults.add("index-unreadable", folder)
            return
        table = np.frombuffer(bytearray(raw[: len(raw) // size * size]), np.uint8).reshape(-1, size)
        yield from _names(table, folder | sequence << 48)


def _names(table: NDArray[np.uint8], parent: int) -> Iterator[tuple[bytes, int]]:
    """Yield from index blocks, a row each, what looks like an entry behind the used bytes."""
    present = (table[:, :4] == np.frombuffer(b"INDX", np.uint8)).all(axis=1)
    fix_sectors(table, present)
    words = table.view("<u8")
    used = 24 + table[:, 28:32].copy().view("<u4")[:, 0].astype(np.int64)
    rows, columns = np.nonzero(words == np.uint64(parent))
    places = columns * 8 - _ENTRY
    size = table.shape[1]
    fits = present[rows] & (places >= used[rows]) & (places + _ENTRY + _NAME <= size)
    rows, places = rows[fits], places[fits]
    flat = table.tobytes()
    octets = np.frombuffer(flat, np.uint8)
    starts = rows * size + places
    texts = starts + _ENTRY + _NAME
    lengths, spaces = octets[texts - 2].astype(np.int64), octets[texts - 1]
    keys = octets[starts + 10].astype(np.int64) | octets[starts + 11].astype(np.int64) << 8
    good = (lengths > 0) & (spaces != _DOS) & (keys == _NAME + 2 * lengths) & (texts + 2 * lengths <= (rows + 1) * size)
    numbers = table.reshape(-1)[starts[good, None] + np.arange(6)].astype(np.int64) @ (1 << 8 * np.arange(6))
    ends = (texts + 2 * lengths)[good]
    for text, end, number in zip(texts[good].tolist(), ends.tolist(), numbers.tolist(), strict=True):
        yield flat[text:end], number
