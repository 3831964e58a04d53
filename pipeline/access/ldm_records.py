"""The database of a Windows dynamic disk: its private header, table of contents, and records (VBLK), big-endian.

Sources: the Linux-NTFS project's LDM documentation and the kernel's ``block/partitions/ldm.h`` (offsets of PRIVHEAD,
TOCBLOCK, VMDB, record heads; integers and names with their length before them). On an MBR disk the header is sector 6,
with copies in the database; on a GPT disk it is the last sector of the LDM metadata partition.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError

__all__ = ["SECTOR", "Component", "Database", "Disk", "Header", "Part", "VolumeRecord", "read_database", "read_header"]

SECTOR: Final = 512
_HEADER_SECTOR: Final = 6
_NO_MEDIUM: Final = 1 << 56
"""Bytes that no medium has: larger numbers are damage, and sums of smaller ones stay in 64 bits."""
_TOC_SECTORS: Final = (2, 1, 2045, 2046)
_MAX_DATABASE: Final = 8 << 20  # Windows keeps one of 1 MiB
_HEAD: Final = 16
_BODY: Final = 24
_NOT_YET: Final = 2  # update status: the change that makes it was not carried through


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A disk's identity, and where its data and its database lie, in bytes of the medium."""

    disk: str
    group: str
    group_name: str
    data: int
    database: int
    database_length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A disk of the group."""

    name: str
    guid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of a disk that belongs to a component; in bytes, ``start`` from where the disk's data begins."""

    start: int
    offset: int
    length: int
    component: int
    disk: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One copy of a volume: its layout (1 striped, 2 spanned, 3 RAID 5) and, striped, its chunk in bytes."""

    layout: int
    volume: int
    chunk: int
    columns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRecord:
    """A volume of the group."""

    name: str
    kind: str
    length: int
    hint: str


@dataclass(frozen=True, slots=True)
class Database:
    """The records by their numbers."""

    volumes: dict[int, VolumeRecord]
    components: dict[int, Component]
    parts: dict[int, Part]
    disks: dict[int, Disk]


class _Fields:
    """Reads the fields of a record, one after another; ParseError at its end."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._at = raw, 0

    def take(self, length: int) -> bytes:
        """Return the next bytes."""
        piece = self._raw[self._at : self._at + length]
        self._at += length
        if len(piece) < length:
            raise ParseError("LDM: a record is cut off")
        return piece

    def number(self) -> int:
        """Return an integer with its length before it."""
        length = self.take(1)[0]
        if length > 8:
            raise ParseError("LDM: an integer of impossible length")
        return int.from_bytes(self.take(length), "big")

    def sectors(self) -> int:
        """Return a number of sectors in bytes; ParseError where no medium has so many."""
        found = self.number() * SECTOR
        if found >= _NO_MEDIUM:
            raise ParseError("LDM: more sectors than any medium has")
        return found

    def text(self) -> str:
        """Return a name with its length before it."""
        return self.take(self.take(1)[0]).split(b"\0")[0].decode("latin-1")


