"""Windows dynamic disks: simple, spanned, striped and mirrored volumes as far as they lie on the disk at hand.

An exhibit is one disk, so what needs further disks is named with its length and the disks; the parts of it that are
here are its own in the account, and are scanned raw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.access.ldm_records import SECTOR, Component, Database, Header, Part, read_database, read_header
from pipeline.access.partitions import PartitionTable
from pipeline.access.pool import MAX_VOLUMES, Found, Pool, Stripes, linear, unknown_inside
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Diagnostic, ExtentClass, Region, Severity, diagnose

__all__ = ["dynamic_volumes", "is_dynamic", "ldm_regions"]

_METADATA: Final = "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3"
_TYPES: Final = ("0x42", _METADATA, "af9b60a0-1431-4f62-bc68-3311714a69ad")
_STRIPED, _SPANNED = 1, 2


def is_dynamic(kind: str) -> bool:
    """Tell whether a partition's type is one of a dynamic disk's."""
    return kind in _TYPES


def _header(data: Readable, table: PartitionTable) -> Header:
    for part in table.partitions:
        if part.type == _METADATA:
            return read_header(data, part.start + part.length - SECTOR)
    return read_header(data)


def ldm_regions(data: Readable, exhibit: str, table: PartitionTable | None) -> Iterator[Region]:
    """Yield where a dynamic disk's own structures lie; nothing on another disk, or where they cannot be read."""
    if table is None or not any(is_dynamic(part.type) for part in table.partitions):
        return
    try:
        header = _header(data, table)
    except (ParseError, UnreadableError):
        return
    places = [(header.database, header.database_length, "LDM database")]
    if table.scheme == "mbr":
        places.append((6 * SECTOR, SECTOR, "LDM private header"))
    for start, length, name in places:
        yield Region(
            exhibit=exhibit, volume="", start=start, length=min(length, data.size - start),
            class_=ExtentClass.VOLUME_METADATA, name=name,
        )  # fmt: skip


def dynamic_volumes(disk: Found, table: PartitionTable) -> Iterator[Found | Diagnostic]:
    """Yield the volumes that a dynamic disk's database names; what stands for them where it cannot be read."""
    try:
        header = _header(disk.bytes, table)
        database = read_database(disk.bytes, header)
    except (ParseError, UnreadableError) as error:
        yield from unknown_inside(disk.row, "ldm", str(error), scheme="ldm")
        return
    pool = Pool([disk])
    for number in sorted(database.volumes)[:MAX_VOLUMES]:
        yield from _Assembly(pool, header, database, number).rows()
    if len(database.volumes) > MAX_VOLUMES:
        message = f"{disk.row.address}: {len(database.volumes)} dynamic volumes, of which {MAX_VOLUMES} are opened"
        yield diagnose("volumes", disk.row.address, "limit", message, Severity.LOSS)


class _Assembly:
    """One volume of the group."""

    def __init__(self, pool: Pool, header: Header, database: Database, number: int) -> None:
        self._pool, self._header, self._database = pool, header, database
        self._volume = database.volumes[number]
        self._components = [item for _, item in sorted(database.components.items()) if item.volume == number]
        self._numbers = {id(item): key for key, item in database.components.items()}

    def rows(self) -> Iterator[Found | Diagnostic]:
        """Yield the volume by its first copy that is whole on this disk, or why there is none."""
        record = self._volume
        reasons: list[str] = []
        for component in self._components:
            try:
                layout = self._layout(component)
                if sum(part.length for part in layout) < record.length:
                    raise ParseError("its parts are shorter than it is")
            except ParseError as error:
                reasons.append(str(error))
                continue
            yield self._pool.inner("ldm", record.name, _cut(layout, record.length), scheme="ldm", label=record.hint)
            return
        reason = reasons[0] if reasons else "the database names no part of it"
        yield from self._pool.closed(
            "ldm", record.name, record.length, reason, scheme="ldm", held=self._held(), label=record.hint
        )

    def _parts(self, component: Component) -> list[Part]:
        number = self._numbers[id(component)]
        return [part for _, part in sorted(self._database.parts.items()) if part.component == number]

    def _here(self, part: Part) -> bool:
        disk = self._database.disks.get(part.disk)
        return disk is not None and disk.guid == self._header.disk

    def _place(self, part: Part) -> int:
        return self._pool.place(0, self._header.data + part.start, part.length)

    def _held(self) -> list[Stripes]:
        """Return the parts that lie on this disk."""
        found = []
        for component in self._components:
            for part in self._parts(component):
                try:
                    found += [linear(self._place(part), part.length)] if self._here(part) else []
                except ParseError:
                    continue  # it lies outside the image, and there is nothing of it to account for
        return found

    def _layout(self, component: Component) -> list[Stripes]:
        parts = self._parts(component)
        absent = sorted({self._named(part) for part in parts if not self._here(part)})
        if absent:
            raise ParseError(f"it needs the disks {', '.join(absent)}, which are other exhibits' or not here")
        if not parts:
            raise ParseError("the database names no part of it")
        if component.layout == _SPANNED:
            return self._spanned(parts)
        if component.layout == _STRIPED:
            return self._striped(component, parts)
        raise ParseError("RAID 5 of Windows, which this version does not put together")

    def _named(self, part: Part) -> str:
        disk = self._database.disks.get(part.disk)
        return f"{disk.name} ({disk.guid})" if disk is not None else f"number {part.disk}"

    def _spanned(self, parts: Sequence[Part]) -> list[Stripes]:
        found, position = [], 0
        for part in sorted(parts, key=lambda item: item.offset):
            if part.offset != position:
                raise ParseError("its parts do not follow each other")
            found.append(linear(self._place(part), part.length))
            position += part.length
        return found

    def _striped(self, component: Component, parts: Sequence[Part]) -> list[Stripes]:
        ordered = sorted(parts, key=lambda item: item.column)
        chunk, length = component.chunk, min(part.length for part in parts)
        if not 0 < component.columns == len(parts) or chunk < SECTOR or length < chunk:
            raise ParseError("its columns are damaged")
        length -= length % chunk
        places = tuple(self._place(part) for part in ordered)
        return [Stripes(length=length * len(parts), chunk=chunk, places=places, stride=chunk)]


def _cut(layout: Sequence[Stripes], length: int) -> list[Stripes]:
    """Return a layout as long as its volume: parts may be rounded up to the disk's cylinders."""
    found = []
    for part in layout:
        kept = min(part.length, length)
        if kept:
            found.append(Stripes(length=kept, chunk=part.chunk, places=part.places, stride=part.stride))
        length -= kept
    return found
