"""One door for every file system: our own readers first, then The Sleuth Kit, then dfVFS's back ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from pipeline.access.exfat import open_exfat
from pipeline.access.ext import open_ext
from pipeline.access.fat import open_fat
from pipeline.access.interfaces import FileSystem, FileSystemOptions, Image, Readable
from pipeline.access.layers import SnapshotBytes
from pipeline.access.mapped import MappedFileSystem, SnapshotFileSystem
from pipeline.access.mapped_pages import MappedPages
from pipeline.access.mapping import by_itself
from pipeline.access.ntfs import NtfsFileSystem, open_ntfs
from pipeline.access.own import OWN
from pipeline.access.tsk import open_tsk
from pipeline.access.volumes import layer_regions, open_volume
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, FileEntry, Region, Volume

__all__ = ["open_file_system"]

_Opener = Callable[[Readable, Volume, FileSystemOptions], FileSystem]
_OWN: Final[dict[str, _Opener]] = {"exFAT": open_exfat, "NTFS": open_ntfs, **OWN}


def open_file_system(image: Image, volume: Volume, options: FileSystemOptions) -> FileSystem:
    """Open the file system of a volume.

    Raises:
        UnreadableError: it has none that can be read.
    """
    if volume.reader == "layer":
        return _Layer(image, volume, options)
    data = open_volume(image, volume, options)
    if isinstance(data, SnapshotBytes):
        inside = replace(by_itself(volume), length=data.size)
        return SnapshotFileSystem(_opened(data, inside, options), data.places(), data.carrier)
    if volume.runs or (volume.encryption and not volume.direct and volume.reader != "dfvfs"):
        inner = _opened(data, by_itself(volume), options)
        return MappedPages(inner, volume) if isinstance(inner, NtfsFileSystem) else MappedFileSystem(inner, volume)
    return _opened(data, volume, options)


def _opened(data: Readable, volume: Volume, options: FileSystemOptions) -> FileSystem:
    """Return the reader that a volume's row names, over the volume's bytes."""
    openers: dict[str, _Opener] = {
        "own": _OWN.get(volume.file_system, open_fat), "dfvfs": _open_backend,
        "tsk": open_ext if volume.file_system.startswith("ext") else open_tsk,
    }  # fmt: skip
    opener = openers.get(volume.reader)
    if opener is None:
        raise UnreadableError(f"{volume.address}: holds no file system of its own")
    return opener(data, volume, options)


def _open_backend(data: Readable, volume: Volume, options: FileSystemOptions) -> FileSystem:
    from pipeline.access.backends import open_backend  # noqa: PLC0415 - 0.3 s of CPU to load; few volumes need it

    return open_backend(data, volume, options)


class _Layer:
    """A volume that only carries others: it has no entries of its own."""

    def __init__(self, image: Image, volume: Volume, options: FileSystemOptions) -> None:
        self._image, self._volume, self._options = image, volume, options

    def entries(self) -> Iterator[FileEntry | Diagnostic]:
        """Yield nothing."""
        yield from ()

    def regions(self) -> Iterator[Region | Diagnostic]:
        """Yield the layer's metadata and free space."""
        yield from layer_regions(self._image, self._volume, self._options)

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Refuse: there is nothing to read.

        Raises:
            UnreadableError: always.
        """
        raise UnreadableError(f"{entry.address}: its volume carries other volumes, not files ({start}+{length})")
