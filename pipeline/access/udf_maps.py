"""UDF's partition maps: plain, virtual (write-once media), sparable and metadata partitions.

Source: OSTA *Universal Disk Format* 2.60: 2.2.8-2.2.14 (maps, virtual allocation table, sparing table, metadata file);
for the table of UDF 1.50 its own 2.2.10.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from pipeline.access.found import Stream, read_stream
from pipeline.access.interfaces import Readable
from pipeline.access.udf_file import RECORD, WIDE_RECORD, FileRecord, extents, parse_record
from pipeline.access.udf_volume import Descriptors, Partition, Piece, read_block
from pipeline.errors import ParseError, UnreadableError

__all__ = ["load_maps"]

_BACK: Final = 8 << 30
"""How many bytes before the end of the medium the virtual allocation table's entry is looked for."""
_STEP: Final = 4 << 20
_MAX_TABLE: Final = 1 << 28
_MAX_SPARED: Final = 65_536
_OLD_TABLE: Final = b"*UDF Virtual Alloc Tbl"


def load_maps(data: Readable, facts: Descriptors, zone: str) -> list[Partition]:
    """Return the partitions by their references.

    Raises:
        ParseError: a map names a partition that is not described, or its tables are lost.
    """
    found: list[Partition] = []
    for raw in facts.maps:
        number = int.from_bytes(raw[4:6] if raw[0] == 1 else raw[38:40], "little")
        if number not in facts.parts:
            raise ParseError(f"partition {number} is not described")
        plain, kind = facts.parts[number], raw[5:28].rstrip(b"\0")
        if raw[0] == 1:
            found.append(plain)
        elif kind == b"*UDF Virtual Partition":
            found.append(replace(plain, kind="virtual", virtual=_virtual(data, plain, zone), space=b""))
        elif kind == b"*UDF Sparable Partition":
            packet = max(int.from_bytes(raw[40:42], "little"), 1)
            found.append(replace(plain, packet=packet, spared=_spared(data, raw, plain)))
        elif kind == b"*UDF Metadata Partition":
            pieces = _metadata(data, raw, plain, zone)
            found.append(replace(plain, kind="metadata", pieces=pieces, space=b""))
        else:
            raise ParseError("a partition map of an unknown kind")
    return found


def _pieces(data: Readable, part: Partition, record: FileRecord) -> list[Piece]:
    def load(_: int, block: int) -> bytes:
        return data.read(part.place(block), part.block)

    pieces: list[Piece] = []
    for (kind, _, block, length), further in extents(record, load):
        if not further:
            pieces += part.run(block, -(-length // part.block) * part.block) if kind == 0 else [(-1, length)]
    return pieces


def _content(data: Readable, part: Partition, record: FileRecord) -> bytes:
    if record.form == 3:
        return record.descriptors[: record.size]
    size = min(record.size, _MAX_TABLE)
    return read_stream(data, Stream(size, tuple(_pieces(data, part, record))), 0, size)


def _virtual(data: Readable, part: Partition, zone: str) -> list[int]:
    """Return the virtual allocation table of the last session: the last file entry of what is recorded."""
    for number in _entries_from_the_end(data, part):
        raw = read_block(data, number * part.block, part.block)
        try:
            record = parse_record(raw, 0, number - part.start, zone)
            table = _content(data, part, record) if raw[27] in {0, 248} else b""
        except UnreadableError:
            continue
        if raw[27] == 248:
            return _numbers(table[int.from_bytes(table[:2], "little") :])
        if table[-36:][1:24].startswith(_OLD_TABLE):
            return _numbers(table[:-36])
    raise ParseError("the virtual allocation table is not found")


def _entries_from_the_end(data: Readable, part: Partition) -> Iterator[int]:
    """Yield blocks that begin as a file entry's tag does, the last first; a medium not full ends in blank blocks."""
    end = data.size // part.block
    first = max(part.start, end - _BACK // part.block)
    for stop in range(end, first, -(_STEP // part.block)):
        start = max(stop - _STEP // part.block, first)
        raw = read_block(data, start * part.block, (stop - start) * part.block)
        words = np.frombuffer(raw[: len(raw) // part.block * part.block], "<u2").reshape(-1, part.block // 2)[:, 0]
        for index in np.flatnonzero((words == RECORD) | (words == WIDE_RECORD))[::-1].tolist():
            yield start + index


def _numbers(raw: bytes) -> list[int]:
    return list(struct.unpack_from(f"<{len(raw) // 4}I", raw))


def _spared(data: Readable, raw: bytes, part: Partition) -> dict[int, int]:
    """Return packets by where they were moved to, from the first table that can be read."""
    for at in range(48, 48 + 4 * min(raw[42], 4), 4):
        block = int.from_bytes(raw[at : at + 4], "little")
        table = read_block(data, block * part.block, part.block * 16)
        if table[17:40].startswith(b"*UDF Sparing Table"):
            count = min(int.from_bytes(table[48:50], "little"), (len(table) - 56) // 8, _MAX_SPARED)
            pairs = (struct.unpack_from("<II", table, 56 + 8 * n) for n in range(count))
            return {original: moved for original, moved in pairs if original < 0xFFFFFFF0}
    return {}


def _metadata(data: Readable, raw: bytes, part: Partition, zone: str) -> list[Piece]:
    """Return the pieces of the metadata file, or of its mirror."""
    for at in (40, 44):
        block = int.from_bytes(raw[at : at + 4], "little")
        try:
            held = data.read(part.place(block), part.block)
            return _pieces(data, part, parse_record(held, 0, block, zone))
        except UnreadableError:
            continue
    raise ParseError("neither the metadata file nor its mirror can be read")
