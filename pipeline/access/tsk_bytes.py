"""Bytes of entries through The Sleuth Kit; none of them from a range of the image that cannot be read."""

from __future__ import annotations

from typing import Any, Final

import pytsk3

from pipeline.access.tsk_medium import FAILURES, TskMedium, data_name
from pipeline.access.tsk_rows import NTFS_DATA
from pipeline.errors import UnreadableError
from pipeline.records import FileEntry

__all__ = ["TskBytes"]

_LINK: Final = int(pytsk3.TSK_FS_META_TYPE_LNK)


class TskBytes:
    """Reads what the inodes of one volume hold."""

    def __init__(self, medium: TskMedium, fs: Any, address: str, *, ntfs: bool) -> None:
        self._medium, self._fs, self._address, self._ntfs = medium, fs, address, ntfs

    def whole(self, inode: int, limit: int) -> bytes:
        """Return the default stream of an inode, at most ``limit`` bytes; UnreadableError where it cannot be read."""
        failures = self._medium.failures
        try:
            file = self._fs.open_meta(inode)
            size = min(int(file.info.meta.size), limit)
            data: bytes = file.read_random(0, size) if size else b""
        except FAILURES as error:
            raise UnreadableError(f"{self._address}: inode {inode} cannot be read ({error})") from error
        if self._medium.failures > failures:
            raise UnreadableError(f"{self._address}: inode {inode} lies on bytes that cannot be read")
        return data

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry: resident, compressed, layered ones.

        Raises:
            UnreadableError: they cannot be read, or lie on bytes of the image that cannot.
        """
        length = min(length, max(entry.size - start, 0))
        if length <= 0:
            return b""
        failures = self._medium.failures
        try:
            data = self._bytes(entry, start, length)
        except FAILURES as error:
            text = str(error).splitlines()[0][:160]
            raise UnreadableError(f"{entry.address}: byte {start} cannot be read ({text})") from error
        if self._medium.failures > failures:
            raise UnreadableError(f"{entry.address}: lies on bytes of the image that cannot be read")
        return data

    def _bytes(self, entry: FileEntry, start: int, length: int) -> bytes:
        file = self._fs.open_meta(entry.meta)
        data: bytes
        if not self._ntfs:
            target = file.info.meta.link if int(file.info.meta.type) == _LINK else None
            if target:
                data = target if isinstance(target, bytes) else str(target).encode("utf-8", "surrogateescape")
                return data[start : start + length]
            data = file.read_random(start, length)
            return data
        for attribute in file:
            if int(attribute.info.type) == NTFS_DATA and data_name(attribute) == entry.stream:
                data = file.read_random(start, length, attribute.info.type, int(attribute.info.id))
                return data
        raise UnreadableError(f"{self._address}: stream {entry.stream!r} is not there any more")
