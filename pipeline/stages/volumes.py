"""Writes ``volumes``: partitions, logical volumes and snapshots of every exhibit, and what they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from pipeline.access.volumes import scan_volumes
from pipeline.records import Volume
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context

__all__ = ["VolumesStage"]


class VolumesStage(Stage):
    """Walks the partition tables; an encrypted or unknown volume is a row with its state."""

    name: ClassVar[str] = "volumes"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("evidence",)
    writes: ClassVar[tuple[str, ...]] = ("volumes",)

    def units(self, context: Context) -> Sequence[Unit]:
        """Return one unit per readable exhibit."""
        return [Unit(key=row.exhibit, exhibit=row.exhibit) for row in context.store.rows("evidence")]

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Scan one exhibit."""
        options = context.options(item.exhibit)
        for row in scan_volumes(context.image(item.exhibit), item.exhibit, options):
            yield ("volumes" if isinstance(row, Volume) else "diagnostics"), row
