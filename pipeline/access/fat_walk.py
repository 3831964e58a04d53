"""The walk over a FAT volume: rows of live, deleted and orphaned entries (Microsoft FAT specification 1.03, §6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pipeline.access.fat_boot import FatGeometry
from pipeline.access.fat_losses import Losses
from pipeline.access.fat_names import Slot, slots_of
from pipeline.access.fat_pieces import is_piece, like_pieces
from pipeline.access.fat_space import Clusters, ClusterSpace
from pipeline.access.fat_tenants import NEVER, Guess, Lease
from pipeline.access.fat_time import dos_time
from pipeline.access.fat_tree import Child, Folder, Found, Places, TreeWalk, microseconds
from pipeline.access.interfaces import FileSystemOptions
from pipeline.records import Certainty, FileEntry, Origin

__all__ = ["DIRECTORY_LIMIT", "FILLER", "FatWalk"]

DIRECTORY_LIMIT: Final = 64 << 20
"""Bytes of a directory that are read; FAT's own bound is 2 MiB (§6), which Linux does not heed."""

FILLER: Final = b"\xe5" + b" " * 10 + b"\x08" + bytes(20)
"""Stands for an unreadable slot: a deleted label, which lists nothing and ends nothing."""

_DAY: Final = 86_400_000_000
_KNOWN_LIMIT: Final = 1 << 16
_DOT: Final = b".          "
_TWO_DOTS: Final = b"..         "


def _le(raw: bytes, at: int, size: int) -> int:
    return int.from_bytes(raw[at : at + size], "little")


