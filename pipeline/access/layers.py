"""Volumes inside volumes: LVM2 logical volumes and volume shadow copies through libyal."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import pyvshadow
import pyvslvm

from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.tsk import describe_tsk
from pipeline.address import join, steps_of
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, Severity, Volume, VolumeState, diagnose

__all__ = ["FileLike", "LayerReadable", "layered_volumes"]

_FAILURES: Final = (OSError, ValueError, OverflowError, MemoryError)
_MAX_VOLUMES: Final = 512


class FileLike(io.RawIOBase):
    """A readable as the file object that libyal's bindings take."""

    def __init__(self, data: Readable) -> None:
        super().__init__()
        self._data = data
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        length = self._data.size - self._position if size < 0 else size
        piece = self._data.read(self._position, max(length, 0))
        self._position += len(piece)
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move."""
        base = (0, self._position, self._data.size)[whence]
        self._position = max(base + offset, 0)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def get_size(self) -> int:
        """Return the length in bytes."""
        return self._data.size

    def seekable(self) -> bool:
        """Tell that seeking works."""
        return True


def layered_volumes(data: Readable, volume: Volume, options: FileSystemOptions) -> Iterator[Volume | Diagnostic]:
    """Yield the volumes inside a volume; a layer that cannot be opened is a diagnostic."""
    del options
    try:
        if volume.file_system == "LVM":
            yield from _logical(data, volume)
        elif volume.file_system == "NTFS" and volume.state == VolumeState.OPEN:
            yield from _snapshots(data, volume)
        elif volume.file_system == "APFS":
            yield replace(volume, address=join(volume.address, "volume", "1"), direct=False, reader="dfvfs")
    except _FAILURES as error:
        message = f"{volume.address}: its {volume.file_system} layer cannot be opened ({error}); scanned raw"
        yield diagnose("volumes", volume.address, "layer-damaged", message, Severity.LOSS)


def _logical(data: Readable, volume: Volume) -> Iterator[Volume | Diagnostic]:
    handle, group = _group(data)
    count = min(group.get_number_of_logical_volumes(), _MAX_VOLUMES)
    for number in range(count):
        logical = group.get_logical_volume(number)
        address = join(volume.address, "lv", f"{group.name}/{logical.name}")
        row = replace(volume, address=address, length=int(logical.size), direct=False, scheme="lvm", reader="tsk",
                      file_system="", label=logical.name)  # fmt: skip
        try:
            layer = LayerReadable(handle, logical, int(logical.size))
            yield replace(row, **describe_tsk(layer))
        except (UnreadableError, *_FAILURES) as error:
            yield replace(row, state=VolumeState.UNSUPPORTED, reader="")
            message = f"{address}: no file system that can be listed in this logical volume ({error}); scanned raw"
            yield diagnose("volumes", address, "unsupported", message, Severity.LOSS)
    if not count:
        message = f"{volume.address}: the volume group names no logical volume, or needs further physical volumes"
        yield diagnose("volumes", volume.address, "unsupported", message, Severity.LOSS)


def _group(data: Readable) -> tuple[Any, Any]:
    handle = pyvslvm.handle()
    handle.open_file_object(FileLike(data))
    handle.open_physical_volume_files_as_file_objects([FileLike(data)])
    return handle, handle.get_volume_group()


def _by_name(group: Any, name: str) -> Any:
    """Return the logical volume of a name; libvslvm's binding only counts them."""
    for number in range(min(group.get_number_of_logical_volumes(), _MAX_VOLUMES)):
        logical = group.get_logical_volume(number)
        if logical.name == name:
            return logical
    raise UnreadableError(f"the volume group has no logical volume {name}")


def _snapshots(data: Readable, volume: Volume) -> Iterator[Volume | Diagnostic]:
    if not pyvshadow.check_volume_signature_file_object(FileLike(data)):
        return
    handle = pyvshadow.volume()
    handle.open_file_object(FileLike(data))
    for number in range(min(handle.get_number_of_stores(), _MAX_VOLUMES)):
        address = join(volume.address, "snapshot", str(number + 1))
        yield replace(volume, address=address, direct=False, scheme="vss", reader="tsk")


@dataclass(slots=True)
class LayerReadable:
    """A volume's bytes as libyal gives them; ``keeper`` holds what must stay open."""

    keeper: Any
    handle: Any
    size: int

    def read(self, start: int, length: int) -> bytes:
        """Return bytes; UnreadableError where the layer cannot give them."""
        if start >= self.size or length <= 0:
            return b""
        try:
            self.handle.seek(start)
            data: bytes = self.handle.read(min(length, self.size - start))
        except _FAILURES as error:
            raise UnreadableError(f"byte {start} of the layered volume cannot be read ({error})") from error
        return data

    @classmethod
    def open(cls, data: Readable, volume: Volume) -> LayerReadable:
        """Open the layer that a volume row names.

        Raises:
            UnreadableError: it is not there any more, or damaged.
        """
        kind, value = steps_of(volume.address)[-1]
        try:
            if kind == "lv":
                handle, group = _group(data)
                logical = _by_name(group, value.partition("/")[2])
                return cls(handle, logical, int(logical.size))
            if kind == "snapshot":
                snapshots = pyvshadow.volume()
                snapshots.open_file_object(FileLike(data))
                store = snapshots.get_store(int(value) - 1)
                return cls(snapshots, store, int(store.volume_size))
        except _FAILURES as error:
            raise UnreadableError(f"{volume.address}: the layer cannot be opened ({error})") from error
        raise UnreadableError(f"{volume.address}: no layer of this kind")
