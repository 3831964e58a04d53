"""Writes ``files``, ``contents`` and ``detections``: every content read once, hashed, typed, scanned and opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import carvers, decoders, detectors
from pipeline.records import Certainty, Examination, ExtentClass, FileEntry, Origin
from pipeline.stages.base import Item, RowOf, Stage, Unit
from pipeline.stages.context import Context
from pipeline.stages.examine_content import ContentExaminer
from pipeline.stages.examine_raw import RawExaminer, RawRange

__all__ = ["ExamineStage"]

UNIT_BYTES: Final = 32 << 20
UNIT_FILES: Final = 400
RAW_BYTES: Final = 16 << 20
RAW_CLASSES: Final = (
    ExtentClass.UNALLOCATED,
    ExtentClass.UNLISTED,
    ExtentClass.FILE_SLACK,
    ExtentClass.FILE_SYSTEM_METADATA,
    ExtentClass.VOLUME_METADATA,
    ExtentClass.VOLUME_GAP,
    ExtentClass.DELETED_CONTENT,
)
READ_AS_FILE: Final = (Certainty.INTACT, Certainty.CONTIGUITY_ASSUMED, Certainty.NO_CONTENT, "")


class ExamineStage(Stage):
    """Examines the contents of listed files, and the raw bytes that no listed file holds."""

    name: ClassVar[str] = "examine"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("evidence", "volumes", "entries", "extents")
    writes: ClassVar[tuple[str, ...]] = ("files", "contents", "detections")

    def depends(self, context: Context) -> Mapping[str, str]:
        """Return the digests of rules and the versions of the plug-ins."""
        plugins = [f"{decoder.name}={decoder.version}" for decoder in decoders.DECODERS]
        plugins += [f"{carver.name}={carver.version}" for carver in carvers.CARVERS]
        return {
            "rules": context.rules.digest,
            "plugins": ",".join(sorted(plugins)),
            "detectors": str(detectors.VERSION),
            "key": context.keys.public_hex,
        }

    def units(self, context: Context) -> Sequence[Unit]:
        """Return batches of files in the order of the medium, then pieces of raw space."""
        return [*_file_units(context), *_raw_units(context)]

    def items(self, context: Context, unit: Unit) -> Iterator[Item]:
        """Yield one item per stream with all its names, or one per raw piece."""
        if unit.key.startswith("raw"):
            yield from _raw_items(context, unit)
            return
        groups: dict[tuple[str, int, str, str, str], list[FileEntry]] = {}
        for entry in context.entries_at("entries", "entries", unit.positions):
            groups.setdefault(_stream_key(entry), []).append(entry)
        for names in groups.values():
            first = names[0]
            yield Item(exhibit=first.exhibit, address=first.address, bytes=first.size, payload=tuple(names))

    def examine(self, context: Context, item: Item) -> Iterator[RowOf]:
        """Examine one stream, or one raw piece."""
        if isinstance(item.payload, RawRange):
            yield from RawExaminer(context).examine(item.payload)
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


def _stream_key(entry: FileEntry) -> tuple[str, int, str, str, str]:
    shared = entry.volume if entry.origin == Origin.ALLOCATED else entry.address
    return (shared, entry.meta, entry.stream, entry.origin, entry.kind)


def _file_units(context: Context) -> list[Unit]:
    """Cut the listing into units, stream by stream in the order of the medium."""
    table = context.store.mapped("entries", "entries")
    if not table.num_rows:
        return []
    keys = _unit_order(table)
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


def _raw_units(context: Context) -> list[Unit]:
    """Cut the raw space of every exhibit into pieces; adjacent extents stay together."""
    units: list[Unit] = []
    owned = _owners_read_as_files(context)
    for evidence in context.store.rows("evidence"):
        pieces = _raw_pieces(context, evidence.exhibit, owned)
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


def _owners_read_as_files(context: Context) -> set[str]:
    """Return ids of deleted entries whose runs are read as a file; their extents are not read raw again."""
    table = context.store.mapped("entries", "entries")
    deleted = table.filter(
        pc.and_(
            pc.not_equal(table.column("origin"), Origin.ALLOCATED.value),
            pc.and_(
                pc.equal(table.column("kind"), "file"),
                pc.is_in(table.column("certainty"), pa.array([str(value) for value in READ_AS_FILE])),
            ),
        )
    )
    return set(deleted.column("id").to_pylist())


def _raw_pieces(context: Context, exhibit: str, owned: set[str]) -> Iterator[tuple[int, int]]:
    """Yield (start, length) of raw stretches of at most ``RAW_BYTES``."""
    start, end = -1, -1
    for extent in context.store.rows("extents", exhibit=exhibit):
        wanted = extent.class_ in RAW_CLASSES and extent.owner not in owned
        if wanted and extent.start == end:
            end += extent.length
            continue
        if start >= 0:
            yield from _cut(start, end)
        start, end = (extent.start, extent.start + extent.length) if wanted else (-1, -1)
    if start >= 0:
        yield from _cut(start, end)


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
