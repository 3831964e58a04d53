"""The layout of a systemd journal file: its header, entries in the order they lie, and the fields they refer to.

SOURCE: systemd's JOURNAL_FILE_FORMAT.md and its journal-def.h: header fields at the offsets below, object types 1
(data), 3 (entry) and 6 (entry array), flags of compression, the compact layout (offsets of four bytes, payload at
72).
"""

from __future__ import annotations

import lzma
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError

__all__ = ["Entry", "Header", "JournalFile"]

_MAGIC: Final = b"LPKSHHRH"
_HEADER: Final = struct.Struct("<8sIIB7x16s16s16s16sQQQQQQQQQQQQQQ")
_OBJECT: Final = struct.Struct("<BB6xQ")
_ENTRY: Final = struct.Struct("<QQQ16sQ")
_LINKS: Final = struct.Struct("<QQQQ")
_DATA, _ENTRY_TYPE = 1, 3
_COMPACT: Final = 16
_XZ, _LZ4, _ZSTD = 1, 2, 4
_PAGE: Final = 1 << 20
_LARGEST_OBJECT: Final = 768 << 20
"""ENTRY_FIELD and DATA size limits of journald lie below; hash tables may be larger, and are skipped."""
_LONGEST_FIELD: Final = 1 << 16
_MOST_ITEMS: Final = 1024


@dataclass(frozen=True, slots=True)
class Header:
    """What a journal file says of itself."""

    state: int
    compact: bool
    machine: str
    sequence: str
    start: int
    length: int
    tail: int
    entries: int
    tail_seqnum: int
    head_seqnum: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: where it lies, its number, times in microseconds and the offsets of its fields."""

    offset: int
    seqnum: int
    realtime: int
    boot: str
    items: tuple[int, ...]


class JournalFile:
    """Objects of a journal file, read in the order they lie."""

    def __init__(self, content: Readable) -> None:
        self._content = content
        self._at, self._page = 0, b""
        self.header = self._header()

    def entries(self) -> Iterator[Entry | tuple[int, bytes]]:
        """Yield entries, and fields as (offset, first bytes), as they lie; a field lies before the entries it is of.

        Raises:
            ParseError: an object is none, or the file ends before its tail object.
        """
        at, end = self.header.start, min(self.header.start + self.header.length, self._content.size)
        last = self.header.tail
        if self.header.start + self.header.length > self._content.size:
            message = f"the journal is shorter than its header says; entries behind {end} are missing"
            raise ParseError(message)
        while at + _OBJECT.size <= end and at <= last:
            kind, flags, size = _OBJECT.unpack(self._bytes(at, _OBJECT.size))
            if not 1 <= kind <= 7 or not _OBJECT.size <= size <= _LARGEST_OBJECT or at + size > end:
                message = f"no object of the journal is at {at}; entries behind it are missing"
                raise ParseError(message)
            if kind == _ENTRY_TYPE:
                yield self._entry(at, size)
            elif kind == _DATA and size >= self._payload:
                self._check(at)
                yield at, b"" if flags & 7 else self._bytes(at + self._payload, min(size - self._payload, 256))
            at += (size + 7) & ~7
        if at <= last:
            message = f"the journal ends at {at}, before its last object at {last}"
            raise ParseError(message)

    def field(self, offset: int) -> bytes:
        """Return a field (``NAME=value``), unpacked, at most 64 KiB of it; empty where it cannot be read."""
        if offset % 8 or not self.header.start <= offset <= self._content.size - _OBJECT.size:
            return b""
        kind, flags, size = _OBJECT.unpack(self._content.read(offset, _OBJECT.size))
        length = size - self._payload
        if kind != _DATA or not 0 < length <= _LARGEST_OBJECT:
            return b""
        data = self._content.read(offset + self._payload, min(length, _LONGEST_FIELD))
        return _unpacked(data, flags)[:_LONGEST_FIELD]

    @property
    def _payload(self) -> int:
        return 72 if self.header.compact else 64

    def _header(self) -> Header:
        raw = self._content.read(0, min(_HEADER.size, self._content.size)) if self._content.size else b""
        if len(raw) < _HEADER.size or not raw.startswith(_MAGIC):
            message = "no journal file: its header is missing or overwritten"
            raise ParseError(message)
        values = _HEADER.unpack(raw)
        return Header(
            state=values[3], compact=bool(values[2] & _COMPACT), machine=values[5].hex(), sequence=values[7].hex(),
            start=values[8], length=values[9], tail=values[14], entries=values[16], tail_seqnum=values[17],
            head_seqnum=values[18],
        )  # fmt: skip

    def _entry(self, at: int, size: int) -> Entry:
        seqnum, realtime, _, boot, _ = _ENTRY.unpack(self._bytes(at + 16, _ENTRY.size))
        width, form = (4, "I") if self.header.compact else (16, "Q8x")
        count = min((size - 64) // width, _MOST_ITEMS)
        raw = self._bytes(at + 64, count * width)
        items = struct.unpack(f"<{form * (len(raw) // width)}", raw[: len(raw) // width * width])
        if any(item % 8 or item >= at for item in items):
            message = f"the entry at {at} refers to fields that lie nowhere; it and what follows is not read"
            raise ParseError(message)
        return Entry(at, seqnum, realtime, boot.hex(), items)

    def _check(self, at: int) -> None:
        """Refuse a data object of which the references lie nowhere; its contents carry no check that is quick."""
        if any(place % 8 or place > self._content.size for place in _LINKS.unpack(self._bytes(at + 24, _LINKS.size))):
            message = f"the field at {at} is overwritten; entries behind it are not read"
            raise ParseError(message)

    def _bytes(self, at: int, length: int) -> bytes:
        """Return bytes through a page that moves forward with the walk."""
        start = at - self._at
        if start < 0 or start + length > len(self._page):
            self._at = at
            self._page = self._content.read(at, min(max(_PAGE, length), self._content.size - at))
            start = 0
        found = self._page[start : start + length]
        if len(found) < length:
            message = f"the journal ends inside an object at {at}"
            raise ParseError(message)
        return found


def _unpacked(data: bytes, flags: int) -> bytes:
    try:
        if flags & _XZ:
            return lzma.LZMADecompressor(memlimit=64 << 20).decompress(data, _LONGEST_FIELD)
        if flags & _LZ4:
            size = int.from_bytes(data[:8], "little")
            if size > 1 << 24:
                return b""
            return bytes(pa.Codec("lz4_raw").decompress(data[8:], decompressed_size=size, asbytes=True))
        if flags & _ZSTD:
            with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
                return bytes(stream.read(_LONGEST_FIELD))
    except (lzma.LZMAError, OSError, EOFError, ValueError, pa.ArrowException):
        return b""
    return data
