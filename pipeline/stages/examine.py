"""Writes ``files``, ``contents`` and ``detections``: every content read once, hashed, typed, scanned and opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

import pyarrow as pa

from pipeline import decoders, detectors
from pipeline.carvers import outermost
from pipeline.records import Examination, ExtentClass, FileEntry, Origin
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context
from pipeline.stages.examine_carved import examine_carved
from pipeline.stages.examine_content import ContentExaminer
from pipeline.stages.examine_raw import RawExaminer, RawRange
from pipeline.stages.raw_space import raw_stretches
from pipeline.stages.shared_places import shared_place, sharing_volumes, with_shared_places

__all__ = ["ExamineStage"]

UNIT_BYTES: Final = 32 << 20
UNIT_FILES: Final = 400
RAW_BYTES: Final = 16 << 20


class ExamineStage(Stage):
    """Examines the contents of listed files, and the raw bytes that no listed file holds."""

    name: ClassVar[str] = "examine"
    version: ClassVar[int] = 6
    reads: ClassVar[tuple[str, ...]] = (
        "evidence", "unreadable", "volumes", "entries", "extents", "remains", "carved",
    )  # fmt: skip
    writes: ClassVar[tuple[str, ...]] = ("files", "contents", "detections")

    def depends(self, context: Context) -> Mapping[str, str]:
        """Return the digests of rules and the versions of the plug-ins."""
        plugins = [f"{decoder.name}={decoder.version}" for decoder in decoders.DECODERS]
        return {
            "rules": context.rules.digest,
            "plugins": ",".join(sorted(plugins)),
            "detectors": str(detectors.VERSION),
            "ocr": decoders.engine(context.case.ocr) if context.case.ocr.enabled else "off",
            "key": context.keys.public_hex,
        }

    def units(self, context: Context) -> Sequence[Unit]:
        """Return batches of files in the order of the medium, then carved objects, then pieces of raw space."""
        return [*_file_units(context), *_carved_units(context), *_raw_units(context)]

    def items(self, context: Context, unit: Unit) -> Iterator[Item]:
        """Yield one item per stream with all its names, or one per raw piece."""
        if unit.key.startswith("raw"):
            yield from _raw_items(context, unit)
            return
        if unit.key.startswith("carved"):
            for entry in context.entries_at("carve", "carved", unit.positions):
                yield Item(exhibit=entry.exhibit, address=entry.address, bytes=entry.size, payload=(entry,))
            return
        groups: dict[tuple[str, int, str, str, str], list[FileEntry]] = {}
        listed = context.entries_at("entries", "entries", unit.positions)
        sharing = sharing_volumes(context.volumes(unit.exhibit).values())
        for entry in (_judged(context, entry) for entry in listed):
            groups.setdefault(_stream_key(entry, sharing), []).append(entry)
        for names in groups.values():
            first = names[0]
            yield Item(exhibit=first.exhibit, address=first.address, bytes=first.size, payload=tuple(names))

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Examine one stream, or one raw piece."""
        if isinstance(item.payload, RawRange):
            yield from RawExaminer(context).examine(item.payload)
        elif item.payload[0].origin == Origin.CARVED:
            yield from examine_carved(context, item.payload[0])
        else:
            yield from ContentExaminer(context).examine(item.payload)

    def lost(self, context: Context, item: Item, reason: str) -> Iterator[RowOf]:
        """Keep the names of a stream that could not be examined, and say so in the examinations."""
        yield from super().lost(context, item, reason)
        if isinstance(item.payload, RawRange):
            piece = item.payload
            yield "examinations", _raw_lost(piece, reason)
            return
        for entry in item.payload:
            yield "files", replace(entry, content=None)
        first = item.payload[0]
        for examination in ("hashed", "detected", "decoded"):
            yield "examinations", _file_lost(first, examination, reason)


def _judged(context: Context, entry: FileEntry) -> FileEntry:
    """Return an entry with the certainty that the whole account leaves it."""
    certainty = context.certainties(entry.exhibit).get(entry.id)
    return entry if certainty in (None, entry.certainty) else replace(entry, certainty=certainty)


def _stream_key(entry: FileEntry, sharing: frozenset[str]) -> tuple[str, int, str, str, str]:
    same = shared_place(entry) if entry.volume in sharing else None
    if same is not None:
        return (same, 0, "", entry.origin, entry.kind)
    shared = entry.volume if entry.origin == Origin.ALLOCATED else entry.address
    return (shared, entry.meta, entry.stream, entry.origin, entry.kind)


def _file_units(context: Context) -> list[Unit]:
    """Cut the listing into units, stream by stream in the order of the medium."""
    table = context.store.mapped("entries", "entries")
    if not table.num_rows:
        return []
    keys = _unit_order(with_shared_places(table, context.store.rows("volumes")))
    units: list[Unit] = []
    batch: list[int] = []
    size, exhibit, stream = 0, "", None
    for position, label, length, key in keys:
        full = size >= UNIT_BYTES or len(batch) >= UNIT_FILES
        if batch and (label != exhibit or (full and key != stream)):
            units.append(_file_unit(len(units), exhibit, batch, size))
            batch, size = [], 0
        batch.append(position)
        size += length if key != stream else 0
        exhibit, stream = label, key
    units.append(_file_unit(len(units), exhibit, batch, size))
    return units


