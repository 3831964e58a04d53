"""The walk over a tree of directories that FAT and exFAT share: live entries, deleted ones, orphan directories.

Deleted files are judged last, when it is known what every other file holds or held (``fat_tenants``). Their
directories are therefore read twice, which keeps memory independent of how many there are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.fat_boot import clusters_runs
from pipeline.access.fat_chain import BAD, chain
from pipeline.access.fat_losses import Losses
from pipeline.access.fat_names import safe_name
from pipeline.access.fat_space import ByteRuns, Claims, Clusters, ClusterSpace
from pipeline.access.fat_tenants import NEVER, Tenants
from pipeline.address import join
from pipeline.records import FileEntry, Origin, Severity, identify

__all__ = ["Child", "Folder", "Found", "Places", "TreeWalk", "microseconds"]

_LONGEST_PATH: Final = 32_767
"""UTF-16 units of the longest path of Windows; a longer one only comes from a damaged or hostile volume."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FEW: Final = 16


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory still to be read: its path, its entry's id, its bytes, and how it was found."""

    path: str
    parent: str
    runs: ByteRuns
    origin: Origin


@dataclass(frozen=True, slots=True)
class Found:
    """A record of a directory, at ``place`` of the volume; ``raw`` is what the file system's walk reads there."""

    place: int
    name: str
    origin: Origin
    directory: bool
    raw: Any


@dataclass(frozen=True, slots=True)
class Child:
    """An entry of a directory; ``below`` are the clusters to descend into."""

    entry: FileEntry
    below: Clusters


class Places:
    """Volume offsets of the bytes of a directory."""

    def __init__(self, runs: ByteRuns) -> None:
        self._starts = [start for start, _ in runs]
        self._begins = [0, *accumulate(length for _, length in runs)]

    def __call__(self, at: int) -> int:
        """Return the volume offset of a directory's byte."""
        number = bisect_right(self._begins, at) - 1
        return self._starts[number] + at - self._begins[number]


def microseconds(when: datetime | None) -> int:
    """Return an instant in microseconds since 1970; NEVER where there is none."""
    return NEVER if when is None else (when - _EPOCH) // timedelta(microseconds=1)


