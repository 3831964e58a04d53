"""Writes ``carved``: objects found by their structure in raw space, whole and partial, those inside others included.

It reads raw space ahead of the examination, for headers only, because what is inside what, and where a second piece
lies, is known when all of it has been seen; the examination then reads the objects as it reads files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

from pipeline import carvers
from pipeline.address import at_bytes, join
from pipeline.carvers import Engine, Found, Missed, Space
from pipeline.detectors.literals import Literals
from pipeline.records import Certainty, Examination, ExtentClass, FileEntry, Run, Severity, diagnose, identify
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context
from pipeline.stages.raw_space import carved_stretches, raw_space

__all__ = ["CarveRange", "CarveStage"]

UNIT_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CarveRange:
    """A block of an image with the raw space in it, in image offsets."""

    exhibit: str
    start: int
    length: int


@lru_cache(maxsize=1)
def _engine() -> Engine:
    return Engine(carvers.CARVERS, Literals(carvers.LITERALS))


class CarveStage(Stage):
    """Carves raw space, block by block."""

    name: ClassVar[str] = "carve"
    version: ClassVar[int] = 4
    reads: ClassVar[tuple[str, ...]] = ("evidence", "unreadable", "volumes", "entries", "extents", "remains")
    writes: ClassVar[tuple[str, ...]] = ("carved",)

    def __init__(self) -> None:
        self._space: tuple[Context | None, str, Space | None] = (None, "", None)

    def depends(self, context: Context) -> Mapping[str, str]:
        """Return the versions of the carvers, and the digest of the rules that mask what objects call themselves."""
        versions = ",".join(f"{carver.name}={carver.version}" for carver in carvers.CARVERS)
        return {"carvers": versions, "rules": context.rules.digest, "key": context.keys.public_hex}

    def units(self, context: Context) -> Sequence[Unit]:
        """Return runs of blocks with some raw space in each."""
        units: list[Unit] = []
        for evidence in context.store.rows("evidence"):
            batch: list[int] = []
            size = 0
            for block, amount in _blocks(context, evidence.exhibit).items():
                if batch and size + amount > UNIT_BYTES:
                    units.append(_unit(len(units), evidence.exhibit, batch, size))
                    batch, size = [], 0
                batch += [block, amount]
                size += amount
            if batch:
                units.append(_unit(len(units), evidence.exhibit, batch, size))
        return units

    def items(self, context: Context, unit: Unit) -> Iterator[Item]:
        """Yield one item per block."""
        del context
        for block, amount in zip(unit.positions[::2], unit.positions[1::2], strict=True):
            piece = CarveRange(exhibit=unit.exhibit, start=block, length=carvers.BLOCK)
            yield Item(exhibit=unit.exhibit, address=at_bytes(unit.exhibit, block, carvers.BLOCK), bytes=amount,
                       payload=piece)  # fmt: skip

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Carve the raw space of one block."""
        piece: CarveRange = item.payload
        space = self._opened(context, piece.exhibit)
        missed: list[Missed] = []
        for one in _engine().carve(space, piece.start, piece.start + piece.length):
            if isinstance(one, Missed):
                missed.append(one)
                place = at_bytes(piece.exhibit, one.start, one.length)
                severity = Severity.LOSS if one.length else Severity.WARNING
                yield "diagnostics", diagnose(self.name, place, "carving", f"{place}: {one.reason}", severity)
            else:
                yield from _entry(context, piece.exhibit, one)
        for stretch in space.within(piece.start, piece.start + piece.length):
            yield from _examinations(context, piece.exhibit, stretch.start, stretch.end, missed)

    def lost(self, context: Context, item: Item, reason: str) -> Iterator[RowOf]:
        """Say of each extent in the block that it was not carved."""
        yield from super().lost(context, item, reason)
        piece: CarveRange = item.payload
        everything = [Missed(piece.start, piece.length, reason)]
        for stretch in self._opened(context, piece.exhibit).within(piece.start, piece.start + piece.length):
            yield from _examinations(context, piece.exhibit, stretch.start, stretch.end, everything)

    def _opened(self, context: Context, exhibit: str) -> Space:
        held, label, space = self._space
        if held is not context or label != exhibit or space is None:
            space = raw_space(context, exhibit)
            self._space = (context, exhibit, space)
        return space


def _unit(number: int, exhibit: str, flat: list[int], size: int) -> Unit:
    return Unit(key=f"carve-{number:06}", exhibit=exhibit, positions=tuple(flat), bytes=size)


def _blocks(context: Context, exhibit: str) -> dict[int, int]:
    """Return the blocks that hold raw space, in order, with how much."""
    blocks: dict[int, int] = {}
    for stretch in carved_stretches(context, exhibit):
        for block in range(stretch.start - stretch.start % carvers.BLOCK, stretch.end, carvers.BLOCK):
            amount = min(stretch.end, block + carvers.BLOCK) - max(stretch.start, block)
            blocks[block] = blocks.get(block, 0) + amount
    return blocks


def _entry(context: Context, exhibit: str, found: Found) -> Iterator[RowOf]:
    """Yield the row of an object, and what there is to say of it."""
    carved, runs = found.carved, tuple(Run(start=start, length=length) for start, length in found.runs)
    start = runs[0].start
    extent = context.extent_at(exhibit, start)
    if carved.type == "mft-records" and extent.class_ == ExtentClass.FILE_SYSTEM_METADATA:
        return  # the table in use, which the listing reads
    where = join(extent.volume or exhibit, "carved", f"{start}+{carved.length}")
    certainty = Certainty.CONTIGUITY_ASSUMED if len(runs) == 1 else Certainty.REASSEMBLED
    title = context.masker.mask(carved.title) if carved.title else ""
    yield "carved", FileEntry(
        id=identify("file", where), exhibit=exhibit, volume=extent.volume, address=where, path=title, stream="",
        kind="file", origin="carved", meta=start, parent=extent.owner or "", size=carved.length,
        initialised_size=carved.length, runs=runs, certainty=certainty, listed_by=f"carver:{found.carver}",
        flags="partial" if not carved.complete else "unchecked" if carved.note else carved.encoding,
        type=carved.type,
        reader="runs" if context.clear(exhibit).place(start) is None else "clear",
    )  # fmt: skip
    if carved.note:
        yield "diagnostics", diagnose("carve", where, "carved", f"{where}: {carved.type}: {carved.note}", Severity.NOTE)


def _examinations(context: Context, exhibit: str, start: int, end: int, missed: Sequence[Missed]) -> Iterator[RowOf]:
    """Say of each extent in a range whether it was carved."""
    for extent in context.extents_in(exhibit, start, end):
        low, high = max(extent.start, start), min(extent.start + extent.length, end)
        reason = next((one.reason for one in missed if one.start < high and low < one.start + one.length), "")
        yield "examinations", Examination(
            exhibit=exhibit, volume=extent.volume, address=at_bytes(exhibit, low, high - low), subject="raw",
            class_=extent.class_, bytes=high - low, examined_by="carved",
            outcome="partial" if reason else "examined", reason=reason,
        )  # fmt: skip
