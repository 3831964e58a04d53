"""Own reader of QCOW2 images: libqcow of 2026-07 gives zeros for some compressed clusters, without an error.

Layout after *The QCOW2 image format* (QEMU project, docs/interop/qcow2): all numbers big-endian; a table of tables of
cluster entries; a cluster is absent (zeros), plain, or a raw deflate stream.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import UnreadableError

__all__ = ["SIGNATURE", "QcowImage"]

SIGNATURE: Final = b"QFI\xfb"
_HEADER: Final = struct.Struct(">4sIQIIQIIQ")
_INCOMPATIBLE: Final = slice(72, 80)
_CORRUPT_OR_DIRTY: Final = 0b11
_PLACE: Final = 0x00FF_FFFF_FFFF_FE00
_COMPRESSED: Final = 1 << 62
_ZERO: Final = 1
_SECTOR: Final = 512
_CLUSTER_BITS: Final = range(9, 22)
_MAX_L1: Final = 32 << 20
_KEPT: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    size: int
    cluster_bits: int
    tables: int
    tables_at: int


class QcowImage:
    """The medium in a QCOW2 image that stands alone: no backing file, no encryption, deflate.

    Raises:
        UnreadableError: the image is of another kind, or damaged.
    """

    format = "qcow"
    stored: Mapping[str, str] = {}
    unreadable: tuple[tuple[int, int], ...] = ()

    def __init__(self, path: Path) -> None:
        self.segments = (str(path),)
        self._tables: OrderedDict[int, tuple[int, ...]] = OrderedDict()
        self._clusters: OrderedDict[int, bytes] = OrderedDict()
        try:
            self._handle = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise UnreadableError(f"{path}: the image cannot be opened ({error.strerror}); check `image`") from error
        try:
            header = self._header()
            self._bits, self.size = header.cluster_bits, header.size
            self._cluster = 1 << self._bits
            self._top = struct.unpack(f">{header.tables}Q", self._bytes(header.tables_at, header.tables * 8))
        except UnreadableError:
            self.close()
            raise

    def _header(self) -> _Header:
        raw = self._bytes(0, 104)
        magic, version, backing, _, bits, size, encrypted, tables, tables_at = _HEADER.unpack_from(raw)
        features = int.from_bytes(raw[_INCOMPATIBLE], "big") if version >= 3 else 0
        if magic == SIGNATURE and version == 1:
            raise UnreadableError(
                f"{self.segments[0]}: QCOW of version 1 is not read; convert a copy with `qemu-img convert -O raw`"
            )
        if magic != SIGNATURE or version not in {2, 3} or bits not in _CLUSTER_BITS or not size:
            raise self._damaged("its header is damaged")
        if backing or encrypted or features & ~_CORRUPT_OR_DIRTY:
            raise UnreadableError(
                f"{self.segments[0]}: needs a backing file, a key, or features we do not read; "
                "convert a copy with `qemu-img convert -O raw` and examine that"
            )
        covered = tables << (2 * bits - 3)
        if covered < size or tables * 8 > _MAX_L1:
            raise self._damaged("its cluster table does not cover the medium")
        return _Header(size=size, cluster_bits=bits, tables=tables, tables_at=tables_at)

    def read(self, start: int, length: int) -> bytes:
        """Return bytes of the medium; UnreadableError where a cluster is damaged or outside the file."""
        end = min(start + max(length, 0), self.size)
        pieces = []
        while start < end:
            index, skip = start >> self._bits, start & (self._cluster - 1)
            wanted = min(self._cluster - skip, end - start)
            pieces.append(self._piece(index, skip, wanted))
            start += wanted
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def is_compressed(self) -> bool:
        """Say whether any cluster is compressed."""
        clusters = -(-self.size // self._cluster)
        return any(self._entry(index) & _COMPRESSED for index in range(clusters))

    def _piece(self, index: int, skip: int, wanted: int) -> bytes:
        entry = self._entry(index)
        if entry & _COMPRESSED:
            return self._inflated(index, entry)[skip : skip + wanted]
        place = entry & _PLACE
        if entry & _ZERO or not place:
            return bytes(wanted)
        return self._bytes(place + skip, wanted)

    def _entry(self, index: int) -> int:
        number, slot = divmod(index, self._cluster // 8)
        place = self._top[number] & _PLACE
        if not place:
            return 0
        table = self._tables.get(number)
        if table is None:
            table = struct.unpack(f">{self._cluster // 8}Q", self._bytes(place, self._cluster))
            self._tables[number] = table
            if len(self._tables) > _KEPT:
                self._tables.popitem(last=False)
        return table[slot]

    def _inflated(self, index: int, entry: int) -> bytes:
        """Return a compressed cluster: the low bits are its place, those above its further sectors (format, L2)."""
        known = self._clusters.get(index)
        if known is not None:
            return known
        width = 62 - (self._bits - 8)
        place = entry & ((1 << width) - 1)
        sectors = (entry & (_COMPRESSED - 1)) >> width
        stored = self._bytes(place, (sectors + 1) * _SECTOR - place % _SECTOR, short=True)
        try:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(stored, self._cluster)
        except zlib.error as error:
            raise self._damaged(f"the cluster of medium byte {index << self._bits} is damaged") from error
        if len(data) < self._cluster:
            raise self._damaged(f"the cluster of medium byte {index << self._bits} is cut off")
        self._clusters[index] = data
        if len(self._clusters) > _KEPT:
            self._clusters.popitem(last=False)
        return data

    def _bytes(self, start: int, length: int, *, short: bool = False) -> bytes:
        """Return bytes of the file; ``short`` allows fewer, as a last compressed cluster's sectors may."""
        try:
            raw = os.pread(self._handle, length, start)
        except (OSError, OverflowError) as error:
            raise self._damaged(f"byte {start} cannot be read ({error})") from error
        if len(raw) == length or (short and raw):
            return raw
        raise self._damaged(f"ends before byte {start + length}")

    def _damaged(self, what: str) -> UnreadableError:
        return UnreadableError(f"{self.segments[0]}: {what}; copy the image again")

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)
