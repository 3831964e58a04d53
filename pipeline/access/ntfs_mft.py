"""The master file table as a stream: found through the boot sector or its mirror, read record by record or in batches.

Sources: Linux-NTFS project documentation, "$MFT", "$MFTMirr", "$ATTRIBUTE_LIST"; Carrier, *File System Forensic
Analysis*, ch. 11-13.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pipeline.access.interfaces import Readable
from pipeline.access.ntfs_boot import NtfsGeometry
from pipeline.access.ntfs_faults import Faults
from pipeline.access.ntfs_record import (
    ATTRIBUTE_LIST,
    DATA,
    REFERENCE,
    Attribute,
    Record,
    list_items,
    parse_record,
)
from pipeline.access.ntfs_runs import Piece, RunStream, decode_runs, join_pieces
from pipeline.errors import UnreadableError

__all__ = ["Mft", "Stream", "open_table", "streams_of"]

_MAX_LIST: Final = 1 << 18  # Windows holds no longer attribute list
_MAX_EXTENSIONS: Final = 1 << 22
_MAX_RECORDS: Final = 1 << 32


class Stream(NamedTuple):
    """One attribute put together: resident bytes, or runs in clusters (-1: a hole). Sizes in bytes."""

    kind: int
    name: str
    flags: int
    resident: bool
    content: bytes
    size: int
    initialised: int
    unit: int
    runs: list[tuple[int, int]]
    sound: bool
    least: int = 0
    """Clusters that a stream has at least whose first piece, which states the size, is lost."""


def streams_of(attributes: list[Attribute], clusters: int) -> list[Stream]:
    """Put attributes of one file together; parts of one name and kind become one stream, in order of appearance."""
    groups: dict[tuple[int, str], list[Attribute]] = {}
    for attribute in attributes:
        groups.setdefault((attribute.kind, attribute.name), []).append(attribute)
    return [_stream(group, clusters) for group in groups.values()]


def _stream(group: list[Attribute], clusters: int, *, across: bool = False) -> Stream:
    head = min(group, key=lambda attribute: attribute.first)
    runs: list[tuple[int, int]] = []
    sound, least = True, 0
    if not head.resident:
        parts = [(part.first, *decode_runs(part.content, clusters)) for part in group if not part.resident]
        pieces = [Piece(first, found) for first, found, _ in parts]
        runs, whole = join_pieces(pieces, across=across)
        sound = whole and all(good for _, _, good in parts)
        least = max(piece.end for piece in pieces) if head.first else 0
    content = head.content if head.resident else b""
    return Stream(
        head.kind, head.name, head.flags, head.resident, content, head.size, head.initialised, head.unit, runs, sound,
        least,
    )  # fmt: skip


class Mft:
    """The table of one volume; ``stream`` holds its bytes; ``bare`` where there are no clusters beside it."""

    def __init__(
        self, data: Readable, geometry: NtfsGeometry, stream: Readable, faults: Faults, *, bare: bool = False
    ) -> None:
        self.bare = bare
        self.data = data
        self.geometry = geometry
        self.stream = stream
        self.faults = faults
        self.clusters = 1 << 48 if bare else -(-data.size // geometry.cluster)
        self._extensions = 0

    @property
    def count(self) -> int:
        """Number of records."""
        return min(self.stream.size // self.geometry.record, _MAX_RECORDS)

    def raw(self, first: int, count: int) -> bytes:
        """Return the bytes of records; what cannot be read is zeros, and counted."""
        size = self.geometry.record
        count = max(min(count, self.count - first), 0)
        try:
            return self.stream.read(first * size, count * size)
        except UnreadableError:
            pass
        pieces = []
        for number in range(first, first + count):
            try:
                pieces.append(self.stream.read(number * size, size).ljust(size, b"\0"))
            except UnreadableError:
                pieces.append(bytes(size))
                self.faults.add("mft-unreadable", number)
        return b"".join(pieces)

    def record(self, number: int, kinds: frozenset[int] = frozenset()) -> Record | None:
        """Return one record, or None where there is none; with ``kinds``, only its attributes of these."""
        if not 0 <= number < self.count:
            return None
        return parse_record(self.raw(number, 1), number, kinds)

    def attributes(self, record: Record) -> list[Attribute]:
        """Return a base record's attributes with those that its attribute list keeps in other records."""
        own = list(record.attributes)
        for item in own:
            if item.kind == ATTRIBUTE_LIST:
                return own + self._elsewhere(record, item)
        return own

    def _elsewhere(self, record: Record, listing: Attribute) -> list[Attribute]:
        found: list[Attribute] = []
        wanted: dict[int, set[tuple[int, int]]] = {}
        for item in list_items(self.listing(record, listing)):
            if item.record != record.number:
                wanted.setdefault(item.record, set()).add((item.kind, item.number))
        for number, keys in wanted.items():
            self._extensions += 1
            extension = self.record(number) if self._extensions <= _MAX_EXTENSIONS else None
            if extension is None or extension.base & REFERENCE != record.number:
                self.faults.add("extension-missing", record.number)
                continue
            found += [one for one in extension.attributes if (one.kind, one.number) in keys]
        return found

    def listing(self, record: Record, listing: Attribute) -> bytes:
        """Return the content of an attribute list; nothing, and a count, where it cannot be read."""
        if listing.resident:
            return listing.content
        try:
            return self.open(_stream([listing], self.clusters)).read(0, min(listing.size, _MAX_LIST))
        except UnreadableError:
            self.faults.add("attribute-list-unreadable", record.number)
            return b""

    def open(self, stream: Stream) -> RunStream:
        """Return a non-resident stream's stored bytes (compressed and encrypted ones as they lie)."""
        cluster = self.geometry.cluster
        runs = [(first * cluster if first >= 0 else -1, count * cluster) for first, count in stream.runs]
        return RunStream(self.data, runs, stream.size, stream.initialised)


