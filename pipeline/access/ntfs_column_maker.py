"""What all columns of a volume's NTFS entries are made with: paths and addresses, times, texts by index."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.access.allocation import Blocks
from pipeline.access.ntfs_batch import StreamColumns
from pipeline.access.ntfs_claims import Claims
from pipeline.access.ntfs_faults import Faults
from pipeline.access.ntfs_names import Folders
from pipeline.access.ntfs_text import escaped, text_of
from pipeline.records import Volume
from pipeline.schemas import TABLES, schema_of

__all__ = ["ColumnMaker", "at_rows", "firsts", "labelled", "moments"]

_MAX_MICROS: Final = 253_402_300_799_999_999


class ColumnMaker:
    """What a volume's columns have in common."""

    def __init__(
        self, volume: Volume, cluster: int, clusters: int, blocks: Blocks, claims: Claims, folders: Folders,
        faults: Faults,
    ) -> None:  # fmt: skip
        self.volume, self.cluster, self.clusters = volume, cluster, clusters
        self.blocks, self.claims, self.folders, self.faults = blocks, claims, folders, faults
        self._schema = schema_of(TABLES["entries"])

    def named(
        self, slot: NDArray[np.int64], names: pa.Array, label: pa.Array, labels: pa.Array
    ) -> tuple[pa.Array, pa.Array]:
        """Return the paths of rows, and their addresses."""
        slots = pa.array(slot)
        path = pc.binary_join_element_wise(self.folders.paths.take(slots), names, "/")
        plain, steps = escaped(names), f"{self.volume.address}!fs:"
        if plain is names and self.folders.escaped is self.folders.paths:
            address = pc.binary_join_element_wise(steps, path, "")
        else:
            address = pc.binary_join_element_wise(steps, self.folders.escaped.take(slots), "/", plain, "")
        if len(labels):
            suffixes = pc.binary_join_element_wise("!stream:", escaped(labels), "")
            address = pc.binary_join_element_wise(address, labelled(suffixes, label), "")
        return path, address

    def addressed(self, address: pa.Array, number: NDArray[np.int64], origin: NDArray[np.int64]) -> pa.Array:
        """Add the metadata number to the addresses of what is not live."""
        if not origin.any():
            return address
        suffix = pc.binary_join_element_wise("!entry:", pa.array(number).cast(pa.string()), "")
        return pc.binary_join_element_wise(address, pc.if_else(pa.array(origin == 0), "", suffix), "")

    def batch_of(self, columns: dict[str, pa.Array], count: int) -> pa.RecordBatch:
        """Return columns in the order of the table, what all rows have in common added."""
        common = {
            "id": "", "exhibit": self.volume.exhibit, "volume": self.volume.address, "listed_by": "own", "type": "",
        }  # fmt: skip
        every = {**columns, **{name: text_of(text, count) for name, text in common.items()}}
        every["content"] = pa.nulls(count, pa.string())
        return pa.RecordBatch.from_arrays([every[name] for name in self._schema.names], schema=self._schema)


def moments(micros: NDArray[np.int64]) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Return times, none where it is before 1970-01-01T00:00:01 or behind the year 9999, and which there are."""
    sane = (micros >= 1_000_000) & (micros <= _MAX_MICROS)
    return pa.array(micros, pa.timestamp("us", tz="UTC"), mask=None if sane.all() else ~sane), sane


def labelled(texts: pa.Array, index: Any) -> pa.Array:
    """Return texts by index; the one behind the last is empty."""
    rows = index if isinstance(index, pa.Array) else pa.array(index)
    if not len(texts):
        return text_of("", len(rows))
    return pa.concat_arrays([texts, pa.array([""], pa.string())]).take(rows)


def firsts(streams: StreamColumns, wanted: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """Return the first wanted stream of each record, -1 where there is none."""
    found = np.full(count, -1)
    rows = np.flatnonzero(wanted)[::-1]
    found[streams.record[rows]] = rows
    return found


def at_rows(values: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """Return values by row; of a row -1 any value."""
    return values[np.maximum(rows, 0)] if len(values) else np.zeros(len(rows), values.dtype)
