"""Fills an exFAT volume that mkfs.exfat formatted: contiguous files, times with a UTC offset, deleted entry sets.

SOURCE: Microsoft "exFAT file system specification" (1.00): 3.1 boot sector, 3.4 boot checksum, 6.3 and 7.4–7.7 entries.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tests.builders.tree import JST, Item, child_items

__all__ = ["fill_exfat"]

DIRECTORY, ARCHIVE, HIDDEN_SYSTEM = 0x10, 0x20, 0x06
JAPAN: Final = 0x80 | 36
"""UtcOffset: valid bit, 36 quarters of an hour (7.4.10)."""


def fill_exfat(volume: bytearray, items: Sequence[Item], *, serial: int) -> None:
    """Write items into a formatted volume in place, and give it a volume serial number."""
    _ExFat(volume).fill(items)
    for base in (0, 12):
        struct.pack_into("<I", volume, base * 512 + 100, serial)
        checksum = 0
        for offset, byte in enumerate(volume[base * 512 : (base + 11) * 512]):
            if offset not in {106, 107, 112}:
                checksum = ((checksum & 1) << 31 | checksum >> 1) + byte & 0xFFFFFFFF
        volume[(base + 11) * 512 : (base + 12) * 512] = struct.pack("<I", checksum) * 128


class _ExFat:
    """An exFAT volume being filled."""

    def __init__(self, volume: bytearray) -> None:
        self.volume = volume
        _, _, heap, self.count, self.root = struct.unpack_from("<IIIII", volume, 80)
        sector = 1 << volume[108]
        self.heap, self.cluster_size = heap * sector, sector << volume[109]
        start = self.place(self.root)
        found = [bytes(volume[start + at : start + at + 32]) for at in range(0, self.cluster_size, 32)]
        self.fixed = b"".join(entry for entry in found if entry[0] in {0x81, 0x82, 0x83})
        bitmap = next(entry for entry in found if entry[0] == 0x81)
        upcase = next(entry for entry in found if entry[0] == 0x82)
        self.bitmap = self.place(struct.unpack_from("<I", bitmap, 20)[0])
        self.upcase = _upcase(
            volume, self.place(struct.unpack_from("<I", upcase, 20)[0]), *struct.unpack_from("<Q", upcase, 24)
        )
        self.next = self.root + 1

    def fill(self, items: Sequence[Item]) -> None:
        for item in items:
            if not item.path:
                cluster = self.allocate(len(item.data), alive=False)
                self.write(cluster, item.data)
        content = self.fixed + self.entries(items, "")
        if len(content) > self.cluster_size:
            raise ValueError("the root folder does not fit one cluster")
        self.write(self.root, content)

    def place(self, cluster: int) -> int:
        return int(self.heap + (cluster - 2) * self.cluster_size)

    def allocate(self, size: int, *, alive: bool) -> int:
        count = -(-size // self.cluster_size)
        first, self.next = self.next, self.next + count
        for cluster in range(first, first + count) if alive else ():
            self.volume[self.bitmap + (cluster - 2) // 8] |= 1 << (cluster - 2) % 8
        return int(first)

    def write(self, cluster: int, data: bytes) -> None:
        self.volume[self.place(cluster) : self.place(cluster) + len(data)] = data

    def entries(self, items: Sequence[Item], folder: str) -> bytes:
        """Lay what is in a folder and return the folder's entries."""
        return b"".join(self.entry_set(items, item) for item in child_items(items, folder))

    def entry_set(self, items: Sequence[Item], item: Item) -> bytes:
        if item.folder:
            room = max(len(self.probe(items, item.path)), 1)
            cluster = self.allocate(room, alive=True)
            self.write(cluster, self.entries(items, item.path))
            return self.encoded(item, cluster, -(-room // self.cluster_size) * self.cluster_size)
        if not item.data:
            return self.encoded(item, 0, 0)
        if len(item.slack) > -len(item.data) % self.cluster_size:
            raise ValueError("slack is longer than the rest of the last cluster")
        cluster = self.allocate(len(item.data), alive=not item.deleted)
        self.write(cluster, item.data + item.slack)
        return self.encoded(item, cluster, len(item.data))

    def probe(self, items: Sequence[Item], folder: str) -> bytes:
        """Return entries of the right length before anything is laid."""
        return b"".join(self.encoded(item, 0, 0) for item in child_items(items, folder))

    def encoded(self, item: Item, cluster: int, size: int) -> bytes:
        """Return the file, stream and name entries of one item (7.4, 7.6, 7.7) with their checksum (6.3.3)."""
        units = item.name.encode("utf-16-le")
        names = [units[start : start + 30].ljust(30, b"\0") for start in range(0, len(units), 30)]
        attributes = (DIRECTORY if item.folder else ARCHIVE) | (HIDDEN_SYSTEM if item.hidden else 0)
        tenths = [when.astimezone(JST).second % 2 * 100 for when in (item.created, item.modified)]
        stamps = [_stamp(when) for when in (item.created, item.modified, item.accessed)]
        primary = struct.pack(
            "<BBHHHIIIBBBBB7x", 0x85, 1 + len(names), 0, attributes, 0, *stamps, *tenths, *[JAPAN] * 3
        )
        stream = struct.pack(
            "<BBxBHHQIIQ",
            0xC0,
            3 if cluster else 1,
            len(units) // 2,
            self.name_hash(item.name),
            0,
            size,
            0,
            cluster,
            size,
        )
        made = bytearray(primary + stream + b"".join(b"\xc1\0" + name for name in names))
        checksum = 0
        for offset, byte in enumerate(made):
            if offset not in {2, 3}:
                checksum = ((checksum & 1) << 15 | checksum >> 1) + byte & 0xFFFF
        struct.pack_into("<H", made, 2, checksum)
        for offset in range(0, len(made), 32) if item.deleted else ():
            made[offset] &= 0x7F
        return bytes(made)

    def name_hash(self, name: str) -> int:
        """Return the hash of the up-cased name (7.6.4)."""
        value = 0
        for unit in struct.unpack(f"<{len(name.encode('utf-16-le')) // 2}H", name.encode("utf-16-le")):
            for byte in struct.pack("<H", self.upcase.get(unit, unit)):
                value = ((value & 1) << 15 | value >> 1) + byte & 0xFFFF
        return value


def _upcase(volume: bytearray, start: int, size: int) -> dict[int, int]:
    """Read the up-case table (7.2.5): FFFF and a count skip that many identity mappings."""
    table: dict[int, int] = {}
    units = iter(struct.unpack_from(f"<{size // 2}H", volume, start))
    position = 0
    for unit in units:
        if unit == 0xFFFF:
            position += next(units, 0)
            continue
        table[position] = unit
        position += 1
    return table


def _stamp(when: datetime) -> int:
    local = when.astimezone(JST)
    day = (local.year - 1980) << 9 | local.month << 5 | local.day
    return day << 16 | local.hour << 11 | local.minute << 5 | local.second // 2