def open_table(data: Readable, geometry: NtfsGeometry, faults: Faults) -> Mft:
    """Return a volume's table, through record 0 or, where that is damaged, through its copy in $MFTMirr.

    Raises:
        UnreadableError: neither describes the table.
    """
    problem = "its record 0 is damaged"
    for place, name in ((geometry.mft, "$MFT"), (geometry.mirror, "$MFTMirr")):
        try:
            record = parse_record(data.read(place, geometry.record), 0) if place else None
        except UnreadableError as error:
            problem, record = str(error), None
        if record is not None and record.sound and any(one.kind == DATA for one in record.attributes):
            table = _table(data, geometry, record, faults)
            if table.count:
                return table
        faults.add("mft-damaged", 0 if name == "$MFT" else 1)
    raise UnreadableError(f"the master file table cannot be found ({problem})")


def _table(data: Readable, geometry: NtfsGeometry, record: Record, faults: Faults) -> Mft:
    """Follow the table's own runs; parts that extension records hold lie inside the parts before them."""
    parts = [one for one in record.attributes if one.kind == DATA and not one.name]
    table = _with(data, geometry, parts, faults)
    seen: set[int] = {0}
    for listing in (one for one in record.attributes if one.kind == ATTRIBUTE_LIST):
        for item in list_items(table.listing(record, listing)):
            extension = None if item.kind != DATA or item.record in seen else table.record(item.record)
            seen.add(item.record)
            if extension is None or extension.base & REFERENCE:
                continue
            parts += [one for one in extension.attributes if one.kind == DATA and not one.name]
            table = _with(data, geometry, parts, faults)
    _check(table, parts)
    return table


def _check(table: Mft, parts: list[Attribute]) -> None:
    """Tell when the table's runs have a gap, or end before its size: records are not listed then."""
    own = [part for part in parts if not part.resident]
    stream = _stream(own, table.clusters, across=True) if own else None
    if stream is not None and (not stream.sound or table.stream.size < stream.size):
        table.faults.add("mft-runs-damaged", 0)


def _with(data: Readable, geometry: NtfsGeometry, parts: list[Attribute], faults: Faults) -> Mft:
    empty = Mft(data, geometry, RunStream(data, [], 0, 0), faults)
    if not parts or all(part.resident for part in parts):
        return empty
    stream = _stream([part for part in parts if not part.resident], empty.clusters, across=True)
    return Mft(data, geometry, empty.open(stream), faults)
