"""What each examination made of streams that hold no bytes of the medium by themselves, in bytes that add up.

Each such stream counts once, with one size, for every examination, and once as ``accounted``: so no row of theirs can
be missing without the others telling.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.records import NOT_CALLED_FOR, Coverage, ExtentClass
from pipeline.spans import NONE, Ints
from pipeline.stages.coverage_bytes import OUTCOMES, SHIFT, Said

__all__ = ["STREAM_CLASSES", "STREAM_EXAMINATIONS", "stream_rows"]

STREAM_CLASSES: Final = ("carved", "gone", "layered", "member", "resident")
STREAM_EXAMINATIONS: Final = ("decoded", "detected", "hashed")
_NOTHING_INSIDE: Final = f"{NOT_CALLED_FOR}nothing inside to open"
_NO_RECORD: Final = "no examination on record"
_READ: Final = 1 << SHIFT
"""Least key of a stream that was read, if only in part."""


def stream_rows(exhibit: str, rows: pa.Table, carved: pa.Array, layered: pa.Array) -> Iterator[Coverage]:
    """Yield for each volume, class and examination what it made of the streams; for each the same bytes and items.

    Of several rows of a stream the worst stands, and its size is the largest they give.

    Args:
        exhibit: its label.
        rows: examinations of streams.
        carved: ids of carved objects.
        layered: addresses of volumes that only their layer knows.
    """
    if not rows.num_rows:
        return
    subjects = rows.column("subject").combine_chunks().dictionary_encode()
    row = np.asarray(subjects.indices, dtype=np.int64)
    firsts = np.unique(row, return_index=True)[1]
    size = np.zeros(len(firsts), dtype=np.int64)
    np.maximum.at(size, row, np.asarray(rows.column("bytes"), dtype=np.int64))
    said = Said({"": 0})
    keys = {name: _worst(rows, row, name, said, len(firsts)) for name in STREAM_EXAMINATIONS}
    hashed = np.where(keys["hashed"] == NONE, said.number(_NO_RECORD), keys["hashed"])
    for name, silence in (("decoded", _NOTHING_INSIDE), ("detected", _NO_RECORD), ("hashed", "")):
        silent = np.where(hashed >= _READ, said.number(silence), hashed)
        keys[name] = np.where(keys[name] == NONE, silent, keys[name])
    keys["accounted"] = np.full(len(firsts), (OUTCOMES.index("examined") << SHIFT) + said.number(""), dtype=np.int64)
    names = rows.take(pa.array(firsts))
    streams = pa.table({
        "volume": names.column("volume"), "class": _classes(names, carved, layered, hashed), "bytes": size,
    })  # fmt: skip
    for name in sorted(keys):
        yield from _summed(exhibit, streams.append_column("key", pa.array(keys[name])), name, said)


def _worst(rows: pa.Table, row: Ints, name: str, said: Said, count: int) -> Ints:
    """Return the worst that an examination says of each stream; ``NONE`` where it says nothing."""
    mine = pc.equal(rows.column("examined_by"), name)
    found = np.full(count, NONE, dtype=np.int64)
    np.minimum.at(found, row[np.asarray(mine, dtype=bool)], said.keys(rows.filter(mine)))
    return found


def _classes(names: pa.Table, carved: pa.Array, layered: pa.Array, hashed: Ints) -> pa.Array:
    """Return the classes of streams, of each by the first row of it.

    A listed stream without an extent is in the file system's own records, or gone.
    """
    deleted = pc.equal(names.column("class"), ExtentClass.DELETED_CONTENT)
    lost = pc.and_(deleted, pa.array(hashed < _READ))
    cases = pc.make_struct(
        pc.equal(names.column("class"), "member"), pc.is_in(names.column("subject"), carved),
        pc.is_in(names.column("volume"), layered), lost,
    )  # fmt: skip
    return pc.case_when(cases, "member", "carved", "layered", "gone", "resident")


def _summed(exhibit: str, streams: pa.Table, name: str, said: Said) -> Iterator[Coverage]:
    reasons = {number: reason for reason, number in said.reasons.items()}
    keys = ["volume", "class", "key"]
    groups = streams.group_by(keys).aggregate([("bytes", "sum"), ("bytes", "count")])
    for row in groups.sort_by([(key, "ascending") for key in keys]).to_pylist():
        yield Coverage(
            exhibit=exhibit, volume=row["volume"], class_=row["class"], bytes=row["bytes_sum"],
            items=row["bytes_count"], examined_by=name, outcome=OUTCOMES[row["key"] >> SHIFT],
            reason=reasons[row["key"] & ((1 << SHIFT) - 1)],
        )  # fmt: skip
