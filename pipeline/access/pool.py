"""What carries volumes: one or several volumes as one range of bytes, and the layouts of volumes inside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pipeline.access.interfaces import Readable
from pipeline.access.mapping import MappedBytes, Mapping, inner_volume, place_of
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Diagnostic, Region, Run, Severity, Volume, VolumeState, diagnose

__all__ = ["MAX_VOLUMES", "Found", "LayoutBytes", "Pool", "Stripes", "linear", "unknown_inside"]

MAX_VOLUMES: Final = 512
"""Volumes that one group of carriers may hold: more are named, not opened."""

_MAX_RUNS: Final = 1 << 18
"""Image runs of a volume that are written down; a volume in more pieces is read through its layout."""


@dataclass(frozen=True, slots=True)
class Found:
    """A volume: its row, and its bytes, of an APFS volume its container's; None where there are none.

    Where the row's ``reader`` is empty and its state ``open``, the scan describes the bytes as it does a partition's.
    """

    row: Volume
    data: Readable | None = None

    @property
    def bytes(self) -> Readable:
        """Return its bytes.

        Raises:
            UnreadableError: there are none.
        """
        if self.data is None:
            raise UnreadableError(f"{self.row.address}: has no bytes of its own")
        return self.data


@dataclass(frozen=True, slots=True, kw_only=True)
class Stripes:
    """A part of a volume, laid out in chunks over a pool.

    Chunk *k* begins at ``places[k % len(places)] + k // len(places) * stride``; the last one may be cut.
    """

    length: int
    chunk: int
    places: tuple[int, ...]
    stride: int

    @property
    def pieces(self) -> int:
        """Number of chunks."""
        return -(-self.length // self.chunk)

    def runs(self, start: int, length: int) -> Iterator[Run]:
        """Yield where bytes of this part lie."""
        end = min(start + length, self.length)
        while start < end:
            number, inside = divmod(start, self.chunk)
            turn, column = divmod(number, len(self.places))
            size = min(self.chunk - inside, end - start)
            yield Run(start=self.places[column] + turn * self.stride + inside, length=size)
            start += size


def linear(start: int, length: int) -> Stripes:
    """Return a part that lies in one piece."""
    return Stripes(length=length, chunk=max(length, 1), places=(start,), stride=0)


@dataclass(frozen=True, slots=True)
class LayoutBytes:
    """A volume's bytes by its layout, of however many pieces."""

    data: Readable
    layout: Sequence[Stripes]

    @property
    def size(self) -> int:
        """Length in bytes."""
        return sum(part.length for part in self.layout)

    def read(self, start: int, length: int) -> bytes:
        """Return bytes; UnreadableError where a piece cannot be read."""
        pieces, position, end = [], 0, min(start + max(length, 0), self.size)
        for part in self.layout:
            low, high = max(start, position), min(end, position + part.length)
            runs = part.runs(low - position, high - low) if low < high else ()
            pieces += [self.data.read(run.start, run.length) for run in runs]
            position += part.length
        return b"".join(pieces)


@dataclass(frozen=True, slots=True)
class _Joined:
    """Readables one behind another."""

    parts: tuple[tuple[int, Readable], ...]
    size: int

    def read(self, start: int, length: int) -> bytes:
        """Return bytes; UnreadableError where a part gives fewer than it has."""
        pieces, end = [], min(start + max(length, 0), self.size)
        for base, data in self.parts:
            low, high = max(start, base), min(end, base + data.size)
            if low < high:
                pieces.append(data.read(low - base, high - low))
                if len(pieces[-1]) < high - low:
                    raise UnreadableError(f"byte {low - base} of a carrier cannot be read")
        return b"".join(pieces)


