"""Volumes inside volumes: LVM2 logical volumes, APFS volumes and volume shadow copies through libyal."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pyfsapfs  # type: ignore[import-untyped,import-not-found,unused-ignore]
import pyvshadow

from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.lvm_text import logical_names, logical_size, read_metadata, stretches
from pipeline.access.mapping import MappedBytes, Mapping, inner_volume
from pipeline.address import join
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, Severity, Volume, VolumeState, diagnose

__all__ = ["FileLike", "Found", "LayerReadable", "layered_volumes", "oldest_first"]

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
        try:
            piece = self._data.read(self._position, max(length, 0))
        except UnreadableError as error:
            raise OSError(str(error)) from error
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


@dataclass(frozen=True, slots=True)
class Found:
    """A volume inside another: its row, and its bytes, of an APFS volume its container's; None where there are none.

    Where the row's ``reader`` is empty and its state ``open``, the scan describes the bytes as it does a partition's.
    """

    row: Volume
    data: Readable | None = None


def layered_volumes(data: Readable, volume: Volume, options: FileSystemOptions) -> Iterator[Found | Diagnostic]:
    """Yield the volumes inside a volume; a layer that cannot be opened is a diagnostic."""
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


def _logical(data: Readable, volume: Volume) -> Iterator[Found | Diagnostic]:
    """Yield the logical volumes that the metadata's text names."""
    group = read_metadata(data)
    names = logical_names(group)
    for name in names:
        places = stretches(group, name)
        row = inner_volume(volume, "lv", f"{group['name']}/{name}", places or (), scheme="lvm", label=name)
        if places is not None:
            yield Found(row, MappedBytes(data, Mapping(places)))
            continue
        yield Found(replace(row, state=VolumeState.UNSUPPORTED, length=logical_size(group, name)))
        message = f"{row.address}: this kind of logical volume is not put together; its bytes are scanned raw"
        yield diagnose("volumes", row.address, "unsupported", message, Severity.LOSS)
    if not names or len(group["physical_volumes"]) > 1:
        message = f"{volume.address}: the volume group needs further physical volumes, or names no logical volume"
        yield diagnose("volumes", volume.address, "unsupported", message, Severity.LOSS)


def _apfs(data: Readable, volume: Volume) -> Iterator[Found | Diagnostic]:
    """Yield every volume of a container; an encrypted one is locked."""
    container = pyfsapfs.container()
    container.open_file_object(FileLike(data))
    for number in range(min(container.get_number_of_volumes(), _MAX_VOLUMES)):
        inner = container.get_volume(number)
        row = replace(
            volume, address=join(volume.address, "volume", str(number + 1)), direct=False, runs=(),
            reader="dfvfs", label=inner.get_name() or "", serial=str(inner.get_identifier() or "").replace("-", ""),
        )  # fmt: skip
        if not inner.is_locked():
            yield Found(row, data)
            continue
        yield Found(replace(row, state=VolumeState.LOCKED, encryption="APFS", reader=""))
        message = f"{row.address}: volume is locked (APFS encryption); give the image of an unlocked volume"
        yield diagnose("volumes", row.address, "locked", message, Severity.LOSS)


def _snapshots(data: Readable, volume: Volume) -> Iterator[Found | Diagnostic]:
    if not pyvshadow.check_volume_signature_file_object(FileLike(data)):
        return
    handle = pyvshadow.volume()
    handle.open_file_object(FileLike(data))
    for number, index in enumerate(_oldest_first(handle), start=1):
        store = handle.get_store(index)
        row = replace(
            volume, address=join(volume.address, "snapshot", str(number)), direct=False, runs=(), scheme="vss",
            reader="tsk", label=f"{store.get_creation_time():%Y-%m-%dT%H:%M:%SZ}",
        )  # fmt: skip
        yield Found(row, LayerReadable(handle, store, int(store.volume_size)))


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
