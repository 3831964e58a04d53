"""Writes ``coverage``: for every class of bytes, what each examination made of it, in bytes that add up.

Of the classes of ``extents`` every examination has rows whose bytes sum to the class, and what no examination touched
is ``not-examined``. What has no place of its own on the medium has rows besides, in classes of its own: ``volume``
(listed), ``member`` (inside another file), ``resident`` (inside the file system's own records), ``layered`` (in volumes
that only their layer knows: snapshots, APFS), ``carved`` and ``gone`` (names whose bytes others hold now).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.access.mapping import place_of
from pipeline.records import Coverage, Evidence, ExtentClass, Severity, diagnose
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context
from pipeline.stages.coverage_bytes import byte_rows, subjects_on_medium
from pipeline.stages.examine_noise import POSSIBLY_ENCRYPTED

__all__ = ["CoverageStage"]

_PLACELESS: Final = ("member", "volume")
_SAID_BY_FILE: Final = (ExtentClass.FILE_CONTENT, "member", "carved", "resident", "layered", "gone")
"""Classes whose contents have a diagnostic of their own where they cannot be told from random bytes."""


class CoverageStage(Stage):
    """Sums the examinations by exhibit, volume, class, examination, outcome and reason."""

    name: ClassVar[str] = "coverage"
    version: ClassVar[int] = 2
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
    """Yield sums of what was done to things that hold no bytes of the medium by themselves."""
    carved = context.store.table("carved", exhibit=exhibit, columns=["id"]).column("id").combine_chunks()
    found = pc.is_in(rows.column("subject"), carved)
    layered = {row.address for row in context.volumes(exhibit).values() if not place_of(row)}
    sums: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
    for batch in rows.append_column("carved", found).to_batches(max_chunksize=8192):
        for row in batch.to_pylist():
            class_ = row["class"]
            if class_ not in _PLACELESS and row["subject"] != "image":
                class_ = "carved" if row["carved"] else "layered" if row["volume"] in layered else _lone(row)
            which: tuple[str, ...] = (row["volume"], class_, row["examined_by"], row["outcome"], row["reason"])
            sums[which][0] += row["bytes"]
            sums[which][1] += 1
    for key in sorted(sums):
        yield _row(exhibit, key, *sums[key])


def _lone(row: dict[str, object]) -> str:
    """Return the class of a listed stream without an extent: in the file system's own records, or gone."""
    return "gone" if row["class"] == ExtentClass.DELETED_CONTENT and row["outcome"] == "not-examined" else "resident"


def _row(exhibit: str, key: tuple[str, ...], size: int, items: int) -> Coverage:
    volume, class_, examined_by, outcome, reason = key
    return Coverage(
        exhibit=exhibit, volume=volume, class_=class_, bytes=size, items=items, examined_by=examined_by,
        outcome=outcome, reason=reason,
    )  # fmt: skip
