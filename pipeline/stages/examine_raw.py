"""The examination of raw space: what no listed file holds is scanned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from pipeline.access.clear import Place
from pipeline.address import at_bytes
from pipeline.detectors import Window
from pipeline.records import (
    ENCIPHERED,
    Examination,
    Extent,
    ExtentClass,
    FileEntry,
    Origin,
    Run,
)
from pipeline.stages.base import RowOf
from pipeline.stages.context import Context
from pipeline.stages.examine_findings import FindingMaker
from pipeline.stages.examine_noise import POSSIBLY_ENCRYPTED, NoiseMap
from pipeline.stages.examine_pages import pages

__all__ = ["RawExaminer", "RawRange"]

_KNOWN: Final = (ExtentClass.VOLUME_METADATA, ExtentClass.FILE_SYSTEM_METADATA)
"""Structures that may look random and are known for what they are: the key slots of an encrypted volume."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRange:
    """A stretch of an image, in image offsets."""

    exhibit: str
    start: int
    length: int


class RawExaminer:
    """Scans raw ranges of one case."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def examine(self, piece: RawRange) -> Iterator[RowOf]:
        """Yield the rows of one range: findings at their image offsets."""
        context, end = self._context, piece.start + piece.length
        clear = context.clear(piece.exhibit)
        noise = NoiseMap(clear, context.image(piece.exhibit), piece.start, end)
        for window, page in pages(clear, piece.length, piece.start):
            yield from self._scan(window, piece)
            noise.feed(page)
        yield from self._stored_plain(piece, noise)
        yield from self._examinations(piece, noise)

    def _stored_plain(self, piece: RawRange, noise: NoiseMap) -> Iterator[RowOf]:
        """Scan what lies undeciphered in an unlocked volume as it lies: it has a place in the image after all."""
        image = self._context.image(piece.exhibit)
        for start, end in noise.stored_plain:
            for window, page in pages(image, end - start, start):
                for hit in self._context.scanner.scan(window):
                    yield "detections", self._maker(piece.exhibit, hit.start, None).from_bytes(hit, "")
                del page

    def _scan(self, window: Window, piece: RawRange) -> Iterator[RowOf]:
        context = self._context
        hits = context.scanner.scan(window)
        matches = [m for m in context.yara.scan(window.data, window.start)
                   if window.own_start <= m.offset < window.own_end]  # fmt: skip
        if not hits and not matches:
            return
        clear = context.clear(piece.exhibit)
        for hit in hits:
            if clear.within_one(hit.start, hit.length):
                place = clear.place(hit.start)
                shift = 0 if place is None else place.offset - hit.start
                moved = replace(hit, start=hit.start + shift, record_start=hit.record_start + shift)
                yield "detections", self._maker(piece.exhibit, hit.start, place).from_bytes(moved, "")
        for match in matches:
            if clear.within_one(match.offset, match.length):
                place = clear.place(match.offset)
                moved_match = match if place is None else replace(match, offset=place.offset)
                yield "detections", self._maker(piece.exhibit, match.offset, place).from_yara(moved_match, "")

    def _maker(self, exhibit: str, offset: int, place: Place | None) -> FindingMaker:
        """Return a maker for bytes addressed by the exhibit itself, or by the unlocked volume that holds them.

        A place in an unlocked volume is none in the image, whose bytes there are enciphered.
        """
        origin = {ExtentClass.FILE_SLACK: Origin.SLACK, ExtentClass.DELETED_CONTENT: Origin.DELETED}
        extent = self._extent(exhibit, offset)
        size = self._context.image(exhibit).size if place is None else place.volume.length
        entry = FileEntry(
            id=extent.owner or "", exhibit=exhibit, volume=extent.volume, path="", stream="", kind="raw",
            address=exhibit if place is None else place.volume.address, meta=-1, parent="", size=size,
            origin=origin.get(ExtentClass(extent.class_), Origin.UNLISTED), initialised_size=size,
            runs=(Run(start=0, length=size),) if place is None else (),
        )  # fmt: skip
        return FindingMaker(self._context, entry, runs=entry.runs)

    def _extent(self, exhibit: str, offset: int) -> Extent:
        return self._context.extent_at(exhibit, offset)

    def _examinations(self, piece: RawRange, noise: NoiseMap) -> Iterator[RowOf]:
        """Say of each extent in the range that it was scanned; of noise, that this examined nothing."""
        for extent in self._context.extents_in(piece.exhibit, piece.start, piece.start + piece.length):
            first = max(extent.start, piece.start)
            last = min(extent.start + extent.length, piece.start + piece.length)
            for start, end, noise_here in noise.split(first, last):
                noisy = noise_here and extent.class_ not in _KNOWN
                why = ENCIPHERED if extent.class_ == ExtentClass.LOCKED else POSSIBLY_ENCRYPTED
                yield "examinations", Examination(
                    exhibit=piece.exhibit, volume=extent.volume, address=at_bytes(piece.exhibit, start, end - start),
                    subject="raw", class_=extent.class_, bytes=end - start, examined_by="detected",
                    outcome="not-examined" if noisy else "examined", reason=why if noisy else "",
                )  # fmt: skip
