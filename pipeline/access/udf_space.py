"""UDF's free space by the space bitmap, and file entries that lie in it (ECMA-167 4/14.3 and 4/14.12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np

from pipeline.access.fat_losses import Losses
from pipeline.access.found import free_of
from pipeline.access.interfaces import Readable
from pipeline.access.udf_file import BITMAP, RECORD, WIDE_RECORD
from pipeline.access.udf_volume import Partition, read_block, tag_of

__all__ = ["entry_heads", "free_runs", "has_bitmap"]

_MAX_BITMAP: Final = 1 << 29
_STEP: Final = 4 << 20


def has_bitmap(part: Partition) -> bool:
    """Tell whether a partition has a space bitmap; a medium that is only added to has none."""
    return part.kind == "physical" and len(part.space) >= 16 and bool(part.space[8:12].strip(b"\0"))


def free_runs(data: Readable, part: Partition, losses: Losses) -> list[tuple[int, int]]:
    """Return a partition's free runs in volume bytes, by its space bitmap: a one is a free block."""
    if not has_bitmap(part):
        return []
    length, number = struct.unpack_from("<II", part.space, 8)
    length &= 0x3FFFFFFF
    raw = b""
    if length <= _MAX_BITMAP and number < part.length:
        raw = read_block(data, (part.start + number) * part.block, length)
    if len(raw) < 24 or tag_of(raw) != BITMAP:
        losses.add("the space bitmap is damaged; all space counts as allocated")
        return []
    bits, size = struct.unpack_from("<II", raw, 16)
    taken = bytes(~np.frombuffer(raw[24 : 24 + size], np.uint8))
    runs = free_of(taken, min(bits, part.length), part.block, order="little")
    return [(part.start * part.block + start, count) for start, count in runs]


def entry_heads(data: Readable, part: Partition, start: int, length: int) -> Iterator[int]:
    """Yield blocks of free space that begin as a file entry's tag does, numbered in their partition."""
    for at in range(start, start + length, _STEP):
        raw = read_block(data, at, min(_STEP, start + length - at))
        words = np.frombuffer(raw[: len(raw) // part.block * part.block], "<u2").reshape(-1, part.block // 2)[:, 0]
        for index in np.flatnonzero((words == RECORD) | (words == WIDE_RECORD)).tolist():
            yield at // part.block - part.start + index
