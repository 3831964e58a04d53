"""Writes ``extents`` and ``remains``: every byte of every image in exactly one class, summing to the image's size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from pipeline.errors import IntegrityError
from pipeline.records import ExtentClass
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context
from pipeline.stages.extents_claims import GAP, Labels, claims_of, key_of
from pipeline.stages.extents_listing import COLUMNS, Listing
from pipeline.stages.extents_remains import Remains
from pipeline.stages.extents_rows import extent_batches
from pipeline.stages.extents_sweep import Listed, Stated, joined, swept

__all__ = ["ExtentsStage"]


class ExtentsStage(Stage):
    """Closes the account of every image from listings and regions."""

    name: ClassVar[str] = "extents"
    version: ClassVar[int] = 2
    reads: ClassVar[tuple[str, ...]] = ("evidence", "unreadable", "volumes", "entries", "regions")
    writes: ClassVar[tuple[str, ...]] = ("extents", "remains")

    def units(self, context: Context) -> Sequence[Unit]:
        """Return one unit per readable exhibit."""
        return [Unit(key=row.exhibit, exhibit=row.exhibit) for row in context.store.rows("evidence")]

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Close the account of one image, window by window."""
        (evidence,) = context.store.rows("evidence", exhibit=item.exhibit)
        store, labels, closed = context.store, Labels(), 0
        base = key_of(GAP, labels.number(ExtentClass.VOLUME_GAP, "", ""))
        volumes = list(store.rows("volumes", exhibit=item.exhibit))
        lost = [(row.start, row.length) for row in store.rows("unreadable", exhibit=item.exhibit)]
        regions = store.table("regions", exhibit=item.exhibit, columns=["class", "volume", "name", "start", "length"])
        claims = claims_of(volumes, regions, lost, labels)
        first_owner = len(labels.known)
        listing = Listing.read(store.batches("entries", exhibit=item.exhibit, columns=COLUMNS), volumes)
        remains, layers = Remains(listing, first_owner), (Stated.of(claims), Listed(listing, first_owner))
        windows = swept(evidence.size, layers, base, first_owner)
        for part in joined(remains.watched(windows)):
            closed += part.size
            for batch in extent_batches(item.exhibit, part, list(labels.known), listing):
                yield "extents", batch
        if closed != evidence.size:
            raise IntegrityError(f"{item.exhibit}: the account covers {closed} of {evidence.size} bytes")
        for batch in remains.batches(item.exhibit):
            yield "remains", batch
