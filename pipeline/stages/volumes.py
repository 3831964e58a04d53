"""Writes ``volumes``: partitions, logical volumes and snapshots of every exhibit, and what they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Final

from pipeline.access.volumes import scan_volumes
from pipeline.records import Volume
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context

__all__ = ["VolumesStage"]

KEY_BYTES: Final = 64 << 20
"""What a key to try counts for when an item's time is measured by its bytes: two minutes at the default rate."""


class VolumesStage(Stage):
    """Walks the partition tables; an encrypted or unknown volume is a row with its state."""

    name: ClassVar[str] = "volumes"
    version: ClassVar[int] = 5
    reads: ClassVar[tuple[str, ...]] = ("evidence",)
    writes: ClassVar[tuple[str, ...]] = ("volumes",)

    def depends(self, context: Context) -> Mapping[str, str]:
        """Return a keyed digest of the volume keys: another key may open what was locked."""
        return {"volume keys": context.keys.volume_keys.digest(context.keys.tag_key)}

    def units(self, context: Context) -> Sequence[Unit]:
        """Return one unit per readable exhibit."""
        return [Unit(key=row.exhibit, exhibit=row.exhibit) for row in context.store.rows("evidence")]

    def items(self, context: Context, unit: Unit) -> Iterator[Item]:
        """Yield the exhibit; every key takes seconds to try, so the more there are the longer it may take."""
        size = KEY_BYTES * len(context.keys.volume_keys)
        yield Item(exhibit=unit.exhibit, address=unit.exhibit, bytes=size)

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Scan one exhibit."""
        options = context.options(item.exhibit)
        for row in scan_volumes(context.image(item.exhibit), item.exhibit, options):
            if isinstance(row, Volume):
                yield "volumes", replace(row, label=context.masker.mask(row.label)) if row.label else row
            else:
                yield "diagnostics", row
