"""What the own readers share: a stream as found, its row, and a file system that lists, accounts and reads by it.

Readers speak of volume bytes; rows of a direct volume speak of image bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from pipeline.access.allocation import Blocks
from pipeline.access.fat_losses import Losses
from pipeline.access.interfaces import Readable
from pipeline.address import join
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import (
    Certainty,
    Diagnostic,
    ExtentClass,
    FileEntry,
    Origin,
    Region,
    Run,
    Severity,
    Volume,
    identify,
)

__all__ = ["FREE", "META", "Found", "Moment", "OwnFileSystem", "Part", "Stream", "free_of", "gaps", "moment", "used_of"]

META: Final = ExtentClass.FILE_SYSTEM_METADATA
FREE: Final = ExtentClass.UNALLOCATED
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = int((datetime(1, 1, 2, tzinfo=UTC) - _EPOCH).total_seconds())
_LAST: Final = int((datetime(9999, 12, 30, tzinfo=UTC) - _EPOCH).total_seconds())

_SPARE: Final = 1 << 16
"""How far a run's last block may reach over the end of a volume that is no multiple of it."""

_LONGEST: Final = 1 << 62

Part = tuple[int, int, str, str]
"""Start and length in volume bytes, class, name."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time, the zone the medium had it in, and its precision in microseconds."""

    at: datetime
    zone: str
    precision_us: int


