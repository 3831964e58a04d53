"""Writes ``coverage``: for every class of bytes, what each examination made of it, in bytes that add up.

Of the classes of ``extents`` every examination has rows whose bytes sum to the class, and what no examination touched
is ``not-examined``. What has no place of its own on the medium has rows besides, in classes of its own: ``volume``
(``listed``, one item each), and streams, whose rows agree in bytes and items, ``accounted`` included: ``member``
(inside another file), ``resident`` (inside the file system's own records), ``layered`` (in volumes that only their
layer knows: snapshots, APFS), ``carved`` and ``gone`` (names whose bytes others hold now).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.access.mapping import place_of
from pipeline.records import Coverage, Evidence, ExtentClass, Severity, diagnose
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context
from pipeline.stages.coverage_bytes import byte_rows, subjects_on_medium
from pipeline.stages.coverage_streams import stream_rows
from pipeline.stages.examine_noise import POSSIBLY_ENCRYPTED

__all__ = ["CoverageStage"]

_WHOLE: Final = ("image", "volume")
"""Subjects that are no streams."""
_SAID_BY_FILE: Final = (ExtentClass.FILE_CONTENT, "member", "carved", "resident", "layered", "gone")
"""Classes whose contents have a diagnostic of their own where they cannot be told from random bytes."""
_UNREAD: Final = {
    "ocr-not-installed": "install tesserocr, and the language data jpn, jpn_vert and eng of Tesseract",
    "ocr-off": "set enabled under [ocr] in case.toml",
}
"""What to do about pictures that nothing could read, by the code that a decoder gave."""


class CoverageStage(Stage):
    """Sums the examinations by exhibit, volume, class, examination, outcome and reason."""

    name: ClassVar[str] = "coverage"
    version: ClassVar[int] = 4
    reads: ClassVar[tuple[str, ...]] = ("evidence", "volumes", "extents", "carved", "examinations")
    writes: ClassVar[tuple[str, ...]] = ("coverage",)

    def units(self, context: Context) -> Sequence[Unit]:
        """Return one unit per exhibit of the case."""
        return [Unit(key=exhibit.label, exhibit=exhibit.label) for exhibit in context.case.exhibits]

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Sum one exhibit, and say how much raw space cannot be told from random bytes."""
        for row in self._rows(context, item):
            yield "coverage", row
            if row.reason == POSSIBLY_ENCRYPTED and row.class_ not in _SAID_BY_FILE:
                place = row.volume or row.exhibit
                message = (
                    f"{place}: {row.bytes} bytes of {row.class_} cannot be told from random: possibly encrypted, or "
                    "wiped with random bytes; what they hold is not examined"
                )
                yield "diagnostics", diagnose(self.name, place, "possibly-encrypted", message, Severity.LOSS)
        yield from self._pictures(context, item)

    def _pictures(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Say how many contents with pictures were not read because nothing was there to read them with."""
        rows = context.gathered_table("examinations", self.name)
        rows = rows.filter(
            pc.and_(pc.equal(rows.column("exhibit"), item.exhibit), pc.equal(rows.column("examined_by"), "decoded"))
        )
        for code, remedy in _UNREAD.items():
            count = pc.sum(pc.match_substring(rows.column("reason"), code)).as_py()
            if count:
                message = f"{item.exhibit}: text in pictures of {count} contents is not read ({code}); {remedy}"
                yield "diagnostics", diagnose(self.name, item.exhibit, code, message, Severity.WARNING)

    def _rows(self, context: Context, item: Item) -> Iterator[Coverage]:
        rows = context.gathered_table("examinations", self.name)
        rows = rows.filter(pc.equal(rows.column("exhibit"), item.exhibit))
        extents = context.store.table("extents", exhibit=item.exhibit)
        known = subjects_on_medium(extents)
        subject = rows.column("subject")
        placed = pc.or_(pc.equal(subject, "raw"), pc.is_in(subject, known))
        yield from _elsewhere(context, item.exhibit, rows.filter(pc.invert(placed)))
        for evidence in context.store.rows("evidence", exhibit=item.exhibit):
            if extents.num_rows:
                yield from byte_rows(item.exhibit, evidence.size, extents, rows.filter(placed))
            yield from _accounted(evidence, extents)


def _accounted(evidence: Evidence, extents: pa.Table) -> Iterator[Coverage]:
    """Yield what the account holds; an image without one is not examined, whatever else was done to it."""
    if not extents.num_rows:
        yield _row(
            evidence.exhibit, ("", "", "accounted", "not-examined", "the account did not close"), evidence.size, 1
        )
    groups = extents.group_by(["volume", "class"]).aggregate([("length", "sum"), ("length", "count")])
    for row in groups.sort_by([("volume", "ascending"), ("class", "ascending")]).to_pylist():
        key: tuple[str, ...] = (row["volume"], row["class"], "accounted", "examined", "")
        yield _row(evidence.exhibit, key, row["length_sum"], row["length_count"])


def _elsewhere(context: Context, exhibit: str, rows: pa.Table) -> Iterator[Coverage]:
    """Yield what was done to things that hold no bytes of the medium by themselves: streams, volumes, the image."""
    whole = pc.is_in(rows.column("subject"), pa.array(_WHOLE))
    keys = ["volume", "class", "examined_by", "outcome", "reason"]
    groups = rows.filter(whole).group_by(keys).aggregate([("bytes", "sum"), ("bytes", "count")])
    for row in groups.sort_by([(key, "ascending") for key in keys]).to_pylist():
        yield _row(exhibit, tuple(row[key] for key in keys), row["bytes_sum"], row["bytes_count"])
    carved = context.store.table("carved", exhibit=exhibit, columns=["id"]).column("id").combine_chunks()
    layered = [address for address, volume in context.volumes(exhibit).items() if not place_of(volume)]
    yield from stream_rows(exhibit, rows.filter(pc.invert(whole)), carved, pa.array(layered, pa.string()))


def _row(exhibit: str, key: tuple[str, ...], size: int, items: int) -> Coverage:
    volume, class_, examined_by, outcome, reason = key
    return Coverage(
        exhibit=exhibit, volume=volume, class_=class_, bytes=size, items=items, examined_by=examined_by,
        outcome=outcome, reason=reason,
    )  # fmt: skip
