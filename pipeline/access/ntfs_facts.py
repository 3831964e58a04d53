"""What an MFT record says of its file, from a batch where its attributes fit one record, else put together."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.access.ntfs_batch import Batch
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
    """Yield the base records of a batch, in their order, one at a time: nothing is kept between them."""
    columns = _Columns(batch, mft.clusters)
    flags, sequences, listed = batch.flags.tolist(), batch.sequence.tolist(), batch.listed.tolist()
    for index in (batch.present & (batch.base == 0)).nonzero()[0].tolist():
        names, short = columns.names(index)
        times, bits = columns.standard(index)
        directory = bool(flags[index] & DIRECTORY)
        streams = [] if listed[index] else columns.streams(index, directory)
        row = Facts(
            batch.first + index, sequences[index], bool(flags[index] & IN_USE), directory, names, short, streams,
            times, bits, columns.tags.get(index, 0),
        )  # fmt: skip
        yield _whole(row, mft) if listed[index] else row


class _Columns:
    """A batch's columns as lists, with the stretch of each that belongs to a record."""

    def __init__(self, batch: Batch, clusters: int) -> None:
        self._raw = batch.raw
        self._clusters = clusters
        self._names, self._streams, self._standard = batch.names(), batch.streams(), batch.standard()
        self._name_at = self._stretches(self._names.record, len(batch))
        self._stream_at = self._stretches(self._streams.record, len(batch))
        self._standard_at = self._stretches(self._standard.record, len(batch))
        self.tags = batch.reparse_tags()

    def _stretches(self, owners: list[int], count: int) -> list[int]:
        """Return where the values of each record begin, and one more for the end; owners ascend."""
        bounds: list[int] = np.searchsorted(np.array(owners, np.int64), np.arange(count + 1)).tolist()
        return bounds

    def names(self, index: int) -> tuple[list[Name], str]:
        """Return the names of a record, and its DOS name."""
        columns, names, short = self._names, [], ""
        for at in range(self._name_at[index], self._name_at[index + 1]):
            text = self._raw[columns.start[at] : columns.end[at]].decode("utf-16-le", "surrogatepass")
            if columns.space[at] == _DOS:
                short = text
            else:
                names.append((text, columns.parent[at], columns.sequence[at]))
        return names, short

    def standard(self, index: int) -> tuple[list[int] | None, int]:
        """Return times and attributes of a record."""
        at = self._standard_at[index]
        if at == self._standard_at[index + 1]:
            return None, 0
        return self._standard.times[4 * at : 4 * at + 4], self._standard.attributes[at]

    def streams(self, index: int, directory: bool) -> list[Stream]:
        """Return the streams of a record; indexes of a folder only."""
        columns = self._streams
        return [
            self._stream(at)
            for at in range(self._stream_at[index], self._stream_at[index + 1])
            if directory or columns.kind[at] == DATA
        ]

    def _stream(self, at: int) -> Stream:
        columns, name, end = self._streams, self._streams.name[at], self._streams.name_end[at]
        text = self._raw[name:end].decode("utf-16-le", "surrogatepass") if end > name else ""
        runs: list[tuple[int, int]] = []
        sound = True
        if not columns.resident[at]:
            runs, sound = decode_runs(self._raw[columns.start[at] : columns.end[at]], self._clusters)
            if columns.first[at]:
                runs, sound = join_pieces([Piece(columns.first[at], runs)])
        return Stream(
            columns.kind[at], text, columns.flags[at], columns.resident[at], b"", columns.size[at],
            columns.initialised[at], 0, runs, sound,
        )  # fmt: skip


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
