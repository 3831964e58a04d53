"""What a byte of an image is: its class and structure, whose it is and who else claims it, and what looked at it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.access.interfaces import Readable
from pipeline.access.mapping import Mapping, place_of
from pipeline.access.ntfs_boot import parse_boot
from pipeline.access.overlay import Slice
from pipeline.errors import SettingsError, UnreadableError
from pipeline.records import NOT_CALLED_FOR, Extent, FileEntry, Run, Volume
from pipeline.schemas import TABLES, table_to_rows
from pipeline.store import Store

__all__ = ["Claimant", "Place", "place_at", "record_range"]

_CONTENT: Final = ("file-content", "deleted-content")
_CLOSED: Final = ("locked", "unreadable")
_EXAMINATIONS: Final = ("hashed", "decoded", "detected", "carved")
_SECTOR: Final = 512
_BLOCKS_FROM_0: Final = ("NTFS", "ext", "ext2", "ext3", "ext4")
"""File systems whose blocks are counted from the volume's first byte."""


@dataclass(frozen=True, slots=True)
class Claimant:
    """A file that claims a byte, and the byte's offset in it; None where its runs do not hold the byte."""

    entry: FileEntry
    offset: int | None

    @property
    def behind(self) -> bool:
        """Tell whether the byte lies behind what the file's content is read from."""
        return self.offset is not None and self.offset >= min(self.entry.size, self.entry.initialised_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A byte of an image."""

    exhibit: str
    offset: int
    extent: Extent
    structure: str
    volume: Volume | None
    volume_offset: int | None
    block: int | None
    claimants: tuple[Claimant, ...]
    looked: tuple[tuple[str, str, str], ...]

    @property
    def sector(self) -> int:
        """Return the sector of 512 bytes of the image."""
        return self.offset // _SECTOR


def place_at(store: Store, exhibit: str, offset: int, image: Readable | None = None) -> Place:
    """Return what a byte is; ``image`` lets structures be counted (records of an MFT).

    Raises:
        SettingsError: the offset is outside the image, or no account was written.
    """
    extents = store.table("extents", exhibit=exhibit)
    starts, lengths = extents.column("start"), extents.column("length")
    holds = pc.and_(pc.less_equal(starts, offset), pc.greater(pc.add(starts, lengths), offset))
    extent: Extent | None = next(table_to_rows(TABLES["extents"], extents.filter(holds)), None)
    if extent is None or offset < 0:
        raise SettingsError(f"{exhibit}: offset {offset} is outside the image")
    volume = next((row for row in store.rows("volumes", exhibit=exhibit) if row.address == extent.volume), None)
    inside = _within(volume, offset)
    claimants = tuple(_claimants(store, extent, offset))
    return Place(
        exhibit=exhibit, offset=offset, extent=extent, volume=volume, volume_offset=inside,
        structure=_structure(extent, volume, claimants, image), block=_block(volume, inside), claimants=claimants,
        looked=tuple(_looked(store, extent, offset)),
    )  # fmt: skip


def _within(volume: Volume | None, offset: int) -> int | None:
    if volume is None:
        return None
    try:
        return Mapping(place_of(volume)).back((Run(start=offset, length=1),))[0].start
    except (UnreadableError, IndexError):
        return None


def _block(volume: Volume | None, inside: int | None) -> int | None:
    if volume is None or inside is None or not volume.block_size or volume.file_system not in _BLOCKS_FROM_0:
        return None
    return inside // volume.block_size


def _claimants(store: Store, extent: Extent, offset: int) -> Iterator[Claimant]:
    """Yield the owner first, then the others, with the byte's offset in each."""
    ids = list(dict.fromkeys([*([extent.owner] if extent.owner else []), *extent.claimants]))
    if not ids:
        return
    entries = store.table("entries", exhibit=extent.exhibit)
    found = entries.filter(pc.is_in(entries.column("id"), pa.array(ids)))
    rows = {row.id: row for row in table_to_rows(TABLES["entries"], found)}
    for key in ids:
        if key in rows:
            yield Claimant(rows[key], _offset_in(rows[key].runs, offset))


def _offset_in(runs: Sequence[Run], offset: int) -> int | None:
    position = 0
    for run in runs:
        if run.start >= 0 and run.start <= offset < run.start + run.length:
            return position + offset - run.start
        position += run.length
    return None


def _structure(extent: Extent, volume: Volume | None, claimants: Sequence[Claimant], image: Readable | None) -> str:
    """Name the structure: as the account has it, and in an MFT the record by its number."""
    record = _record_size(volume, image) if extent.name == "$MFT" else 0
    if record and claimants and claimants[0].offset is not None:
        return f"MFT record {claimants[0].offset // record}, byte {claimants[0].offset % record}"
    return extent.name


def _record_size(volume: Volume | None, image: Readable | None) -> int:
    if volume is None or image is None or not volume.direct:
        return 0
    try:
        return parse_boot(Slice(image, volume.start, volume.length).read(0, _SECTOR), volume.length).record
    except UnreadableError:
        return 0


def record_range(store: Store, entry: FileEntry, image: Readable) -> tuple[tuple[int, int], ...]:
    """Return where an entry's MFT record lies, which holds its content if that has no runs, or nothing."""
    volume = next((row for row in store.rows("volumes", exhibit=entry.exhibit) if row.address == entry.volume), None)
    record = _record_size(volume, image)
    entries = store.table("entries", exhibit=entry.exhibit)
    ours = pc.and_(pc.equal(entries.column("volume"), entry.volume), pc.equal(entries.column("path"), "/$MFT"))
    found = entries.filter(pc.and_(ours, pc.equal(entries.column("stream"), "")))
    table = next(table_to_rows(TABLES["entries"], found), None)
    if not record or table is None or entry.runs or entry.meta < 0:
        return ()
    start, position, ranges = entry.meta * record, 0, []
    for run in table.runs:
        low, high = max(start, position), min(start + record, position + run.length)
        if low < high and run.start >= 0:
            ranges.append((run.start + low - position, high - low))
        position += run.length
    return tuple(ranges)


def _looked(store: Store, extent: Extent, offset: int) -> Iterator[tuple[str, str, str]]:
    """Yield (examination, outcome, reason) of all that looked at the byte; what none looked at is said, too."""
    rows = store.table("examinations", exhibit=extent.exhibit)
    raw = rows.filter(pc.equal(rows.column("subject"), "raw"))
    found = [row for row in raw.to_pylist() if _covers(row["address"], offset)]
    if extent.owner is not None and extent.class_ in _CONTENT:
        found += rows.filter(pc.equal(rows.column("subject"), extent.owner)).to_pylist()
    said = sorted({(row["examined_by"], row["outcome"], row["reason"]) for row in found})
    yield from said
    done = {name for name, _, _ in said}
    whole = extent.class_ in _CONTENT and any(name == "hashed" and outcome == "examined" for name, outcome, _ in said)
    for name in _EXAMINATIONS:
        if name not in done:
            yield name, "not-examined", _why(extent, name, read=whole)


def _covers(address: str, offset: int) -> bool:
    start, _, length = address.rpartition("bytes:")[2].partition("+")
    return start.isdigit() and length.isdigit() and int(start) <= offset < int(start) + int(length)


def _why(extent: Extent, name: str, *, read: bool) -> str:
    if extent.class_ in _CLOSED:
        return extent.class_
    other = extent.class_ not in _CONTENT
    spared = {"carved": read, "decoded": read or other, "hashed": other, "detected": False}
    return f"{NOT_CALLED_FOR}see coverage" if spared[name] else "no examination on record"