class FatWalk(TreeWalk):
    """One walk over a FAT volume."""

    def __init__(
        self, space: ClusterSpace, geometry: FatGeometry, table: NDArray[np.uint32], options: FileSystemOptions,
        losses: Losses,
    ) -> None:  # fmt: skip
        super().__init__(space, table, losses)
        self._geometry, self._options = geometry, options
        self._zone = ZoneInfo(options.timezone)
        self._local = f"local {options.timezone}"
        self._known: dict[bytes, tuple[dict[str, Any], int]] = {}

    def slots(self, folder: Folder, losses: Losses) -> Iterator[Slot]:
        """Yield the slots of a directory that name something or label the volume."""
        content = self.space.content(folder.runs, FILLER, losses, limit=DIRECTORY_LIMIT)
        for slot in slots_of(content, self._options.code_page, losses):
            if slot.raw[:11] not in (_DOT, _TWO_DOTS):
                yield slot
            elif slot.at > 32 or not folder.path:
                losses.add("dot entry inside a directory is not listed", (folder.runs[0][0] + slot.at, 32))

    def records(self, folder: Folder, losses: Losses) -> Iterator[Found]:
        """Yield the entries of a directory."""
        places = Places(folder.runs)
        for slot in self.slots(folder, losses):
            if self._plausible(slot, folder, losses):
                gone = slot.deleted or slot.slack
                origin = Origin.DELETED if gone and folder.origin == Origin.ALLOCATED else folder.origin
                yield Found(places(slot.at), slot.name, origin, bool(slot.raw[11] & 16), slot)

    def _start(self, raw: bytes) -> int:
        high = _le(raw, 20, 2) << 16 if self._geometry.bits == 32 else 0
        return high | _le(raw, 26, 2)

    def _plausible(self, slot: Slot, folder: Folder, losses: Losses) -> bool:
        """Tell names from labels and, behind an end mark or in deleted space, entries from leftovers."""
        raw, start = slot.raw, self._start(slot.raw)
        lost = slot.slack or folder.origin != Origin.ALLOCATED
        if raw[11] & 8:
            hides = not (lost or slot.deleted) and (start > 0 or _le(raw, 28, 4) > 0)
            losses.add("volume label has clusters or a size; they are not listed", count=hides)
            return False
        if not lost:
            return True
        return not raw[11] & 0xC0 and min(raw[1:11]) >= 0x20 and (start == 0 or 2 <= start <= self._geometry.last)

    def living(self, folder: Folder, found: Found) -> Child:
        """Return a live entry, by its chain."""
        raw, size = found.raw.raw, self._size(found)
        clusters, certainty, flags = self._live(self._start(raw), -(-size // self._geometry.cluster), found.place)
        entry = self._entry(folder, found, clusters, certainty, flags)
        self.claim(entry, clusters)
        return Child(entry, clusters if found.directory else [])

    def lost(self, folder: Folder, found: Found) -> FileEntry:
        """Return a deleted entry, by what may be said of its clusters."""
        if found.directory:
            clusters = self.lost_folder(found)
            certainty = Certainty.CONTIGUITY_ASSUMED if clusters else Certainty.OVERWRITTEN
            nothing = not clusters and not self._start(found.raw.raw)
            return self._entry(folder, found, clusters, Certainty.NO_CONTENT if nothing else certainty, "")
        lease = self._lease(found)
        unchanged = self.tenants.moved(lease) if lease.need else None
        guess = self.tenants.guess(lease) if unchanged is None else self._elsewhere(lease, unchanged=unchanged)
        zeroed = self._geometry.bits == 32 and lease.first <= 0xFFFF < self._geometry.last and lease.need > 0
        flags = (*guess.flags, "start-high-word-may-be-zeroed") if zeroed and unchanged is None else guess.flags
        return self._entry(folder, found, guess.clusters, guess.certainty, ",".join(flags))

    def _elsewhere(self, lease: Lease, *, unchanged: bool) -> Guess:
        """Say of an old name of a live file that it was moved: its bytes are that file's."""
        clusters, fault = self.follow(lease.first, lease.need)
        whole = unchanged and not fault and sum(count for _, count in clusters) == lease.need
        return Guess(clusters, Certainty.INTACT if whole else Certainty.PARTLY_OVERWRITTEN, ("moved",))

    def note(self, found: Found) -> None:
        """Tell the tenants what a deleted entry claims."""
        if not found.directory:
            lease = self._lease(found)
            if lease.need and lease.first:
                self.tenants.leave(lease)

    def _lease(self, found: Found) -> Lease:
        times, _ = self._stamps(found.raw.raw)
        born, last = microseconds(times.get("created")), microseconds(times.get("modified"))
        size = self._size(found)
        need, born, last = -(-size // self._geometry.cluster), born if born != NEVER else last, max(born, last)
        return Lease(self._start(found.raw.raw), need, born, last, whole=False, size=size)

    def _size(self, found: Found) -> int:
        return 0 if found.directory else _le(found.raw.raw, 28, 4)

    def _entry(self, folder: Folder, found: Found, clusters: Clusters, certainty: str, flags: str) -> FileEntry:
        slot, size = found.raw, self._size(found)
        if not slot.decoded:
            self.losses.add("short name is not text of the code page", (found.place, 32))
        times, bad = self._stamps(slot.raw)
        self.losses.add("time is no date", (found.place, 32), count=bad)
        return FileEntry(
            **self.named(folder, found.name, found.place, found.origin),
            kind="directory" if found.directory else "file", size=size, initialised_size=size, certainty=certainty,
            flags=flags, runs=self.space.rows(self.space.byte_runs(clusters)), short_name=slot.short, **times,
        )  # fmt: skip

    def _live(self, first: int, need: int, place: int) -> tuple[Clusters, str, str]:
        if first == 0:
            self.losses.add("size without clusters", (place, 32), count=need > 0)
            return [], Certainty.NO_CONTENT, ""
        clusters, fault = self.follow(first, len(self.table))
        short = sum(count for _, count in clusters) < need
        self.losses.add(f"chain: {fault}", (place, 32), count=bool(fault))
        self.losses.add("chain shorter than the size", (place, 32), count=short)
        certainty = Certainty.PARTLY_OVERWRITTEN if short or fault else Certainty.INTACT
        return clusters, certainty, fault.replace(" ", "-")

    def lost_folder(self, found: Found) -> Clusters:
        """Find a deleted directory's clusters, also where FAT32's high start word was cleared."""
        first, last = self._start(found.raw.raw), self._geometry.last
        high = range(0, last + 1, 0x10000) if self._geometry.bits == 32 and first <= 0xFFFF else (0,)
        for start in (first + step for step in high):
            if 2 <= start <= last and not self.space.used[start] and self._is_directory(start):
                return self._grown(start)
        return []

    def _is_directory(self, cluster: int) -> bool:
        place = (self._geometry.offset(cluster), 64)
        head = self.space.content((place,), FILLER, self.losses, limit=64)
        return _starts_directory(head, cluster, self._geometry.bits)

    def _grown(self, start: int) -> Clusters:
        return self.space.grow(start, _goes_on, self.losses, limit=DIRECTORY_LIMIT)

    def orphans(self) -> Iterator[tuple[int, Clusters]]:
        """Search the free clusters for starts of directories, and for pieces of them that begin with no dot entry."""
        for cluster, head in self.space.search(64, _like_directories, self.losses):
            if _starts_directory(head, cluster, self._geometry.bits) or self._piece(cluster):
                yield cluster, self._grown(cluster)

    def _piece(self, cluster: int) -> bool:
        if self._covered[cluster]:
            return False
        size = self._geometry.cluster
        content = self.space.content(((self._geometry.offset(cluster), size),), FILLER, Losses(), limit=size)
        return is_piece(content, self._geometry.last, self._geometry.bits)

    def _stamps(self, raw: bytes) -> tuple[dict[str, Any], int]:
        """Return the times of an entry and how many are no dates; equal stamps, which are frequent, are read once."""
        key = raw[13:20] + raw[22:26]
        if key not in self._known:
            if len(self._known) > _KNOWN_LIMIT:
                self._known.clear()
            self._known[key] = self._read_times(raw)
        return self._known[key]

    def _read_times(self, raw: bytes) -> tuple[dict[str, Any], int]:
        """Return the times of an entry, and how many of its stamps are no dates (§6: 0 means that none is kept)."""
        times: dict[str, Any] = {}
        bad = 0
        for name, stamp, precision in (
            ("created", (_le(raw, 16, 2), _le(raw, 14, 2), raw[13]), 10_000),
            ("modified", (_le(raw, 24, 2), _le(raw, 22, 2), 0), 2_000_000),
            ("accessed", (_le(raw, 18, 2), 0, 0), _DAY),
        ):
            when = dos_time(*stamp, self._zone) if stamp[0] else None
            bad += stamp[0] != 0 and when is None
            if when is not None:
                times |= {name: when, f"{name}_zone": self._local, f"{name}_precision_us": precision}
        return times, bad


def _like_directories(heads: NDArray[np.uint8]) -> NDArray[np.bool_]:
    dotted: NDArray[np.bool_] = (heads[:, 0] == 0x2E) & (heads[:, 1] == 0x20) & (heads[:, 32] == 0x2E)
    return dotted | like_pieces(heads)


def _goes_on(before: bytes, after: bytes) -> bool:
    return before[0] != 0 and _entry_like(after[:32]) and after[:11] != _DOT


def _entry_like(raw: bytes) -> bool:
    return raw[0] != 0 and not raw[11] & 0xC0 and (raw[11] == 15 or min(raw[1:11]) >= 0x20)


def _starts_directory(head: bytes, cluster: int, bits: int) -> bool:
    """Tell whether a cluster begins with ``.`` naming itself and ``..`` (§6.5)."""
    if len(head) < 64 or head[:11] != _DOT or head[32:43] != _TWO_DOTS:
        return False
    own = _le(head, 26, 2) | (_le(head, 20, 2) << 16 if bits == 32 else 0)
    return bool(head[11] & head[43] & 16) and own == cluster
