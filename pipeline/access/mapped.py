"""The file system of a mapped volume: its reader's rows, carried over to image offsets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pipeline.access.interfaces import FileSystem
from pipeline.access.mapping import OUTSIDE, Mapping, place_of
from pipeline.access.vss import SnapshotPlaces
from pipeline.records import Diagnostic, FileEntry, Origin, Region, Run, Volume

__all__ = ["MappedFileSystem", "SnapshotFileSystem", "carried_entry", "carried_over"]


def carried_over(
    volume: Volume, rows: Iterable[FileEntry | Region | Diagnostic]
) -> Iterator[FileEntry | Region | Diagnostic]:
    """Yield a reader's rows with image offsets for the volume's own; a region may become several.

    Of an unlocked volume whose bytes nobody can place, no region is told, and runs lie where no image has bytes.
    """
    if not volume.runs and not volume.encryption:
        yield from rows
        return
    mapping = Mapping(volume.runs)
    for row in rows:
        if isinstance(row, FileEntry):
            yield carried_entry(volume, mapping, row)
        elif isinstance(row, Region):
            yield from _regions(mapping, row)
        else:
            yield row


def carried_entry(volume: Volume, mapping: Mapping, entry: FileEntry) -> FileEntry:
    """Return an entry by its image runs; of an enciphered volume they are places only, not what to read."""
    if not entry.runs:
        return entry
    runs = mapping.forth(entry.runs)
    return replace(entry, runs=runs, reader="file-system" if volume.encryption else entry.reader)


def _regions(mapping: Mapping, region: Region) -> Iterator[Region]:
    for run in mapping.forth((Run(start=region.start, length=region.length),)):
        if 0 <= run.start < OUTSIDE:
            yield replace(region, start=run.start, length=run.length)


class MappedFileSystem:
    """What the file system's reader says, in image offsets; what it reads goes through the volume's own bytes."""

    def __init__(self, fs: FileSystem, volume: Volume) -> None:
        self._fs, self._volume = fs, volume
        self.comparable: bool = getattr(fs, "comparable", True)
        self._mapping = Mapping(volume.runs)
        self._last: tuple[FileEntry | None, FileEntry | None] = (None, None)

    def entries(self) -> Iterator[FileEntry | Diagnostic]:
        """Yield what the reader lists."""
        for row in carried_over(self._volume, self._fs.entries()):
            if not isinstance(row, Region):
                yield row

    def regions(self) -> Iterator[Region | Diagnostic]:
        """Yield what the reader says of its space."""
        for row in carried_over(self._volume, self._fs.regions()):
            if not isinstance(row, FileEntry):
                yield row

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry.

        Raises:
            UnreadableError: they cannot be read, or the entry's runs are none of this volume.
        """
        if self._last[0] is not entry:
            self._last = entry, replace(entry, runs=self._mapping.back(entry.runs))
        own = self._last[1]
        return self._fs.read(own, start, length) if own is not None else b""


class SnapshotFileSystem:
    """A snapshot's file system: live files that lie whole on the medium by image runs, all else through its layer.

    Image runs make a file of a snapshot that is unchanged today the same as today's, in so many bytes: it is read
    once. It has no space of its own in the account: its bytes are its volume's, or those of the store's own file.
    """

    def __init__(self, fs: FileSystem, places: SnapshotPlaces | None, carrier: Volume) -> None:
        self._fs, self._places = fs, None if carrier.encryption else places
        self._mapping = Mapping(place_of(carrier))

    def entries(self) -> Iterator[FileEntry | Diagnostic]:
        """Yield what the reader lists."""
        for row in self._fs.entries():
            yield row if isinstance(row, Diagnostic) else self._placed(row)

    def _placed(self, entry: FileEntry) -> FileEntry:
        if not entry.runs:
            return entry
        runs = None
        if self._places is not None and entry.reader == "runs" and entry.origin == Origin.ALLOCATED:
            runs = self._places.of(entry.runs)
        if runs is None or not self._mapping.size:
            return replace(entry, runs=(), reader="file-system")
        return replace(entry, runs=self._mapping.forth(runs))

    def regions(self) -> Iterator[Region | Diagnostic]:
        """Yield nothing: the space is the volume's."""
        yield from ()

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry through the snapshot's layer."""
        return self._fs.read(entry, start, length)
