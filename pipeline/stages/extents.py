"""Writes ``extents``: every byte of every image in exactly one class, disjoint, summing to the image's size."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from pipeline.access.mapping import place_of
from pipeline.errors import IntegrityError
from pipeline.records import Certainty, Extent, ExtentClass, FileEntry, Origin, Volume, VolumeState
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context

__all__ = ["Claim", "ExtentsStage", "account"]

# Who wins where claims overlap: the higher number. A volume inside a volume wins over it by its depth.
GAP: Final = 0
VOLUME: Final = 10
UNALLOCATED: Final = 400
DELETED: Final = 500
SLACK: Final = 600
LIVE: Final = 700
METADATA: Final = 800
LOCKED: Final = 900
UNREADABLE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A stretch of an image that something says is of a class; ``end`` is exclusive."""

    start: int
    end: int
    rank: int
    class_: str
    owner: str | None
    volume: str


class ExtentsStage(Stage):
    """Closes the account of every image from listings and regions."""

    name: ClassVar[str] = "extents"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("evidence", "volumes", "entries", "regions")
    writes: ClassVar[tuple[str, ...]] = ("extents",)

    def units(self, context: Context) -> Sequence[Unit]:
        """Return one unit per readable exhibit."""
        return [Unit(key=row.exhibit, exhibit=row.exhibit) for row in context.store.rows("evidence")]

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Close the account of one image."""
        (evidence,) = context.store.rows("evidence", exhibit=item.exhibit)
        total = 0
        for extent in account(item.exhibit, evidence.size, _claims(context, item.exhibit)):
            total += extent.length
            yield "extents", extent
        if total != evidence.size:
            raise IntegrityError(f"{item.exhibit}: the account covers {total} of {evidence.size} bytes")


def _claims(context: Context, exhibit: str) -> Iterator[Claim]:
    volumes = list(context.store.rows("volumes", exhibit=exhibit))
    depths = {volume.address: volume.address.count("!") for volume in volumes}
    placed = {volume.address for volume in volumes if place_of(volume)}
    for volume in volumes:
        yield from _volume_claims(volume, depths[volume.address])
    for region in context.store.rows("regions", exhibit=exhibit):
        rank = {ExtentClass.UNALLOCATED: UNALLOCATED, ExtentClass.LOCKED: LOCKED}.get(region.class_, METADATA)
        yield _claim(region.start, region.length, rank, region.class_, None, region.volume)
    for entry in context.store.rows("entries", exhibit=exhibit):
        if entry.volume in placed or not depths:
            yield from _entry_claims(entry)
    for start, length in context.image(exhibit).unreadable:
        yield _claim(start, length, UNREADABLE, ExtentClass.UNREADABLE, None, "")


def _volume_claims(volume: Volume, depth: int) -> Iterator[Claim]:
    class_ = ExtentClass.LOCKED if volume.state == VolumeState.LOCKED else ExtentClass.UNLISTED
    for run in place_of(volume):
        if run.start >= 0:
            yield _claim(run.start, run.length, VOLUME + depth, class_, None, volume.address)


def _claim(start: int, length: int, rank: int, class_: str, owner: str | None, volume: str) -> Claim:
    return Claim(start=start, end=start + length, rank=rank, class_=class_, owner=owner, volume=volume)


def _entry_claims(entry: FileEntry) -> Iterator[Claim]:
    """Yield what an entry claims: its content up to its size, and the slack behind it."""
    if entry.kind in {"directory", "metadata"} and entry.origin == Origin.ALLOCATED:
        for run in entry.runs:
            if run.start >= 0:
                yield _claim(run.start, run.length, METADATA, ExtentClass.FILE_SYSTEM_METADATA, entry.id, entry.volume)
        return
    if entry.origin == Origin.ALLOCATED:
        rank, class_ = LIVE, ExtentClass.FILE_CONTENT
    elif entry.certainty == Certainty.OVERWRITTEN:
        return
    else:
        rank, class_ = DELETED, ExtentClass.DELETED_CONTENT
    left = entry.size if entry.origin != Origin.ALLOCATED else min(entry.size, entry.initialised_size)
    for run in entry.runs:
        used = min(max(left, 0), run.length)
        left -= run.length
        if run.start < 0:
            continue
        if used:
            yield _claim(run.start, used, rank, class_, entry.id, entry.volume)
        if used < run.length and rank == LIVE:
            yield _claim(run.start + used, run.length - used, SLACK, ExtentClass.FILE_SLACK, entry.id, entry.volume)


def account(exhibit: str, size: int, claims: Iterable[Claim]) -> Iterator[Extent]:
    """Yield disjoint extents that cover ``size`` bytes: at each byte the claim of highest rank holds.

    Equal ranks go to the smaller owner id, so the answer does not depend on the order of the claims. Bytes that nobody
    claims are ``volume-gap``.
    """
    base = Claim(start=0, end=size, rank=GAP, class_=ExtentClass.VOLUME_GAP, owner=None, volume="")
    clipped = (c for c in claims if c.start < size and c.end > max(c.start, 0))
    pending = sorted([base, *clipped], key=lambda claim: (claim.start, -claim.rank, claim.owner or "", claim.end))
    active: list[tuple[int, str, int, int, Claim]] = []
    position, index, last = 0, 0, None
    while position < size:
        while index < len(pending) and pending[index].start <= position:
            claim = pending[index]
            heapq.heappush(active, (-claim.rank, claim.owner or "", claim.start, index, claim))
            index += 1
        while active[0][4].end <= position:
            heapq.heappop(active)
        top = active[0][4]
        end = min(top.end, size)
        if index < len(pending):
            end = min(end, max(pending[index].start, position))
        piece = _extent(exhibit, position, end - position, top)
        if last is not None and _same(last, piece):
            last = _extent(exhibit, last.start, last.length + piece.length, top)
        else:
            if last is not None:
                yield last
            last = piece
        position = end
    if last is not None:
        yield last


def _extent(exhibit: str, start: int, length: int, claim: Claim) -> Extent:
    return Extent(
        exhibit=exhibit, start=start, length=length, class_=claim.class_, owner=claim.owner, volume=claim.volume
    )


def _same(left: Extent, right: Extent) -> bool:
    return (left.class_, left.owner, left.volume) == (right.class_, right.owner, right.volume)
