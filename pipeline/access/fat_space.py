"""Clusters of one FAT or exFAT volume: where they lie, who claims them, and reading that survives bad sectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.access.fat_boot import clusters_runs, read_or_none
from pipeline.access.fat_losses import Losses
from pipeline.access.interfaces import Readable
from pipeline.errors import UnreadableError
from pipeline.records import FileEntry, Region, Run, Severity, Volume

__all__ = ["ByteRuns", "Claims", "ClusterSpace", "Clusters", "Geometry", "read_entry"]

Clusters = list[tuple[int, int]]
"""(first cluster, count) in the order of the file."""

ByteRuns = tuple[tuple[int, int], ...]
"""(start, length) in bytes of the volume, in the order of the file."""

_SEARCH_STEP: Final = 4 << 20
_READ_STEP: Final = 1 << 20
_SMALL_STEP: Final = 512


class Geometry(Protocol):
    """What both file systems say of their clusters; ``last`` is the highest cluster number."""

    @property
    def cluster(self) -> int:
        """Bytes of a cluster."""
        ...

    @property
    def last(self) -> int:
        """Highest cluster number."""
        ...

    def offset(self, cluster: int) -> int:
        """Byte offset of a cluster in the volume."""
        ...


class ClusterSpace:
    """The clusters of a volume; ``used`` tells by cluster number what the file system holds allocated."""

    def __init__(self, data: Readable, volume: Volume, geometry: Geometry, used: NDArray[np.bool_]) -> None:
        self.data, self.volume, self.geometry, self.used = data, volume, geometry, used
        self.base = volume.start if volume.direct else 0

    def byte_runs(self, clusters: Clusters) -> ByteRuns:
        """Return the byte runs of clusters."""
        geometry = self.geometry
        return tuple((geometry.offset(first), count * geometry.cluster) for first, count in clusters)

    def rows(self, runs: ByteRuns) -> tuple[Run, ...]:
        """Return byte runs as rows, in image offsets."""
        return tuple(Run(start=self.base + start, length=length) for start, length in runs)

    def free(self) -> Clusters:
        """Return the free clusters."""
        return clusters_runs(np.flatnonzero(~self.used).astype(np.int64))

    def content(self, runs: ByteRuns, filler: bytes, losses: Losses, *, limit: int) -> bytes:
        """Return a directory's bytes; unreadable clusters hold ``filler``, repeated, and count as losses."""
        parts: list[bytes] = []
        left = limit
        for start, length in runs:
            parts.extend(self._spread(start, min(length, left), filler, losses))
            if length > left:
                text = f"directory is longer than {limit} bytes; the rest is not listed"
                losses.add(text, (start + left, length - left), severity=Severity.LOSS)
                break
            left -= length
        return b"".join(parts)

    def _spread(self, start: int, length: int, filler: bytes, losses: Losses) -> Iterator[bytes]:
        for at in range(start, start + length, _READ_STEP):
            size = min(_READ_STEP, start + length - at)
            whole = read_or_none(self.data, at, size)
            if whole is not None:
                yield whole
                continue
            for part in range(at, at + size, _SMALL_STEP):
                yield self._small(part, min(_SMALL_STEP, at + size - part), filler, losses)

    def _small(self, start: int, length: int, filler: bytes, losses: Losses) -> bytes:
        raw = read_or_none(self.data, start, length)
        if raw is None:
            losses.add("part of a directory could not be read", (start, length), severity=Severity.LOSS)
            return (filler * (length // len(filler) + 1))[:length]
        return raw

    def search(
        self, width: int, mask: Callable[[NDArray[np.uint8]], NDArray[np.bool_]], losses: Losses
    ) -> Iterator[tuple[int, bytes]]:
        """Yield free clusters whose first ``width`` bytes pass ``mask`` (a row per cluster), with those bytes."""
        step = max(1, _SEARCH_STEP // self.geometry.cluster)
        for first, count in self.free():
            for at in range(first, first + count, step):
                for start, heads in self._heads(at, min(step, first + count - at), width, losses):
                    for row in np.flatnonzero(mask(heads)).tolist():
                        yield start + row, heads[row].tobytes()

    def _heads(self, first: int, count: int, width: int, losses: Losses) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        size = self.geometry.cluster
        try:
            raw = self.data.read(self.geometry.offset(first), count * size)
        except UnreadableError:
            if count > 1:
                yield from self._heads(first, count // 2, width, losses)
                yield from self._heads(first + count // 2, count - count // 2, width, losses)
                return
            text = "free cluster could not be read in the search for orphan directories"
            losses.add(text, (self.geometry.offset(first), size), severity=Severity.LOSS)
            return
        whole = len(raw) // size
        yield first, np.frombuffer(raw, np.uint8, whole * size).reshape(whole, size)[:, :width]

    def grow(self, start: int, goes_on: Callable[[bytes, bytes], bool], losses: Losses, *, limit: int) -> Clusters:
        """Follow a lost directory over free clusters while ``goes_on(entry before, 64 bytes after)`` holds."""
        count, size = 1, self.geometry.cluster
        while start + count <= self.geometry.last and not self.used[start + count]:
            at = self.geometry.offset(start + count)
            try:
                around = self.data.read(at - 32, 96)
            except UnreadableError:
                losses.add("end of a deleted directory could not be read", (at, size), severity=Severity.LOSS)
                break
            if len(around) < 96 or not goes_on(around[:32], around[32:]):
                break
            if count * size >= limit:
                losses.add(f"deleted directory goes on behind {limit} bytes", (at, size), severity=Severity.LOSS)
                break
            count += 1
        return [(start, count)]

    def free_part(self, clusters: Clusters) -> Clusters:
        """Return the clusters up to the first that is allocated."""
        kept: Clusters = []
        for first, count in clusters:
            taken = np.flatnonzero(self.used[first : first + count])
            if len(taken):
                return [*kept, (first, int(taken[0]))] if taken[0] else kept
            kept.append((first, count))
        return kept

    def regions(self, parts: Iterable[tuple[int, int, str, str]]) -> Iterator[Region]:
        """Yield (start, length, class, name) as rows, cut at the volume's end."""
        for start, whole, class_, name in parts:
            length = min(whole, self.data.size - start)
            if length > 0:
                yield Region(
                    exhibit=self.volume.exhibit, volume=self.volume.address, start=self.base + start, length=length,
                    class_=class_, name=name,
                )  # fmt: skip


class Claims:
    """Which clusters live entries claim, and which more than one claims."""

    def __init__(self, space: ClusterSpace) -> None:
        self._space = space
        self._owned = np.zeros(len(space.used), np.bool_)
        self._crossed = np.zeros(len(space.used), np.bool_)

    def add(self, clusters: Clusters) -> None:
        """Note what a live entry claims."""
        for first, count in clusters:
            if count == 1:
                self._crossed[first] |= self._owned[first]
                self._owned[first] = True
                continue
            owned = self._owned[first : first + count]
            self._crossed[first : first + count] |= owned
            owned[:] = True

    def tell(self, losses: Losses) -> None:
        """Count clusters with two owners, and claimed ones that the file system holds free."""
        kinds = (
            ("cluster is claimed by more than one live entry", self._crossed),
            ("cluster of a live entry is marked free", self._owned & ~self._space.used),
        )
        for text, flags in kinds:
            for first, count in clusters_runs(np.flatnonzero(flags).astype(np.int64)):
                place = (self._space.geometry.offset(first), count * self._space.geometry.cluster)
                losses.add(text, place, count=count)


def read_entry(space: ClusterSpace, entry: FileEntry, start: int, length: int) -> bytes:
    """Return bytes of an entry by its runs, fewer where they end before its size; zeros from ``initialised_size`` on.

    Raises:
        UnreadableError: they cannot be read.
    """
    parts, at, end = [], 0, min(start + length, entry.size)
    for run in entry.runs:
        low, high = max(start, at), min(end, at + run.length)
        if low < high:
            parts.append(space.data.read(run.start - space.base + low - at, high - low))
        at += run.length
    content = b"".join(parts)
    return content[: max(0, entry.initialised_size - start)].ljust(len(content), b"\0")