def read_header(data: Readable, at: int | None = None) -> Header:
    """Return the private header: at a byte, or where an MBR disk keeps it.

    Raises:
        ParseError: there is none, or it is impossible.
    """
    places = (_HEADER_SECTOR * SECTOR, data.size // SECTOR * SECTOR - SECTOR) if at is None else (at,)
    for place in places:
        raw = data.read(place, SECTOR) if place >= 0 else b""
        if len(raw) == SECTOR and raw[:8] == b"PRIVHEAD":
            data_start, _, database, length = struct.unpack_from(">QQQQ", raw, 0x11B)
            if database * SECTOR >= data.size or not 0 < length * SECTOR <= _MAX_DATABASE:
                raise ParseError("LDM: impossible place of the database")
            return Header(
                disk=_guid(raw[48:112]), group=_guid(raw[176:240]), group_name=_guid(raw[240:271]),
                data=data_start * SECTOR, database=database * SECTOR, database_length=length * SECTOR,
            )  # fmt: skip
    raise ParseError("LDM: no private header")


def _guid(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("latin-1").lower()


def read_database(data: Readable, header: Header) -> Database:
    """Return the records of a disk's database.

    Raises:
        ParseError: it is damaged, or being changed.
    """
    raw = data.read(header.database, header.database_length)
    sectors = (raw[at * SECTOR : (at + 1) * SECTOR] for at in _TOC_SECTORS)
    toc = next((sector for sector in sectors if sector[:8] == b"TOCBLOCK"), b"")
    starts = [int.from_bytes(toc[at + 10 : at + 18], "big") for at in (36, 70) if toc[at : at + 6] == b"config"]
    base = starts[0] * SECTOR if starts else len(raw)
    if raw[base : base + 4] != b"VMDB":
        raise ParseError("LDM: no database")
    size, first = struct.unpack_from(">II", raw, base + 8)
    if not _BODY < size <= 4096 or not 0 < first <= len(raw):
        raise ParseError("LDM: impossible record sizes")
    return _database(_records(raw[base + first :], size))


def _records(raw: bytes, size: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield (type and revision, flags, body) of records, put together from their fragments."""
    fragments: dict[int, dict[int, bytes]] = defaultdict(dict)
    counts: dict[int, int] = {}
    for at in range(0, len(raw) - size + 1, size):
        if raw[at : at + 4] != b"VBLK":
            break
        _, group, number, count = struct.unpack_from(">IIHH", raw, at + 4)
        if count:
            fragments[group][number] = raw[at + _HEAD : at + size]
            counts[group] = count
    for group, count in counts.items():
        pieces = fragments[group]
        if sorted(pieces) != list(range(count)):
            raise ParseError("LDM: a record lacks a fragment")
        whole = b"".join(pieces[number] for number in range(count))
        if int.from_bytes(whole[:2], "big") == _NOT_YET:
            continue
        yield whole[3], whole[2], whole[8:]


def _database(records: Iterator[tuple[int, int, bytes]]) -> Database:
    found = Database({}, {}, {}, {})
    for kind, flags, body in records:
        fields, revision = _Fields(body), kind >> 4
        number, name = (fields.number(), fields.text()) if kind else (0, "")
        match kind & 15:
            case 1 if revision == 5:
                found.volumes[number] = _volume(fields, flags, name)
            case 2 if revision == 3:
                found.components[number] = _component(fields, flags)
            case 3 if revision == 3:
                found.parts[number] = _part(fields, flags)
            case 4 if revision in {3, 4}:
                guid = fields.text() if revision == 3 else _uuid(fields.take(16))
                found.disks[number] = Disk(name=name, guid=guid.lower())
            case 1 | 2 | 3 | 4:
                raise ParseError(f"LDM: a record of revision {revision}, which this version does not know")
    return found


def _uuid(raw: bytes) -> str:
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _volume(fields: _Fields, flags: int, name: str) -> VolumeRecord:
    kind = fields.text()
    fields.text()  # whether it has a drive letter
    fields.take(14 + 1 + 1 + 1 + 3 + 1)  # the state, numbers and flags that tell nothing of where it lies
    fields.number()  # components
    fields.take(16)
    length = fields.sectors()
    fields.take(4 + 1 + 16)
    first = fields.text() if flags & 0x08 else ""
    second = fields.text() if flags & 0x20 else ""
    if flags & 0x80:
        fields.number()
    hint = fields.text() if flags & 0x02 else ""
    return VolumeRecord(name=name, kind=kind, length=length, hint=hint or first or second)


def _component(fields: _Fields, flags: int) -> Component:
    fields.text()  # its state
    layout = fields.take(5)[0]
    fields.number()  # parts
    fields.take(16)
    volume = fields.number()
    fields.take(1)
    chunk, columns = (fields.sectors(), fields.number()) if flags & 0x10 else (0, 0)
    return Component(layout=layout, volume=volume, chunk=chunk, columns=columns)


def _part(fields: _Fields, flags: int) -> Part:
    fields.take(12)
    start, offset = struct.unpack(">QQ", fields.take(16))
    length, component, disk = fields.sectors(), fields.number(), fields.number()
    column = fields.number() if flags & 0x08 else 0
    return Part(
        start=start * SECTOR, offset=offset * SECTOR, length=length, component=component, disk=disk,
        column=column,
    )  # fmt: skip
