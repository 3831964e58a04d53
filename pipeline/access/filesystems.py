"""One door for every file system: our own readers first, then The Sleuth Kit, then dfVFS's back ends."""

from __future__ import annotations

from pipeline.access.backends import open_backend
from pipeline.access.exfat import open_exfat
from pipeline.access.fat import open_fat
from pipeline.access.interfaces import FileSystem, FileSystemOptions, Image
from pipeline.access.ntfs import open_ntfs
from pipeline.access.tsk import open_tsk
from pipeline.access.volumes import open_volume
from pipeline.errors import UnreadableError
from pipeline.records import Volume

__all__ = ["open_file_system"]


def open_file_system(image: Image, volume: Volume, options: FileSystemOptions) -> FileSystem:
    """Open the file system of a volume.

    Raises:
        UnreadableError: it has none that can be read.
    """
    if volume.reader == "own":
        data = open_volume(image, volume, options)
        if volume.file_system == "exFAT":
            return open_exfat(data, volume, options)
        if volume.file_system == "NTFS":
            return open_ntfs(data, volume, options)
        return open_fat(data, volume, options)
    if volume.reader == "tsk":
        return open_tsk(open_volume(image, volume, options), volume, options)
    if volume.reader == "dfvfs":
        return open_backend(image, volume, options)
    raise UnreadableError(f"{volume.address}: holds no file system of its own")
