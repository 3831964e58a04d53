"""Akashi's own reader of FAT12, FAT16 and FAT32 (Microsoft FAT specification 1.03).

It lists live files whose short name holds trail bytes of cp932 that other readers take for damage, and deleted and
orphaned entries. ``/`` inside a name is written U+2215; every other character stays as recorded.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pipeline.access.fat_boot import FatGeometry, clusters_runs, load_table, parse_boot, recognise_fat
from pipeline.access.fat_chain import BAD, chain, deleted_run
from pipeline.access.fat_names import Slot, safe_name, slots_of
from pipeline.access.fat_time import dos_time
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.address import join
from pipeline.errors import UnreadableError
from pipeline.records import Certainty, Diagnostic, FileEntry, Origin, Region, Run, Volume, diagnose, identify

__all__ = ["FatFileSystem", "open_fat", "recognise_fat"]

_DIRECTORY_LIMIT: Final = 64 << 20
_DELETED_DIRECTORY_LIMIT: Final = 1 << 20
_DAY: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class _Folder:
    """A directory still to be read: its path, runs of the volume in bytes, and how it was found."""

    path: str
    parent: str
    runs: tuple[tuple[int, int], ...]
    origin: Origin


def _le(raw: bytes, at: int, size: int) -> int:
    return int.from_bytes(raw[at : at + size], "little")


class FatFileSystem:
    """One FAT volume."""

    def __init__(self, data: Readable, volume: Volume, options: FileSystemOptions) -> None:
        self._data = data
        self._volume = volume
        self._options = options
        self.geometry: FatGeometry = parse_boot(data.read(0, 512), data.size)
        self._table: NDArray[np.uint32] = load_table(data, self.geometry)
        self._used: NDArray[np.bool_] = self._table != 0
        self._used[:2] = True
        self._base = volume.start if volume.direct else 0
        self._zone = ZoneInfo(options.timezone)

    def _runs(self, clusters: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        geometry = self.geometry
        return tuple((geometry.offset(first), count * geometry.cluster) for first, count in clusters)

    def _root(self) -> tuple[_Folder, str]:
        geometry = self.geometry
        if geometry.bits != 32:
            return _Folder("", "", ((geometry.root_start, geometry.root_size),), Origin.ALLOCATED), ""
        clusters, fault = chain(self._table, geometry.root_cluster, _DIRECTORY_LIMIT // geometry.cluster)
        return _Folder("", "", self._runs(clusters_runs(clusters)), Origin.ALLOCATED), fault

    def describe(self) -> dict[str, str | int | bool]:
        """Return name, label, serial (8 hex digits), cluster size in bytes, and the dirty and error flags."""
        geometry = self.geometry
        label = geometry.label
        for at, slot in self._slots(self._root()[0]):
            if slot.raw[11] & 0x18 == 8 and not slot.deleted and not slot.slack and at >= 0:
                label = slot.raw[:11].rstrip(b" ")
                break
        raw = self._data.read(geometry.fat_start, 8)
        bits = {12: 3, 16: raw[3] >> 6, 32: raw[7] >> 2}[geometry.bits] & 3
        return {
            "file_system": geometry.name,
            "label": label.decode(self._options.code_page, "backslashreplace"),
            "serial": geometry.serial,
            "block_size": geometry.cluster,
            "dirty": geometry.dirty or not bits & 2,
            "error": not bits & 1,
        }

    def _slots(self, folder: _Folder) -> Iterator[tuple[int, Slot]]:
        """Yield (offset in the volume, slot) of a directory."""
        content = b"".join(self._data.read(start, length) for start, length in folder.runs)
        for slot in slots_of(content, self._options.code_page):
            if slot.raw[:11] not in (b".          ", b"..         "):
                yield self._place(folder, slot.at), slot

    def _place(self, folder: _Folder, at: int) -> int:
        for start, length in folder.runs:
            if at < length:
                return start + at
            at -= length
        return -1

    def entries(self) -> Iterator[FileEntry | Diagnostic]:
        """Yield live entries, breadth first, then deleted ones, then orphan directories."""
        counts: Counter[str] = Counter()
        root, fault = self._root()
        if fault:
            counts[f"root directory: {fault}"] += 1
        seen: set[int] = set()
        paths: set[str] = set()
        later: deque[_Folder] = deque()
        yield from self._walk(deque([root]), later, seen, paths, counts)
        yield from self._walk(later, later, seen, paths, counts)
        for orphan in self._orphans(seen):
            queue = deque([orphan])
            yield from self._walk(queue, queue, seen, paths, counts)
        for text, count in sorted((+counts).items()):
            message = f"{text}: {count} times; look at these entries with a second reader"
            yield diagnose("files", self._volume.address, "fat-damage", message)

    def _walk(
        self, queue: deque[_Folder], later: deque[_Folder], seen: set[int], paths: set[str], counts: Counter[str]
    ) -> Iterator[FileEntry]:
        while queue:
            folder = queue.popleft()
            try:
                slots = list(self._slots(folder))
            except UnreadableError:
                counts["directory could not be read"] += 1
                continue
            for place, slot in slots:
                if not self._plausible(slot, folder):
                    continue
                entry, child = self._entry(folder, place, slot, paths, counts)
                yield entry
                if child is not None and child.runs and child.runs[0][0] not in seen:
                    seen.add(child.runs[0][0])
                    (queue if child.origin == Origin.ALLOCATED else later).append(child)

    def _plausible(self, slot: Slot, folder: _Folder) -> bool:
        """Tell names from labels and, behind an end mark or in deleted space, entries from leftovers."""
        raw = slot.raw
        if raw[11] & 8:
            return False
        if not (slot.slack or folder.origin != Origin.ALLOCATED):
            return True
        start = _le(raw, 20, 2) << 16 | _le(raw, 26, 2) if self.geometry.bits == 32 else _le(raw, 26, 2)
        return not raw[11] & 0xC0 and min(raw[1:11]) >= 0x20 and (start == 0 or 2 <= start <= self.geometry.last)

    def _entry(
        self, folder: _Folder, place: int, slot: Slot, paths: set[str], counts: Counter[str]
    ) -> tuple[FileEntry, _Folder | None]:
        raw, directory = slot.raw, bool(slot.raw[11] & 16)
        gone = slot.deleted or slot.slack
        origin = folder.origin if folder.origin != Origin.ALLOCATED else Origin.DELETED if gone else Origin.ALLOCATED
        size = 0 if directory else _le(raw, 28, 4)
        clusters, certainty, flags = self._content(raw, size, origin, counts)
        runs = self._runs(clusters)
        path = f"{folder.path}/{safe_name(slot.name)}"
        address = join(self._volume.address, "fs", path)
        if origin != Origin.ALLOCATED or path in paths:
            address = join(address, "entry", str(place))
        paths.add(path)
        counts["short name is not text of the code page"] += not slot.decoded
        entry = FileEntry(
            id=identify("file", address), exhibit=self._volume.exhibit, volume=self._volume.address, address=address,
            path=path, stream="", kind="directory" if directory else "file", origin=origin, meta=place,
            parent=folder.parent, size=size, initialised_size=size, certainty=certainty, flags=flags,
            runs=tuple(Run(start=self._base + start, length=length) for start, length in runs),
            reader="runs" if self._volume.direct else "file-system", short_name=slot.short,
            **self._times(raw, counts),
        )  # fmt: skip
        return entry, _Folder(path, entry.id, runs, origin) if directory else None

    def _content(
        self, raw: bytes, size: int, origin: Origin, counts: Counter[str]
    ) -> tuple[list[tuple[int, int]], str, str]:
        """Return (first, count) of clusters, the certainty and a flag."""
        geometry, low = self.geometry, _le(raw, 26, 2)
        first = low | _le(raw, 20, 2) << 16 if geometry.bits == 32 else low
        need = -(-size // geometry.cluster)
        if origin == Origin.ALLOCATED:
            return self._live(first, need, bool(raw[11] & 16), counts)
        if raw[11] & 16:
            return self._dead_directory(first)
        zeroed = geometry.bits == 32 and first == low and geometry.last > 0xFFFF and need > 0
        runs, certainty = deleted_run(self._used, first, need)
        return runs, certainty, "start-high-word-may-be-zeroed" if zeroed else ""

    def _live(
        self, first: int, need: int, directory: bool, counts: Counter[str]
    ) -> tuple[list[tuple[int, int]], str, str]:
        if first == 0:
            counts["size without clusters"] += need > 0
            return [], Certainty.NO_CONTENT, ""
        most = _DIRECTORY_LIMIT // self.geometry.cluster if directory else len(self._table)
        clusters, fault = chain(self._table, first, most)
        counts[f"chain: {fault}"] += bool(fault)
        counts["chain shorter than the size"] += len(clusters) < need
        certainty = Certainty.INTACT if len(clusters) >= need and not fault else Certainty.PARTLY_OVERWRITTEN
        return clusters_runs(clusters), certainty, fault.replace(" ", "-")

    def _dead_directory(self, first: int) -> tuple[list[tuple[int, int]], str, str]:
        """Find a deleted directory's clusters, also where FAT32's high start word was cleared."""
        high = range(0, self.geometry.last + 1, 0x10000) if self.geometry.bits == 32 and first <= 0xFFFF else (0,)
        for start in (first + step for step in high):
            if 2 <= start <= self.geometry.last and not self._used[start] and self._is_directory(start):
                return self._grow(start), Certainty.CONTIGUITY_ASSUMED, ""
        return [], Certainty.OVERWRITTEN, ""

    def _is_directory(self, cluster: int) -> bool:
        try:
            head = self._data.read(self.geometry.offset(cluster), 64)
        except UnreadableError:
            return False
        return _starts_directory(head, cluster, self.geometry.bits)

    def _grow(self, start: int) -> list[tuple[int, int]]:
        """Follow a deleted directory over free clusters while they still hold entries."""
        size, count = self.geometry.cluster, 1
        while count * size < _DELETED_DIRECTORY_LIMIT and start + count <= self.geometry.last:
            before = self._data.read(self.geometry.offset(start + count) - 32, 96)
            after = before[32:]
            if self._used[start + count] or before[0] == 0 or not _entry_like(after[:32]):
                break
            if after[:11] == b".          ":
                break
            count += 1
        return [(start, count)]

    def _orphans(self, seen: set[int]) -> Iterator[_Folder]:
        """Scan the free clusters for starts of directories that no entry led to."""
        step = max(1, (4 << 20) // self.geometry.cluster)
        for first, count in clusters_runs(np.flatnonzero(~self._used).astype(np.int64)):
            for at in range(first, first + count, step):
                for cluster in self._starts(at, min(step, first + count - at)):
                    offset = self.geometry.offset(cluster)
                    if offset not in seen:
                        seen.add(offset)
                        path = f"/$Orphan/{cluster}"
                        yield _Folder(path, "", self._runs(self._grow(cluster)), Origin.ORPHAN)

    def _starts(self, first: int, count: int) -> list[int]:
        size = self.geometry.cluster
        try:
            raw = self._data.read(self.geometry.offset(first), count * size)
        except UnreadableError:
            return []
        whole = len(raw) // size
        heads = np.frombuffer(raw, np.uint8, whole * size).reshape(whole, size)
        found = np.flatnonzero((heads[:, 0] == 0x2E) & (heads[:, 1] == 0x20) & (heads[:, 32] == 0x2E))
        return [
            first + int(n) for n in found if _starts_directory(bytes(heads[n, :64]), first + int(n), self.geometry.bits)
        ]

    def _times(self, raw: bytes, counts: Counter[str]) -> dict[str, Any]:
        zone = f"local {self._options.timezone}"
        times: dict[str, Any] = {}
        for name, stamp, precision in (
            ("created", (_le(raw, 16, 2), _le(raw, 14, 2), raw[13]), 10_000),
            ("modified", (_le(raw, 24, 2), _le(raw, 22, 2), 0), 2_000_000),
            ("accessed", (_le(raw, 18, 2), 0, 0), _DAY),
        ):
            when: datetime | None = dos_time(*stamp, self._zone) if stamp[0] else None
            counts["time is no date"] += bool(stamp[0]) and when is None
            if when is not None:
                times |= {name: when, f"{name}_zone": zone, f"{name}_precision_us": precision}
        return times

    def regions(self) -> Iterator[Region | Diagnostic]:
        """Yield boot area, tables, directories, bad and free clusters and the tail, coalesced."""
        geometry, meta = self.geometry, "file-system-metadata"
        yield self._region(0, geometry.fat_start, meta, "boot")
        for number in range(geometry.fats):
            start = geometry.fat_start + number * geometry.fat_size
            yield self._region(start, geometry.fat_size, meta, f"FAT {number + 1}")
        if geometry.bits != 32:
            yield self._region(geometry.root_start, geometry.heap - geometry.root_start, meta, "root directory")
        for start, length in self._root()[0].runs if geometry.bits == 32 else ():
            yield self._region(start, length, meta, "root directory")
        for entry in self.entries():
            if isinstance(entry, FileEntry) and entry.kind == "directory" and entry.origin == Origin.ALLOCATED:
                for run in entry.runs:
                    yield self._region(run.start - self._base, run.length, meta, "directory")
        for start, length in self._runs(clusters_runs(np.flatnonzero(self._table == BAD).astype(np.int64))):
            yield self._region(start, length, meta, "bad clusters")
        for start, length in self._runs(clusters_runs(np.flatnonzero(~self._used).astype(np.int64))):
            yield self._region(start, length, "unallocated", "free clusters")
        tail = geometry.offset(geometry.last + 1)
        if tail < self._data.size:
            yield self._region(tail, self._data.size - tail, "unallocated", "tail")

    def _region(self, start: int, length: int, class_: str, name: str) -> Region:
        volume = self._volume
        return Region(
            exhibit=volume.exhibit, volume=volume.address, start=self._base + start, length=length,
            class_=class_, name=name,
        )  # fmt: skip

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry, fewer where its clusters end before its size.

        Raises:
            UnreadableError: they cannot be read.
        """
        parts, end = [], min(start + length, entry.size)
        at = 0
        for run in entry.runs:
            low, high = max(start, at), min(end, at + run.length)
            if low < high:
                parts.append(self._data.read(run.start - self._base + low - at, high - low))
            at += run.length
        return b"".join(parts)


def _entry_like(raw: bytes) -> bool:
    return len(raw) == 32 and raw[0] != 0 and not raw[11] & 0xC0 and (raw[11] == 15 or min(raw[1:11]) >= 0x20)


def _starts_directory(head: bytes, cluster: int, bits: int) -> bool:
    if len(head) < 64 or head[:11] != b".          " or head[32:43] != b"..         ":
        return False
    own = _le(head, 26, 2) | (_le(head, 20, 2) << 16 if bits == 32 else 0)
    return bool(head[11] & head[43] & 16) and own == cluster


def open_fat(data: Readable, volume: Volume, options: FileSystemOptions) -> FatFileSystem:
    """Return the reader of a FAT volume; ``data`` is relative to it.

    Raises:
        ParseError: the boot sector describes no FAT volume.
    """
    return FatFileSystem(data, volume, options)
