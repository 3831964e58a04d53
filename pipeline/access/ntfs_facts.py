"""What an MFT record says of its file, from a batch where its attributes fit one record, else put together."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.ntfs_batch import Batch, NameColumns, StreamColumns
from pipeline.access.ntfs_mft import Mft, Stream, streams_of
from pipeline.access.ntfs_record import (
    DATA,
    DIRECTORY,
    FILE_NAME,
    IN_USE,
    INDEX_ALLOCATION,
    INDEX_ROOT,
    REFERENCE,
    REPARSE_POINT,
    STANDARD_INFORMATION,
    Attribute,
)
from pipeline.access.ntfs_runs import Piece, decode_runs, join_pieces

__all__ = ["Facts", "Name", "facts_of", "folders_of", "names_in"]

Name = tuple[str, int, int]
_DOS: Final = 2
_UNIX: Final = 116_444_736_000_000_000
_STREAMS: Final = (DATA, INDEX_ROOT, INDEX_ALLOCATION)


@dataclass(slots=True)
class Facts:
    """One base record. ``names`` are (text, parent, parent's sequence); ``times`` as in ``StandardColumns``."""

    number: int
    sequence: int
    live: bool
    directory: bool
    names: list[Name]
    short: str
    streams: list[Stream]
    times: list[int] | None
    attributes: int
    tag: int


def facts_of(batch: Batch, mft: Mft) -> Iterator[Facts]:
    """Yield the base records of a batch, in their order."""
    rows = _blank(batch)
    _add_names(batch, batch.names(), rows)
    _add_streams(batch, batch.streams(), rows, mft)
    standard = batch.standard()
    for index, times, bits in zip(standard.record, standard.times, standard.attributes, strict=True):
        row = rows[index]
        if row is not None and row.times is None:
            row.times, row.attributes = times, bits
    for index, tag in batch.reparse_tags().items():
        row = rows[index]
        if row is not None:
            row.tag = tag
    listed = batch.listed.tolist()
    for index, row in enumerate(rows):
        if row is not None:
            yield _whole(row, mft) if listed[index] else row


def _blank(batch: Batch) -> list[Facts | None]:
    """Return an empty row per base record, None for the others."""
    flags, sequences = batch.flags.tolist(), batch.sequence.tolist()
    rows: list[Facts | None] = [None] * len(batch)
    for index in (batch.present & (batch.base == 0)).nonzero()[0].tolist():
        flag = flags[index]
        rows[index] = Facts(
            batch.first + index, sequences[index], bool(flag & IN_USE), bool(flag & DIRECTORY), [], "", [], None, 0, 0
        )
    return rows


def _add_names(batch: Batch, columns: NameColumns, rows: list[Facts | None]) -> None:
    raw = batch.raw
    for index, parent, sequence, space, start, end in zip(
        columns.record, columns.parent, columns.sequence, columns.space, columns.start, columns.end, strict=True
    ):
        row = rows[index]
        if row is None:
            continue
        text = raw[start:end].decode("utf-16-le", "surrogatepass")
        if space == _DOS:
            row.short = text
        else:
            row.names.append((text, parent, sequence))


def _add_streams(batch: Batch, columns: StreamColumns, rows: list[Facts | None], mft: Mft) -> None:
    raw, clusters = batch.raw, mft.clusters
    listed = batch.listed.tolist()
    for index, kind, resident, flags, name, name_end, first, size, initialised, start, end in zip(
        columns.record, columns.kind, columns.resident, columns.flags, columns.name, columns.name_end, columns.first,
        columns.size, columns.initialised, columns.start, columns.end, strict=True,
    ):  # fmt: skip
        row = rows[index]
        if row is None or listed[index] or (kind != DATA and not row.directory):
            continue
        text = raw[name:name_end].decode("utf-16-le", "surrogatepass") if name_end > name else ""
        runs: list[tuple[int, int]] = []
        sound = True
        if not resident:
            runs, sound = decode_runs(raw[start:end], clusters)
            if first:
                runs, sound = join_pieces([Piece(first, runs)])
        row.streams.append(Stream(kind, text, flags, resident, b"", size, initialised, 0, runs, sound))


def _whole(row: Facts, mft: Mft) -> Facts:
    """Return a row whose record has an attribute list, from all the records that hold its attributes."""
    record = mft.record(row.number)
    if record is None:
        return row
    attributes = mft.attributes(record)
    names, short = [], ""
    for attribute in attributes:
        if attribute.kind == FILE_NAME and len(attribute.content) >= 66:
            name, space = _name(attribute.content)
            if space == _DOS:
                short = name[0]
            else:
                names.append(name)
    row.names, row.short = names, short
    row.streams = streams_of([one for one in attributes if one.kind in _STREAMS], mft.clusters)
    _add_rest(row, attributes)
    return row


def _add_rest(row: Facts, attributes: list[Attribute]) -> None:
    """Add what may lie in an extension record too: times and the reparse tag."""
    for attribute in attributes:
        content = attribute.content
        if attribute.kind == STANDARD_INFORMATION and row.times is None and attribute.resident and len(content) >= 36:
            row.times = [(stamp - _UNIX) // 10 for stamp in struct.unpack_from("<4Q", content)]
            (row.attributes,) = struct.unpack_from("<I", content, 32)
        elif attribute.kind == REPARSE_POINT and attribute.resident and len(content) >= 4:
            (row.tag,) = struct.unpack_from("<I", content)


def _name(content: bytes) -> tuple[Name, int]:
    (reference,) = struct.unpack_from("<Q", content)
    end = 66 + min(2 * content[64], (len(content) - 66) // 2 * 2)
    text = content[66:end].decode("utf-16-le", "surrogatepass")
    return (text, reference & REFERENCE, reference >> 48), content[65]


def names_in(attributes: list[Attribute]) -> set[tuple[bytes, int]]:
    """Return (name as UTF-16, parent) of every name among attributes."""
    found = [_name(one.content)[0] for one in attributes if one.kind == FILE_NAME and len(one.content) >= 66]
    return {(text.encode("utf-16-le", "surrogatepass"), parent) for text, parent, _ in found}


def folders_of(batch: Batch, mft: Mft) -> Iterator[tuple[int, int, bool, Name]]:
    """Yield (number, sequence, in use, name) of the folders of a batch."""
    flags, sequences, listed = batch.flags.tolist(), batch.sequence.tolist(), batch.listed.tolist()
    wanted = batch.present & (batch.base == 0) & ((batch.flags & DIRECTORY) != 0)
    names: dict[int, Name] = {}
    columns = batch.names()
    chosen = wanted.tolist()
    for at, index in enumerate(columns.record):
        if chosen[index] and columns.space[at] != _DOS and index not in names:
            text = batch.raw[columns.start[at] : columns.end[at]].decode("utf-16-le", "surrogatepass")
            names[index] = (text, columns.parent[at], columns.sequence[at])
    for index in wanted.nonzero()[0].tolist():
        live, number = bool(flags[index] & IN_USE), batch.first + index
        name = names.get(index)
        if name is None and listed[index]:
            whole = _whole(Facts(number, sequences[index], live, True, [], "", [], None, 0, 0), mft)
            name = whole.names[0] if whole.names else None
        if name is not None:
            yield number, sequences[index], live, name
