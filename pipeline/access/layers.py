"""Volumes inside volumes: LVM2 logical volumes, APFS volumes and volume shadow copies through libyal."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pyfsapfs  # type: ignore[import-untyped,import-not-found,unused-ignore]
import pyvshadow
import pyvslvm

from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.lvm_text import logical_names, read_metadata, stretches
from pipeline.access.overlay import Stretches
from pipeline.address import join, steps_of
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, Severity, Volume, VolumeState, diagnose

__all__ = ["FileLike", "LayerReadable", "layered_volumes", "oldest_first"]

_FAILURES: Final = (OSError, ValueError, OverflowError, MemoryError, IndexError)
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
    """Yield the volumes inside a volume; a layer that cannot be opened is a diagnostic.

    Logical volumes come without a file system (``reader`` is empty): the scan describes them as it does partitions.
    """
    del options
    try:
        if volume.file_system == "LVM":
            yield from _logical(data, volume)
        elif volume.file_system == "NTFS" and volume.state == VolumeState.OPEN:
            yield from _snapshots(data, volume)
        elif volume.file_system == "APFS":
            yield from _apfs(data, volume)
    except (*_FAILURES, UnreadableError) as error:
        message = f"{volume.address}: its {volume.file_system} layer cannot be opened ({error}); scanned raw"
        yield diagnose("volumes", volume.address, "layer-damaged", message, Severity.LOSS)


def _logical(data: Readable, volume: Volume) -> Iterator[Volume | Diagnostic]:
    """Yield the logical volumes that the metadata's text names; libvslvm reads those that are no plain stretches."""
    group = read_metadata(data)
    names = logical_names(group)
    for name in names:
        row = replace(
            volume, address=join(volume.address, "lv", f"{group['name']}/{name}"), direct=False, scheme="lvm",
            reader="", file_system="", label=name,
        )  # fmt: skip
        places = stretches(group, name)
        try:
            layer = Stretches(data, places) if places is not None else LayerReadable.open(data, row)
        except UnreadableError as error:
            yield replace(row, state=VolumeState.UNSUPPORTED, length=0)
            message = f"{row.address}: this logical volume cannot be put together ({error}); scanned raw"
            yield diagnose("volumes", row.address, "unsupported", message, Severity.LOSS)
            continue
        if places is not None and len(places) == 1 and sum(places[0]) <= data.size:
            yield replace(row, start=volume.start + places[0][0], length=layer.size, direct=True)
        else:
            yield replace(row, length=layer.size)
    if not names or len(group["physical_volumes"]) > 1:
        message = f"{volume.address}: the volume group needs further physical volumes, or names no logical volume"
        yield diagnose("volumes", volume.address, "unsupported", message, Severity.LOSS)


def _open_logical(data: Readable, name: str) -> Readable:
    places = stretches(read_metadata(data), name)
    if places is not None:
        return Stretches(data, places)
    handle, group = _group(data)
    logical = _by_name(group, name)
    return LayerReadable(handle, logical, int(logical.size))


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


def _apfs(data: Readable, volume: Volume) -> Iterator[Volume | Diagnostic]:
    """Yield every volume of a container; an encrypted one is locked."""
    container = pyfsapfs.container()
    container.open_file_object(FileLike(data))
    for number in range(min(container.get_number_of_volumes(), _MAX_VOLUMES)):
        inner = container.get_volume(number)
        row = replace(
            volume, address=join(volume.address, "volume", str(number + 1)), direct=False, reader="dfvfs",
            label=inner.get_name() or "", serial=str(inner.get_identifier() or "").replace("-", ""),
        )  # fmt: skip
        if not inner.is_locked():
            yield row
            continue
        yield replace(row, state=VolumeState.LOCKED, encryption="APFS", reader="")
        message = f"{row.address}: volume is locked (APFS encryption); give the image of an unlocked volume"
        yield diagnose("volumes", row.address, "locked", message, Severity.LOSS)


def _snapshots(data: Readable, volume: Volume) -> Iterator[Volume | Diagnostic]:
    if not pyvshadow.check_volume_signature_file_object(FileLike(data)):
        return
    handle = pyvshadow.volume()
    handle.open_file_object(FileLike(data))
    for number, store in enumerate(_oldest_first(handle), start=1):
        created = handle.get_store(store).get_creation_time()
        yield replace(
            volume, address=join(volume.address, "snapshot", str(number)), direct=False, scheme="vss", reader="tsk",
            label=f"{created:%Y-%m-%dT%H:%M:%SZ}",
        )  # fmt: skip


def _oldest_first(handle: Any) -> list[int]:
    """Return the stores' indices by their time of creation; their order on the medium is not that."""
    count = min(handle.get_number_of_stores(), _MAX_VOLUMES)
    return oldest_first([int(handle.get_store(index).get_creation_time_as_integer()) for index in range(count)])


def oldest_first(created: Sequence[int]) -> list[int]:
    """Return indices in the order of their times; equal times keep their order."""
    return sorted(range(len(created)), key=lambda index: (created[index], index))


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
    def open(cls, data: Readable, volume: Volume) -> Readable:
        """Open the layer that a volume row names.

        Raises:
            UnreadableError: it is not there any more, or damaged.
        """
        kind, value = steps_of(volume.address)[-1]
        try:
            if kind == "lv":
                return _open_logical(data, value.partition("/")[2])
            if kind == "snapshot":
                snapshots = pyvshadow.volume()
                snapshots.open_file_object(FileLike(data))
                store = snapshots.get_store(_oldest_first(snapshots)[int(value) - 1])
                return cls(snapshots, store, int(store.volume_size))
        except _FAILURES as error:
            raise UnreadableError(f"{volume.address}: the layer cannot be opened ({error})") from error
        raise UnreadableError(f"{volume.address}: no layer of this kind")
