"""The walk over a tree of directories that FAT and exFAT share: live entries, deleted ones, orphan directories."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import numpy as np

from pipeline.access.fat_losses import Losses
from pipeline.access.fat_names import safe_name
from pipeline.access.fat_space import ByteRuns, Claims, Clusters, ClusterSpace
from pipeline.address import join
from pipeline.records import FileEntry, Origin, Severity, identify

__all__ = ["Child", "Folder", "Places", "TreeWalk"]

_LONGEST_PATH: Final = 32_767
"""UTF-16 units of the longest path of Windows; a longer one only comes from a damaged or hostile volume."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory still to be read: its path, its entry's id, its bytes, and how it was found."""

    path: str
    parent: str
    runs: ByteRuns
    origin: Origin


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


class TreeWalk(ABC):
    """One walk. ``folders`` are the byte runs of the live directories met so far."""

    def __init__(self, space: ClusterSpace, losses: Losses) -> None:
        self.space, self.losses = space, losses
        self.folders: list[ByteRuns] = []
        self._claims = Claims(space)
        self._entered: set[int] = set()
        self._covered = np.zeros(len(space.used), np.bool_)
        self._ids: set[str] = set()
        self._gone: deque[Folder] = deque()

    @abstractmethod
    def children(self, folder: Folder) -> Iterator[Child]:
        """Yield the entries of a directory."""

    @abstractmethod
    def orphans(self) -> Iterator[tuple[int, Clusters]]:
        """Yield (first cluster, clusters) of directories in free space, entered before or not."""

    def live(self, root: Clusters, runs: ByteRuns) -> Iterator[FileEntry]:
        """Yield what the live directories list, breadth first; what is deleted there waits for :meth:`gone`."""
        self._claims.add(root)
        self._entered.update(start for start, _ in runs)
        yield from self._walk(deque([Folder("", "", runs, Origin.ALLOCATED)]))
        self._claims.tell(self.losses)

    def gone(self) -> Iterator[FileEntry]:
        """Yield what deleted directories hold, then what directories hold that no entry leads to."""
        yield from self._walk(self._gone)
        for cluster, clusters in self.orphans():
            if not self._covered[cluster]:
                self._cover(clusters)
                runs = self.space.byte_runs(clusters)
                self._entered.add(runs[0][0])
                yield from self._walk(deque([Folder(f"/$Orphan/{cluster}", "", runs, Origin.ORPHAN)]))

    def _cover(self, clusters: Clusters) -> None:
        for first, count in clusters:
            self._covered[first : first + count] = True

    def _walk(self, queue: deque[Folder]) -> Iterator[FileEntry]:
        while queue:
            folder = queue.popleft()
            for child in self.children(folder):
                yield child.entry
                if child.below:
                    self._enter(queue, child)

    def _enter(self, queue: deque[Folder], child: Child) -> None:
        entry, runs = child.entry, self.space.byte_runs(child.below)
        if runs[0][0] in self._entered:
            return
        self._entered.add(runs[0][0])
        self._cover(child.below)
        path = entry.path
        if len(path) > _LONGEST_PATH:
            path = f"/$Deep/{entry.meta}"
            text = f"path is longer than {_LONGEST_PATH} characters; what lies below is listed under /$Deep"
            self.losses.add(text, (entry.meta, 32), severity=Severity.NOTE)
        live = entry.origin == Origin.ALLOCATED
        (queue if live or queue is self._gone or entry.origin == Origin.ORPHAN else self._gone).append(
            Folder(path, entry.id, runs, Origin(entry.origin))
        )

    def named(self, folder: Folder, name: str, place: int, origin: Origin) -> dict[str, Any]:
        """Return id, address, path and parent of an entry whose directory entry lies at ``place`` of the volume."""
        path = f"{folder.path}/{safe_name(name)}"
        address = join(self.space.volume.address, "fs", path)
        key = identify("file", address)
        if origin != Origin.ALLOCATED or key in self._ids:
            address = join(address, "entry", str(place))
            key = identify("file", address)
        self._ids.add(key)
        volume = self.space.volume
        return {
            "id": key, "address": address, "path": path, "parent": folder.parent, "meta": place, "origin": origin,
            "exhibit": volume.exhibit, "volume": volume.address, "stream": "",
            "reader": "runs" if volume.direct else "file-system",
        }  # fmt: skip

    def claim(self, entry: FileEntry, clusters: Clusters) -> None:
        """Note what an entry holds: clusters of live ones, and directories apart."""
        if entry.origin == Origin.ALLOCATED and clusters:
            self._claims.add(clusters)
            if entry.kind == "directory":
                self.folders.append(self.space.byte_runs(clusters))
