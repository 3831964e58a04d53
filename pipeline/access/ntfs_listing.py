"""The listing of an NTFS volume: the table in batches, columns for ordinary files, rows for others, in one order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.access.allocation import Blocks
from pipeline.access.ntfs_batch import Batch, parse_batch
from pipeline.access.ntfs_claims import Claims
from pipeline.access.ntfs_column_maker import ColumnMaker
from pipeline.access.ntfs_columns import Columns
from pipeline.access.ntfs_facts import Facts, facts_of, folders_of, names_in
from pipeline.access.ntfs_index import FolderIndex, SlackNames, held_in, slack_names
from pipeline.access.ntfs_mft import Mft
from pipeline.access.ntfs_names import FolderColumns, Folders
from pipeline.access.ntfs_record import INDEX_ALLOCATION, fixed, holds_name
from pipeline.access.ntfs_rows import RowMaker
from pipeline.access.pages import Addresses, Page, entry_batch
from pipeline.records import Diagnostic, FileEntry, Volume

__all__ = ["Listing"]

_BATCH: Final = 1 << 13
_KEPT: Final = 8
_MAX_ROWS: Final = 1 << 16
_MANY: Final = 1 << 15
_Piece = tuple[NDArray[np.int64], pa.RecordBatch]


class Listing:
    """One pass over a table; ``blocks`` are the allocated ones."""

    def __init__(self, mft: Mft, volume: Volume, blocks: Blocks) -> None:
        self._mft = mft
        self._volume = volume
        self._blocks = blocks
        self._batches: dict[int, Batch] = {}
        self._count = mft.count

    def pages(self, addresses: Addresses) -> Iterator[Page | Diagnostic]:
        """Yield every stream of every name, in the order of records, then what is damaged."""
        mft, faults = self._mft, self._mft.faults
        claims = Claims()
        folders = Folders(list(self._folders(claims)), faults)
        claims.settle()
        cluster = mft.geometry.cluster
        columns = ColumnMaker(self._volume, cluster, mft.clusters, self._blocks, claims, folders, faults)
        rows = RowMaker(self._volume, cluster, self._blocks, claims, folders, faults)
        for batch in self._parsed():
            counts = batch.attribute_counts()
            taken = Columns(batch, columns)
            for owner, data in _in_order(taken.pieces(), _cut(self._cold(batch, rows, taken))):
                yield Page(addresses.settle(data), counts[owner])
        yield from faults.diagnostics(self._volume.address)

    def _folders(self, claims: Claims) -> Iterator[FolderColumns]:
        for batch in self._parsed():
            if self._volume.direct:
                claims.tell(batch, self._mft.clusters)
            for number in (np.flatnonzero(batch.present & ~batch.sound) + batch.first).tolist():
                self._mft.faults.add("fixup", number)
            yield folders_of(batch, self._mft)

    def _parsed(self) -> Iterator[Batch]:
        """Yield the table's batches; a small table is parsed once, of a large one the last batch is kept."""
        for first in range(0, self._mft.count, _BATCH):
            batch = self._batches.get(first)
            if batch is None:
                batch = parse_batch(self._mft.raw(first, _BATCH), first, self._mft.geometry.record)
            if self._count > _KEPT * _BATCH:
                self._batches.clear()
            self._batches[first] = batch
            yield batch

    def _cold(self, batch: Batch, maker: RowMaker, columns: Columns) -> Iterator[tuple[int, FileEntry]]:
        """Yield, in the order of records, the rows of what no column holds, with the index of each one's record."""
        for facts in facts_of(batch, self._mft, columns.cold):
            index = facts.number - batch.first
            yield from ((index, row) for row in self._bounded(facts, maker))
            if facts.directory:
                streams = [stream for stream in facts.streams if stream.kind == INDEX_ALLOCATION and stream.runs]
                yield from self._ghosts(batch.first, [FolderIndex(facts.number, facts.sequence, streams)], maker)
        folders = (
            FolderIndex(batch.first + index, int(batch.sequence[index]), streams)
            for index, streams in columns.indexes()
        )
        yield from self._ghosts(batch.first, folders, maker)

    def _bounded(self, facts: Facts, maker: RowMaker) -> Iterator[FileEntry]:
        """Yield the rows of a record, not more than a file can have."""
        for count, row in enumerate(maker.rows(facts)):
            if count >= _MAX_ROWS:
                self._mft.faults.add("rows-without-end", facts.number)
                return
            yield row

    def _ghosts(self, first: int, folders: Iterable[FolderIndex], maker: RowMaker) -> Iterator[tuple[int, FileEntry]]:
        """Yield names in unused index space whose record no longer holds them, with each folder's index."""
        folder = -1
        seen: set[tuple[bytes, int]] = set()
        for found in () if self._mft.bare else slack_names(self._mft, folders):
            for at in np.flatnonzero(~self._held(found)).tolist():
                if found.folder[at] != folder:
                    folder, seen = int(found.folder[at]), set()
                raw, number = found.raw[found.start[at] : found.end[at]], int(found.number[at])
                if (raw, number) not in seen and not self._holds(number, raw, folder):
                    text = raw.decode("utf-16-le", "surrogatepass")
                    yield folder - first, maker.ghost((text, folder, int(found.sequence[at])), number)
                seen.add((raw, number))

    def _held(self, found: SlackNames) -> NDArray[np.bool_]:
        """Tell which names the records that are parsed hold; of others nothing is known yet."""
        held = np.zeros(len(found), np.bool_)
        for batch in self._batches.values():
            held |= held_in(batch, found)
        return held

    def _holds(self, number: int, name: bytes, parent: int) -> bool:
        """Tell whether a record still holds a name in a folder; a number outside the table names nothing."""
        if not 0 <= number < self._count:
            return True
        batch = self._batches.get(number // _BATCH * _BATCH)
        if batch is None:
            data = bytes(fixed(self._mft.raw(number, 1))[0])
            held = holds_name(data, name, parent, 0, len(data))
        else:
            at = (number - batch.first) * batch.size
            held = holds_name(batch.raw, name, parent, at, at + batch.size)
        if held:
            return True
        record = self._mft.record(number)
        return record is None or (name, parent) in names_in(self._mft.attributes(record))


def _cut(rows: Iterator[tuple[int, FileEntry]]) -> Iterator[_Piece]:
    """Yield rows in pieces that do not part a record."""
    owners: list[int] = []
    held: list[FileEntry] = []
    for owner, row in rows:
        if len(held) >= _MANY and owner != owners[-1]:
            yield np.array(owners), entry_batch(held)
            owners, held = [], []
        owners.append(owner)
        held.append(row)
    if held:
        yield np.array(owners), entry_batch(held)


def _in_order(hot: Iterator[_Piece], cold: Iterator[_Piece]) -> Iterator[_Piece]:
    """Yield the pieces of a batch as one, by record; where there are too many, one after another."""
    pieces: list[_Piece] = []
    rows = 0
    for piece in chain(hot, cold):
        pieces.append(piece)
        rows += len(piece[0])
        if rows > 2 * _MANY:
            yield from pieces
            pieces, rows = [], 0
    if len(pieces) > 1:
        owner = np.concatenate([piece[0] for piece in pieces])
        order = np.argsort(owner, kind="stable")
        table = pa.Table.from_batches([piece[1] for piece in pieces]).take(pa.array(order)).combine_chunks()
        pieces = [(owner[order], table.to_batches()[0])]
    yield from pieces
