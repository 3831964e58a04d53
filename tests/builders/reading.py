"""Reads demo media for tests with the reference libraries alone: pyewf, libvmdk and pytsk3."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyewf
import pytsk3
import pyvmdk  # type: ignore[import-not-found, unused-ignore]

__all__ = ["Listed", "file_bytes", "listing", "media"]

VOLUME: Final = 1 << 20
OWN: Final = (
    "$AttrDef",
    "$BadClus",
    "$Bitmap",
    "$Boot",
    "$Extend",
    "$LogFile",
    "$MFT",
    "$MFTMirr",
    "$Secure",
    "$UpCase",
    "$Volume",
    "$OrphanFiles",
    "$MBR",
    "$FAT1",
    "$FAT2",
)


@dataclass(frozen=True, slots=True, order=True)
class Listed:
    """One name: is it allocated, size, modification and creation time (epoch seconds), SHA-256 of its content."""

    path: str
    allocated: bool
    size: int
    modified: int
    created: int
    sha256: str


class _Memory(pytsk3.Img_Info):  # type: ignore[misc]
    def __init__(self, data: bytes) -> None:
        self.data = data
        super().__init__(url="", type=pytsk3.TSK_IMG_TYPE_EXTERNAL)

    def read(self, offset: int, size: int) -> bytes:
        return self.data[offset : offset + size]

    def get_size(self) -> int:
        return len(self.data)


def media(path: Path) -> bytes:
    """Return the whole medium inside an E01 or VMDK."""
    if path.suffix == ".E01":
        handle = pyewf.handle()
        handle.open([str(path)])
    else:
        handle = pyvmdk.handle()
        handle.open(str(path))
        handle.open_extent_data_files()
    data = b"".join(_pieces(handle))
    handle.close()
    return data


def _pieces(handle: Any) -> Iterator[bytes]:
    left = handle.get_media_size()
    while left:
        piece = handle.read_buffer(min(left, 1 << 20))
        if not piece:
            return
        left -= len(piece)
        yield piece


def file_bytes(data: bytes, path: str) -> bytes:
    """Return an allocated file of the first volume."""
    return bytes(_content(pytsk3.FS_Info(_Memory(data), offset=VOLUME).open(path)))


def listing(data: bytes) -> list[Listed]:
    """Return every name of the first volume that is not the file system's own, in order."""
    system = pytsk3.FS_Info(_Memory(data), offset=VOLUME)
    return sorted(_walk(system.open_dir("/"), ""))


def _walk(folder: Any, above: str) -> Iterator[Listed]:
    for entry in folder:
        name = entry.info.name.name.decode("utf-8", "replace")
        if name in {".", ".."} or (not above and name in OWN):
            continue
        meta, allocated = entry.info.meta, not int(entry.info.name.flags) & int(pytsk3.TSK_FS_NAME_FLAG_UNALLOC)
        if meta is None:
            yield Listed(f"{above}/{name}", allocated, 0, 0, 0, "")
        elif int(meta.type) == int(pytsk3.TSK_FS_META_TYPE_DIR):
            yield Listed(f"{above}/{name}", allocated, 0, meta.mtime, meta.crtime, "")
            if allocated:
                yield from _walk(entry.as_directory(), f"{above}/{name}")
        else:
            digest = hashlib.sha256(_content(entry)).hexdigest()
            yield Listed(f"{above}/{name}", allocated, meta.size, meta.mtime, meta.crtime, digest)


def _content(entry: Any) -> bytes:
    size = entry.info.meta.size
    return bytes(entry.read_random(0, size)) if size else b""
