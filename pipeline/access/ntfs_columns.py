"""File entries of NTFS as columns: what records say of ordinary files, a batch at a time, never file by file.

Left to the rows of :mod:`pipeline.access.ntfs_rows` are the file system's own files, attribute lists, names that are
not valid Unicode, streams that begin in the middle, records without a name, and folders without an easy path.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.access.ntfs_batch import Batch
from pipeline.access.ntfs_column_maker import ColumnMaker, at_rows, firsts, labelled, moments
from pipeline.access.ntfs_mft import Stream
from pipeline.access.ntfs_record import DATA, DIRECTORY, IN_USE, INDEX_ALLOCATION, INDEX_ROOT
from pipeline.access.ntfs_rows import COMPRESSED, ENCRYPTED, LINKS, SYSTEM, words_of
from pipeline.access.ntfs_runs_batch import RunColumns, decode_many
from pipeline.access.ntfs_text import decode_names, text_of, words
from pipeline.records import Certainty, Origin
from pipeline.schemas import TABLES, schema_of

__all__ = ["Columns"]

_DOS: Final = 2
_PIECE: Final = 1 << 15
_KINDS: Final = ("file", "directory", "link")
_ORIGINS: Final = (Origin.ALLOCATED, Origin.DELETED, Origin.ORPHAN)
_CERTAINTIES: Final = (
    Certainty.INTACT, Certainty.NO_CONTENT, Certainty.PARTLY_OVERWRITTEN, Certainty.OVERWRITTEN,
)  # fmt: skip
_READERS: Final = ("file-system", "runs")
_TIMES: Final = ("created", "modified", "changed", "accessed")


@dataclass(frozen=True, slots=True)
class _Entries:
    """What each record lists, by record: ``stream`` is its row among the streams, -1 for none; sizes in bytes."""

    record: NDArray[np.int64]
    stream: NDArray[np.int64]
    size: NDArray[np.int64]
    kind: NDArray[np.int64]


class Columns:
    """One batch taken apart: ``cold`` are the records left to rows, ``pieces`` yields the others' entries."""

    def __init__(self, batch: Batch, maker: ColumnMaker) -> None:
        self._batch, self._maker = batch, maker
        self._names, self._streams = batch.names, batch.streams
        self._long = np.flatnonzero(self._names.space != _DOS)
        start, end = self._names.start, self._names.end
        self._texts, sound = decode_names(batch.raw, start[self._long], end[self._long], separator=True)
        owner = self._names.record[self._long]
        self._slots = maker.folders.places(self._names.parent[self._long], self._names.sequence[self._long])
        named = np.zeros(len(batch), np.bool_)
        named[owner] = True
        shorts = np.flatnonzero(self._names.space == _DOS)
        self._short_texts, short_sound = decode_names(batch.raw, start[shorts], end[shorts], separator=False)
        self._shorts = self._names.record[shorts]
        labels = np.flatnonzero(self._streams.name_end > self._streams.name)
        self._labels, label_sound = decode_names(
            batch.raw, self._streams.name[labels], self._streams.name_end[labels], separator=False
        )
        self._label_of = np.full(len(self._streams.record), len(labels))
        self._label_of[labels] = np.arange(len(labels))
        odd = batch.listed.copy()
        odd[: max(SYSTEM - batch.first, 0)] = True
        odd[owner[~sound | (self._slots < 0)]] = True
        odd[self._shorts[~short_sound]] = True
        odd[self._streams.record[labels[~label_sound]]] = True
        odd[self._streams.record[(self._streams.first != 0) & ~self._streams.resident]] = True
        held = np.zeros(len(batch), np.bool_)
        held[self._streams.record] = True
        self.cold = batch.base_records() & ((odd & (named | held | batch.listed)) | (~named & held))
        self.hot = batch.base_records() & named & ~self.cold
        self.runs = self._decoded()

    def _decoded(self) -> RunColumns:
        """Decode the runs of what is listed here, and of the indexes whose slack is searched."""
        streams = self._streams
        directory = (self._batch.flags[streams.record] & DIRECTORY) != 0
        wanted = self.hot[streams.record] & ~streams.resident & ((streams.kind == DATA) | directory)
        start = np.where(wanted, streams.start, len(self._batch.raw) - 64)
        end = np.where(wanted, streams.end, len(self._batch.raw) - 64)
        return decode_many(self._batch.raw, start, end, self._maker.clusters)

    def indexes(self) -> Iterator[tuple[int, list[Stream]]]:
        """Yield the folder indexes that lie outside their records, by the index of the record."""
        streams = self._streams
        directory = (self._batch.flags[streams.record] & DIRECTORY) != 0
        at = self.hot[streams.record] & directory & (streams.kind == INDEX_ALLOCATION) & ~streams.resident
        at &= self.runs.bounds[1:] > self.runs.bounds[:-1]
        for record, rows in groupby(np.flatnonzero(at).tolist(), lambda row: int(streams.record[row])):
            yield record, [self._index(row) for row in rows]

    def _index(self, row: int) -> Stream:
        place = slice(*self.runs.bounds[row : row + 2].tolist())
        runs = list(zip(self.runs.start[place].tolist(), self.runs.count[place].tolist(), strict=True))
        size, initialised = int(self._streams.size[row]), int(self._streams.initialised[row])
        return Stream(INDEX_ALLOCATION, "", 0, False, b"", size, initialised, 0, runs, True)

    def pieces(self) -> Iterator[tuple[NDArray[np.int64], pa.RecordBatch]]:
        """Yield entries in the order of records, with the index of each one's record; at most some ten thousand."""
        entries = self._entries()
        owner = self._names.record[self._long]
        names = np.flatnonzero(self.hot[owner])
        first = np.searchsorted(entries.record, np.arange(len(self._batch) + 1))
        counts = (first[1:] - first[:-1])[owner[names]]
        ends = np.cumsum(counts)
        while len(names):
            upto = max(int(np.searchsorted(ends, ends[0] - counts[0] + _PIECE, side="right")), 1)
            while upto < len(names) and owner[names[upto]] == owner[names[upto - 1]]:
                upto += 1
            name = np.repeat(names[:upto], counts[:upto])
            step = np.arange(len(name)) - np.repeat(np.cumsum(counts[:upto]) - counts[:upto], counts[:upto])
            yield owner[name], self._rows(name, entries, first[owner[name]] + step)
            names, counts, ends = names[upto:], counts[upto:], ends[upto:]

    def _entries(self) -> _Entries:
        """Return what each hot record lists: a folder itself, data streams, or the file that has none."""
        streams, count = self._streams, len(self._batch)
        directory = (self._batch.flags & DIRECTORY) != 0
        link = np.isin(self._batch.reparse_tags(), LINKS)
        hot = self.hot[streams.record]
        inside = directory[streams.record]
        named = streams.name_end > streams.name
        shown = np.flatnonzero(hot & (streams.kind == DATA) & (~inside | named))
        main = firsts(streams, hot & inside & (streams.kind == INDEX_ALLOCATION), count)
        size = np.zeros(count, np.int64)
        roots = np.flatnonzero(hot & inside & (streams.kind == INDEX_ROOT))
        size[streams.record[roots]] = streams.size[roots]  # of several the last
        size = np.where(main >= 0, streams.size[np.maximum(main, 0)] if len(streams.size) else 0, size)
        bare = self.hot & ~directory
        bare[streams.record[shown]] = False
        alone = np.flatnonzero((self.hot & directory) | bare)
        kind = np.where(link, 2, directory.astype(np.int64))
        record = np.concatenate((alone, streams.record[shown]))
        order = np.argsort(record, kind="stable")  # a folder before its streams
        return _Entries(
            record[order], np.concatenate((main[alone], shown))[order],
            np.concatenate((size[alone], streams.size[shown]))[order],
            np.concatenate((kind[alone], np.where(named[shown], 0, kind[streams.record[shown]])))[order],
        )  # fmt: skip

    def _rows(self, name: NDArray[np.int64], entries: _Entries, entry: NDArray[np.int64]) -> pa.RecordBatch:
        """Build the columns of rows, each a name and an entry."""
        batch, maker, count = self._batch, self._maker, len(name)
        record, stream, slot = entries.record[entry], entries.stream[entry], self._slots[name]
        real = stream >= 0
        label = np.where(real, self._label_of[np.maximum(stream, 0)] if len(self._label_of) else 0, len(self._labels))
        size = entries.size[entry]
        bits = np.where(real, at_rows(self._streams.flags, stream), 0).astype(np.int64)
        kinds = np.where(real, at_rows(self._streams.kind, stream), 0)
        label = np.where(kinds == DATA, label, len(self._labels))
        initialised = np.where(real, np.minimum(at_rows(self._streams.initialised, stream), size), size)
        live = (batch.flags[record] & IN_USE) != 0
        origin = maker.folders.origins[slot].astype(np.int64)
        origin = np.where((origin == 0) & ~live, 1, origin)
        for one in (
            batch.first + record[real & ~at_rows(self.runs.sound, stream) & ~at_rows(self._streams.resident, stream)]
        ):
            maker.faults.add("runs-damaged", int(one))
        runs, has_runs = self._run_lists(stream)
        texts = pa.array(name)
        path, address = maker.named(slot, self._texts.take(texts), pa.array(label), self._labels)
        columns = {
            "path": path, "stream": labelled(self._labels, label), "kind": words(_KINDS, entries.kind[entry]),
            "address": maker.addressed(address, batch.first + record, origin),
            "origin": words(_ORIGINS, origin), "meta": pa.array(batch.first + record),
            "parent": pa.array(maker.folders.numbers[slot]).cast(pa.string()),
            "size": pa.array(size), "initialised_size": pa.array(initialised), "runs": runs,
            "reader": words(_READERS, (has_runs & (bits & (COMPRESSED | ENCRYPTED) == 0)).astype(np.int64)),
            "certainty": self._certainties(batch.first + record, stream, size, origin),
            "short_name": self._short_names(record), **self._standard(record, bits), **self._name_times(name),
        }  # fmt: skip
        return maker.batch_of(columns, count)

    def _run_lists(self, stream: NDArray[np.int64]) -> tuple[pa.Array, NDArray[np.bool_]]:
        """Return the runs of each row in image offsets, and whether it has any."""
        low, counts = self._stretch(stream)
        counts = counts if self._maker.volume.direct else np.zeros_like(counts)
        ends = np.cumsum(counts)
        pick = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - counts - low, counts)
        cluster = self._maker.cluster
        start = np.where(self.runs.start[pick] < 0, -1, self._maker.volume.start + self.runs.start[pick] * cluster)
        kind = schema_of(TABLES["entries"]).field("runs").type
        values = pa.StructArray.from_arrays(
            [pa.array(start), pa.array(self.runs.count[pick] * cluster)], fields=list(kind.value_type)
        )
        offsets = np.concatenate(([0], ends)).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), values, type=kind), counts > 0

    def _stretch(self, stream: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where the runs of each row's stream begin, and how many there are."""
        at = np.maximum(stream, 0)
        low, high = self.runs.bounds[at], self.runs.bounds[at + (1 if len(self.runs.bounds) > 1 else 0)]
        return low, np.where(stream >= 0, high - low, 0)

    def _certainties(
        self, number: NDArray[np.int64], stream: NDArray[np.int64], size: NDArray[np.int64], origin: NDArray[np.int64]
    ) -> pa.Array:
        """Say of deleted streams whether their clusters are still free, and nobody's who was deleted later."""
        code = np.zeros(len(stream), np.int64)
        gone = np.flatnonzero((stream >= 0) & (origin != 0))
        if not len(gone):
            return text_of(Certainty.INTACT.value, len(stream))
        low, counts = self._stretch(stream[gone])
        row = np.repeat(np.arange(len(gone)), counts)
        pick = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts - low, counts)
        placed = self.runs.start[pick] >= 0
        row, start, count = row[placed], self.runs.start[pick][placed], self.runs.count[pick][placed]
        maker, taken, total = self._maker, np.zeros(len(gone), np.int64), np.zeros(len(gone), np.int64)
        np.add.at(taken, row, maker.blocks.overlaps(start * maker.cluster, count * maker.cluster))
        np.add.at(taken, row, maker.claims.overtaken(number[gone][row], start, count, maker.cluster, maker.blocks))
        np.add.at(total, row, count * maker.cluster)
        state = np.where(taken == 0, 0, np.where(taken >= total, 3, 2))
        state = np.where(total == 0, 1, state)
        inside = self._streams.resident[stream[gone]] | (not self._maker.volume.direct)
        code[gone] = np.where(size[gone] == 0, 1, np.where(inside, 0, state))
        return words(_CERTAINTIES, code)

    def _short_names(self, record: NDArray[np.int64]) -> pa.Array:
        last = np.full(len(self._batch), len(self._shorts))
        last[self._shorts] = np.arange(len(self._shorts))  # of several the last
        return labelled(self._short_texts, last[record])

    def _standard(self, record: NDArray[np.int64], bits: NDArray[np.int64]) -> dict[str, pa.Array]:
        """Return times, their zones and precisions, and the attributes in words."""
        standard = self._batch.standard
        found = np.full(len(self._batch), len(standard.record))
        found[standard.record[::-1]] = np.arange(len(standard.record))[::-1]  # of several the first
        at = found[record]
        times = np.concatenate((standard.times, np.zeros((1, 4), np.int64)))[at]
        attributes = np.concatenate((standard.attributes, np.zeros(1, np.uint32))).astype(np.int64)[at]
        columns = {"flags": words_of(attributes, bits)}
        for number, name in enumerate(_TIMES):
            columns[name], sane = moments(times[:, number])
            columns[f"{name}_zone"] = text_of("UTC", len(at)) if sane.all() else pc.if_else(pa.array(sane), "UTC", "")
            columns[f"{name}_precision_us"] = pa.array(sane.astype(np.int64))
        return columns

    def _name_times(self, name: NDArray[np.int64]) -> dict[str, pa.Array]:
        times = self._names.times[self._long[name]]
        return {f"name_{word}": moments(times[:, number])[0] for number, word in enumerate(_TIMES)}