def _unit_order(table: pa.Table) -> Iterator[tuple[int, str, int, tuple[Any, ...]]]:
    """Yield (position, exhibit, size, stream) ordered by exhibit, volume, stream and address."""
    names = ("exhibit", "volume", "meta", "stream", "origin", "address")
    columns = table.select([*names, "size"]).append_column("position", pa.array(range(table.num_rows)))
    order = columns.sort_by([(name, "ascending") for name in names])
    for batch in order.to_batches(max_chunksize=8192):
        for row in batch.to_pylist():
            key = (row["exhibit"], row["volume"], row["meta"], row["stream"], row["origin"])
            yield row["position"], row["exhibit"], row["size"], key


def _file_unit(number: int, exhibit: str, positions: list[int], size: int) -> Unit:
    return Unit(key=f"files-{number:06}", exhibit=exhibit, positions=tuple(positions), bytes=size)


def _carved_units(context: Context) -> list[Unit]:
    """Cut the carved objects into units, without those that are inside another one."""
    units: list[Unit] = []
    carved = (
        context.store.mapped("carve", "carved").select(["exhibit", "runs", "flags", "size", "listed_by"]).to_pylist()
    )
    for evidence in context.store.rows("evidence"):
        own = [(place, row) for place, row in enumerate(carved) if row["exhibit"] == evidence.exhibit]
        runs = [[(run["start"], run["length"]) for run in row["runs"]] for _, row in own]
        objects = zip(runs, (row for _, row in own), strict=True)
        kept = outermost([(one, row["flags"] != "partial", row["listed_by"]) for one, row in objects])
        batch: list[int] = []
        size = 0
        for place, row in (own[index] for index in kept):
            batch.append(place)
            size += row["size"]
            if size >= UNIT_BYTES or len(batch) >= UNIT_FILES:
                units.append(_carved_unit(len(units), evidence.exhibit, batch, size))
                batch, size = [], 0
        if batch:
            units.append(_carved_unit(len(units), evidence.exhibit, batch, size))
    return units


def _carved_unit(number: int, exhibit: str, positions: list[int], size: int) -> Unit:
    return Unit(key=f"carved-{number:06}", exhibit=exhibit, positions=tuple(positions), bytes=size)


def _raw_units(context: Context) -> list[Unit]:
    """Cut the raw space of every exhibit into pieces; adjacent extents stay together."""
    units: list[Unit] = []
    for evidence in context.store.rows("evidence"):
        stretches = raw_stretches(context, evidence.exhibit)
        pieces = (piece for stretch in stretches for piece in _cut(stretch.start, stretch.end))
        batch: list[int] = []
        size = 0
        for start, length in pieces:
            if batch and size + length > RAW_BYTES:
                units.append(_raw_unit(len(units), evidence.exhibit, batch, size))
                batch, size = [], 0
            batch += [start, length]
            size += length
        if batch:
            units.append(_raw_unit(len(units), evidence.exhibit, batch, size))
    return units


def _raw_unit(number: int, exhibit: str, flat: list[int], size: int) -> Unit:
    return Unit(key=f"raw-{number:06}", exhibit=exhibit, positions=tuple(flat), bytes=size)


def _cut(start: int, end: int) -> Iterator[tuple[int, int]]:
    for piece in range(start, end, RAW_BYTES):
        yield piece, min(RAW_BYTES, end - piece)


def _raw_items(context: Context, unit: Unit) -> Iterator[Item]:
    del context
    for start, length in zip(unit.positions[::2], unit.positions[1::2], strict=True):
        address = f"{unit.exhibit}!bytes:{start}+{length}"
        piece = RawRange(exhibit=unit.exhibit, start=start, length=length)
        yield Item(exhibit=unit.exhibit, address=address, bytes=length, payload=piece)


def _raw_lost(piece: RawRange, reason: str) -> Examination:
    return Examination(
        exhibit=piece.exhibit, volume="", address=f"{piece.exhibit}!bytes:{piece.start}+{piece.length}",
        subject="raw", class_="raw", bytes=piece.length, examined_by="detected", outcome="not-examined", reason=reason,
    )  # fmt: skip


def _file_lost(entry: FileEntry, examination: str, reason: str) -> Examination:
    class_ = ExtentClass.FILE_CONTENT if entry.origin == Origin.ALLOCATED else ExtentClass.DELETED_CONTENT
    return Examination(
        exhibit=entry.exhibit, volume=entry.volume, address=entry.address, subject=entry.id, class_=class_,
        bytes=entry.size, examined_by=examination, outcome="not-examined", reason=reason,
    )  # fmt: skip
