"""Builds whole FAT12, FAT16, FAT32 and exFAT volumes without tools: create, delete, fragment, overwrite.

Clusters are given next-fit and directory slots are never used again, so that the model knows what every byte is.
SOURCE: Microsoft "FAT32 File System Specification" 1.03 and "exFAT file system specification" (1.00).
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

__all__ = ["ExfatImage", "FatImage", "Node", "VolumeImage", "stamp", "windows_short_name"]

SECTOR: Final = 512
WHEN: Final = (2022, 11, 23, 10, 20, 30)


def stamp(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> tuple[int, int]:
    """Return a DOS date and time."""
    return (year - 1980) << 9 | month << 5 | day, hour << 11 | minute << 5 | second // 2


@dataclass(slots=True)
class Node:
    """A file or directory as it was made; ``slots`` are the numbers of its slots in its parent's ``table``."""

    path: str
    folder: bool
    data: bytes
    clusters: list[int]
    parent: Node | None
    table: list[bytes] = field(default_factory=list)
    slots: range = range(0)
    live: bool = True
    born: tuple[int, ...] = WHEN
    last: tuple[int, ...] = WHEN
    moved: Node | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class VolumeImage(ABC):
    """A volume in the making."""

    def __init__(self, clusters: int, cluster: int) -> None:
        self.count, self.cluster = clusters, cluster
        self.heap = bytearray(clusters * cluster)
        self.fat = [0] * (clusters + 2)
        self.used: set[int] = set()
        self.next = 2
        self.root = Node("", True, b"", [], None)
        self.nodes: list[Node] = []

    @abstractmethod
    def encode(self, node: Node, when: tuple[int, ...]) -> list[bytes]:
        """Return the slots of a node."""

    @abstractmethod
    def image(self) -> bytes:
        """Return the volume."""

    @abstractmethod
    def link(self, clusters: Sequence[int]) -> None:
        """Note a chain in the table."""

    def live(self, path: str) -> Node:
        return self.root if not path else next(node for node in self.nodes if node.live and node.path == path)

    def take(self, count: int, *, every: int = 1) -> list[int]:
        taken = list(range(self.next, self.next + count * every, every))
        if taken and taken[-1] > self.count + 1:
            raise ValueError("the volume is full")
        self.next += count * every
        self.used.update(taken)
        return taken

    def create(
        self, path: str, data: bytes, *, every: int = 1, over: Sequence[int] = (), when: tuple[int, ...] = WHEN
    ) -> Node:
        """Write a file; ``over`` lays its beginning on those of these clusters that are free."""
        need = -(-len(data) // self.cluster)
        reused = [one for one in over if one not in self.used][:need]
        self.used.update(reused)
        clusters = reused + self.take(need - len(reused), every=every)
        for number, cluster in enumerate(clusters):
            self.put(cluster, data[number * self.cluster : (number + 1) * self.cluster])
        return self._add(Node(path, False, data, clusters, None), when)

    def mkdir(self, path: str, when: tuple[int, ...] = WHEN) -> Node:
        clusters = self.take(1)
        self.put(clusters[0], bytes(self.cluster))
        return self._add(Node(path, True, b"", clusters, None), when)

    def _add(self, node: Node, when: tuple[int, ...]) -> Node:
        parent = self.live(node.path.rpartition("/")[0])
        node.parent = parent
        self.link(node.clusters)
        slots = self.encode(node, when)
        node.slots = range(len(parent.table), len(parent.table) + len(slots))
        parent.table.extend(slots)
        while parent.clusters and 32 * len(parent.table) > len(parent.clusters) * self.cluster:
            self.grow(parent)
        node.born = node.last = when
        self.nodes.append(node)
        return node

    def append(self, node: Node, data: bytes, when: tuple[int, ...], over: Sequence[int] = ()) -> None:
        """Write more bytes at a live file's end."""
        node.data, node.last = node.data + data, when
        need = -(-len(node.data) // self.cluster) - len(node.clusters)
        reused = [one for one in over if one not in self.used][:need]
        self.used.update(reused)
        node.clusters += reused + self.take(need - len(reused))
        for number, cluster in enumerate(node.clusters):
            self.put(cluster, node.data[number * self.cluster : (number + 1) * self.cluster])
        self.link(node.clusters)
        self.restate(node)

    def rename(self, node: Node, path: str) -> Node:
        """Move a live file: a new set of slots, the old one marked; clusters, size and times stay."""
        other = replace(node, path=path, clusters=list(node.clusters), parent=None)
        links = {one: self.fat[one] for one in node.clusters}
        self.delete(node)
        self._add(other, node.born)
        self.used.update(links)
        for one, value in links.items():
            self.fat[one] = value
        other.last, node.moved = node.last, other
        self.restate(other)
        return other

    @abstractmethod
    def restate(self, node: Node) -> None:
        """Write a live file's size, first cluster and time of writing into its slots."""

    def grow(self, folder: Node) -> None:
        folder.clusters += self.take(1)
        self.put(folder.clusters[-1], bytes(self.cluster))
        self.link(folder.clusters)

    def put(self, cluster: int, data: bytes) -> None:
        at = (cluster - 2) * self.cluster
        self.heap[at : at + len(data)] = data

    @abstractmethod
    def delete(self, node: Node) -> None:
        """Delete a node as the operating system does."""

    def flush(self) -> None:
        """Write the directories' slots into their clusters, deleted ones too."""
        for folder in [self.root, *(node for node in self.nodes if node.folder)]:
            raw = b"".join(folder.table)
            for number, cluster in enumerate(folder.clusters):
                self.put(cluster, raw[number * self.cluster : (number + 1) * self.cluster])


class FatImage(VolumeImage):
    """FAT12, FAT16 or FAT32: one reserved sector (32: 8), two tables, 512 root slots where there is no root chain."""

    def __init__(self, bits: int, *, clusters: int, cluster: int = 512) -> None:
        super().__init__(clusters, cluster)
        self.bits = bits
        self.reserved = 8 if bits == 32 else 1
        self.root_slots = 0 if bits == 32 else 512
        self.fat_sectors = -(-(clusters + 2) * bits // 8 // SECTOR) + 1
        self.start = (self.reserved + 2 * self.fat_sectors) * SECTOR + 32 * self.root_slots
        self.end = (1 << min(bits, 28)) - 1
        if bits == 32:
            self.root.clusters = self.take(1)
            self.link(self.root.clusters)

    def link(self, clusters: Sequence[int]) -> None:
        for one, after in zip(clusters, [*clusters[1:], self.end], strict=False):
            self.fat[one] = after

    def encode(self, node: Node, when: tuple[int, ...]) -> list[bytes]:
        parent = self.live(node.path.rpartition("/")[0])
        short, fits = windows_short_name(node.name, {slot[:11] for slot in parent.table})
        if node.folder:
            above = parent.clusters[0] if parent.clusters and parent is not self.root else 0
            node.table = [
                _fat_slot(b".".ljust(11), 16, node.clusters[0], 0, when), _fat_slot(b"..".ljust(11), 16, above, 0, when)
            ]  # fmt: skip
        first = node.clusters[0] if node.clusters else 0
        slot = _fat_slot(short, 16 if node.folder else 32, first, len(node.data), when)
        return [*([] if fits else _long_slots(node.name, short)), slot]

    def restate(self, node: Node) -> None:
        table, (date, time) = (node.parent or self.root).table, stamp(*node.last)
        slot = bytearray(table[node.slots[-1]])
        first = node.clusters[0] if node.clusters else 0
        slot[20:32] = struct.pack("<HHHHI", first >> 16, time, date, first & 0xFFFF, len(node.data))
        table[node.slots[-1]] = bytes(slot)

    def delete(self, node: Node) -> None:
        node.live = False
        table = (node.parent or self.root).table
        for number in node.slots:
            table[number] = b"\xe5" + table[number][1:]
        for cluster in node.clusters:
            self.fat[cluster] = 0
            self.used.discard(cluster)

    def image(self) -> bytes:
        self.flush()
        self.fat[:2] = [self.end & ~7, self.end]
        if self.bits == 12:
            packed = sum(value << 12 * number for number, value in enumerate(self.fat))
            table = packed.to_bytes(self.fat_sectors * SECTOR, "little")
        else:
            table = struct.pack(f"<{len(self.fat)}{'H' if self.bits == 16 else 'I'}", *self.fat)
        table = table.ljust(self.fat_sectors * SECTOR, b"\0")
        root = b"".join(self.root.table).ljust(32 * self.root_slots, b"\0") if self.root_slots else b""
        return self.boot().ljust(self.reserved * SECTOR, b"\0") + table * 2 + root + bytes(self.heap)

    def boot(self) -> bytes:
        total, wide = (self.start + len(self.heap)) // SECTOR, self.bits == 32
        head = b"\xeb\x58\x90MSDOS5.0" + struct.pack(
            "<HBHBHHBHHHII", SECTOR, self.cluster // SECTOR, self.reserved, 2, self.root_slots, 0, 0xF8,
            0 if wide else self.fat_sectors, 63, 255, 0, total,
        )  # fmt: skip
        if wide:
            head += struct.pack("<IHHIHH12x", self.fat_sectors, 0, 0, 2, 1, 6)
        tail = (
            b"\x80\x00\x29" + struct.pack("<I", 0x20221123) + b"KYUFU".ljust(11) + f"FAT{self.bits}".ljust(8).encode()
        )
        return (head + tail).ljust(510, b"\0") + b"\x55\xaa"


class ExfatImage(VolumeImage):
    """exFAT: boot region of 24 sectors, one table, bitmap, a small up-case table, root directory."""

    def __init__(self, *, clusters: int, cluster: int = 512) -> None:
        super().__init__(clusters, cluster)
        self.fat_sectors = -(-(clusters + 2) * 4 // SECTOR)
        self.start = (24 + self.fat_sectors) * SECTOR
        self.bitmap = self.take(-(-clusters // (8 * cluster)))
        self.upcase = self.take(1)
        self.root.clusters = self.take(1)
        for clusters_ in (self.bitmap, self.upcase, self.root.clusters):
            self.link(clusters_)
        self.root.table = [
            struct.pack("<BB18xIQ", 0x81, 0, self.bitmap[0], -(-clusters // 8)),
            struct.pack("<B19xIQ", 0x82, self.upcase[0], 128),
            b"\x83\x05" + "KYUFU".encode("utf-16-le").ljust(30, b"\0"),
        ]

    def link(self, clusters: Sequence[int]) -> None:
        """Note a chain in the table; one of a single piece is noted too, and its stream says that it need not be."""
        for one, after in zip(clusters, [*clusters[1:], 0xFFFFFFFF], strict=False):
            self.fat[one] = after

    def encode(self, node: Node, when: tuple[int, ...]) -> list[bytes]:
        units = node.name.encode("utf-16-le", "surrogatepass")
        date, time = stamp(*when)
        moment = date << 16 | time
        piece = node.clusters == list(range(node.clusters[0], node.clusters[-1] + 1)) if node.clusters else False
        size = len(node.clusters) * self.cluster if node.folder else len(node.data)
        first = node.clusters[0] if node.clusters else 0
        names = [b"\xc1\0" + units[at : at + 30].ljust(30, b"\0") for at in range(0, len(units), 30)]
        kind = 16 if node.folder else 32
        head = struct.pack("<BBHHHIIIBBBBB7x", 0x85, 1 + len(names), 0, kind, 0, *[moment] * 3, 0, 0, *[0x80 | 36] * 3)
        stream = struct.pack("<BBxBHHQIIQ", 0xC0, 3 if piece else 1, len(units) // 2, 0, 0, size, 0, first, size)
        return self.summed([head, stream, *names])

    def summed(self, slots: list[bytes]) -> list[bytes]:
        total = 0
        for at, byte in enumerate(b"".join(slots)):
            if at not in {2, 3}:
                total = ((total & 1) << 15 | total >> 1) + byte & 0xFFFF
        return [slots[0][:2] + total.to_bytes(2, "little") + slots[0][4:], *slots[1:]]

    def grow(self, folder: Node) -> None:
        """Give a directory one more cluster and tell its set: the length, and whether it still is one piece."""
        super().grow(folder)
        if folder.parent is None:
            return
        size = len(folder.clusters) * self.cluster
        piece = folder.clusters == list(range(folder.clusters[0], folder.clusters[-1] + 1))
        numbers = folder.slots
        slots = [folder.parent.table[number] for number in numbers]
        stream = bytearray(slots[1])
        stream[1] = 3 if piece else 1
        stream[8:16] = stream[24:32] = size.to_bytes(8, "little")
        folder.parent.table[numbers.start : numbers.stop] = self.summed([slots[0], bytes(stream), *slots[2:]])

    def restate(self, node: Node) -> None:
        table, (date, time) = (node.parent or self.root).table, stamp(*node.last)
        slots = [table[number] for number in node.slots]
        first = node.clusters[0] if node.clusters else 0
        piece = bool(node.clusters) and node.clusters == list(range(first, first + len(node.clusters)))
        size = len(node.data)
        head = slots[0][:12] + struct.pack("<I", date << 16 | time) + slots[0][16:]
        stream = slots[1][:1] + bytes([3 if piece else 1]) + slots[1][2:8]
        stream += struct.pack("<QIIQ", size, 0, first, size)
        table[node.slots.start : node.slots.stop] = self.summed([head, stream, *slots[2:]])

    def delete(self, node: Node) -> None:
        """Clear the in-use bits of the set and the bits of the bitmap; the table keeps the chain."""
        node.live = False
        table = (node.parent or self.root).table
        for number in node.slots:
            table[number] = bytes([table[number][0] & 0x7F]) + table[number][1:]
        self.used.difference_update(node.clusters)

    def image(self) -> bytes:
        bits = sum(1 << cluster - 2 for cluster in self.used).to_bytes(len(self.bitmap) * self.cluster, "little")
        for number, cluster in enumerate(self.bitmap):
            self.put(cluster, bits[number * self.cluster : (number + 1) * self.cluster])
        self.flush()
        self.fat[:2] = [0xFFFFFFF8, 0xFFFFFFFF]
        table = struct.pack(f"<{len(self.fat)}I", *self.fat).ljust(self.fat_sectors * SECTOR, b"\0")
        boot = b"\xeb\x76\x90EXFAT   " + bytes(53) + struct.pack(
            "<QQIIIIIIHHBBBBB", 0, (self.start + len(self.heap)) // SECTOR, 24, self.fat_sectors, self.start // SECTOR,
            self.count, self.root.clusters[0], 0x20221123, 0x100, 0, 9, (self.cluster // SECTOR).bit_length() - 1, 1,
            0x80, 0,
        )  # fmt: skip
        boot = boot.ljust(510, b"\0") + b"\x55\xaa"
        return (boot.ljust(12 * SECTOR, b"\0") * 2) + table + bytes(self.heap)


def windows_short_name(name: str, taken: set[bytes]) -> tuple[bytes, bool]:
    """Return 11 bytes as Japanese Windows makes them, and whether they say the whole name."""
    plain_name = name.encode("cp932", "replace").decode("cp932").replace("?", "_")
    lossy, name = plain_name != name, plain_name
    stem, _, tail = name.rpartition(".") if "." in name else (name, "", "")
    base, end = stem.encode("cp932"), tail.encode("cp932")
    whole = base.ljust(8) + end.ljust(3)
    if not lossy and name == name.upper() and len(base) <= 8 and len(end) <= 3 and not set(name) & set(" +,;=[]"):
        return (b"\x05" + whole[1:] if whole[0] == 0xE5 else whole), True
    plain = stem.upper().replace(" ", "").replace(".", "")
    tail = tail.upper()
    while len(tail.encode("cp932")) > 3:
        tail = tail[:-1]
    number = 1
    while True:
        mark, cut = b"~%d" % number, plain
        while len(cut.encode("cp932")) + len(mark) > 8:
            cut = cut[:-1]
        made = (cut.encode("cp932") + mark).ljust(8) + tail.encode("cp932").ljust(3)
        if made not in taken:
            return made, False
        number += 1


def _long_slots(name: str, short: bytes) -> list[bytes]:
    """Return the long-name slots in disk order (§7.1)."""
    total = 0
    for byte in short:
        total = ((total & 1) << 7 | total >> 1) + byte & 0xFF
    units = name.encode("utf-16-le", "surrogatepass")
    units += b"" if len(units) % 26 == 0 else b"\0\0"
    units = units.ljust(-(-len(units) // 26) * 26, b"\xff")
    made = []
    for order, at in enumerate(range(0, len(units), 26), 1):
        last = 0x40 if at + 26 == len(units) else 0
        part = units[at : at + 26]
        made.append(bytes([order | last]) + part[:10] + bytes([15, 0, total]) + part[10:22] + b"\0\0" + part[22:])
    return made[::-1]


def _fat_slot(short: bytes, kind: int, first: int, size: int, when: tuple[int, ...]) -> bytes:
    date, time = stamp(*when)
    return short + struct.pack(
        "<BBBHHHHHHHI", kind, 0, 0, time, date, date, first >> 16, time, date, first & 0xFFFF, size
    )  # fmt: skip
