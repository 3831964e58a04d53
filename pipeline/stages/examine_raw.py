"""The examination of raw space: what no listed file holds is scanned and carved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline import carvers
from pipeline.access.interfaces import Image
from pipeline.address import at_bytes, join
from pipeline.detectors import Window
from pipeline.errors import UnreadableError
from pipeline.records import (
    Certainty,
    Examination,
    Extent,
    ExtentClass,
    FileEntry,
    Origin,
    Run,
    Severity,
    diagnose,
    identify,
)
from pipeline.stages.base import RowOf
from pipeline.stages.context import Context
from pipeline.stages.examine_content import ContentExaminer
from pipeline.stages.examine_findings import FindingMaker
from pipeline.stages.examine_pages import pages

__all__ = ["RawExaminer", "RawRange"]

CARVE_LIMIT: Final = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRange:
    """A stretch of an image, in image offsets."""

    exhibit: str
    start: int
    length: int


class RawExaminer:
    """Scans and carves raw ranges of one case."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def examine(self, piece: RawRange) -> Iterator[RowOf]:
        """Yield the rows of one range: findings at their image offsets, and the objects that begin in it."""
        image = self._context.image(piece.exhibit)
        taken: list[tuple[int, int]] = []
        for window, page in pages(image, piece.length, piece.start):
            for offset, carver in carvers.find(window.data, window.start):
                if window.own_start <= offset < window.own_end and not _inside(offset, taken):
                    yield from self._carve(image, piece, offset, carver, taken)
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
        for hit in hits:
            extent = self._extent(piece.exhibit, hit.start)
            yield "detections", self._maker(piece.exhibit, extent).from_bytes(hit, "")
        for match in matches:
            extent = self._extent(piece.exhibit, match.offset)
            yield "detections", self._maker(piece.exhibit, extent).from_yara(match, "")

    def _maker(self, exhibit: str, extent: Extent) -> FindingMaker:
        """Return a maker for bytes addressed by the exhibit itself."""
        origin = {ExtentClass.FILE_SLACK: Origin.SLACK, ExtentClass.DELETED_CONTENT: Origin.DELETED}
        image = self._context.image(exhibit)
        entry = FileEntry(
            id=extent.owner or "", exhibit=exhibit, volume=extent.volume, address=exhibit, path="", stream="",
            kind="raw", origin=origin.get(ExtentClass(extent.class_), Origin.UNLISTED), meta=-1, parent="",
            size=image.size, initialised_size=image.size, runs=(Run(start=0, length=image.size),),
        )  # fmt: skip
        return FindingMaker(self._context, entry, runs=entry.runs)

    def _extent(self, exhibit: str, offset: int) -> Extent:
        return self._context.extent_at(exhibit, offset)

    def _carve(
        self, image: Image, piece: RawRange, offset: int, carver: carvers.Carver, taken: list[tuple[int, int]]
    ) -> Iterator[RowOf]:
        """Yield the rows of an object that begins at ``offset``, if there is one."""
        limit = min(CARVE_LIMIT, image.size - offset)
        try:
            found = carver.carve(image, offset, limit)
        except UnreadableError as error:
            place = at_bytes(piece.exhibit, offset, 0)
            yield "diagnostics", diagnose("examine", place, "carving", f"{place}: {error}", Severity.WARNING)
            return
        if found is None:
            return
        taken.append((found.start, found.start + found.length))
        extent = self._extent(piece.exhibit, offset)
        where = join(extent.volume or piece.exhibit, "carved", f"{found.start}+{found.length}")
        entry = FileEntry(
            id=identify("file", where), exhibit=piece.exhibit, volume=extent.volume, address=where,
            path=self._context.masker.mask(found.title), stream="", kind="file", origin=Origin.CARVED, meta=found.start,
            parent=extent.owner or "", size=found.length,
            initialised_size=found.length, runs=(Run(start=found.start, length=found.length),),
            certainty=Certainty.CONTIGUITY_ASSUMED, listed_by=f"carver:{carver.name}",
            flags="" if found.complete else "partial",
        )  # fmt: skip
        for table, row in ContentExaminer(self._context).examine([entry]):
            if table != "detections" or row.image_offset is None:
                yield table, row

    def _examinations(self, piece: RawRange) -> Iterator[RowOf]:
        """Say of each extent in the range that it was scanned and carved."""
        for extent in self._context.extents_in(piece.exhibit, piece.start, piece.start + piece.length):
            start = max(extent.start, piece.start)
            end = min(extent.start + extent.length, piece.start + piece.length)
            for examined_by in ("detected", "carved"):
                yield "examinations", Examination(
                    exhibit=piece.exhibit, volume=extent.volume, address=at_bytes(piece.exhibit, start, end - start),
                    subject="raw", class_=extent.class_, bytes=end - start, examined_by=examined_by,
                    outcome="examined", reason="",
                )  # fmt: skip


def _inside(offset: int, taken: list[tuple[int, int]]) -> bool:
    return any(start <= offset < end for start, end in taken[-64:])
