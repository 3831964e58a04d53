"""Writes ``coverage``: for every class of bytes, what each examination made of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import ClassVar

from pipeline.records import Coverage
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context

__all__ = ["CoverageStage"]


class CoverageStage(Stage):
    """Sums the examinations by exhibit, volume, class, examination, outcome and reason."""

    name: ClassVar[str] = "coverage"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("evidence", "volumes", "extents", "examinations")
    writes: ClassVar[tuple[str, ...]] = ("coverage",)

    def units(self, context: Context) -> Sequence[Unit]:
        """Return one unit per exhibit of the case."""
        return [Unit(key=exhibit.label, exhibit=exhibit.label) for exhibit in context.case.exhibits]

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Sum one exhibit."""
        sums: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
        for row in context.gathered("examinations", self.name):
            if row["exhibit"] != item.exhibit:
                continue
            key: tuple[str, ...] = (row["volume"], row["class"], row["examined_by"], row["outcome"], row["reason"])
            sums[key][0] += row["bytes"]
            sums[key][1] += 1
        for extent in context.store.rows("extents", exhibit=item.exhibit):
            accounted = (extent.volume, extent.class_, "accounted", "examined", "")
            sums[accounted][0] += extent.length
            sums[accounted][1] += 1
        for key in sorted(sums):
            volume, class_, examined_by, outcome, reason = key
            total = Coverage(
                exhibit=item.exhibit, volume=volume, class_=class_, bytes=sums[key][0], items=sums[key][1],
                examined_by=examined_by, outcome=outcome, reason=reason,
            )  # fmt: skip
            yield "coverage", total