class Pool:
    """Carriers, one behind another as one range of bytes; the first gives the volumes inside their address."""

    def __init__(self, carriers: Sequence[Found]) -> None:
        self.carriers = tuple(carriers)
        bases, size = [], 0
        for carrier in carriers:
            bases.append((size, carrier.bytes))
            size += bases[-1][1].size
        self.data: Readable = _Joined(tuple(bases), size)
        self._bases = tuple(base for base, _ in bases)
        self.row = self._joined_row(size)

    def _joined_row(self, size: int) -> Volume:
        """Return the pool as a volume: its runs, where every carrier has its place in the image."""
        placed = [place_of(carrier.row) for carrier in self.carriers]
        runs = tuple(run for part in placed for run in part) if all(placed) else ()
        locked = next((item.row.encryption for item in self.carriers if item.row.encryption), "")
        return replace(self.carriers[0].row, direct=False, runs=runs, length=size, encryption=locked)

    def place(self, carrier: int, start: int, length: int) -> int:
        """Return the pool's offset of bytes of a carrier.

        Raises:
            ParseError: they lie outside it, wholly or in part.
        """
        if start < 0 or length < 0 or start + length > self.carriers[carrier].bytes.size:
            raise ParseError(f"{length} bytes from {start} lie outside {self.carriers[carrier].row.address}")
        return self._bases[carrier] + start

    def inner(self, kind: str, name: str, layout: Sequence[Stripes], *, scheme: str, **columns: Any) -> Found:
        """Return a volume of a layout whose places are the pool's."""
        if sum(part.pieces for part in layout) > _MAX_RUNS:
            unplaced = replace(self.row, runs=())
            runs = [Run(start=0, length=sum(part.length for part in layout))]
            row = inner_volume(unplaced, kind, name, runs, scheme=scheme, **columns)
            return Found(row, LayoutBytes(self.data, tuple(layout)))
        runs = [run for part in layout for run in part.runs(0, part.length)]
        row = inner_volume(self.row, kind, name, runs, scheme=scheme, **columns)
        return Found(row, MappedBytes(self.data, Mapping(runs)))

    def closed(
        self, kind: str, name: str, length: int, reason: str, *, scheme: str, held: Sequence[Stripes] = (),
        **columns: Any,
    ) -> Iterator[Found | Diagnostic]:  # fmt: skip
        """Yield a volume that is there and cannot be opened, its length, and why; ``held`` is what of it is here."""
        runs = [run for part in held for run in part.runs(0, part.length)]
        row = inner_volume(self.row, kind, name, runs, scheme=scheme, **columns)
        yield Found(replace(row, length=max(length, 0), state=VolumeState.UNSUPPORTED))
        message = f"{row.address}: {reason}; its bytes are scanned raw, its files are not listed"
        yield diagnose("volumes", row.address, "unsupported", message, Severity.LOSS)

    def regions(self, carrier: int, start: int, length: int, class_: str, name: str) -> Iterator[Region]:
        """Yield a stretch of a carrier as regions of the image, cut to the carrier."""
        row, end = self.carriers[carrier].row, self.carriers[carrier].bytes.size
        length = min(start + length, end) - start
        if start < 0 or length <= 0:
            return
        for run in Mapping(place_of(row)).forth((Run(start=start, length=length),)) if place_of(row) else ():
            if run.start >= 0:
                yield Region(
                    exhibit=row.exhibit, volume=row.address, start=run.start, length=run.length, class_=class_,
                    name=name,
                )  # fmt: skip


def unknown_inside(carrier: Volume, kind: str, reason: str, *, scheme: str) -> Iterator[Found | Diagnostic]:
    """Yield what stands for the volumes inside a carrier that cannot be opened: as long as it, and not examined."""
    row = inner_volume(replace(carrier, direct=False, runs=()), kind, "unknown", (), scheme=scheme)
    yield Found(replace(row, length=carrier.length, state=VolumeState.UNSUPPORTED))
    message = f"{carrier.address}: its {carrier.file_system} layer cannot be opened ({reason}); scanned raw"
    yield diagnose("volumes", carrier.address, "layer-damaged", message, Severity.LOSS)
