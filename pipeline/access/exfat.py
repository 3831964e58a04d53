"""Akashi's own reader of exFAT (Microsoft exFAT specification), with recorded UTC offsets and deleted entry sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.exfat_sets import parse_exfat_boot, recognise_exfat
from pipeline.access.exfat_walk import DIRECTORY_LIMIT, FILLER, ExfatWalk
from pipeline.access.fat_boot import read_or_none
from pipeline.access.fat_chain import chain
from pipeline.access.fat_losses import Losses
from pipeline.access.fat_space import ByteRuns, Clusters, ClusterSpace, read_entry
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.records import Diagnostic, ExtentClass, FileEntry, Region, Severity, Volume

__all__ = ["ExfatFileSystem", "open_exfat", "recognise_exfat"]

_META: Final = ExtentClass.FILE_SYSTEM_METADATA
_STEP: Final = 1 << 20
_BITMAP: Final = 0x81
_UP_CASE: Final = 0x82
_LABEL: Final = 0x83
_USED: Final = b"\xff"
"""Stands for an unreadable part of the bitmap: allocated."""


def _le(raw: bytes, at: int, size: int) -> int:
    return int.from_bytes(raw[at : at + size], "little")


class ExfatFileSystem:
    """One exFAT volume."""

    def __init__(self, data: Readable, volume: Volume, options: FileSystemOptions) -> None:
        self._data, self._volume, self._options = data, volume, options
        self._opening = Losses()
        self.geometry = parse_exfat_boot(data.read(0, 512), data.size)
        self._table = self._load_table()
        used = np.ones(self.geometry.last + 1, np.bool_)
        self._space = ClusterSpace(data, volume, self.geometry, used)
        self._root, fault = chain(self._table, self.geometry.root, len(self._table))
        self._opening.add(f"root directory: {fault}", count=bool(fault))
        self._special = self._find_special()
        self._load_bitmap(used)
        self._folders: list[ByteRuns] | None = None

    def _load_table(self) -> NDArray[np.uint32]:
        geometry = self.geometry
        start, need = geometry.fat_start + geometry.active * geometry.fat_size, 4 * (geometry.last + 1)
        parts = (self._table_part(start + at, min(_STEP, need - at)) for at in range(0, need, _STEP))
        table = np.frombuffer(b"".join(parts), "<u4")
        return np.where(table >= 0xFFFFFFF7, table & np.uint32(0x0FFFFFFF), table)

    def _table_part(self, start: int, length: int) -> bytes:
        raw = read_or_none(self._data, start, length)
        if raw is None:
            text = "part of the allocation table could not be read; chains there end"
            self._opening.add(text, (start, length), severity=Severity.LOSS)
            return b"\1\0\0\0" * (length // 4)
        return raw

    def _find_special(self) -> dict[int, bytes]:
        """Return the bitmap of the active table (0x81), the up-case table (0x82) and the label (0x83) entries."""
        runs = self._space.byte_runs(self._root)
        content = self._space.content(runs, FILLER, Losses(), limit=DIRECTORY_LIMIT)
        found: dict[int, bytes] = {}
        for at in range(0, len(content) - 31, 32):
            kind = content[at]
            if kind == 0:
                break
            if kind in (_UP_CASE, _LABEL) or (kind == _BITMAP and content[at + 1] & 1 == self.geometry.active):
                found.setdefault(kind, content[at : at + 32])
        return found

    def _system(self, kind: int) -> Clusters:
        entry = self._special.get(kind)
        if entry is None:
            return []
        most = min(len(self._table), -(-_le(entry, 24, 8) // self.geometry.cluster))
        return chain(self._table, _le(entry, 20, 4), most)[0]

    def _load_bitmap(self, used: NDArray[np.bool_]) -> None:
        """Set use by cluster number; clusters that the bitmap does not reach stay used."""
        count = self.geometry.last - 1
        runs = self._space.byte_runs(self._system(_BITMAP))
        need = -(-count // 8)
        raw = self._space.content(runs, _USED, self._opening, limit=sum(length for _, length in runs))[:need]
        bits = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")[:count].astype(bool)
        used[2 : 2 + len(bits)] = bits
        text = "allocation bitmap is missing or short; what it does not tell of counts as allocated"
        self._opening.add(text, count=len(bits) < count)

    def _walk(self) -> ExfatWalk:
        losses = Losses()
        losses.merge(self._opening)
        return ExfatWalk(self._space, self._table, self._options, losses)

    def describe(self) -> dict[str, str | int | bool]:
        """Return name, label, serial (8 hex digits), cluster size in bytes, dirty and error flags (§3.1.13)."""
        entry = self._special.get(_LABEL, bytes(32))
        label = entry[2 : 2 + 2 * min(entry[1], 11 + 4)].decode("utf-16-le", "surrogatepass")
        geometry = self.geometry
        return {
            "file_system": "exFAT",
            "label": label,
            "serial": geometry.serial,
            "block_size": geometry.cluster,
            "dirty": bool(geometry.flags & 2),
            "error": bool(geometry.flags & 4),
        }

    def entries(self) -> Iterator[FileEntry | Diagnostic]:
        """Yield live entries, breadth first, then deleted ones, then orphan directories, then the diagnostics."""
        walk = self._walk()
        yield from walk.live(self._root, self._space.byte_runs(self._root))
        self._folders = walk.folders
        yield from walk.gone()
        yield from walk.losses.rows(self._volume, "exfat-damage")

    def _live_folders(self) -> list[ByteRuns]:
        """Return the live directories' runs, from the last listing or by a walk over the live tree alone."""
        if self._folders is None:
            walk = self._walk()
            for _ in walk.live(self._root, self._space.byte_runs(self._root)):
                pass
            self._folders = walk.folders
        return self._folders

    def regions(self) -> Iterator[Region | Diagnostic]:
        """Yield boot area, tables, bitmap, up-case table, directories, free clusters and the tail, coalesced."""
        yield from self._space.regions(self._parts())

    def _parts(self) -> Iterator[tuple[int, int, str, str]]:
        geometry = self.geometry
        yield 0, geometry.fat_start, _META, "boot"
        yield geometry.fat_start, geometry.heap - geometry.fat_start, _META, "FAT"
        named = [(self._root, "root directory"), (self._system(_BITMAP), "bitmap"), (self._system(_UP_CASE), "up-case")]
        for clusters, name in named:
            for start, length in self._space.byte_runs(clusters):
                yield start, length, _META, name
        for runs in self._live_folders():
            for start, length in runs:
                yield start, length, _META, "directory"
        for start, length in self._space.byte_runs(self._space.free()):
            yield start, length, ExtentClass.UNALLOCATED, "free clusters"
        tail = geometry.offset(geometry.last + 1)
        yield tail, self._data.size - tail, ExtentClass.UNALLOCATED, "tail"

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry; those from ``initialised_size`` on are zeros.

        Raises:
            UnreadableError: they cannot be read.
        """
        return read_entry(self._space, entry, start, length)


def open_exfat(data: Readable, volume: Volume, options: FileSystemOptions) -> ExfatFileSystem:
    """Return the reader of an exFAT volume; ``data`` is relative to it.

    Raises:
        ParseError: the boot sector describes no exFAT volume.
        UnreadableError: the boot sector cannot be read.
    """
    return ExfatFileSystem(data, volume, options)
