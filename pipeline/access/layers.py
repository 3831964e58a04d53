"""Bytes inside bytes: slices, overlays, and the layers that libyal reads (LVM2, APFS containers, shadow copies)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pyfsapfs
import pyvshadow
import pyvslvm

from pipeline.access.interfaces import Readable
from pipeline.access.signatures import looks_like_fat, recognise
from pipeline.errors import UnreadableError

__all__ = [
    "LIBYAL_FAILURES", "FileObject", "LayerReadable", "Overlay", "Slice", "apfs_container", "logical_volumes", "repaired",
    "shadow_copies",
]  # fmt: skip

LIBYAL_FAILURES: Final = (OSError, ValueError, RuntimeError, MemoryError, AttributeError, TypeError, OverflowError)
_MAX_LAYERS: Final = 512
_VSS_AT: Final = 0x1E00
"""Place of the volume header of shadow copies. SOURCE: libvshadow, Volume Shadow Snapshot (VSS) format, section 2."""
_VSS_GUID: Final = bytes.fromhex("6b870838 76c1 484e b7ae 04046e6cc752")


class Slice:
    """A range of other bytes; cut to them."""

    def __init__(self, base: Readable, start: int, length: int) -> None:
        self._base, self._start = base, start
        self.size = max(min(length, base.size - start), 0)

    def read(self, start: int, length: int) -> bytes:
        """Return bytes; UnreadableError as the base raises it."""
        wanted = min(length, self.size - start)
        return self._base.read(self._start + start, wanted) if wanted > 0 and start >= 0 else b""


class Overlay:
    """Bytes with other bytes laid over their beginning: a boot sector from its backup. Nothing is written."""

    def __init__(self, base: Readable, head: bytes) -> None:
        self._base, self._head = base, head
        self.size = base.size

    def read(self, start: int, length: int) -> bytes:
        """Return bytes; UnreadableError as the base raises it."""
        raw = self._base.read(start, length)
        if start >= len(self._head):
            return raw
        cover = self._head[start : start + len(raw)]
        return cover + raw[len(cover) :]


class FileObject:
    """Bytes as the file-like object that libyal reads from."""

    def __init__(self, base: Readable) -> None:
        self._base, self._at = base, 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; OSError where they are unreadable, for libyal understands no other."""
        try:
            raw = self._base.read(self._at, self._base.size - self._at if size < 0 else size)
        except UnreadableError as error:
            raise OSError(str(error)) from error
        self._at += len(raw)
        return raw

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move, as files do."""
        self._at = max(offset + (0, self._at, self._base.size)[whence], 0)
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def get_size(self) -> int:
        """Return the length."""
        return self._base.size

    get_offset = tell


class LayerReadable:
    """The bytes of an object of libyal; it keeps what it was opened from alive."""

    def __init__(self, layer: Any, size: int, *owners: Any) -> None:
        self._layer, self._owners = layer, owners
        self.size = size

    def read(self, start: int, length: int) -> bytes:
        """Return bytes; UnreadableError where the layer is damaged."""
        wanted, pieces = min(length, self.size - start), []
        try:
            while wanted > 0:
                piece = self._layer.read_buffer_at_offset(min(wanted, 8 << 20), start)
                if not piece:
                    break
                pieces.append(piece)
                start, wanted = start + len(piece), wanted - len(piece)
        except LIBYAL_FAILURES as error:
            raise UnreadableError(f"layer byte {start} cannot be read ({error})") from error
        return b"".join(pieces)


def repaired(data: Readable) -> tuple[Readable, str]:
    """Return a volume with its backup boot sector laid over a lost one, and which backup; as it is where none is due.

    SOURCE: NTFS keeps the copy in the volume's last sector, FAT32 in sector 6 (FAT specification, BPB_BkBootSec), exFAT
    in sector 12 (exFAT specification, section 2).
    """
    if recognise(data) is not None or looks_like_fat(data):
        return data, ""
    for at, count, name in ((data.size - 512, 1, "last sector"), (6 * 512, 1, "sector 6"), (12 * 512, 12, "sector 12")):
        if at <= 0:
            continue
        candidate = Overlay(data, data.read(at, count * 512))
        found = recognise(Slice(candidate, 0, 512))
        named = found.name if found else "FAT32" if looks_like_fat(candidate) else ""
        if (named, name) in {("NTFS", "last sector"), ("FAT32", "sector 6"), ("exFAT", "sector 12")}:
            return candidate, name
    return data, ""


def logical_volumes(data: Readable) -> list[tuple[str, LayerReadable]]:
    """Return (group/name, bytes) of the logical volumes on one physical volume; UnreadableError where it cannot."""
    handle, file = pyvslvm.handle(), FileObject(data)
    try:
        handle.open_file_object(file)
        handle.open_physical_volume_files_as_file_objects([file])
        group = handle.get_volume_group()
        count = min(group.number_of_logical_volumes, _MAX_LAYERS)
        volumes = [group.get_logical_volume(index) for index in range(count)]
        return [(f"{group.name}/{lv.name}", LayerReadable(lv, lv.size, group, handle, file)) for lv in volumes]
    except LIBYAL_FAILURES as error:
        raise UnreadableError(f"the LVM2 volume group cannot be read ({error}); all its disks may be needed") from error


def shadow_copies(data: Readable) -> list[LayerReadable]:
    """Return the shadow copies of an NTFS volume, oldest first; UnreadableError where they are damaged."""
    if data.read(_VSS_AT, 16) != _VSS_GUID:
        return []
    volume, file = pyvshadow.volume(), FileObject(data)
    try:
        volume.open_file_object(file)
        stores = [volume.get_store(index) for index in range(min(volume.number_of_stores, _MAX_LAYERS))]
        ordered = sorted(stores, key=lambda store: store.get_creation_time_as_integer())
        return [LayerReadable(store, store.volume_size, volume, file) for store in ordered]
    except LIBYAL_FAILURES as error:
        raise UnreadableError(f"the shadow copies cannot be read ({error}); the live volume is read") from error


def apfs_container(data: Readable, keys: Mapping[str, str]) -> list[Any]:
    """Return libfsapfs's volumes of a container, unlocked with the case's passwords where they fit."""
    container, file = pyfsapfs.container(), FileObject(data)
    try:
        container.open_file_object(file)
        volumes = [container.get_volume(index) for index in range(min(container.number_of_volumes, _MAX_LAYERS))]
        for volume in volumes:
            _unlock(volume, keys)
        return [_Held(volume, container, file) for volume in volumes]
    except LIBYAL_FAILURES as error:
        raise UnreadableError(f"the APFS container cannot be read ({error}); acquire the medium again") from error


class _Held:
    """A volume of a container that stays open as long as the volume is used."""

    def __init__(self, volume: Any, *owners: Any) -> None:
        self._volume, self._owners = volume, owners

    def __getattr__(self, name: str) -> Any:
        return getattr(self._volume, name)


def _unlock(volume: Any, keys: Mapping[str, str]) -> None:
    for name in sorted(keys):
        if not volume.is_locked():
            return
        volume.set_password(keys[name])
        volume.unlock()
