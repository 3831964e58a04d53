"""Streams of a volume and its snapshots that are the same bytes of the medium, and are therefore read once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.address import parent_of, steps_of
from pipeline.records import FileEntry, Origin, Volume, identify

__all__ = ["shared_place", "sharing_volumes", "with_shared_places"]


def sharing_volumes(volumes: Iterable[Volume]) -> frozenset[str]:
    """Return the addresses of snapshots and of the volumes they are of."""
    snapshots = [row.address for row in volumes if any(kind == "snapshot" for kind, _ in steps_of(row.address)[-1:])]
    return frozenset([*snapshots, *map(parent_of, snapshots)])


def shared_place(entry: FileEntry) -> str | None:
    """Return a key that equals another stream's exactly where both are the same image bytes, cut the same way."""
    if entry.origin != Origin.ALLOCATED or entry.reader != "runs" or not entry.runs or not entry.size:
        return None
    return _key(((run.start, run.length) for run in entry.runs), entry.size, entry.initialised_size)


def _key(runs: Iterable[tuple[int, int]], size: int, initialised: int) -> str:
    return "=" + identify("place", size, initialised, *(number for run in runs for number in run))


def with_shared_places(table: pa.Table, volumes: Iterable[Volume]) -> pa.Table:
    """Return the listing, as far as it orders streams, with the shared place for the volume of those that have one."""
    chosen = pc.and_(
        pc.is_in(table.column("volume"), pa.array(sorted(sharing_volumes(volumes)), pa.string())),
        pc.and_(pc.equal(table.column("origin"), Origin.ALLOCATED.value), pc.equal(table.column("reader"), "runs")),
    )
    if not pc.any(chosen).as_py():
        return table
    shared = dict(_shared(table, chosen))
    columns = {name: table.column(name).to_pylist() for name in ("volume", "meta", "stream")}
    for position, key in shared.items():
        columns["volume"][position], columns["meta"][position], columns["stream"][position] = key, 0, ""
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(values, table.schema.field(name).type))
    return table


def _shared(table: pa.Table, chosen: pa.ChunkedArray) -> Iterator[tuple[int, str]]:
    columns = table.select(["runs", "size", "initialised_size"]).append_column(
        "position", pa.array(range(table.num_rows))
    )
    for batch in columns.filter(chosen).to_batches(max_chunksize=8192):
        for row in batch.to_pylist():
            if row["runs"] and row["size"]:
                runs = ((run["start"], run["length"]) for run in row["runs"])
                yield row["position"], _key(runs, row["size"], row["initialised_size"])
