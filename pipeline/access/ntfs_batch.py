"""Many MFT records at once: headers, fixups and attribute positions found by numpy, all records in lockstep.

Sources: Linux-NTFS project documentation, "FILE Record", "Attributes", "Fixup"; [MS-FSCC] 2.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.ntfs_record import (
    ATTRIBUTE_LIST,
    DATA,
    END,
    FILE_NAME,
    INDEX_ALLOCATION,
    INDEX_ROOT,
    REFERENCE,
    REPARSE_POINT,
    SECTOR,
    STANDARD_INFORMATION,
)

__all__ = ["Batch", "NameColumns", "StandardColumns", "StreamColumns", "fix_sectors", "parse_batch"]

_LEAST: Final = 24
_SPARE: Final = 64  # bytes of nobody behind the last record, for reads that begin in it
_SIGNATURES: Final = (0x454C4946, 0x44414142)  # "FILE", "BAAD"
_UNIX: Final = 116_444_736_000_000_000  # 1970-01-01 in FILETIME units of 100 ns ([MS-DTYP] 2.3.3)
_STREAMS: Final = (DATA, INDEX_ROOT, INDEX_ALLOCATION)


@dataclass(frozen=True, slots=True)
class NameColumns:
    """$FILE_NAME attributes, a value each; ``record`` is the index in the batch, ascending; ``times`` as below."""

    record: NDArray[np.int64]
    parent: NDArray[np.int64]
    sequence: NDArray[np.int64]
    space: NDArray[np.uint8]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    times: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class StreamColumns:
    """$DATA, $INDEX_ROOT and $INDEX_ALLOCATION attributes; ``start`` to ``end`` are content or packed runs."""

    record: NDArray[np.int64]
    kind: NDArray[np.uint32]
    resident: NDArray[np.bool_]
    flags: NDArray[np.uint16]
    name: NDArray[np.int64]
    name_end: NDArray[np.int64]
    first: NDArray[np.int64]
    size: NDArray[np.int64]
    initialised: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class StandardColumns:
    """$STANDARD_INFORMATION: ``times`` has four columns (created, modified, changed, accessed; in us since 1970).

    ``attributes`` are bits.
    """

    record: NDArray[np.int64]
    times: NDArray[np.int64]
    attributes: NDArray[np.uint32]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Parsed records. Columns by record: ``present``, ``sound``, ``sequence``, ``flags``, ``base``, ``listed``."""

    first: int
    size: int
    raw: bytearray
    present: NDArray[np.bool_]
    sound: NDArray[np.bool_]
    sequence: NDArray[np.uint16]
    flags: NDArray[np.uint16]
    base: NDArray[np.uint64]
    listed: NDArray[np.bool_]
    owner: NDArray[np.int64]
    place: NDArray[np.int64]
    kind: NDArray[np.uint32]
    length: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.present)

    def base_records(self) -> NDArray[np.bool_]:
        """Tell which are records of files, not the further records of one."""
        wanted: NDArray[np.bool_] = self.present & (self.base == 0)
        return wanted

    def attribute_counts(self) -> NDArray[np.int64]:
        """Return how many attributes each file's record holds; 0 where some of them lie elsewhere."""
        counts = np.bincount(self.owner, minlength=len(self))
        return np.where(self.base_records() & ~self.listed, counts, 0)

    @cached_property
    def names(self) -> NameColumns:
        """Return the file names."""
        pick = self._pick(self.kind == FILE_NAME)
        content, end = self._content(pick)
        fits = self._resident(pick) & (content + 66 <= end)
        pick, content, end = pick[fits], content[fits], end[fits]
        reference = _peek(self.raw, "<u8", content)
        length, space = _peek(self.raw, "u1", content + 64), _peek(self.raw, "u1", content + 65)
        last = np.minimum(content + 66 + 2 * length.astype(np.int64), content + 66 + (end - content - 66) // 2 * 2)
        parent = (reference & np.uint64(REFERENCE)).astype(np.int64)
        sequence = (reference >> np.uint64(48)).astype(np.int64)
        times = self._stamps(content + 8)
        return NameColumns(self.owner[pick], parent, sequence, space, content + 66, last, times)

    def _stamps(self, place: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return four FILETIMEs a row as created, modified, changed and accessed, in us since 1970."""
        stamps = np.stack([_peek(self.raw, "<u8", place + at) for at in (0, 8, 16, 24)], axis=1)
        capped = np.minimum(stamps, np.uint64(1 << 63) - np.uint64(1)).astype(np.int64)
        micros: NDArray[np.int64] = (capped - _UNIX) // 10
        return micros

    @cached_property
    def standard(self) -> StandardColumns:
        """Return times and attributes; of two in one record both, the first being meant."""
        pick = self._pick(self.kind == STANDARD_INFORMATION)
        content, end = self._content(pick)
        fits = self._resident(pick) & (content + 36 <= end)
        pick, content = pick[fits], content[fits]
        return StandardColumns(self.owner[pick], self._stamps(content), _peek(self.raw, "<u4", content + 32))

    @cached_property
    def streams(self) -> StreamColumns:
        """Return data streams and directory indexes."""
        pick = self._pick(np.isin(self.kind, _STREAMS))
        place, length = self.place[pick], self.length[pick]
        resident = self._resident(pick)
        keep = resident | (length >= 64)
        pick, place, length, resident = pick[keep], place[keep], length[keep], resident[keep]
        content, end = self._content(pick)
        wide = np.where(resident, 0, place)
        runs = place + np.minimum(_peek(self.raw, "<u2", place + 32), length)
        name_at, name_end = self._name(place, length)
        size = np.where(resident, end - content, _bounded(_peek(self.raw, "<u8", wide + 48)))
        initialised = np.where(resident, size, _bounded(_peek(self.raw, "<u8", wide + 56)))
        first = np.where(resident, 0, _bounded(_peek(self.raw, "<u8", wide + 16)))
        return StreamColumns(
            self.owner[pick], self.kind[pick], resident, _peek(self.raw, "<u2", place + 12), name_at, name_end, first,
            size, initialised, np.where(resident, content, runs), np.where(resident, end, place + length),
        )  # fmt: skip

    def reparse_tags(self) -> NDArray[np.uint32]:
        """Return the reparse tag of each record, 0 where there is none; of several the last."""
        pick = self._pick(self.kind == REPARSE_POINT)
        content, end = self._content(pick)
        fits = self._resident(pick) & (content + 4 <= end)
        tags = _peek(self.raw, "<u4", content[fits])
        found = np.zeros(len(self), np.uint32)
        found[self.owner[pick[fits]]] = tags
        return found

    def _pick(self, wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.flatnonzero(wanted)

    def _resident(self, pick: NDArray[np.int64]) -> NDArray[np.bool_]:
        resident: NDArray[np.bool_] = _peek(self.raw, "u1", self.place[pick] + 8) == 0
        return resident

    def _content(self, pick: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return start and end of a resident attribute's content, inside the attribute."""
        place, length = self.place[pick], self.length[pick]
        offset = np.minimum(_peek(self.raw, "<u2", place + 20).astype(np.int64), length)
        size = np.minimum(_peek(self.raw, "<u4", place + 16).astype(np.int64), length - offset)
        return place + offset, place + offset + size

    def _name(self, place: NDArray[np.int64], length: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        offset = _peek(self.raw, "<u2", place + 10).astype(np.int64)
        size = 2 * _peek(self.raw, "u1", place + 9).astype(np.int64)
        size = np.where(offset + size <= length, size, 0)
        return place + offset, place + offset + size


def _bounded(values: NDArray[Any]) -> NDArray[np.int64]:
    capped: NDArray[np.int64] = np.minimum(values, np.uint64((1 << 63) - 1)).astype(np.int64)
    return capped


def _peek(raw: bytes | bytearray, kind: str, at: NDArray[np.int64]) -> NDArray[Any]:
    """Return the values of a type at byte offsets, wherever they lie; ``raw`` ends in 64 bytes of nobody's."""
    item = np.dtype(kind).itemsize
    every: NDArray[Any] = np.ndarray((max(len(raw) - item + 1, 0),), kind, raw, 0, (1,))
    values: NDArray[Any] = every[at]
    return values


def parse_batch(data: bytes, first: int, size: int) -> Batch:
    """Parse records of ``size`` bytes, of which the first has the number ``first``; a rest of bytes is left out."""
    count = len(data) // size
    padded = bytearray(count * size + _SPARE)
    padded[: count * size] = memoryview(data)[: count * size]
    table = np.frombuffer(padded, np.uint8, count * size).reshape(count, size)
    marks = table[:, :4].copy().view("<u4")[:, 0] if count else np.zeros(0, "<u4")
    present = np.isin(marks, _SIGNATURES)
    sound = fix_sectors(table, present)
    at = np.arange(count, dtype=np.int64) * size
    sequence, flags = _peek(padded, "<u2", at + 16), _peek(padded, "<u2", at + 22)
    owner, place, kind, length = _walk(padded, np.flatnonzero(present), size)
    listed = np.zeros(count, np.bool_)
    listed[owner[kind == ATTRIBUTE_LIST]] = True
    return Batch(
        first=first, size=size, raw=padded, present=present, sound=sound, sequence=sequence, flags=flags,
        base=_peek(padded, "<u8", at + 32), listed=listed, owner=owner, place=place, kind=kind, length=length,
    )  # fmt: skip


def fix_sectors(table: NDArray[np.uint8], present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Put sector ends back in place where they carry the update number; return which records were whole."""
    count, size = table.shape
    sectors = size // SECTOR
    heads = table[:, 4:8].copy().view("<u2").astype(np.int64) if count else np.zeros((0, 2), np.int64)
    fits = present & (heads[:, 1] == sectors + 1) & (heads[:, 0] + 2 * (sectors + 1) <= SECTOR - 2)
    sound: NDArray[np.bool_] = fits.copy()
    for offset in np.unique(heads[fits, 0]).tolist():
        rows = np.flatnonzero(fits & (heads[:, 0] == offset))
        for sector in range(1, sectors + 1):
            end = sector * SECTOR
            same: NDArray[np.bool_] = (table[rows, end - 2 : end] == table[rows, offset : offset + 2]).all(axis=1)
            sound[rows[~same]] = False
            good = rows[same]
            table[good, end - 2 : end] = table[good, offset + 2 * sector : offset + 2 * sector + 2]
    return sound


def _walk(
    raw: bytearray, rows: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint32], NDArray[np.int64]]:
    """Step through all records' attributes together; return owner, place, kind and length, by owner and place."""
    found: list[tuple[NDArray[Any], ...]] = []
    at = rows * size + _peek(raw, "<u2", rows * size + 20)
    for _ in range(size // _LEAST):
        room = at + _LEAST <= (rows + 1) * size
        rows, at = rows[room], at[room]
        kind, length = _peek(raw, "<u4", at), _peek(raw, "<u4", at + 4).astype(np.int64)
        good = (kind != END) & (length >= _LEAST) & (at + length <= (rows + 1) * size)
        rows, at, kind, length = rows[good], at[good], kind[good], length[good]
        if not len(rows):
            break
        found.append((rows, at, kind, length))
        at = at + length
    if not found:
        none = np.zeros(0, np.int64)
        return none, none, none.astype(np.uint32), none
    owner, place, kinds, lengths = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(place, kind="stable")
    return owner[order], place[order], kinds[order], lengths[order]
