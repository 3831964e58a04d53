"""Names that folder indexes keep in their unused space after the files went.

Sources: Linux-NTFS project documentation, "$INDEX_ALLOCATION", "Index Entry", "$FILE_NAME"; Carrier, *File System
Forensic Analysis*, ch. 13 ("index slack").
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.ntfs_mft import Mft, Stream
from pipeline.access.ntfs_record import REFERENCE, fixed
from pipeline.errors import UnreadableError

__all__ = ["Ghost", "slack_names"]

Ghost = tuple[str, int, int]
_MAX_INDEX: Final = 64 << 20
_PIECE: Final = 1 << 20
_ENTRY: Final = 16
_NAME: Final = 66
_DOS: Final = 2


def slack_names(mft: Mft, index: Stream, folder: int, sequence: int) -> Iterator[Ghost]:
    """Yield (name, record, record's sequence) from the unused space of a folder's index, at most 64 MiB of it.

    An entry counts where its lengths agree with each other and its parent is this folder.
    """
    size, stream = mft.geometry.index, mft.open(index)
    for start in range(0, min(stream.size, _MAX_INDEX), _PIECE):
        try:
            raw = stream.read(start, _PIECE)
        except UnreadableError:
            mft.faults.add("index-unreadable", folder)
            return
        for at in range(0, len(raw) - size + 1, size):
            if raw[at : at + 4] == b"INDX":
                yield from _block(raw[at : at + size], folder | sequence << 48)


def _block(raw: bytes, parent: int) -> Iterator[Ghost]:
    block, _ = fixed(raw)
    (used,) = struct.unpack_from("<I", block, 28)
    start = min(24 + used + 7 & ~7, len(block))
    slack = bytes(block[start:])
    if len(slack) < _ENTRY + _NAME + 2:
        return
    for at in _candidates(slack, parent):
        reference, _, key = struct.unpack_from("<QHH", slack, at)
        if slack[at + _ENTRY + 65] == _DOS or key != _NAME + 2 * slack[at + _ENTRY + 64]:
            continue
        raw_name = slack[at + _ENTRY + _NAME : at + _ENTRY + key]
        if raw_name and len(raw_name) == key - _NAME:
            yield raw_name.decode("utf-16-le", "surrogatepass"), reference & REFERENCE, reference >> 48


def _candidates(slack: bytes, parent: int) -> list[int]:
    """Return where an entry may begin: 8-byte aligned, its parent reference being the folder's."""
    words: NDArray[Any] = np.frombuffer(slack, "<u8", len(slack) // 8)
    found = (np.flatnonzero(words == np.uint64(parent)) * 8 - _ENTRY).tolist()
    return [at for at in found if at >= 0 and at + _ENTRY + _NAME <= len(slack)]
