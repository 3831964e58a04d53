"""The boot sector and the table of FAT12, FAT16 and FAT32 (Microsoft FAT specification 1.03, §3 and §4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.fat_losses import Losses
from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Severity

__all__ = ["FatGeometry", "clusters_runs", "load_table", "parse_boot", "read_or_none", "recognise_fat"]

_FAT12_LIMIT: Final = 4085
_STEP: Final = 3 << 18
"""Bytes of a table read at once: whole entries of 12, 16 and 32 bits."""
_UNKNOWN: Final = {12: b"\x01\x10\x00", 16: b"\1\0", 32: b"\1\0\0\0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FatGeometry:
    """Where things lie, in bytes from the volume's start; ``last`` is the highest cluster number."""

    bits: int
    sector: int
    cluster: int
    fat_start: int
    fat_size: int
    fats: int
    active: int
    root_start: int
    root_size: int
    root_cluster: int
    heap: int
    last: int
    end: int
    serial: str
    label: bytes
    dirty: bool

    @property
    def name(self) -> str:
        """Name of the file system: ``FAT12``, ``FAT16`` or ``FAT32``."""
        return f"FAT{self.bits}"

    def offset(self, cluster: int) -> int:
        """Return a cluster's byte offset in the volume."""
        return self.heap + (cluster - 2) * self.cluster


def _u(boot: bytes, at: int, size: int) -> int:
    return int.from_bytes(boot[at : at + size], "little")


def recognise_fat(boot: bytes) -> bool:
    """Tell whether a boot sector describes a FAT volume."""
    try:
        parse_boot(boot, 1 << 62)
    except ParseError:
        return False
    return True


def _power(value: int, least: int, most: int) -> bool:
    return least <= value <= most and value & (value - 1) == 0


def parse_boot(boot: bytes, size: int) -> FatGeometry:
    """Return the geometry, bounded by ``size`` bytes.

    A table size of 0 in the older field (``BPB_FATSz16``) makes it FAT32, as Windows and Linux have it: formatting
    tools make FAT32 of fewer clusters than the specification's 65525. The count of clusters tells FAT12 from FAT16.

    Raises:
        ParseError: the sector describes no FAT volume.
    """
    _refuse(boot)
    sector, per, reserved, fats = _u(boot, 11, 2), boot[13], _u(boot, 14, 2), boot[16]
    wide = _u(boot, 22, 2) == 0
    table, slots = _u(boot, 36, 4) if wide else _u(boot, 22, 2), _u(boot, 17, 2)
    total, tables_end = _u(boot, 19, 2) or _u(boot, 32, 4), reserved + fats * table
    heap = tables_end + -(-slots * 32 // sector)
    if heap >= total or not table:
        raise ParseError("FAT boot sector: no room for clusters")
    count = (total - heap) // per
    bits = 32 if wide else 12 if count < _FAT12_LIMIT else 16
    room = max(0, size - heap * sector) // (per * sector)
    extra = 64 if wide else 36
    return FatGeometry(
        bits=bits, sector=sector, cluster=per * sector, fat_start=reserved * sector, fat_size=table * sector, fats=fats,
        active=_active(boot, fats) if wide else 0, root_start=tables_end * sector, root_size=0 if wide else slots * 32,
        root_cluster=_u(boot, 44, 4) if wide else 0, heap=heap * sector,
        last=min(count + 1, table * sector * 8 // bits - 1, room + 1), end=min(total * sector, size),
        serial=f"{_u(boot, extra + 3, 4):08X}" if boot[extra + 2] in (0x28, 0x29) else "",
        label=boot[extra + 7 : extra + 18].rstrip(b" \0") if boot[extra + 2] == 0x29 else b"",
        dirty=bool(boot[extra + 1] & 1),
    )  # fmt: skip


def _refuse(boot: bytes) -> None:
    """Refuse what cannot be a FAT boot sector (§3.1)."""
    if len(boot) < 512 or boot[3:11] in (b"EXFAT   ", b"NTFS    "):
        raise ParseError("no FAT boot sector")
    sizes = _power(_u(boot, 11, 2), 512, 4096) and _power(boot[13], 1, 128)
    if not (sizes and _u(boot, 14, 2) and 1 <= boot[16] <= 4):
        raise ParseError("FAT boot sector: impossible sector, cluster or table counts")


def _active(boot: bytes, fats: int) -> int:
    """Return the number of the table in use (``BPB_ExtFlags``, §3.3): bit 7 says that only one is."""
    number = boot[40] & 15 if boot[40] & 0x80 else 0
    return number if number < fats else 0


def load_table(data: Readable, geometry: FatGeometry, losses: Losses) -> NDArray[np.uint32]:
    """Return the active table's values by cluster number, end marks and bad marks widened to those of FAT32.

    Where it cannot be read its copies step in; clusters that none tells of hold 1: allocated, of an unknown chain.
    """
    need = ((geometry.last + 1) * geometry.bits + 7) // 8
    raw = b"".join(_table_part(data, geometry, at, min(_STEP, need - at), losses) for at in range(0, need, _STEP))
    if geometry.bits == 32:
        return np.frombuffer(raw, "<u4", geometry.last + 1) & np.uint32(0x0FFFFFFF)
    if geometry.bits == 16:
        table = np.frombuffer(raw, "<u2", geometry.last + 1).astype(np.uint32)
        return np.where(table >= 0xFFF7, table | np.uint32(0x0FFF0000), table)
    octets = np.frombuffer(raw + b"\0\0", np.uint8).astype(np.uint32)
    index = np.arange(geometry.last + 1)
    pair = octets[index * 3 // 2] | octets[index * 3 // 2 + 1] << 8
    table = np.where(index % 2, pair >> 4, pair & 0xFFF).astype(np.uint32)
    return np.where(table >= 0xFF7, table | np.uint32(0x0FFFF000), table)


def _table_part(data: Readable, geometry: FatGeometry, at: int, length: int, losses: Losses) -> bytes:
    starts = [geometry.fat_start + number * geometry.fat_size + at for number in range(geometry.fats)]
    own = read_or_none(data, starts[geometry.active], length)
    others = [start for start in starts if start != starts[geometry.active]]
    copies = [raw for raw in (read_or_none(data, start, length) for start in others) if raw is not None]
    if own is None:
        losses.add(
            "part of the allocation table could not be read; its copy is used", (at, length), count=len(copies[:1])
        )
        text = "part of the allocation table could not be read, nor a copy of it"
        losses.add(text, (starts[geometry.active], length), count=not copies, severity=Severity.LOSS)
        return copies[0] if copies else (_UNKNOWN[geometry.bits] * length)[:length]
    differ = sum(raw != own for raw in copies)
    losses.add("allocation table and its copy differ; the active one is used", (starts[0], length), count=differ)
    return own


def read_or_none(data: Readable, start: int, length: int) -> bytes | None:
    """Return exactly ``length`` bytes, or None where they cannot be read or the medium ends before."""
    try:
        raw = data.read(start, length)
    except UnreadableError:
        return None
    return raw if len(raw) == length else None


def clusters_runs(clusters: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Coalesce cluster numbers, in their order, into (first, count)."""
    if not len(clusters):
        return []
    cuts = np.flatnonzero(np.diff(clusters) != 1) + 1
    firsts = np.concatenate(([0], cuts))
    counts = np.diff(np.concatenate((firsts, [len(clusters)])))
    return [(int(clusters[at]), int(count)) for at, count in zip(firsts, counts, strict=True)]
