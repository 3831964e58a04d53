"""Akashi's own reader of exFAT (Microsoft exFAT specification), with recorded UTC offsets and deleted entry sets."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.exfat_sets import EntrySet, parse_exfat_boot, recognise_exfat, sets_of
from pipeline.access.fat_boot import clusters_runs
from pipeline.access.fat_chain import chain, deleted_run
from pipeline.access.fat_names import safe_name
from pipeline.access.fat_time import exfat_time
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.address import join
from pipeline.errors import UnreadableError
from pipeline.records import Certainty, Diagnostic, FileEntry, Origin, Region, Run, Volume, diagnose, identify

__all__ = ["ExfatFileSystem", "open_exfat", "recognise_exfat"]

_LIMIT: Final = 256 << 20
_Folder = tuple[str, str, tuple[tuple[int, int], ...], Origin]


def _le(raw: bytes, at: int, size: int) -> int:
    return int.from_bytes(raw[at : at + size], "little")


class ExfatFileSystem:
    """One exFAT volume."""

    def __init__(self, data: Readable, volume: Volume, options: FileSystemOptions) -> None:
        self._data, self._volume, self._options = data, volume, options
        self.geometry = parse_exfat_boot(data.read(0, 512), data.size)
        self._base = volume.start if volume.direct else 0
        self._table = self._load_table()
        self._root = self._byte_runs(clusters_runs(chain(self._table, self.geometry.root, self._most())[0]))
        self._special = self._find_special()
        self._used, self._bitmap_whole = self._load_bitmap()

    def _most(self) -> int:
        return max(1, _LIMIT // self.geometry.cluster)

    def _load_table(self) -> NDArray[np.uint32]:
        geometry = self.geometry
        need = 4 * (geometry.last + 1)
        raw = self._data.read(geometry.fat_start + geometry.active * geometry.fat_size, need)
        table = np.frombuffer(raw + bytes(need - len(raw)), "<u4")
        return np.where(table >= 0xFFFFFFF7, table & np.uint32(0x0FFFFFFF), table)

    def _byte_runs(self, clusters: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        return tuple((self.geometry.offset(first), count * self.geometry.cluster) for first, count in clusters)

    def _content(self, runs: tuple[tuple[int, int], ...]) -> bytes:
        return b"".join(self._data.read(start, length) for start, length in runs)

    def _find_special(self) -> dict[int, bytes]:
        """Return the bitmap of the active table (0x81), the up-case table (0x82) and the label (0x83) entries."""
        content = self._content(self._root)
        found: dict[int, bytes] = {}
        for at in range(0, len(content) - 31, 32):
            kind = content[at]
            if kind == 0:
                break
            if kind in (0x82, 0x83) or (kind == 0x81 and content[at + 1] & 1 == self.geometry.active):
                found.setdefault(kind, content[at : at + 32])
        return found

    def _system_runs(self, kind: int) -> tuple[tuple[int, int], ...]:
        entry = self._special.get(kind)
        if entry is None:
            return ()
        most = min(len(self._table), -(-_le(entry, 24, 8) // self.geometry.cluster))
        return self._byte_runs(clusters_runs(chain(self._table, _le(entry, 20, 4), most)[0]))

    def _load_bitmap(self) -> tuple[NDArray[np.bool_], bool]:
        """Return use by cluster number; clusters that the bitmap does not reach count as used."""
        count = self.geometry.last - 1
        raw = self._content(self._system_runs(0x81))[: -(-count // 8)]
        bits = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")[:count].astype(bool)
        used = np.ones(self.geometry.last + 1, np.bool_)
        used[2 : 2 + len(bits)] = bits
        return used, len(bits) == count

    def describe(self) -> dict[str, str | int | bool]:
        """Return name, label, serial (8 hex digits), cluster size in bytes, dirty and error flags (§3.1.13)."""
        entry = self._special.get(0x83, bytes(32))
        label = entry[2 : 2 + 2 * min(entry[1], 11 + 4)].decode("utf-16-le", "surrogatepass")
        geometry = self.geometry
        return {
            "file_system": "exFAT",
            "label": label,
            "serial": geometry.serial,
            "block_size": geometry.cluster,
            "dirty": bool(geometry.flags & 2),
            "error": bool(geometry.flags & 4),
        }

    def entries(self) -> Iterator[FileEntry | Diagnostic]:
        """Yield live entries breadth first, then what deleted directories still hold."""
        counts: Counter[str] = Counter()
        counts["allocation bitmap is missing or short"] += not self._bitmap_whole
        counts["root directory has no clusters"] += not self._root
        live: deque[_Folder] = deque([("", "", self._root, Origin.ALLOCATED)])
        gone: deque[_Folder] = deque()
        seen = {start for start, _ in self._root}
        paths: set[str] = set()
        while live or gone:
            folder = live.popleft() if live else gone.popleft()
            try:
                content = self._content(folder[2])
            except UnreadableError:
                counts["directory could not be read"] += 1
                continue
            for one in sets_of(content):
                entry, runs = self._entry(folder, one, paths, counts)
                yield entry
                if entry.kind == "directory" and runs and runs[0][0] not in seen:
                    seen.add(runs[0][0])
                    (live if entry.origin == Origin.ALLOCATED else gone).append(
                        (entry.path, entry.id, runs, Origin(entry.origin))
                    )
        for text, count in sorted((+counts).items()):
            message = f"{text}: {count} times; look at these entries with a second reader"
            yield diagnose("files", self._volume.address, "exfat-damage", message)

    def _entry(
        self, folder: _Folder, one: EntrySet, paths: set[str], counts: Counter[str]
    ) -> tuple[FileEntry, tuple[tuple[int, int], ...]]:
        origin = Origin.DELETED if one.deleted or folder[3] != Origin.ALLOCATED else Origin.ALLOCATED
        directory, size = bool(one.head[4] & 16), _le(one.stream, 24, 8)
        clusters, certainty = self._clusters(one, size, origin, counts)
        runs, place, path = self._byte_runs(clusters), _place(folder[2], one.at), f"{folder[0]}/{safe_name(one.name)}"
        address = join(self._volume.address, "fs", path)
        if origin != Origin.ALLOCATED or path in paths:
            address = join(address, "entry", str(place))
        paths.add(path)
        counts["checksum of a live entry set is wrong"] += not (one.sound or one.deleted)
        return FileEntry(
            id=identify("file", address), exhibit=self._volume.exhibit, volume=self._volume.address, address=address,
            path=path, stream="", kind="directory" if directory else "file", origin=origin, meta=place,
            parent=folder[1], size=min(size, (1 << 63) - 1), initialised_size=min(size, _le(one.stream, 8, 8)),
            certainty=certainty, flags="" if one.sound else "checksum-wrong",
            runs=tuple(Run(start=self._base + start, length=length) for start, length in runs),
            reader="runs" if self._volume.direct else "file-system", **self._times(one.head, counts),
        ), runs  # fmt: skip

    def _clusters(
        self, one: EntrySet, size: int, origin: Origin, counts: Counter[str]
    ) -> tuple[list[tuple[int, int]], str]:
        first, need = _le(one.stream, 20, 4), -(-size // self.geometry.cluster)
        if need == 0 or first == 0:
            counts["size without clusters"] += need > 0
            return [], Certainty.NO_CONTENT
        if one.head[4] & 16:
            need = min(need, self._most())
        if origin != Origin.ALLOCATED:
            return deleted_run(self._used, first, need)
        if one.stream[1] & 2:
            count = max(0, min(need, len(self._table) - first)) if first >= 2 else 0
            counts["contiguous file leaves the volume"] += count < need
            return ([(first, count)] if count else []), _whole(count, need)
        clusters, fault = chain(self._table, first, min(need, len(self._table)))
        counts[f"chain: {fault}"] += bool(fault)
        counts["chain shorter than the size"] += len(clusters) < need
        return clusters_runs(clusters), _whole(len(clusters), need)

    def _times(self, head: bytes, counts: Counter[str]) -> dict[str, Any]:
        times: dict[str, Any] = {}
        for name, at, tens, offset, precision in (
            ("created", 8, head[20], head[22], 10_000),
            ("modified", 12, head[21], head[23], 10_000),
            ("accessed", 16, 0, head[24], 2_000_000),
        ):
            stamp = _le(head, at, 4)
            when, zone = exfat_time(stamp, tens, offset, self._options.timezone)
            counts["time is no date"] += bool(stamp) and when is None
            if when is not None:
                times |= {name: when, f"{name}_zone": zone, f"{name}_precision_us": precision}
        return times

    def regions(self) -> Iterator[Region | Diagnostic]:
        """Yield boot area, tables, bitmap, up-case table, directories, free clusters and the tail, coalesced."""
        geometry, meta = self.geometry, "file-system-metadata"
        yield self._region(0, geometry.fat_start, meta, "boot")
        yield self._region(geometry.fat_start, geometry.heap - geometry.fat_start, meta, "FAT")
        named = [
            (self._root, "root directory"),
            (self._system_runs(0x81), "bitmap"),
            (self._system_runs(0x82), "up-case"),
        ]
        for runs, name in named:
            for start, length in runs:
                yield self._region(start, length, meta, name)
        for entry in self.entries():
            if isinstance(entry, FileEntry) and entry.kind == "directory" and entry.origin == Origin.ALLOCATED:
                for run in entry.runs:
                    yield self._region(run.start - self._base, run.length, meta, "directory")
        for start, length in self._byte_runs(clusters_runs(np.flatnonzero(~self._used).astype(np.int64))):
            yield self._region(start, length, "unallocated", "free clusters")
        tail = geometry.offset(geometry.last + 1)
        if tail < self._data.size:
            yield self._region(tail, self._data.size - tail, "unallocated", "tail")

    def _region(self, start: int, length: int, class_: str, name: str) -> Region:
        return Region(
            exhibit=self._volume.exhibit, volume=self._volume.address, start=self._base + start, length=length,
            class_=class_, name=name,
        )  # fmt: skip

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry; those from ``initialised_size`` on are zeros.

        Raises:
            UnreadableError: they cannot be read.
        """
        parts, at, end = [], 0, min(start + length, entry.size)
        for run in entry.runs:
            low, high = max(start, at), min(end, at + run.length)
            if low < high:
                parts.append(self._data.read(run.start - self._base + low - at, high - low))
            at += run.length
        content = b"".join(parts)
        return content[: max(0, entry.initialised_size - start)].ljust(len(content), b"\0")


def _whole(found: int, need: int) -> str:
    return Certainty.INTACT if found >= need else Certainty.PARTLY_OVERWRITTEN


def _place(runs: tuple[tuple[int, int], ...], at: int) -> int:
    for start, length in runs:
        if at < length:
            return start + at
        at -= length
    return -1


def open_exfat(data: Readable, volume: Volume, options: FileSystemOptions) -> ExfatFileSystem:
    """Return the reader of an exFAT volume; ``data`` is relative to it.

    Raises:
        ParseError: the boot sector describes no exFAT volume.
    """
    return ExfatFileSystem(data, volume, options)
