"""The walk over an exFAT volume: rows of live, deleted and orphaned entry sets (Microsoft exFAT specification, §7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.exfat_sets import EntrySet, goes_on, sets_of, starts_set
from pipeline.access.fat_chain import chain, deleted_run
from pipeline.access.fat_losses import Losses
from pipeline.access.fat_space import Clusters, ClusterSpace
from pipeline.access.fat_time import exfat_time
from pipeline.access.fat_tree import Child, Folder, Places, TreeWalk
from pipeline.access.interfaces import FileSystemOptions
from pipeline.records import Certainty, FileEntry, Origin

__all__ = ["DIRECTORY_LIMIT", "FILLER", "ExfatWalk"]

DIRECTORY_LIMIT: Final = 256 << 20
"""Bytes of the largest directory (§7.4.9.2)."""

FILLER: Final = b"\x01" + bytes(31)
"""Stands for an unreadable entry: one of no use, which lists nothing and ends nothing."""

_MOST: Final = (1 << 63) - 1
_KNOWN_LIMIT: Final = 1 << 16


def _le(raw: bytes, at: int, size: int) -> int:
    return int.from_bytes(raw[at : at + size], "little")


class ExfatWalk(TreeWalk):
    """One walk over an exFAT volume."""

    def __init__(
        self, space: ClusterSpace, table: NDArray[np.uint32], options: FileSystemOptions, losses: Losses
    ) -> None:
        super().__init__(space, losses)
        self._table, self._options = table, options
        self._known: dict[bytes, tuple[dict[str, Any], int]] = {}

    def children(self, folder: Folder) -> Iterator[Child]:
        """Yield the entry sets of a directory."""
        places = Places(folder.runs)
        content = self.space.content(folder.runs, FILLER, self.losses, limit=DIRECTORY_LIMIT)
        for one in sets_of(content, self.losses):
            yield self._child(folder, places(one.at), one)

    def _child(self, folder: Folder, place: int, one: EntrySet) -> Child:
        origin = folder.origin
        if origin == Origin.ALLOCATED and one.deleted:
            origin = Origin.DELETED
        directory, size = bool(one.head[4] & 16), _le(one.stream, 24, 8)
        live = origin == Origin.ALLOCATED
        clusters, certainty = self._live(one, size, place) if live else self._dead(one, size)
        if live:
            self._tell(one, place)
        entry = FileEntry(
            **self.named(folder, one.name or "_", place, origin), kind="directory" if directory else "file",
            size=min(size, _MOST), initialised_size=min(size, _le(one.stream, 8, 8), _MOST), certainty=certainty,
            flags=_flags(one), runs=self.space.rows(self.space.byte_runs(clusters)), **self._times(one.head, place),
        )  # fmt: skip
        self.claim(entry, clusters)
        return Child(entry, [] if not directory else clusters if live else self.space.free_part(clusters))

    def _tell(self, one: EntrySet, place: int) -> None:
        self.losses.add("checksum of a live entry set is wrong", (place, 32), count=not one.sound)
        text = "name length of a live entry set is not allowed; all its name entries are taken"
        self.losses.add(text, (place, 32), count=not one.named)

    def _live(self, one: EntrySet, size: int, place: int) -> tuple[Clusters, str]:
        first, need = _le(one.stream, 20, 4), -(-size // self.space.geometry.cluster)
        if need == 0 or first == 0:
            self.losses.add("size without clusters", (place, 32), count=need > 0)
            return [], Certainty.NO_CONTENT
        if one.stream[1] & 2:
            count = max(0, min(need, len(self._table) - first)) if first >= 2 else 0
            self.losses.add("contiguous file leaves the volume", (place, 32), count=count < need)
            return ([(first, count)] if count else []), _whole(count, need)
        clusters, fault = chain(self._table, first, min(need, len(self._table)))
        found = sum(count for _, count in clusters)
        self.losses.add(f"chain: {fault}", (place, 32), count=bool(fault))
        self.losses.add("chain shorter than the size", (place, 32), count=found < need)
        return clusters, _whole(found, need)

    def _dead(self, one: EntrySet, size: int) -> tuple[Clusters, str]:
        """Return what a deleted set held: by its chain where that is whole and free, else in one piece.

        Deleting clears bits of the bitmap and leaves the table (§7.1): the chain outlives its file.
        """
        first, need = _le(one.stream, 20, 4), -(-size // self.space.geometry.cluster)
        if not one.stream[1] & 2 and 0 < need < len(self._table) and 2 <= first < len(self._table):
            clusters, fault = chain(self._table, first, need)
            whole = not fault and sum(count for _, count in clusters) == need
            if whole and clusters == self.space.free_part(clusters):
                return clusters, Certainty.CONTIGUITY_ASSUMED
        return deleted_run(self.space.used, first, need)

    def orphans(self) -> Iterator[tuple[int, Clusters]]:
        """Search the free clusters for starts of directories: an entry set whose checksum holds."""
        for cluster, head in self.space.search(96, _set_heads, self.losses):
            if starts_set(head) and not self._covered[cluster] and self._sound(cluster):
                yield cluster, self.space.grow(cluster, goes_on, self.losses, limit=DIRECTORY_LIMIT)

    def _sound(self, cluster: int) -> bool:
        size = min(self.space.geometry.cluster, 32 * 19)
        place = (self.space.geometry.offset(cluster), size)
        return next(
            (one.sound for one in sets_of(self.space.content((place,), FILLER, self.losses, limit=size), Losses())),
            False,
        )

    def _times(self, head: bytes, place: int) -> dict[str, Any]:
        """Return the times of a set; equal stamps, which are frequent, are read once."""
        key = head[8:25]
        if key not in self._known:
            if len(self._known) > _KNOWN_LIMIT:
                self._known.clear()
            self._known[key] = self._read_times(head)
        times, bad = self._known[key]
        self.losses.add("time is no date", (place, 32), count=bad)
        return times

    def _read_times(self, head: bytes) -> tuple[dict[str, Any], int]:
        """Return the times of a set (§7.4.5 to 7.4.10), and how many of its stamps are no dates."""
        times: dict[str, Any] = {}
        bad = 0
        for name, at, tens, offset, precision in (
            ("created", 8, head[20], head[22], 10_000),
            ("modified", 12, head[21], head[23], 10_000),
            ("accessed", 16, 0, head[24], 2_000_000),
        ):
            stamp = _le(head, at, 4)
            when, zone = exfat_time(stamp, tens, offset, self._options.timezone)
            bad += stamp != 0 and when is None
            if when is not None:
                times |= {name: when, f"{name}_zone": zone, f"{name}_precision_us": precision}
        return times, bad


def _flags(one: EntrySet) -> str:
    return ",".join(
        text for text, bad in (("checksum-wrong", not one.sound), ("name-length-wrong", not one.named)) if bad
    )


def _whole(found: int, need: int) -> str:
    return Certainty.INTACT if found >= need else Certainty.PARTLY_OVERWRITTEN


def _set_heads(heads: NDArray[np.uint8]) -> NDArray[np.bool_]:
    kinds = heads[:, [0, 32, 64]] & 0x7F
    found: NDArray[np.bool_] = (kinds == np.array([0x05, 0x40, 0x41], np.uint8)).all(axis=1)
    return found
