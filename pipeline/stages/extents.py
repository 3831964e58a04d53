"""Writes ``extents`` and ``remains``: every byte of every image in exactly one class, summing to the image's size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from pipeline.errors import IntegrityError
from pipeline.records import ExtentClass
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context
from pipeline.stages.extents_claims import COLUMNS, GAP, Claims, Labels, Listing, claims_of, entry_claims, key_of
from pipeline.stages.extents_rows import extent_batches, remains_batch
from pipeline.stages.extents_sweep import account

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
        """Close the account of one image."""
        (evidence,) = context.store.rows("evidence", exhibit=item.exhibit)
        store, labels = context.store, Labels()
        base = key_of(GAP, labels.number(ExtentClass.VOLUME_GAP, "", ""))
        volumes = list(store.rows("volumes", exhibit=item.exhibit))
        lost = [(row.start, row.length) for row in store.rows("unreadable", exhibit=item.exhibit)]
        others = claims_of(volumes, store.rows("regions", exhibit=item.exhibit), lost, labels)
        listing = Listing.read(store.table("entries", exhibit=item.exhibit, columns=list(COLUMNS)), volumes)
        first_owner = len(labels.known)
        entries = entry_claims(listing, volumes, first_owner)
        closed = account(evidence.size, Claims.joined([others, entries]), base, first_owner)
        if closed.size != evidence.size:
            raise IntegrityError(f"{item.exhibit}: the account covers {closed.size} of {evidence.size} bytes")
        for table in extent_batches(item.exhibit, closed, list(labels.known), listing):
            yield "extents", table
        yield "remains", remains_batch(item.exhibit, closed, entries, listing, first_owner)
