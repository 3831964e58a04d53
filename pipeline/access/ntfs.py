"""Akashi's own reader of NTFS: the whole MFT in batches, live, deleted and orphaned files, by their own records.

``/`` inside a name is written U+2215, lone surrogates as escapes; every other character stays as recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from pipeline.access.allocation import Blocks, blocks_of_bitmap
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.ntfs_boot import NtfsGeometry, load_boot
from pipeline.access.ntfs_faults import Faults
from pipeline.access.ntfs_listing import Listing
from pipeline.access.ntfs_mft import Mft, Stream, open_table, streams_of
from pipeline.access.ntfs_packed import read_packed
from pipeline.access.ntfs_record import (
    ATTRIBUTE_LIST,
    DATA,
    INDEX_ALLOCATION,
    INDEX_ROOT,
    VOLUME_NAME,
    Attribute,
    Record,
)
from pipeline.access.ntfs_rows import COMPRESSED
from pipeline.access.pages import Addresses, Page, entries_in
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, ExtentClass, FileEntry, Region, Severity, Volume, diagnose
from pipeline.schemas import plain_text

__all__ = ["NtfsFileSystem", "describe_ntfs", "open_mft_file", "open_ntfs"]

_VOLUME: Final = 3
_BITMAP: Final = 6
_MAX_BITMAP: Final = 1 << 31
_PIECE: Final = 1 << 20
_BOOT: Final = 8192
_STREAMS: Final = frozenset({ATTRIBUTE_LIST, DATA, INDEX_ALLOCATION, INDEX_ROOT})


def open_ntfs(data: Readable, volume: Volume, options: FileSystemOptions) -> NtfsFileSystem:
    """Open an NTFS volume.

    Raises:
        UnreadableError: neither boot sector nor table can be found.
    """
    del options
    faults = Faults()
    return NtfsFileSystem(open_table(data, load_boot(data), faults), volume)


def open_mft_file(data: Readable, volume: Volume) -> NtfsFileSystem:
    """Open a $MFT exported as a file; ``volume`` must not be direct, for its clusters are elsewhere.

    Raises:
        UnreadableError: the file does not begin with a record.
    """
    head = data.read(0, 48)
    size = int.from_bytes(head[28:32], "little")
    if head[:4] != b"FILE" or size not in (1024, 4096):
        raise UnreadableError(f"{volume.address}: no $MFT file")
    geometry = NtfsGeometry(
        sector=512, cluster=4096, record=size, index=4096, mft=0, mirror=0, total=data.size, serial=""
    )
    return NtfsFileSystem(Mft(data, geometry, data, Faults(), bare=True), volume)


def describe_ntfs(data: Readable) -> dict[str, Any]:
    """Return file system, block size, label and serial of a volume.

    Raises:
        UnreadableError: neither boot sector nor table can be found.
    """
    geometry = load_boot(data)
    record = open_table(data, geometry, Faults()).record(_VOLUME)
    label = ""
    for attribute in record.attributes if record is not None else ():
        if attribute.kind == VOLUME_NAME and attribute.resident:
            label = attribute.content[:256].decode("utf-16-le", "replace")
    return {**geometry.describe(), "label": label}


class NtfsFileSystem:
    """One NTFS volume, or a bare table."""

    def __init__(self, mft: Mft, volume: Volume) -> None:
        self._mft = mft
        self._volume = volume
        self._opened: tuple[int, list[Stream]] = (-1, [])

    def entries(self) -> Iterator[FileEntry | Diagnostic]:
        """Yield every stream of every name, in the order of records, then what is damaged."""
        return entries_in(page.rows if isinstance(page, Page) else page for page in self.pages(Addresses()))

    def pages(self, addresses: Addresses) -> Iterator[Page | Diagnostic]:
        """Yield the same in pages, as columns; ``addresses`` gives each entry its own."""
        blocks, problems = self._allocated()
        yield from problems
        yield from Listing(self._mft, self._volume, blocks).pages(addresses)

    # -- space ---------------------------------------------------------------------------------------------------

    def _allocated(self) -> tuple[Blocks, list[Diagnostic]]:
        """Return allocated space by $Bitmap; where it cannot be read all counts as allocated, the careful answer."""
        size, cluster = self._volume.length, self._mft.geometry.cluster
        try:
            return blocks_of_bitmap(() if self._mft.bare else self._bitmap(), size // cluster, cluster), []
        except UnreadableError as error:
            message = (
                f"{self._volume.address}: its allocation bitmap cannot be read ({error}); all its space counts as "
                "allocated"
            )
            whole = Blocks(np.array([0], dtype=np.int64), np.array([size], dtype=np.int64), size)
            return whole, [diagnose("entries", self._volume.address, "bitmap-damaged", message, Severity.WARNING)]

    def _bitmap(self) -> Iterator[bytes]:
        for stream in self._streams(_BITMAP):
            if stream.kind == DATA and not stream.name:
                for at in range(0, min(stream.size, _MAX_BITMAP), _PIECE):
                    piece = self._bytes(stream, at, _PIECE)
                    if len(piece) < min(stream.size, _MAX_BITMAP, at + _PIECE) - at:
                        raise UnreadableError(f"its runs end {stream.size - at - len(piece)} bytes before its size")
                    yield piece
                return
        raise UnreadableError("record 6 has no data")

    def regions(self) -> Iterator[Region | Diagnostic]:
        """Yield unallocated space, the boot area and the backup boot sector, in image offsets."""
        if not self._volume.direct or self._mft.bare:
            return
        blocks, problems = self._allocated()
        yield from problems
        if problems:
            return
        for start, length in blocks.free():
            yield self._region(start, length, ExtentClass.UNALLOCATED, "free")
        yield self._region(0, _BOOT, ExtentClass.FILE_SYSTEM_METADATA, "boot")
        total, sector = self._mft.geometry.total, self._mft.geometry.sector
        if _BOOT <= total <= self._volume.length - sector:
            yield self._region(total, sector, ExtentClass.FILE_SYSTEM_METADATA, "boot copy")

    def _region(self, start: int, length: int, class_: str, name: str) -> Region:
        volume = self._volume
        return Region(
            exhibit=volume.exhibit, volume=volume.address, start=volume.start + start,
            length=min(length, volume.length - start), class_=class_, name=name,
        )  # fmt: skip

    # -- bytes ---------------------------------------------------------------------------------------------------

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry: resident, compressed, or by runs; encrypted ones as they lie on the medium.

        Raises:
            UnreadableError: the stream is damaged or outside the volume.
        """
        length = min(length, max(entry.size - start, 0))
        if length <= 0 or start < 0:
            return b""
        indexes = () if entry.stream or entry.kind not in {"directory", "link"} else (INDEX_ALLOCATION, INDEX_ROOT)
        kinds = (*indexes, DATA) if entry.kind == "directory" else (DATA, *indexes)
        for kind in kinds:
            for stream in self._streams(entry.meta):
                if stream.kind == kind and (kind != DATA or plain_text(stream.name) == entry.stream):
                    return self._bytes(stream, start, length)
        raise UnreadableError(f"{entry.address}: its stream is not there")

    def _streams(self, number: int) -> list[Stream]:
        """Return the streams of a record; those of the last one asked for are kept."""
        if self._opened[0] != number:
            record: Record | None = self._mft.record(number, _STREAMS)
            attributes: list[Attribute] = [] if record is None else self._mft.attributes(record)
            self._opened = number, streams_of(attributes, self._mft.clusters)
        return self._opened[1]

    def _bytes(self, stream: Stream, start: int, length: int) -> bytes:
        if stream.resident:
            return stream.content[start : start + length]
        if self._mft.bare:
            raise UnreadableError(f"{self._volume.address}: a bare table holds no clusters")
        if stream.flags & COMPRESSED and stream.unit:
            return read_packed(self._mft, stream, start, length)
        return self._mft.open(stream).read(start, length)
