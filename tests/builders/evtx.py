"""Writes Windows XML event logs: file header, 64 KiB chunks with CRCs, BinXML records that share one template per kind.

SOURCE: [MS-EVEN6] 2.2.12 (BinXML); Joachim Metz, "Windows XML Event Log (EVTX) format" (file, chunk, record headers).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

__all__ = ["Binary", "Event", "evtx", "filetime"]

CHUNK_SIZE: Final = 65536
CHUNK_HEADER: Final = 512
STRING, UINT8, UINT16, UINT32, UINT64, BINARY, TIME, HEX64 = 0x01, 0x04, 0x06, 0x08, 0x0A, 0x0E, 0x11, 0x15
EVENT_SPACE: Final = "http://schemas.microsoft.com/win/2004/08/events/event"
USER_SPACE: Final = "http://manifests.microsoft.com/win/2004/08/windows/eventlog"


@dataclass(frozen=True, slots=True)
class Binary:
    """A value of bytes (win:Binary)."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One record; ``user_data`` names the element of a UserData event, else the data are EventData of named values."""

    time: datetime
    event_id: int
    provider: str
    channel: str
    computer: str
    guid: str = "{00000000-0000-0000-0000-000000000000}"
    level: int = 4
    keywords: int = 0x8000000000000000
    data: tuple[tuple[str, str | int | Binary], ...] = ()
    user_data: str = ""


def filetime(when: datetime) -> int:
    """Return 100 ns intervals since 1601-01-01 UTC ([MS-DTYP] 2.3.3)."""
    delta = when.astimezone(UTC) - datetime(1601, 1, 1, tzinfo=UTC)
    return (delta.days * 86400 + delta.seconds) * 10_000_000 + delta.microseconds * 10


def evtx(events: Sequence[Event], *, first_record: int = 1) -> bytes:
    """Return a log of events in the given order, numbered from ``first_record``."""
    chunks: list[bytes] = []
    chunk = _Chunk(first_record)
    for number, event in enumerate(events, first_record):
        if not chunk.fits(event, number):
            chunks.append(chunk.finished())
            chunk = _Chunk(number)
            chunk.fits(event, number)
    chunks.append(chunk.finished())
    head = struct.pack(
        "<8sQQQIHHHH76xI", b"ElfFile\0", 0, len(chunks) - 1, first_record + len(events), 128, 1, 3, 4096, len(chunks), 0
    )
    return (head + struct.pack("<I", zlib.crc32(head[:120]))).ljust(4096, b"\0") + b"".join(chunks)


@dataclass
class _Chunk:
    """A chunk being filled; templates are defined where they are first used and pointed to afterwards."""

    first: int
    body: bytearray = field(default_factory=bytearray)
    templates: dict[tuple[object, ...], int] = field(default_factory=dict)
    last: int = 0
    last_offset: int = 0

    def fits(self, event: Event, number: int) -> bool:
        """Append a record; False, and nothing changed, where there is no room."""
        start = CHUNK_HEADER + len(self.body)
        kept = dict(self.templates)
        binxml = self._binxml(event, number, start + 24)
        size = (24 + len(binxml) + 4 + 7) // 8 * 8
        if start + size > CHUNK_SIZE:
            self.templates = kept
            return False
        record = struct.pack("<4sIQQ", b"**\0\0", size, number, filetime(event.time)) + binxml
        self.body += record.ljust(size - 4, b"\0") + struct.pack("<I", size)
        self.last, self.last_offset = number, start
        return True

    def _binxml(self, event: Event, number: int, start: int) -> bytes:
        key = _template_key(event)
        here = start + 4 + 10
        head = b"\x0f\x01\x01\x00\x0c\x01" + struct.pack("<I", zlib.crc32(repr(key).encode()))
        known = self.templates.get(key)
        if known is None:
            self.templates[key] = here
            body = b"\x0f\x01\x01\x00" + _template(event, here + 24 + 4) + b"\x00"
            guid = struct.pack("<I", zlib.crc32(repr(key).encode())).ljust(16, b"\x41")
            head += struct.pack("<II", here, 0) + guid + struct.pack("<I", len(body)) + body
        else:
            head += struct.pack("<I", known)
        values = _values(event, number)
        table = b"".join(struct.pack("<HBB", len(raw), kind, 0) for kind, raw in values)
        return head + struct.pack("<I", len(values)) + table + b"".join(raw for _, raw in values) + b"\x00"

    def finished(self) -> bytes:
        """Return the 64 KiB of the chunk with its checksums."""
        free = CHUNK_HEADER + len(self.body)
        head = struct.pack(
            "<8sQQQQIIII64xI", b"ElfChnk\0", self.first, self.last, self.first, self.last, 128, self.last_offset,
            free, zlib.crc32(bytes(self.body)), 0,
        )  # fmt: skip
        pointers = [*sorted(self.templates.values()), *[0] * 32][:32]
        tables = bytes(256) + struct.pack("<32I", *pointers)
        crc = zlib.crc32(head[:120] + tables)
        return (head + struct.pack("<I", crc) + tables + bytes(self.body)).ljust(CHUNK_SIZE, b"\0")


