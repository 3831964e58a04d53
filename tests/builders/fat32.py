"""Fills a FAT32 volume that mkfs.vfat formatted: contiguous files, long and Japanese short names, deliberate times.

SOURCE: Microsoft "FAT32 File System Specification" 1.03 (boot sector, FAT, directory and long-name entries).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tests.builders.tree import JST, Item, child_items

__all__ = ["fill_fat32", "short_name"]

END_OF_CHAIN: Final = 0x0FFFFFFF
DIRECTORY, ARCHIVE, HIDDEN_SYSTEM, LONG_NAME = 0x10, 0x20, 0x06, 0x0F
ROOT: Final = 2


def fill_fat32(volume: bytearray, items: Sequence[Item]) -> None:
    """Write items into a formatted volume in place; clusters are given in the order of the list."""
    _Fat(volume).fill(items)


def short_name(name: str, taken: Sequence[bytes]) -> bytes:
    """Return the 11 bytes of a short name as Japanese Windows makes them: upper case, cp932, ``~n`` when it is cut."""
    stem, dot, extension = name.upper().rpartition(".")
    if not dot:
        stem, extension = extension, ""
    stem = stem.lstrip(".").replace(".", "").replace(" ", "").replace("　", "")
    end = _cut(extension, 3).ljust(3)
    whole = stem.encode("cp932")
    if len(whole) <= 8 and len(extension.encode("cp932")) <= 3 and whole.ljust(8) + end not in taken:
        return whole.ljust(8) + end
    for number in range(1, 10):
        made = (_cut(stem, 6) + b"~%d" % number).ljust(8) + end
        if made not in taken:
            return made
    raise ValueError("more than nine short names collide")


def _cut(text: str, length: int) -> bytes:
    """Return the longest beginning that fits, never half a character."""
    while len(text.encode("cp932")) > length:
        text = text[:-1]
    return text.encode("cp932")


class _Fat:
    """A FAT32 volume being filled."""

    def __init__(self, volume: bytearray) -> None:
        self.volume = volume
        sector, per_cluster, reserved, fats = struct.unpack_from("<HBHB", volume, 11)
        (size,) = struct.unpack_from("<I", volume, 36)
        self.cluster_size = sector * per_cluster
        self.fats = [(reserved + number * size) * sector for number in range(fats)]
        self.heap = (reserved + fats * size) * sector
        self.next = ROOT + 1

    def fill(self, items: Sequence[Item]) -> None:
        label = self.volume[self.place(ROOT) : self.place(ROOT) + 32]
        content = bytes(label) if label[11] == 0x08 else b""
        self.directory(items, "", cluster=ROOT, above=0, start=content)
        self.count_free()

    def count_free(self) -> None:
        """Set the free count and the next free cluster of FSInfo (sector 1, and its copy behind the boot sector's)."""
        (sectors,) = struct.unpack_from("<I", self.volume, 32)
        clusters = (sectors * 512 - self.heap) // self.cluster_size
        table = struct.unpack_from(f"<{clusters + 2}I", self.volume, self.fats[0])
        for sector in (1, 7):
            if self.volume[sector * 512 : sector * 512 + 4] == b"RRaA":
                struct.pack_into("<II", self.volume, sector * 512 + 488, table.count(0), self.next)

    def place(self, cluster: int) -> int:
        return int(self.heap + (cluster - 2) * self.cluster_size)

    def allocate(self, size: int, *, chained: bool) -> int:
        """Reserve contiguous clusters; the FAT is written only for what is alive."""
        count = -(-size // self.cluster_size)
        first, self.next = self.next, self.next + count
        if chained:
            self.chain(list(range(first, first + count)))
        return first

    def chain(self, clusters: Sequence[int]) -> None:
        for cluster, following in zip(clusters, [*clusters[1:], END_OF_CHAIN], strict=True):
            for fat in self.fats:
                struct.pack_into("<I", self.volume, fat + 4 * cluster, following)

    def write(self, cluster: int, data: bytes) -> None:
        self.volume[self.place(cluster) : self.place(cluster) + len(data)] = data

    def directory(self, items: Sequence[Item], folder: str, *, cluster: int, above: int, start: bytes) -> None:
        """Write the entries of a folder, then what is in it; the folder's first cluster is already reserved."""
        content = start
        taken: list[bytes] = []
        for item in [item for item in items if not item.path] if not folder else ():
            self.write(self.allocate(len(item.data), chained=False), item.data)
        for item in child_items(items, folder):
            first = self.lay(items, item, above=0 if cluster == ROOT else cluster)
            short = short_name(item.name, taken)
            taken.append(short)
            content += _entries(item, short, first)
        more = self.allocate(max(len(content) - self.cluster_size, 0), chained=False)
        count = -(-max(len(content) - self.cluster_size, 0) // self.cluster_size)
        self.chain([cluster, *range(more, more + count)])
        self.write(cluster, content[: self.cluster_size])
        self.write(more, content[self.cluster_size :])

    def lay(self, items: Sequence[Item], item: Item, *, above: int) -> int:
        if item.folder:
            cluster = self.allocate(1, chained=True)
            dots = _entry(item, b".".ljust(11), cluster) + _entry(item, b"..".ljust(11), above)
            self.directory(items, item.path, cluster=cluster, above=above, start=dots)
            return cluster
        if not item.data:
            return 0
        cluster = self.allocate(len(item.data), chained=not item.deleted)
        self.write(cluster, item.data + item.slack)
        if len(item.slack) > -len(item.data) % self.cluster_size:
            raise ValueError("slack is longer than the rest of the last cluster")
        return cluster


def _entries(item: Item, short: bytes, cluster: int) -> bytes:
    """Return the long-name entries and the short entry; those of a deleted item begin with E5."""
    plain = short[:8].rstrip() + (b"." + short[8:].rstrip() if short[8:].strip() else b"")
    made = (b"" if plain == item.name.encode("cp932") else _long_entries(item.name, short)) + _entry(
        item, short, cluster
    )
    if not item.deleted:
        return made
    return b"".join(b"\xe5" + made[offset + 1 : offset + 32] for offset in range(0, len(made), 32))


def _long_entries(name: str, short: bytes) -> bytes:
    checksum = 0
    for byte in short:
        checksum = ((checksum & 1) << 7 | checksum >> 1) + byte & 0xFF
    units = name.encode("utf-16-le")
    units = (units if len(units) % 26 == 0 else units + b"\0\0").ljust(-(-len(units) // 26) * 26, b"\xff")
    pieces = [units[start : start + 26] for start in range(0, len(units), 26)]
    made = []
    for order, piece in enumerate(pieces, 1):
        mark = order | (0x40 if order == len(pieces) else 0)
        head = bytes([mark]) + piece[:10] + bytes([LONG_NAME, 0, checksum])
        made.append(head + piece[10:22] + bytes(2) + piece[22:])
    return b"".join(reversed(made))


def _entry(item: Item, short: bytes, cluster: int) -> bytes:
    attributes = (DIRECTORY if item.folder else ARCHIVE) | (HIDDEN_SYSTEM if item.hidden else 0)
    created, accessed, modified = _stamp(item.created), _stamp(item.accessed), _stamp(item.modified)
    tenths = item.created.astimezone(JST).second % 2 * 100
    stored = b"\x05" + short[1:] if short[0] == 0xE5 else short
    return stored + struct.pack(
        "<BBBHHHHHHHI", attributes, 0, tenths, created[1], created[0], accessed[0], cluster >> 16, modified[1],
        modified[0], cluster & 0xFFFF, 0 if item.folder else len(item.data),
    )  # fmt: skip


def _stamp(when: datetime) -> tuple[int, int]:
    """Return the date and time words in Japanese local time."""
    local = when.astimezone(JST)
    day = (local.year - 1980) << 9 | local.month << 5 | local.day
    return day, local.hour << 11 | local.minute << 5 | local.second // 2