class TreeWalk(ABC):
    """One walk. ``folders`` are the byte runs of the live directories met so far."""

    def __init__(self, space: ClusterSpace, table: NDArray[np.uint32], losses: Losses) -> None:
        self.space, self.table, self.losses = space, table, losses
        self.folders: list[ByteRuns] = []
        bad = clusters_runs(np.flatnonzero(table == BAD).astype(np.int64))
        self.tenants = Tenants(space.used, bad)
        self._claims = Claims(space)
        self._entered: set[int] = set()
        self._covered = np.zeros(len(space.used), np.bool_)
        self._ids: set[str] = set()
        self._links = 2 * len(table) + (1 << 16)
        self._holding: list[Folder] = []
        """Live directories that hold deleted entries."""

    @abstractmethod
    def records(self, folder: Folder, losses: Losses) -> Iterator[Found]:
        """Yield what a directory holds."""

    @abstractmethod
    def living(self, folder: Folder, found: Found) -> Child:
        """Return a live entry."""

    @abstractmethod
    def lost_folder(self, found: Found) -> Clusters:
        """Return the clusters of a deleted directory that can still be read."""

    @abstractmethod
    def note(self, found: Found) -> None:
        """Tell the tenants what a deleted entry claims."""

    @abstractmethod
    def lost(self, folder: Folder, found: Found) -> FileEntry:
        """Return a deleted entry."""

    @abstractmethod
    def orphans(self) -> Iterator[tuple[int, Clusters]]:
        """Yield (first cluster, clusters) of directories in free space, entered before or not."""

    def live(self, root: Clusters, runs: ByteRuns) -> Iterator[FileEntry]:
        """Yield what the live directories list, breadth first; what is deleted there waits for :meth:`gone`."""
        self._claims.add(root)
        self.tenants.hold(root, NEVER, NEVER)
        self._entered.update(start for start, _ in runs)
        queue = deque([Folder("", "", runs, Origin.ALLOCATED)])
        while queue:
            folder, holding = queue.popleft(), False
            for found in self.records(folder, self.losses):
                if found.origin != Origin.ALLOCATED:
                    holding = True
                    continue
                child = self.living(folder, found)
                yield child.entry
                if child.below:
                    queue.extend(self._below(child.entry.path, child.entry.id, found, child.below))
            if holding:
                self._holding.append(folder)
        self._claims.tell(self.losses)

    def gone(self) -> Iterator[FileEntry]:
        """Yield what is deleted in live directories, what deleted ones hold, and what no entry leads to."""
        folders = list(self._survey())
        self.tenants.settle()
        for folder in folders:
            losses = Losses() if folder.origin == Origin.ALLOCATED else self.losses
            for found in self.records(folder, losses):
                if found.origin != Origin.ALLOCATED:
                    yield self.lost(folder, found)

    def _survey(self) -> Iterator[Folder]:
        """Yield all directories that hold deleted entries, while the tenants are told of these."""
        yield from self._surveyed(deque(self._holding))
        for cluster, clusters in self.orphans():
            if not self._covered[cluster]:
                self._cover(clusters)
                runs = self.space.byte_runs(clusters)
                self._entered.add(runs[0][0])
                yield from self._surveyed(deque([Folder(f"/$Orphan/{cluster}", "", runs, Origin.ORPHAN)]))

    def _surveyed(self, queue: deque[Folder]) -> Iterator[Folder]:
        while queue:
            folder = queue.popleft()
            yield folder
            for found in self.records(folder, Losses()):
                if found.origin == Origin.ALLOCATED:
                    continue
                self.note(found)
                below = self.lost_folder(found) if found.directory else []
                if below:
                    named = self.named(folder, found.name, found.place, found.origin)
                    queue.extend(self._below(named["path"], named["id"], found, below))

    def _cover(self, clusters: Clusters) -> None:
        for first, count in clusters:
            self._covered[first : first + count] = True

    def _below(self, path: str, key: str, found: Found, below: Clusters) -> Iterator[Folder]:
        """Yield the directory of an entry, once."""
        runs = self.space.byte_runs(below)
        if runs[0][0] in self._entered:
            return
        self._entered.add(runs[0][0])
        self._cover(below)
        if len(path) > _LONGEST_PATH:
            path = f"/$Deep/{found.place}"
            text = f"path is longer than {_LONGEST_PATH} characters; what lies below is listed under /$Deep"
            self.losses.add(text, (found.place, 32), severity=Severity.NOTE)
        yield Folder(path, key, runs, found.origin)

    def follow(self, first: int, most: int) -> tuple[Clusters, str]:
        """Follow a chain; where chains are crossed so often that all together outgrow the table, only its beginning."""
        clusters, fault = chain(self.table, first, most if self._links > 0 else min(most, _FEW))
        self._links -= len(clusters)
        if self._links <= 0 and len(clusters) >= _FEW:
            fault = fault or "too many crossed chains"
        return clusters, fault

    def named(self, folder: Folder, name: str, place: int, origin: Origin) -> dict[str, Any]:
        """Return id, address, path and parent of an entry whose directory entry lies at ``place`` of the volume."""
        path = f"{folder.path}/{safe_name(name)}"
        address = join(self.space.volume.address, "fs", path)
        key = identify("file", address)
        if origin != Origin.ALLOCATED or key in self._ids:
            address = join(address, "entry", str(place))
            key = identify("file", address)
        if origin == Origin.ALLOCATED:
            self._ids.add(key)
        volume = self.space.volume
        return {
            "id": key, "address": address, "path": path, "parent": folder.parent, "meta": place, "origin": origin,
            "exhibit": volume.exhibit, "volume": volume.address, "stream": "",
            "reader": "runs" if volume.direct else "file-system",
        }  # fmt: skip

    def claim(self, entry: FileEntry, clusters: Clusters) -> None:
        """Note what a live entry holds: its clusters, and directories apart."""
        if clusters:
            self._claims.add(clusters)
            born, last = microseconds(entry.created), microseconds(entry.modified)
            self.tenants.hold(clusters, born if born != NEVER else last, max(born, last), entry.size)
            if entry.kind == "directory":
                self.folders.append(self.space.byte_runs(clusters))
