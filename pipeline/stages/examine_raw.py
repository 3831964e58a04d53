"""The examination of raw space: what no listed file holds is scanned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipeline.address import at_bytes
from pipeline.detectors import Window
from pipeline.records import (
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
from pipeline.stages.examine_pages import pages

__all__ = ["RawExaminer", "RawRange"]


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
        image = self._context.clear(piece.exhibit)
        for window, page in pages(image, piece.length, piece.start):
            yield from self._scan(window, piece)
            del page
        yield from self._examinations(piece)

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
                maker, shift = self._maker(piece.exhibit, hit.start)
                moved = replace(hit, start=hit.start + shift, record_start=hit.record_start + shift)
                yield "detections", maker.from_bytes(moved, "")
        for match in matches:
            if clear.within_one(match.offset, match.length):
                maker, shift = self._maker(piece.exhibit, match.offset)
                yield "detections", maker.from_yara(replace(match, offset=match.offset + shift), "")

    def _maker(self, exhibit: str, offset: int) -> tuple[FindingMaker, int]:
        """Return a maker for bytes addressed by the exhibit itself, or by the unlocked volume that holds them.

        With it comes the way from image offsets to those of the address. A place in an unlocked volume is none in the
        image, whose bytes there are enciphered.
        """
        origin = {ExtentClass.FILE_SLACK: Origin.SLACK, ExtentClass.DELETED_CONTENT: Origin.DELETED}
        extent, place = self._extent(exhibit, offset), self._context.clear(exhibit).place(offset)
        size = self._context.image(exhibit).size if place is None else place.volume.length
        entry = FileEntry(
            id=extent.owner or "", exhibit=exhibit, volume=extent.volume, path="", stream="", kind="raw",
            address=exhibit if place is None else place.volume.address, meta=-1, parent="", size=size,
            origin=origin.get(ExtentClass(extent.class_), Origin.UNLISTED), initialised_size=size,
            runs=(Run(start=0, length=size),) if place is None else (),
        )  # fmt: skip
        return FindingMaker(self._context, entry, runs=entry.runs), 0 if place is None else place.offset - offset

    def _extent(self, exhibit: str, offset: int) -> Extent:
        return self._context.extent_at(exhibit, offset)

    def _examinations(self, piece: RawRange) -> Iterator[RowOf]:
        """Say of each extent in the range that it was scanned."""
        for extent in self._context.extents_in(piece.exhibit, piece.start, piece.start + piece.length):
            start = max(extent.start, piece.start)
            end = min(extent.start + extent.length, piece.start + piece.length)
            yield "examinations", Examination(
                exhibit=piece.exhibit, volume=extent.volume, address=at_bytes(piece.exhibit, start, end - start),
                subject="raw", class_=extent.class_, bytes=end - start, examined_by="detected", outcome="examined",
                reason="",
            )  # fmt: skip
