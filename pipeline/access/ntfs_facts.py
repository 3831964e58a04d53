"""What an MFT record says of its file, from a batch where its attributes fit one record, else put together."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.access.ntfs_batch import Batch
from pipeline.access.ntfs_mft import Mft, Stream, streams_of
from pipeline.access.ntfs_names import FolderColumns, safe_name
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
from pipeline.access.ntfs_text import decode_names
from pipeline.schemas import plain_text

__all__ = ["Facts", "Name", "facts_of", "folders_of", "names_in"]

Name = tuple[str, int, int, list[int]]
_DOS: Final = 2
_UNIX: Final = 116_444_736_000_000_000
_STREAMS: Final = (DATA, INDEX_ROOT, INDEX_ALLOCATION)


@dataclass(slots=True)
class Facts:
    """One base record. ``names`` are (text, parent, parent's sequence, times); ``times`` as in ``StandardColumns``."""

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


def facts_of(batch: Batch, mft: Mft, wanted: NDArray[np.bool_] | None = None) -> Iterator[Facts]:
    """Yield the base records of a batch, or the wanted ones, in their order, one at a time: nothing is kept."""
    chosen = batch.base_records() if wanted is None else batch.base_records() & wanted
    columns = _Columns(batch, chosen, mft.clusters)
    for index in np.flatnonzero(chosen).tolist():
        flags, listed = int(batch.flags[index]), bool(batch.listed[index])
        names, short = columns.names(index)
        times, bits = columns.standard(index)
        directory = bool(flags & DIRECTORY)
        streams = [] if listed else columns.streams(index, directory)
        row = Facts(
            batch.first + index, int(batch.sequence[index]), bool(flags & IN_USE), directory, names, short, streams,
            times, bits, columns.tag(index),
        )  # fmt: skip
        yield _whole(row, mft) if listed else row


class _Columns:
    """The columns of a batch's chosen records as lists, with the stretch of each that belongs to a record."""

    def __init__(self, batch: Batch, chosen: NDArray[np.bool_], clusters: int) -> None:
        self._raw = batch.raw
        self._clusters = clusters
        self._tags = batch.reparse_tags()
        self._names, self._name_at = _stretches(batch.names, chosen)
        self._streams, self._stream_at = _stretches(batch.streams, chosen)
        self._standard, self._standard_at = _stretches(batch.standard, chosen)

    def tag(self, index: int) -> int:
        """Return the reparse tag of a record."""
        return int(self._tags[index])

    def names(self, index: int) -> tuple[list[Name], str]:
        """Return the names of a record, and its DOS name."""
        names, short = [], ""
        for _, parent, sequence, space, start, end, times in self._names[slice(*self._name_at[index : index + 2])]:
            text = self._raw[start:end].decode("utf-16-le", "surrogatepass")
            if space == _DOS:
                short = text
            else:
                names.append((text, parent, sequence, times))
        return names, short

    def standard(self, index: int) -> tuple[list[int] | None, int]:
        """Return times and attributes of a record."""
        for _, times, attributes in self._standard[slice(*self._standard_at[index : index + 2])]:
            return times, attributes
        return None, 0

    def streams(self, index: int, directory: bool) -> list[Stream]:
        """Return the streams of a record; indexes of a folder only."""
        found = self._streams[slice(*self._stream_at[index : index + 2])]
        return [self._stream(row) for row in found if directory or row[1] == DATA]

    def _stream(self, row: tuple[Any, ...]) -> Stream:
        _, kind, resident, flags, name, name_end, first, size, initialised, start, end = row
        text = self._raw[name:name_end].decode("utf-16-le", "surrogatepass") if name_end > name else ""
        runs: list[tuple[int, int]] = []
        sound, least = True, 0
        if not resident:
            runs, sound = decode_runs(self._raw[start:end], self._clusters)
            if first:
                piece = Piece(first, runs)
                least, (runs, sound) = piece.end, join_pieces([piece])
        return Stream(kind, text, flags, resident, b"", size, initialised, 0, runs, sound, least)


def _stretches(columns: Any, chosen: NDArray[np.bool_]) -> tuple[list[tuple[Any, ...]], list[int]]:
    """Return the values of chosen records as rows, and where those of each record begin, and end; owners ascend."""
    keep = chosen[columns.record]
    rows = list(zip(*(getattr(columns, one.name)[keep].tolist() for one in fields(columns)), strict=True))
    return rows, np.searchsorted(columns.record[keep], np.arange(len(chosen) + 1)).tolist()


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
            row.times = _stamps(content, 0)
            (row.attributes,) = struct.unpack_from("<I", content, 32)
        elif attribute.kind == REPARSE_POINT and attribute.resident and len(content) >= 4:
            (row.tag,) = struct.unpack_from("<I", content)


def _name(content: bytes) -> tuple[Name, int]:
    (reference,) = struct.unpack_from("<Q", content)
    end = 66 + min(2 * content[64], (len(content) - 66) // 2 * 2)
    text = content[66:end].decode("utf-16-le", "surrogatepass")
    return (text, reference & REFERENCE, reference >> 48, _stamps(content, 8)), content[65]


def _stamps(content: bytes, at: int) -> list[int]:
    return [(stamp - _UNIX) // 10 for stamp in struct.unpack_from("<4Q", content, at)]


def names_in(attributes: list[Attribute]) -> set[tuple[bytes, int]]:
    """Return (name as UTF-16, parent) of every name among attributes."""
    found = [_name(one.content)[0] for one in attributes if one.kind == FILE_NAME and len(one.content) >= 66]
    return {(text.encode("utf-16-le", "surrogatepass"), parent) for text, parent, _, _ in found}


def folders_of(batch: Batch, mft: Mft) -> FolderColumns:
    """Return the folders of a batch that have a name, by the first one that is not for DOS."""
    wanted = batch.base_records() & ((batch.flags & DIRECTORY) != 0)
    columns = batch.names
    picked = np.flatnonzero(wanted[columns.record] & (columns.space != _DOS))
    index, first = np.unique(columns.record[picked], return_index=True)
    picked = picked[first]
    names, _ = decode_names(batch.raw, columns.start[picked], columns.end[picked], separator=True)
    odd = {
        batch.first + int(index[at]): safe_name(
            batch.raw[columns.start[picked[at]] : columns.end[picked[at]]].decode("utf-16-le", "surrogatepass")
        )
        for at in np.flatnonzero(~np.asarray(names.is_valid())).tolist()
    }
    own = FolderColumns(
        batch.first + index, batch.sequence[index].astype(np.int64), (batch.flags[index] & IN_USE) != 0,
        columns.parent[picked], columns.sequence[picked], names, odd,
    )  # fmt: skip
    wanted[index] = False
    return _with_listed(own, batch, mft, np.flatnonzero(wanted & batch.listed).tolist())


def _with_listed(own: FolderColumns, batch: Batch, mft: Mft, rest: list[int]) -> FolderColumns:
    """Add folders whose names lie in other records only."""
    found: list[tuple[int, int, bool, Name]] = []
    for index in rest:
        number, sequence, live = batch.first + index, int(batch.sequence[index]), bool(batch.flags[index] & IN_USE)
        whole = _whole(Facts(number, sequence, live, True, [], "", [], None, 0, 0), mft)
        if whole.names:
            found.append((number, sequence, live, whole.names[0]))
    if not found:
        return own
    texts = {number: safe_name(name[0]) for number, _, _, name in found}
    odd = {number: text for number, text in texts.items() if plain_text(text) != text}
    more = [None if number in odd else text for number, text in texts.items()]
    order = np.argsort(np.concatenate((own.number, [row[0] for row in found])), kind="stable")
    columns = zip(*((row[0], row[1], row[2], row[3][1], row[3][2]) for row in found), strict=True)
    mine = (own.number, own.sequence, own.live, own.parent, own.parent_sequence)
    joined = [np.concatenate((left, np.array(right)))[order] for left, right in zip(mine, columns, strict=True)]
    names = pa.concat_arrays([own.names, pa.array(more, pa.string())]).take(pa.array(order))
    return FolderColumns(joined[0], joined[1], joined[2], joined[3], joined[4], names, {**own.odd, **odd})