def moment(seconds: int, nanoseconds: int = 0, *, precision_us: int = 1, zone: str = "UTC") -> Moment | None:
    """Return a time of POSIX seconds; None where it is unset or no date of the calendar."""
    if not (seconds or nanoseconds) or not _FIRST <= seconds <= _LAST or not 0 <= nanoseconds < 1_000_000_000:
        return None
    return Moment(_EPOCH + timedelta(seconds=seconds, microseconds=nanoseconds // 1000), zone, precision_us)


@dataclass(frozen=True, slots=True)
class Stream:
    """The bytes of a stream: runs of (volume byte or -1 where sparse, length), or the bytes themselves (``inside``)."""

    size: int
    runs: tuple[tuple[int, int], ...] = ()
    inside: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One name of one stream as a reader found it."""

    path: str
    stream: Stream
    kind: str = "file"
    name: str = ""
    times: Mapping[str, Moment | None] = field(default_factory=dict)
    meta: int = -1
    parent: int = -1
    origin: str = Origin.ALLOCATED
    certainty: str | None = None
    listed_by: str = "own"
    flags: str = ""
    packed: bool = False


def used_of(free: Iterable[tuple[int, int]], size: int) -> Blocks:
    """Return allocated space where (start, length) runs are free; they may come in any order and overlap."""
    starts, ends, at = [], [], 0
    for start, length in sorted(free):
        if start > at:
            starts.append(at)
            ends.append(min(start, size))
        at = max(at, start + length)
    if at < size:
        starts.append(at)
        ends.append(size)
    return Blocks(np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64), size)


def gaps(claims: Iterable[tuple[int, int]], start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (start, length) of what nothing claims between two bounds: free, where a medium keeps no record of it."""
    rest = used_of(claims, end)  # what is not among the given runs
    for first, stop in zip(rest.starts.tolist(), rest.ends.tolist(), strict=True):
        if stop > max(first, start):
            yield max(first, start), stop - max(first, start)


def free_of(bits: bytes, count: int, block: int, *, order: str) -> list[tuple[int, int]]:
    """Return byte runs of the zeros among the first ``count`` bits, a bit per block; bits that are missing are ones."""
    got = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="big" if order == "big" else "little")[:count]
    edges = np.flatnonzero(np.diff(np.concatenate(([1], got.astype(np.int8), [1]))))
    return [(int(start) * block, int(end - start) * block) for start, end in zip(edges[::2], edges[1::2], strict=True)]


class OwnFileSystem(ABC):
    """A volume by an own reader: what is found becomes rows, whatever stays unread becomes diagnostics."""

    code: str = "file-system-damage"
    comparable: bool = True
    """Whether the second reader's listing is one of the same names."""

    def __init__(self, data: Readable, volume: Volume) -> None:
        self.data, self.volume = data, volume
        self.losses = Losses()
        self._used: dict[str, int] = {}

    @abstractmethod
    def found(self) -> Iterator[Found]:
        """Yield every stream of every name."""

    @abstractmethod
    def parts(self) -> Iterator[Part]:
        """Yield the file system's own structures and its free space."""

    @abstractmethod
    def stream_of(self, entry: FileEntry) -> Stream:
        """Return the bytes of an entry by its ``meta`` and ``stream``; UnreadableError where they are gone."""

    @abstractmethod
    def describe(self) -> dict[str, str | int]:
        """Return ``label``, ``serial`` and ``block_size``."""

    def allocated(self) -> Blocks | None:
        """Return allocated space; None where it is not known, so that no deleted entry is called intact."""
        return None

    @property
    def base(self) -> int | None:
        """The image offset of the volume's first byte; None where its bytes are no stretch of the image."""
        return self.volume.start if self.volume.direct else None

    def entries(self) -> Iterator[FileEntry | Diagnostic]:
        """Yield every name of every stream, then what could not be read or decided."""
        self.losses, self._used, allocated = Losses(), {}, self.allocated()
        for item in self.found():
            yield self._row(item, allocated)
        yield from self.losses.rows(self.volume, self.code)

    def _row(self, item: Found, allocated: Blocks | None) -> FileEntry:
        stream, place = item.stream, self._place(item)
        size = min(stream.size, _LONGEST)
        certainty = item.certainty or _certainty(item, allocated)
        if certainty == Certainty.CONTESTED and allocated is not None:
            free = _certainty(item, allocated)
            certainty = certainty if free == Certainty.INTACT else free
        outside = any(start + length > self.data.size + _SPARE for start, length in stream.runs)
        inside = item.packed or stream.inside is not None or outside
        self.losses.add("a stream's blocks lie outside the volume", count=outside, severity=Severity.LOSS)
        runs = () if stream.inside is not None or self.base is None or outside else _runs(stream, self.base)
        times: dict[str, object] = {}
        for name, when in item.times.items():
            if when is not None:
                times |= {name: when.at, f"{name}_zone": when.zone, f"{name}_precision_us": when.precision_us}
        return FileEntry(
            id=identify("file", place), exhibit=self.volume.exhibit, volume=self.volume.address, address=place,
            path=item.path, stream=item.name, kind=item.kind, origin=item.origin, meta=item.meta,
            parent=str(item.parent), size=size, initialised_size=size, runs=runs,
            reader="file-system" if inside or self.base is None else "runs", certainty=certainty,
            listed_by=item.listed_by, flags=item.flags, **times,  # type: ignore[arg-type]
        )  # fmt: skip

    def _place(self, item: Found) -> str:
        """Return a row's address; what shares a path with another gets its metadata number too."""
        place = join(self.volume.address, "fs", item.path)
        place = join(place, "stream", item.name) if item.name else place
        if item.origin != Origin.ALLOCATED:
            place = join(place, "entry", str(item.meta))
        count = self._used.get(place, 0)
        self._used[place] = count + 1
        return join(place, "entry", f"{item.meta}.{count}") if count else place

    def regions(self) -> Iterator[Region | Diagnostic]:
        """Yield structures and free space in image offsets, cut at the volume's end."""
        self.losses = Losses()
        for start, length, class_, name in self.parts():
            held = min(length, self.data.size - start)
            if self.base is not None and held > 0 and start >= 0:
                yield Region(
                    exhibit=self.volume.exhibit, volume=self.volume.address, start=self.base + start, length=held,
                    class_=class_, name=name,
                )  # fmt: skip
        yield from self.losses.rows(self.volume, self.code)

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry.

        Raises:
            UnreadableError: they cannot be read.
        """
        try:
            return read_stream(self.data, self.stream_of(entry), start, length)
        except ParseError as error:
            raise UnreadableError(f"{entry.address}: byte {start} cannot be read ({error})") from error


def read_stream(data: Readable, stream: Stream, start: int, length: int) -> bytes:
    """Return bytes of a stream, fewer at its end; UnreadableError where a run lies outside the volume."""
    end = min(start + max(length, 0), stream.size)
    if stream.inside is not None:
        return stream.inside[start:end]
    parts, at = [], 0
    for place, count in stream.runs:
        low, high = max(start, at), min(end, at + count)
        if low < high:
            parts.append(bytes(high - low) if place < 0 else data.read(place + low - at, high - low))
            if len(parts[-1]) < high - low:
                raise UnreadableError(f"a run at volume byte {place} ends outside the volume")
        at += count
    return b"".join(parts)


def _runs(stream: Stream, base: int) -> tuple[Run, ...]:
    return tuple(Run(start=start if start < 0 else base + start, length=length) for start, length in stream.runs)


def _certainty(item: Found, allocated: Blocks | None) -> str:
    """Say whether a deleted stream's blocks are still free."""
    if item.origin == Origin.ALLOCATED or item.stream.inside is not None:
        return Certainty.INTACT
    placed = [run for run in item.stream.runs if run[0] >= 0]
    if not placed or not item.stream.size:
        return Certainty.NO_CONTENT
    if allocated is None:
        return Certainty.PARTLY_OVERWRITTEN
    taken = sum(allocated.overlap(start, length) for start, length in placed)
    if not taken:
        return Certainty.INTACT
    whole = sum(length for _, length in placed)
    return Certainty.OVERWRITTEN if taken >= whole else Certainty.PARTLY_OVERWRITTEN
