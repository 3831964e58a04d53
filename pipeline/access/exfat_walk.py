"""The walk over an exFAT volume: rows of live, deleted and orphaned entry sets (Microsoft exFAT specification, §7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.exfat_sets import KINDS, EntrySet, goes_on, sets_of
from pipeline.access.fat_losses import Losses
from pipeline.access.fat_space import Clusters, ClusterSpace
from pipeline.access.fat_tenants import NEVER, Guess, Lease
from pipeline.access.fat_time import exfat_time
from pipeline.access.fat_tree import Child, Folder, Found, Places, TreeWalk, microseconds
from pipeline.access.interfaces import FileSystemOptions
from pipeline.records import Certainty, FileEntry, Origin

__all__ = ["DIRECTORY_LIMIT", "FILLER", "ExfatWalk"]

DIRECTORY_LIMIT: Final = 256 << 20
"""Bytes of the largest directory (§7.4.9.2)."""

FILLER: Final = b"\x01" + bytes(31)
"""Stands for an unreadable entry: one of no use, which lists nothing and ends nothing."""

_MOST: Final = (1 << 63) - 1
_TWO_SETS: Final = 2 * 19 * 32
"""Bytes that two of the longest entry sets take (§7.4.2: 18 secondary entries)."""
_KNOWN_LIMIT: Final = 1 << 16


def _le(raw: bytes, at: int, size: int) -> int:
    return int.from_bytes(raw[at : at + size], "little")


class ExfatWalk(TreeWalk):
    """One walk over an exFAT volume."""

    def __init__(
        self, space: ClusterSpace, table: NDArray[np.uint32], options: FileSystemOptions, losses: Losses
    ) -> None:
        super().__init__(space, table, losses)
        self._options = options
        self._known: dict[bytes, tuple[dict[str, Any], int]] = {}

    def records(self, folder: Folder, losses: Losses) -> Iterator[Found]:
        """Yield the entry sets of a directory."""
        places = Places(folder.runs)
        content = self.space.content(folder.runs, FILLER, losses, limit=DIRECTORY_LIMIT)
        for one in sets_of(content, losses, lost=folder.origin != Origin.ALLOCATED):
            gone = one.deleted and folder.origin == Origin.ALLOCATED
            origin = Origin.DELETED if gone else folder.origin
            yield Found(places(one.at), one.name or "_", origin, bool(one.head[4] & 16), one)

    def living(self, folder: Folder, found: Found) -> Child:
        """Return a live entry, by its chain or in one piece."""
        one: EntrySet = found.raw
        clusters, certainty = self._live(one, _le(one.stream, 24, 8), found.place)
        self._tell(one, found.place)
        entry = self._entry(folder, found, clusters, certainty, _flags(one))
        self.claim(entry, clusters)
        return Child(entry, clusters if found.directory else [])

    def lost(self, folder: Folder, found: Found) -> FileEntry:
        """Return a deleted entry, by its old chain or by what may be said of its clusters."""
        lease, known = self._lease(found)
        unchanged = self.tenants.moved(lease) if lease.need else None
        guess = Guess(known, self.tenants.judged(lease, known)) if known else self.tenants.guess(lease)
        if unchanged is not None:
            guess = self._elsewhere(found, lease, unchanged=unchanged)
        flags = ",".join((*guess.flags, *filter(None, [_flags(found.raw)])))
        return self._entry(folder, found, guess.clusters, guess.certainty, flags)

    def _elsewhere(self, found: Found, lease: Lease, *, unchanged: bool) -> Guess:
        """Say of an old name of a live file that it was moved: its bytes are that file's."""
        clusters, _ = self._live(found.raw, _le(found.raw.stream, 24, 8), found.place, Losses())
        whole = unchanged and sum(count for _, count in clusters) == lease.need
        return Guess(clusters, Certainty.INTACT if whole else Certainty.PARTLY_OVERWRITTEN, ("moved",))

    def note(self, found: Found) -> None:
        """Tell the tenants what a deleted entry claims."""
        lease, known = self._lease(found)
        if lease.need and lease.first:
            self.tenants.leave(lease, known or None)

    def lost_folder(self, found: Found) -> Clusters:
        """Return the clusters of a deleted directory up to the first that is allocated."""
        lease, known = self._lease(found)
        run = (
            [(lease.first, min(lease.need, len(self.table) - lease.first))]
            if 2 <= lease.first < len(self.table)
            else []
        )
        return self.space.free_part(known or [part for part in run if part[1] > 0])

    def _entry(self, folder: Folder, found: Found, clusters: Clusters, certainty: str, flags: str) -> FileEntry:
        one: EntrySet = found.raw
        size = _le(one.stream, 24, 8)
        times, bad = self._stamps(one.head)
        self.losses.add("time is no date", (found.place, 32), count=bad)
        return FileEntry(
            **self.named(folder, found.name, found.place, found.origin),
            kind="directory" if found.directory else "file", size=min(size, _MOST),
            initialised_size=min(size, _le(one.stream, 8, 8), _MOST), certainty=certainty, flags=flags,
            runs=self.space.rows(self.space.byte_runs(clusters)), **times,
        )  # fmt: skip

    def _lease(self, found: Found) -> tuple[Lease, Clusters]:
        """Return a deleted set's claim, and its clusters where its old chain is whole and free.

        Deleting clears bits of the bitmap and need not touch the table (§7.1): the chain may outlive its file.
        """
        stream, (times, _) = found.raw.stream, self._stamps(found.raw.head)
        born, last = microseconds(times.get("created")), microseconds(times.get("modified"))
        first, size = _le(stream, 20, 4), min(_le(stream, 24, 8), _MOST)
        need, born, last = -(-size // self.space.geometry.cluster), born if born != NEVER else last, max(born, last)
        lease = Lease(first, need, born, last, bool(stream[1] & 2), size)
        if lease.whole or not 0 < need < len(self.table) or not 2 <= first < len(self.table):
            return lease, []
        clusters, fault = self.follow(first, need)
        whole = not fault and sum(count for _, count in clusters) == need
        return lease, clusters if whole and clusters == self.space.free_part(clusters) else []

    def _tell(self, one: EntrySet, place: int) -> None:
        self.losses.add("checksum of a live entry set is wrong", (place, 32), count=not one.sound)
        text = "name length of a live entry set is not allowed; all its name entries are taken"
        self.losses.add(text, (place, 32), count=not one.named)

    def _live(self, one: EntrySet, size: int, place: int, losses: Losses | None = None) -> tuple[Clusters, str]:
        losses = self.losses if losses is None else losses
        first, need = _le(one.stream, 20, 4), -(-size // self.space.geometry.cluster)
        if need == 0 or first == 0:
            losses.add("size without clusters", (place, 32), count=need > 0)
            return [], Certainty.NO_CONTENT
        if one.stream[1] & 2:
            count = max(0, min(need, len(self.table) - first)) if first >= 2 else 0
            losses.add("contiguous file leaves the volume", (place, 32), count=count < need)
            return ([(first, count)] if count else []), _whole(count, need)
        clusters, fault = self.follow(first, min(need, len(self.table)))
        found = sum(count for _, count in clusters)
        losses.add(f"chain: {fault}", (place, 32), count=bool(fault))
        losses.add("chain shorter than the size", (place, 32), count=found < need)
        return clusters, _whole(found, need)

    def orphans(self) -> Iterator[tuple[int, Clusters]]:
        """Search the free clusters for directories, or pieces of them: entries, and a set whose checksum holds."""
        for cluster, _ in self.space.search(96, _entries_only, self.losses):
            if not self._covered[cluster] and self._sound(cluster):
                yield cluster, self.space.grow(cluster, goes_on, self.losses, limit=DIRECTORY_LIMIT)

    def _sound(self, cluster: int) -> bool:
        """Tell whether one of the first sets of a cluster is sound: the very first may have begun before it."""
        size = min(self.space.geometry.cluster, _TWO_SETS)
        place = (self.space.geometry.offset(cluster), size)
        content = self.space.content((place,), FILLER, Losses(), limit=size)
        return any(one.sound and one.named for one in sets_of(content, Losses(), lost=True))

    def _stamps(self, head: bytes) -> tuple[dict[str, Any], int]:
        """Return the times of a set and how many are no dates; equal stamps, which are frequent, are read once."""
        key = head[8:25]
        if key not in self._known:
            if len(self._known) > _KNOWN_LIMIT:
                self._known.clear()
            self._known[key] = self._read_times(head)
        return self._known[key]

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


def _entries_only(heads: NDArray[np.uint8]) -> NDArray[np.bool_]:
    kinds = heads[:, [0, 32, 64]]
    found: NDArray[np.bool_] = np.isin(kinds & 0x7F, KINDS).all(axis=1) & (kinds[:, 0] != 0)
    return found
