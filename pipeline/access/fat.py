"""Akashi's own reader of FAT12, FAT16 and FAT32 (Microsoft FAT specification 1.03).

It lists live files whose short name holds trail bytes of cp932 that other readers take for damage, and deleted and
orphaned entries. ``/`` inside a name is written U+2215; every other character stays as recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.fat_boot import FatGeometry, clusters_runs, load_table, parse_boot, recognise_fat
from pipeline.access.fat_chain import BAD, chain
from pipeline.access.fat_losses import Losses
from pipeline.access.fat_space import ByteRuns, Clusters, ClusterSpace, read_entry
from pipeline.access.fat_tree import Folder
from pipeline.access.fat_walk import FatWalk
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.records import Diagnostic, ExtentClass, FileEntry, Origin, Region, Volume

__all__ = ["FatFileSystem", "open_fat", "recognise_fat"]

_META: Final = ExtentClass.FILE_SYSTEM_METADATA


class FatFileSystem:
    """One FAT volume."""

    def __init__(self, data: Readable, volume: Volume, options: FileSystemOptions) -> None:
        self._data, self._volume, self._options = data, volume, options
        self._opening = Losses()
        self.geometry: FatGeometry = parse_boot(data.read(0, 512), data.size)
        self._table: NDArray[np.uint32] = load_table(data, self.geometry, self._opening)
        used: NDArray[np.bool_] = self._table != 0
        used[:2] = True
        self._space = ClusterSpace(data, volume, self.geometry, used)
        self._root, self._root_runs = self._find_root()
        self._folders: list[ByteRuns] | None = None

    def _find_root(self) -> tuple[Clusters, ByteRuns]:
        geometry = self.geometry
        if geometry.bits != 32:
            return [], ((geometry.root_start, geometry.root_size),)
        clusters, fault = chain(self._table, geometry.root_cluster, len(self._table))
        self._opening.add(f"root directory: {fault}", count=bool(fault))
        return clusters, self._space.byte_runs(clusters)

    def _walk(self) -> FatWalk:
        losses = Losses()
        losses.merge(self._opening)
        return FatWalk(self._space, self.geometry, self._table, self._options, losses)

    def describe(self) -> dict[str, str | int | bool]:
        """Return name, label, serial (8 hex digits), cluster size in bytes, and the dirty and error flags."""
        geometry = self.geometry
        label = geometry.label
        for slot in self._walk().slots(Folder("", "", self._root_runs, Origin.ALLOCATED), Losses()):
            if slot.raw[11] & 0x18 == 8 and not slot.deleted and not slot.slack:
                label = slot.raw[:11].rstrip(b" ")
                break
        raw = self._data.read(geometry.fat_start, 8).ljust(8, b"\xff")
        bits = {12: 3, 16: raw[3] >> 6, 32: raw[7] >> 2}[geometry.bits] & 3
        return {
            "file_system": geometry.name,
            "label": label.decode(self._options.code_page, "backslashreplace"),
            "serial": geometry.serial,
            "block_size": geometry.cluster,
            "dirty": geometry.dirty or not bits & 2,
            "error": not bits & 1,
        }

    def entries(self) -> Iterator[FileEntry | Diagnostic]:
        """Yield live entries, breadth first, then deleted ones, then orphan directories, then the diagnostics."""
        walk = self._walk()
        yield from walk.live(self._root, self._root_runs)
        self._folders = walk.folders
        yield from walk.gone()
        yield from walk.losses.rows(self._volume, "fat-damage")

    def _live_folders(self) -> list[ByteRuns]:
        """Return the live directories' runs, from the last listing or by a walk over the live tree alone."""
        if self._folders is None:
            walk = self._walk()
            for _ in walk.live(self._root, self._root_runs):
                pass
            self._folders = walk.folders
        return self._folders

    def regions(self) -> Iterator[Region | Diagnostic]:
        """Yield boot area, tables, directories, bad and free clusters and the tail, coalesced."""
        yield from self._space.regions(self._parts())

    def _parts(self) -> Iterator[tuple[int, int, str, str]]:
        geometry = self.geometry
        yield 0, geometry.fat_start, _META, "boot"
        for number in range(geometry.fats):
            yield geometry.fat_start + number * geometry.fat_size, geometry.fat_size, _META, f"FAT {number + 1}"
        if geometry.bits != 32:
            yield geometry.root_start, geometry.heap - geometry.root_start, _META, "root directory"
        for start, length in self._space.byte_runs(self._root):
            yield start, length, _META, "root directory"
        for runs in self._live_folders():
            for start, length in runs:
                yield start, length, _META, "directory"
        for start, length in self._space.byte_runs(clusters_runs(np.flatnonzero(self._table == BAD).astype(np.int64))):
            yield start, length, _META, "bad clusters"
        for start, length in self._space.byte_runs(self._space.free()):
            yield start, length, ExtentClass.UNALLOCATED, "free clusters"
        tail = geometry.offset(geometry.last + 1)
        yield tail, self._data.size - tail, ExtentClass.UNALLOCATED, "tail"

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry, fewer where its clusters end before its size.

        Raises:
            UnreadableError: they cannot be read.
        """
        return read_entry(self._space, entry, start, length)


def open_fat(data: Readable, volume: Volume, options: FileSystemOptions) -> FatFileSystem:
    """Return the reader of a FAT volume; ``data`` is relative to it.

    Raises:
        ParseError: the boot sector describes no FAT volume.
        UnreadableError: the boot sector cannot be read.
    """
    return FatFileSystem(data, volume, options)
