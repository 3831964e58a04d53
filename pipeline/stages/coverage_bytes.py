"""What each examination made of every byte of an image: extents laid under the examinations, gaps included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.records import NOT_CALLED_FOR, Coverage, ExtentClass
from pipeline.spans import NONE, Ints, cuts, painted

__all__ = ["EXAMINATIONS", "OUTCOMES", "SHIFT", "Said", "byte_rows", "subjects_on_medium"]

EXAMINATIONS: Final = ("carved", "decoded", "detected", "hashed")
OUTCOMES: Final = ("not-examined", "partial", "examined")
_CONTENT: Final = (ExtentClass.FILE_CONTENT, ExtentClass.DELETED_CONTENT)
_CLOSED: Final = (ExtentClass.LOCKED, ExtentClass.UNREADABLE)
SHIFT: Final = 40
_NO_RECORD: Final = "no examination on record"
_RANGE: Final = r"!bytes:(?P<start>\d{1,18})\+(?P<length>\d{1,18})$"


@dataclass(frozen=True, slots=True)
class Said:
    """Outcomes as numbers: 0 not examined, 1 partial, 2 examined, above the number of the reason."""

    reasons: dict[str, int]

    def number(self, reason: str) -> int:
        """Return the number of a reason."""
        return self.reasons.setdefault(reason, len(self.reasons))

    def keys(self, rows: pa.Table) -> Ints:
        """Return the outcomes of rows as numbers; the smallest is the worst."""
        outcome = pc.index_in(rows.column("outcome"), pa.array(OUTCOMES, type=pa.string()))
        outcomes = np.asarray(pc.fill_null(outcome, 0), dtype=np.int64)
        encoded = rows.column("reason").combine_chunks().dictionary_encode()
        encoded = encoded if isinstance(encoded, pa.DictionaryArray) else encoded.combine_chunks()
        numbers = np.array([self.number(one) for one in encoded.dictionary.to_pylist()] or [0], dtype=np.int64)
        return (outcomes << SHIFT) + numbers[np.asarray(encoded.indices, dtype=np.int64)]


def subjects_on_medium(extents: pa.Table) -> pa.Array:
    """Return the ids of the files that hold bytes of the medium as content."""
    content = pc.is_in(extents.column("class"), pa.array([str(one) for one in _CONTENT]))
    return pc.drop_null(extents.filter(content).column("owner").combine_chunks().unique())


def byte_rows(exhibit: str, size: int, extents: pa.Table, rows: pa.Table) -> Iterator[Coverage]:
    """Yield for each volume, class and examination what it made of the bytes; for each they add up to the class.

    Args:
        exhibit: its label.
        size: of its image.
        extents: its extents, in order.
        rows: examinations of its raw bytes and of the files that hold bytes of the medium.
    """
    starts = np.asarray(extents.column("start"), dtype=np.int64)
    raw = pc.equal(rows.column("subject"), "raw")
    ranges, files = rows.filter(raw), rows.filter(pc.invert(raw))
    for name in EXAMINATIONS:
        said = Said({})
        mine = ranges.filter(pc.equal(ranges.column("examined_by"), name))
        low, high = _places(mine)
        bounds = cuts(size, starts, low, high)
        piece = np.searchsorted(starts, bounds[:-1], side="right") - 1
        first, stop = np.searchsorted(bounds, low), np.searchsorted(bounds, high)
        scanned = painted(len(piece), first, stop, said.keys(mine))
        read = _of_owners(extents, files, name, said)[piece]
        found = np.maximum(np.where(scanned == NONE, -1, scanned), read)
        silent = found < 0
        found[silent] = _silence(extents, files, name, said)[piece[silent]]
        yield from _summed(exhibit, extents, name, said, (piece, np.diff(bounds), found))


def _places(rows: pa.Table) -> tuple[Ints, Ints]:
    """Return where raw examinations looked; an address without a range is no place."""
    found = pc.extract_regex(rows.column("address"), _RANGE).combine_chunks()
    if isinstance(found, pa.ChunkedArray):
        found = pa.concat_arrays(found.chunks) if found.num_chunks else pa.nulls(0, found.type)
    if not len(found):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    start, length = (pc.fill_null(pc.struct_field(found, name).cast(pa.int64()), 0) for name in ("start", "length"))
    low = np.asarray(start, dtype=np.int64)
    return low, low + np.asarray(length, dtype=np.int64)


def _of_owners(extents: pa.Table, files: pa.Table, name: str, said: Said) -> Ints:
    """Return for each extent of content the worst that was said of its owner; -1 where nothing was, or for slack."""
    mine = files.filter(pc.equal(files.column("examined_by"), name))
    found = np.full(extents.num_rows, -1, dtype=np.int64)
    if not mine.num_rows:
        return found
    keys, subjects = said.keys(mine), mine.column("subject").combine_chunks()
    names = subjects.unique()
    row = np.asarray(pc.index_in(subjects, names), dtype=np.int64)
    worst = np.full(len(names), NONE, dtype=np.int64)
    np.minimum.at(worst, row, keys)
    owner = np.asarray(pc.fill_null(pc.index_in(extents.column("owner"), names), -1), dtype=np.int64)
    held = (owner >= 0) & _in(extents, "class", _CONTENT)
    found[held] = worst[owner[held]]
    return found


def _in(table: pa.Table, column: str, values: Sequence[str]) -> npt.NDArray[np.bool_]:
    found = pc.fill_null(
        pc.is_in(table.column(column), pa.array([str(one) for one in values], type=pa.string())), fill_value=False
    )
    return np.asarray(found, dtype=bool)


def _silence(extents: pa.Table, files: pa.Table, name: str, said: Said) -> Ints:
    """Return what silence means: not examined, or not called for where another examination stands in its place."""
    content, closed = _in(extents, "class", _CONTENT), _in(extents, "class", _CLOSED)
    passed = pc.and_(
        pc.equal(files.column("examined_by"), "hashed"), pc.not_equal(files.column("outcome"), "not-examined")
    )
    read = content & _in(extents, "owner", files.filter(passed).column("subject").to_pylist())
    spared = {"carved": read, "decoded": read | (~content & ~closed), "hashed": ~content & ~closed}
    why = {
        "carved": "read as a file", "decoded": "nothing inside to open", "hashed": "no file's content",
    }  # fmt: skip
    found = np.full(extents.num_rows, said.number(_NO_RECORD), dtype=np.int64)
    for class_ in _CLOSED:
        found[_in(extents, "class", (class_,))] = said.number(str(class_))
    if name in spared:
        found[spared[name]] = said.number(f"{NOT_CALLED_FOR}{why[name]}")
    return found


def _summed(
    exhibit: str, extents: pa.Table, name: str, said: Said, parts: tuple[Ints, npt.NDArray[Any], Ints]
) -> Iterator[Coverage]:
    piece, length, found = parts
    keys = {column: extents.column(column).combine_chunks().dictionary_encode() for column in ("volume", "class")}
    codes = [np.asarray(keys[column].indices, dtype=np.int64)[piece] for column in ("volume", "class")]
    groups, row = np.unique(np.stack([*codes, found]), axis=1, return_inverse=True)
    sums = np.zeros(groups.shape[1], dtype=np.int64)
    np.add.at(sums, row, length)
    counts = np.bincount(row, minlength=groups.shape[1])
    reasons = {number: reason for reason, number in said.reasons.items()}
    for number, (volume, class_, key) in enumerate(groups.T.tolist()):
        yield Coverage(
            exhibit=exhibit, volume=keys["volume"].dictionary[volume].as_py(),
            class_=keys["class"].dictionary[class_].as_py(), bytes=int(sums[number]), items=int(counts[number]),
            examined_by=name, outcome=OUTCOMES[key >> SHIFT], reason=reasons[key & ((1 << SHIFT) - 1)],
        )  # fmt: skip