def _template_key(event: Event) -> tuple[object, ...]:
    kinds = tuple((name, _typed(value)[0]) for name, value in event.data)
    return (event.provider, event.guid, event.channel, event.computer, event.user_data, kinds)


def _typed(value: str | int | Binary) -> tuple[int, bytes]:
    if isinstance(value, Binary):
        return BINARY, value.data
    if isinstance(value, int):
        return (UINT32, struct.pack("<I", value)) if value < 1 << 32 else (UINT64, struct.pack("<Q", value))
    return STRING, value.encode("utf-16-le")


def _values(event: Event, number: int) -> list[tuple[int, bytes]]:
    """Return the substitutions in the order of ``_template``."""
    system = [
        (UINT16, struct.pack("<H", event.event_id)), (UINT8, b"\0"), (UINT8, bytes([event.level])),
        (HEX64, struct.pack("<Q", event.keywords)), (TIME, struct.pack("<Q", filetime(event.time))),
        (UINT64, struct.pack("<Q", number)), (UINT32, struct.pack("<I", 4)), (UINT32, struct.pack("<I", 8)),
    ]  # fmt: skip
    return system + [_typed(value) for _, value in event.data]


@dataclass
class _Writer:
    """BinXML with names written inline; offsets are chunk-relative."""

    base: int
    out: bytearray = field(default_factory=bytearray)

    def name(self, text: str) -> None:
        self.out += struct.pack("<I", self.base + len(self.out) + 4)
        value = 0
        for letter in text:
            value = (value * 65599 + ord(letter)) & 0xFFFFFFFF
        self.out += struct.pack("<IHH", 0, value & 0xFFFF, len(text)) + text.encode("utf-16-le") + b"\0\0"

    def open(self, name: str, attributes: Sequence[tuple[str, str | tuple[int, int]]] = ()) -> int:
        """Write a start tag up to its closing token; return the place of its size."""
        self.out += struct.pack("<BH", 0x41 if attributes else 0x01, 0xFFFF)
        place = len(self.out)
        self.out += bytes(4)
        self.name(name)
        if attributes:
            size_at = len(self.out)
            self.out += bytes(4)
            for position, (key, value) in enumerate(attributes, 1):
                self.out.append(0x46 if position < len(attributes) else 0x06)
                self.name(key)
                self.value(value)
            struct.pack_into("<I", self.out, size_at, len(self.out) - size_at - 4)
        return place

    def value(self, value: str | tuple[int, int]) -> None:
        """Write a literal text, or a substitution (its index and type)."""
        if isinstance(value, str):
            self.out += struct.pack("<BBH", 0x05, STRING, len(value)) + value.encode("utf-16-le")
        else:
            self.out += struct.pack("<BHB", 0x0D, *value)

    def close(self, place: int) -> None:
        self.out.append(0x04)
        struct.pack_into("<I", self.out, place, len(self.out) - place - 4)

    def leaf(
        self,
        name: str,
        value: str | tuple[int, int] | None,
        attributes: Sequence[tuple[str, str | tuple[int, int]]] = (),
    ) -> None:
        place = self.open(name, attributes)
        if value is None:
            self.out.append(0x03)
            struct.pack_into("<I", self.out, place, len(self.out) - place - 4)
            return
        self.out.append(0x02)
        self.value(value)
        self.close(place)


def _template(event: Event, base: int) -> bytes:
    writer = _Writer(base)
    root = writer.open("Event", [("xmlns", EVENT_SPACE)])
    writer.out.append(0x02)
    _system(writer, event)
    outer = writer.open("UserData" if event.user_data else "EventData")
    writer.out.append(0x02)
    if event.user_data:
        inner = writer.open(event.user_data, [("xmlns", USER_SPACE)])
        writer.out.append(0x02)
    for position, (name, value) in enumerate(event.data, 8):
        slot = (position, _typed(value)[0])
        writer.leaf(name if event.user_data else "Data", slot, () if event.user_data else [("Name", name)])
    if event.user_data:
        writer.close(inner)
    writer.close(outer)
    writer.close(root)
    return bytes(writer.out)


def _system(writer: _Writer, event: Event) -> None:
    system = writer.open("System")
    writer.out.append(0x02)
    writer.leaf("Provider", None, [("Name", event.provider), ("Guid", event.guid)])
    writer.leaf("EventID", (0, UINT16))
    writer.leaf("Version", (1, UINT8))
    writer.leaf("Level", (2, UINT8))
    writer.leaf("Task", "0")
    writer.leaf("Opcode", "0")
    writer.leaf("Keywords", (3, HEX64))
    writer.leaf("TimeCreated", None, [("SystemTime", (4, TIME))])
    writer.leaf("EventRecordID", (5, UINT64))
    writer.leaf("Correlation", None)
    writer.leaf("Execution", None, [("ProcessID", (6, UINT32)), ("ThreadID", (7, UINT32))])
    writer.leaf("Channel", event.channel)
    writer.leaf("Computer", event.computer)
    writer.leaf("Security", None)
    writer.close(system)
