"""A volume as The Sleuth Kit opens it: the image object over our bytes, which remembers what it could not read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytsk3

from pipeline.access.interfaces import Readable
from pipeline.errors import UnreadableError

__all__ = ["FAILURES", "FILE_SYSTEMS", "TskMedium", "data_name", "describe_tsk", "open_medium"]

FAILURES: Final = (OSError, KeyError, AttributeError, ValueError, OverflowError)
FILE_SYSTEMS: Final = {
    int(pytsk3.TSK_FS_TYPE_NTFS): "NTFS", int(pytsk3.TSK_FS_TYPE_EXT2): "ext2", int(pytsk3.TSK_FS_TYPE_EXT3): "ext3",
    int(pytsk3.TSK_FS_TYPE_EXT4): "ext4", int(pytsk3.TSK_FS_TYPE_ISO9660): "ISO9660",
    int(pytsk3.TSK_FS_TYPE_FAT12): "FAT12", int(pytsk3.TSK_FS_TYPE_FAT16): "FAT16",
    int(pytsk3.TSK_FS_TYPE_FAT32): "FAT32", int(pytsk3.TSK_FS_TYPE_EXFAT): "exFAT",
}  # fmt: skip
_NTFS_VOLUME: Final = 3  # $Volume; [MS-FSCC] and Linux-NTFS: "System files"
_NTFS_VOLUME_NAME: Final = 96
_MAX_REMEMBERED: Final = 1000


class TskMedium(pytsk3.Img_Info):  # type: ignore[misc]
    """A readable as the image object of pytsk3.

    An exception must not cross the library's C code: it would be lost or end the process. An unreadable range is
    remembered in ``lost`` and answered with no bytes, which The Sleuth Kit takes for a failed read.
    """

    def __init__(self, data: Readable) -> None:
        self._data = data
        self.lost: dict[tuple[int, int], str] = {}
        self.failures = 0
        super().__init__(url="", type=pytsk3.TSK_IMG_TYPE_EXTERNAL)

    def close(self) -> None:
        """Nothing to close: the readable belongs to its opener."""

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes; none, and the place remembered, where they cannot be read."""
        try:
            return self._data.read(offset, size)
        except UnreadableError as error:
            self.failures += 1
            if len(self.lost) < _MAX_REMEMBERED:
                self.lost.setdefault((offset, size), str(error))
            return b""

    def get_size(self) -> int:
        """Return the length in bytes."""
        return self._data.size

    def lost_ranges(self) -> Iterator[tuple[int, int, str]]:
        """Yield (start, length, reason) of what could not be read, ascending; ranges that touch are one."""
        start, end, reason = -1, -1, ""
        for (at, length), why in sorted(self.lost.items()):
            if start >= 0 and at <= end:
                end = max(end, at + length)
                continue
            if start >= 0:
                yield start, end - start, reason
            start, end, reason = at, at + length, why
        if start >= 0:
            yield start, end - start, reason


def open_medium(data: Readable) -> tuple[TskMedium, Any]:
    """Open a file system; UnreadableError where The Sleuth Kit cannot."""
    medium = TskMedium(data)
    try:
        return medium, pytsk3.FS_Info(medium)
    except FAILURES as error:
        reason = next(iter(medium.lost.values()), "") or str(error).splitlines()[0][:200]
        raise UnreadableError(reason) from error


def describe_tsk(data: Readable) -> dict[str, Any]:
    """Return file system, block size, label and serial of a volume.

    Raises:
        UnreadableError: The Sleuth Kit cannot open it.
    """
    _, fs = open_medium(data)
    name = FILE_SYSTEMS.get(int(fs.info.ftype), f"type {int(fs.info.ftype)}")
    serial, label = "", ""
    if name == "NTFS":
        serial = data.read(72, 8)[::-1].hex().upper()
        label = _ntfs_label(fs)
    elif name.startswith("ext"):
        block = data.read(1024, 264)
        serial = block[104:120].hex()
        label = block[120:136].split(b"\0")[0].decode("utf-8", "replace")
    return {"file_system": name, "block_size": int(fs.info.block_size), "label": label, "serial": serial}


def _ntfs_label(fs: Any) -> str:
    """Return $VOLUME_NAME of $Volume."""
    try:
        for attribute in fs.open_meta(_NTFS_VOLUME):
            if int(attribute.info.type) == _NTFS_VOLUME_NAME:
                size = min(int(attribute.info.size), 256)
                file = fs.open_meta(_NTFS_VOLUME)
                raw: bytes = file.read_random(0, size, attribute.info.type, attribute.info.id)
                return raw.decode("utf-16-le", "replace")
    except FAILURES:
        return ""
    return ""


def data_name(attribute: Any) -> str:
    """Return the name of a data attribute; the default stream has none."""
    text = attribute.info.name.decode("utf-8", "backslashreplace") if attribute.info.name else ""
    return "" if text in {"N/A", "$Data"} else text
