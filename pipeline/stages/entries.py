"""Writes ``entries`` and ``regions``: every name two readers list, and what a file system says of its space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.access.filesystems import open_file_system
from pipeline.access.mapping import place_of
from pipeline.access.pages import with_columns
from pipeline.access.reconcile import list_batches
from pipeline.access.volumes import volume_regions
from pipeline.records import (
    Diagnostic,
    Examination,
    ExtentClass,
    Region,
    Severity,
    Volume,
    VolumeState,
    diagnose,
)
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context

__all__ = ["EntriesStage"]


class EntriesStage(Stage):
    """Lists every open volume with two readers where there are two, and keeps what only one of them lists."""

    name: ClassVar[str] = "entries"
    version: ClassVar[int] = 2
    reads: ClassVar[tuple[str, ...]] = ("volumes",)
    writes: ClassVar[tuple[str, ...]] = ("entries", "regions")

    def units(self, context: Context) -> Sequence[Unit]:
        """Return one unit per volume, and one per exhibit for its partition tables."""
        volumes = list(context.store.rows("volumes"))
        exhibits = [row.exhibit for row in context.store.rows("evidence")]
        tables = [Unit(key=f"tables-{label}", exhibit=label, positions=()) for label in exhibits]
        return tables + [
            Unit(key=f"volume-{number:04}", exhibit=volume.exhibit, positions=(number,), bytes=0)
            for number, volume in enumerate(volumes)
        ]

    def items(self, context: Context, unit: Unit) -> Iterator[Item]:
        """Yield the volume, or the exhibit's tables."""
        if not unit.positions:
            yield Item(exhibit=unit.exhibit, address=unit.exhibit, bytes=0, payload=None)
            return
        volume = list(context.store.rows("volumes"))[unit.positions[0]]
        yield Item(exhibit=unit.exhibit, address=volume.address, bytes=volume.length, payload=volume)

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """List one volume."""
        image, volume = context.image(item.exhibit), item.payload
        if volume is None:
            for row in volume_regions(image, item.exhibit, list(context.volumes(item.exhibit).values())):
                yield "regions", row
        elif volume.state == VolumeState.OPEN:
            yield from self._open_volume(context, item, volume)
        else:
            yield from _closed_volume(volume)

    def _open_volume(self, context: Context, item: Item, volume: Volume) -> Iterator[RowOf]:
        image, options = context.image(item.exhibit), context.options(item.exhibit)
        for rows in list_batches(image, volume, options):
            yield ("diagnostics", rows) if isinstance(rows, Diagnostic) else ("entries", _masked(context, rows))
        for region in open_file_system(image, volume, options).regions():
            yield ("regions" if isinstance(region, Region) else "diagnostics"), region
        yield "examinations", _listed(volume, "examined", "")

    def lost(self, context: Context, item: Item, reason: str) -> Iterator[RowOf]:
        """Record a volume whose listing failed as not examined."""
        volume = item.payload
        if volume is None:
            yield from super().lost(context, item, reason)
            return
        message = f"{volume.address}: cannot be listed: {reason}"
        yield "diagnostics", diagnose(self.name, volume.address, "not-listed", message, Severity.LOSS)
        yield "examinations", _listed(volume, "not-examined", reason)


def _masked(context: Context, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Replace personal values in paths; an entry is read again by its metadata, never by its name."""
    changed = context.masker.mask_many(rows.column("path"))
    if not changed:
        return rows
    mask = np.zeros(rows.num_rows, np.bool_)
    mask[list(changed)] = True
    old = rows.filter(pa.array(mask))
    places = zip(*(old.column(name).to_pylist() for name in ("address", "path", "meta")), changed.values(), strict=True)
    addresses = [_address(context, address, path, new, meta) for address, path, meta, new in places]
    new = {"path": list(changed.values()), "address": addresses, "short_name": [""] * len(changed)}
    return with_columns(rows, {
        name: pc.replace_with_mask(rows.column(name), pa.array(mask), pa.array(texts, pa.string()))
        for name, texts in new.items()
    })  # fmt: skip


def _address(context: Context, address: str, path: str, masked: str, meta: int) -> str:
    place = address.replace(path, masked, 1) if path in address else context.masker.mask(address)
    return f"{place}!entry:{meta}"


def _listed(volume: Volume, outcome: str, reason: str) -> Examination:
    return Examination(
        exhibit=volume.exhibit, volume=volume.address, address=volume.address, subject="volume", class_="volume",
        bytes=volume.length, examined_by="listed", outcome=outcome, reason=reason,
    )  # fmt: skip


def _closed_volume(volume: Volume) -> Iterator[RowOf]:
    reason = volume.encryption or volume.file_system or volume.part_type or "unknown content"
    outcome = f"{volume.state}: {reason}"
    yield "examinations", _listed(volume, "not-examined", outcome)
    if volume.state != VolumeState.LOCKED:
        return
    for run in place_of(volume):
        if run.start >= 0:
            yield (
                "regions",
                Region(
                    exhibit=volume.exhibit, volume=volume.address, start=run.start, length=run.length,
                    class_=ExtentClass.LOCKED, name=volume.encryption,
                ),
            )  # fmt: skip
