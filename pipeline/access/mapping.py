"""Volumes whose bytes are image bytes in another order, or enciphered in place: from volume offsets to image offsets.

One way for all layers: what opens a layer says by :func:`inner_volume` where the volume's bytes lie in what carries it;
``Volume.runs`` then holds image offsets, in volume order, and :class:`Mapping` carries every run of an entry and every
region over. A file system's reader knows nothing of it: it is given the volume's own bytes and :func:`by_itself`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Final

from pipeline.access.interfaces import Readable
from pipeline.address import join
from pipeline.errors import UnreadableError
from pipeline.records import Run, Volume, VolumeState

__all__ = ["HOLE", "OUTSIDE", "MappedBytes", "Mapping", "by_itself", "inner_volume", "merged", "place_of"]

HOLE: Final = -1
"""Start of a run that no image bytes hold: it reads as zeros."""

OUTSIDE: Final = 1 << 61
"""Where offsets that a volume does not have are carried to: a place that no image has, so that reading it fails."""

_ZEROS: Final = bytes(1 << 16)


class Mapping:
    """The image runs of a volume, and the translation over them, there and back.

    A run may lie in several image runs, and is then split; holes stay holes; what lies behind the volume's end is
    carried to :data:`OUTSIDE`. Where two volume ranges lie on the same image bytes the way back leads to the first.
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self.runs = tuple(run for run in runs if run.length > 0)
        self._begins = (0, *accumulate(run.length for run in self.runs))
        placed = [(run.start, at, run.length) for run, at in zip(self.runs, self._begins, strict=False)]
        self._back = sorted(item for item in placed if item[0] >= 0)
        self._back_starts = [item[0] for item in self._back]

    @property
    def size(self) -> int:
        """Length of the volume in bytes."""
        return self._begins[-1]

    def forth(self, runs: Iterable[Run]) -> tuple[Run, ...]:
        """Return runs in volume offsets as runs in image offsets; the bytes they name are the same, in their order."""
        return merged(piece for run in runs for piece in self._pieces(run))

    def _pieces(self, run: Run) -> Iterator[Run]:
        if run.start < 0:
            yield run
            return
        at, end = run.start, run.start + run.length
        index = bisect_right(self._begins, at) - 1
        while at < min(end, self.size):
            stop = min(end, self._begins[index + 1])
            start = self.runs[index].start
            yield Run(start=start + at - self._begins[index] if start >= 0 else HOLE, length=stop - at)
            at, index = stop, index + 1
        if at < end:
            yield Run(start=OUTSIDE + min(at, OUTSIDE), length=min(end - at, OUTSIDE))

    def back(self, runs: Iterable[Run]) -> tuple[Run, ...]:
        """Return runs in image offsets, as :meth:`forth` gives them, as runs in volume offsets."""
        return merged(piece for run in runs for piece in self._origins(run))

    def _origins(self, run: Run) -> Iterator[Run]:
        at, end = run.start, run.start + run.length
        if at < 0 or at >= OUTSIDE:
            yield run if at < 0 else Run(start=at - OUTSIDE, length=run.length)
            return
        while at < end:
            index = bisect_right(self._back_starts, at) - 1
            start, origin, length = self._back[index] if index >= 0 else (0, 0, 0)
            if at >= start + length:
                raise UnreadableError(f"image byte {at} belongs to another volume")
            stop = min(end, start + length)
            yield Run(start=origin + at - start, length=stop - at)
            at = stop


def merged(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Return runs with those that go on where the one before ends joined to it, holes too; empty ones are left out."""
    found: list[Run] = []
    for run in runs:
        if run.length <= 0:
            continue
        last = found[-1] if found else Run(start=HOLE - 1, length=0)  # followed by none
        if last.start == HOLE == run.start or 0 <= last.start == run.start - last.length:
            found[-1] = Run(start=last.start, length=last.length + run.length)
        else:
            found.append(run)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class MappedBytes:
    """Bytes put together from runs of others, in their order; holes read as zeros."""

    data: Readable
    mapping: Mapping

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.mapping.size

    def read(self, start: int, length: int) -> bytes:
        """Return bytes; UnreadableError where a run lies outside what it is taken from."""
        length = min(length, self.size - start)
        if start < 0 or length <= 0:
            return b""
        pieces: list[bytes] = []
        for run in self.mapping.forth((Run(start=start, length=length),)):
            pieces += [self._piece(run)] if run.start >= 0 else _zeros(run.length)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _piece(self, run: Run) -> bytes:
        piece = self.data.read(run.start, run.length)
        if len(piece) < run.length:
            raise UnreadableError(f"byte {run.start} of what carries the volume lies outside the medium")
        return piece


def _zeros(length: int) -> Iterator[bytes]:
    while length > 0:
        yield _ZEROS[:length]
        length -= len(_ZEROS)


def by_itself(volume: Volume) -> Volume:
    """Return a mapped volume's row as its file system's reader is to see it: bytes from 0, nothing below."""
    return replace(volume, start=0, direct=True, runs=())


def inner_volume(
    carrier: Volume, kind: str, name: str, stretches: Sequence[Run], *, scheme: str, **columns: Any
) -> Volume:
    """Return the row of a volume inside another, still without a file system (``reader`` is empty).

    ``stretches`` are (start, length) in the carrier's own bytes, in the order of the volume, a hole where no carrier
    bytes hold it; the row's ``runs`` are image offsets, whatever the carrier itself lies in. The carrier's encryption
    is the row's too, as its bytes cannot be had from the image alone; ``columns`` may name one of its own.
    """
    place = place_of(carrier)
    runs = Mapping(place).forth(stretches) if place else ()
    placed = [run.start for run in runs if run.start >= 0]
    row = replace(
        carrier, address=join(carrier.address, kind, name), start=placed[0] if placed else carrier.start,
        length=sum(run.length for run in stretches), direct=False, runs=runs, scheme=scheme, part_type="",
        file_system="", label=name, serial="", block_size=0, state=VolumeState.OPEN, reader="",
    )  # fmt: skip
    return replace(row, **columns) if columns else row


def place_of(volume: Volume) -> tuple[Run, ...]:
    """Return where a volume's bytes lie in the image, in volume order; nothing where only its layer knows them."""
    return (Run(start=volume.start, length=volume.length),) if volume.direct else volume.runs
