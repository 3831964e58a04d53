"""Findings as columns of numbers: who stands in which holding, with which values, in which order.

A holding is a content on an exhibit, or what an exhibit holds outside of contents, by the file that owned the bytes.
Tags, people and records are digests in hexadecimal; their first 64 bits stand for them here (of ten million, two agree
by chance once in 370,000 cases). A content that several files of an exhibit have is read from the first of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["COLUMNS", "TELLING", "Gathered", "Place", "Profile", "distinct", "gather", "hexadecimal", "numbered"]

COLUMNS: Final = (
    "content", "file", "kind", "encoding", "locator", "offset", "value_tag", "record", "person",
)  # fmt: skip
TELLING: Final = frozenset({
    "name", "name-kana", "address", "phone", "email", "my-number", "resident-code", "citizen-code", "household-number",
    "bank-account", "credit-card", "driving-licence", "passport", "residence-card", "pension-number",
    "health-insurance",
})  # fmt: skip
"""Kinds of value that few people share; a birth date or a postal code tells nobody."""
_LEFT_OUT: Final = frozenset({"yara"})
_DIGITS: Final = 16
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio, odd: spreads what it multiplies (Knuth, The Art of Computer Programming, 6.4)."""
_LAST_NUMBER: Final = r"(?P<number>[0-9]{1,9})[^0-9]*$"

_Numbers = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which content on which exhibit; ``file`` is the first file that has it, empty for bytes of no file."""

    exhibit: str
    content: str
    file: str


@dataclass(frozen=True, slots=True)
class Profile:
    """The findings of one holding, sorted by where they stand: a column each."""

    tags: _Numbers
    people: _Numbers
    records: _Numbers
    kinds: NDArray[np.uint8]
    encodings: NDArray[np.uint8]

    @property
    def facts(self) -> _Numbers:
        """What is said of whom: a tag together with its person; of nobody known, the tag alone."""
        joined: _Numbers = self.tags ^ (self.people * _MIX)
        return joined

    @property
    def everyone(self) -> _Numbers:
        """The distinct people, ascending."""
        found = distinct(self.people)
        everyone: _Numbers = found[found != np.uint64(0)]
        return everyone


@dataclass(slots=True)
class Gathered:
    """The holdings of a case with their profiles, and the words that the numbers of kinds and encodings stand for."""

    places: list[Place] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    encodings: list[str] = field(default_factory=list)


def distinct(values: _Numbers) -> _Numbers:
    """Return the distinct values, ascending; by sorting, which is several times faster here than numpy's own way."""
    ordered = np.sort(values)
    return ordered[_firsts(ordered)]


def numbered(values: _Numbers) -> tuple[_Numbers, NDArray[np.int64]]:
    """Return the distinct values, ascending, and the number of each value among them."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    firsts = _firsts(ordered)
    numbers = np.empty(len(values), dtype=np.int64)
    numbers[order] = np.cumsum(firsts) - 1
    return ordered[firsts], numbers


def _firsts(ordered: _Numbers) -> NDArray[np.bool_]:
    """Tell of sorted values which are the first of their kind."""
    firsts = np.ones(len(ordered), dtype=bool)
    firsts[1:] = ordered[1:] != ordered[:-1]
    return firsts


class _Words:
    """Numbers words in the order they are first seen."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def numbers(self, column: pa.Array) -> NDArray[np.int64]:
        """Return the number of each word of a column."""
        coded = column.dictionary_encode()
        words = [self.known.setdefault(word or "", len(self.known)) for word in coded.dictionary.to_pylist()]
        numbers: NDArray[np.int64] = np.asarray(words, dtype=np.int64)[np.asarray(coded.indices)]
        return numbers


def gather(exhibits: Iterable[tuple[str, Iterable[pa.RecordBatch]]]) -> Gathered:
    """Return the holdings of each exhibit from its findings, batch by batch in the table's order."""
    result, kinds, encodings = Gathered(), _Words(), _Words()
    for exhibit, batches in exhibits:
        contents, files = _Words(), _Words()
        first: dict[int, int] = {}
        columns = [_numbers(batch, contents, files, kinds, encodings, first) for batch in batches]
        if columns:
            _add(result, exhibit, [np.concatenate(one) for one in zip(*columns, strict=True)], contents, files)
    result.kinds, result.encodings = list(kinds.known), list(encodings.known)
    return result


def _numbers(
    batch: pa.RecordBatch, contents: _Words, files: _Words, kinds: _Words, encodings: _Words, first: dict[int, int]
) -> tuple[NDArray[np.generic], ...]:  # fmt: skip
    """Return a batch as numbers; a content's findings in other files than the first that has it are left out."""
    batch = batch.filter(pc.invert(pc.is_in(batch.column("kind"), pa.array(sorted(_LEFT_OUT)))))
    content, file = contents.numbers(batch.column("content")), files.numbers(batch.column("file"))
    loose = contents.known.get("", -1)
    pairs = (content << 32) | file
    differing, inverse = np.unique(pairs, return_inverse=True)
    wanted = [pair >> 32 == loose or first.setdefault(pair >> 32, pair) == pair for pair in differing.tolist()]
    kept = np.asarray(wanted, dtype=bool)[inverse]
    chosen = pa.array(np.flatnonzero(kept))
    batch, pairs = batch.take(chosen), pairs[kept]
    return (
        pairs, _order(batch), hexadecimal(batch.column("value_tag")), hexadecimal(batch.column("person")),
        hexadecimal(batch.column("record")), kinds.numbers(batch.column("kind")).astype(np.uint8),
        encodings.numbers(batch.column("encoding")).astype(np.uint8),
    )  # fmt: skip


def _order(batch: pa.RecordBatch) -> _Numbers:
    """Return where findings stand in their content: the last number of the locator (row, page), then the offset."""
    found = pc.struct_field(pc.extract_regex(batch.column("locator"), _LAST_NUMBER), "number")
    rows = np.asarray(pc.fill_null(found, "0").cast(pa.int64())).astype(np.uint64)
    offsets = np.asarray(batch.column("offset")).astype(np.uint64)
    return (rows << np.uint64(32)) + offsets


def hexadecimal(column: pa.Array) -> _Numbers:
    """Return the first 64 bits of a column of digests; 0 where there is none."""
    texts = pc.fill_null(column, "")
    texts = pc.if_else(pc.less(pc.binary_length(texts), _DIGITS), "0" * _DIGITS, texts)
    packed = pc.utf8_slice_codeunits(texts, 0, _DIGITS).cast(pa.binary()).cast(pa.binary(_DIGITS))
    raw = np.frombuffer(
        packed.buffers()[1], dtype=np.uint8, count=_DIGITS * len(packed), offset=_DIGITS * packed.offset
    )
    digits = np.where(raw >= ord("a"), raw - (ord("a") - 10), raw - ord("0")).reshape(-1, _DIGITS)
    pairs = (digits[:, ::2] << 4 | digits[:, 1::2]).astype(np.uint8)
    return np.ascontiguousarray(pairs).view(">u8").ravel().astype(np.uint64)


def _add(result: Gathered, exhibit: str, columns: list[NDArray[np.generic]], contents: _Words, files: _Words) -> None:
    """Cut an exhibit's columns into holdings, in the order of their first finding."""
    pairs, places = columns[0].astype(np.int64), columns[1]
    order = np.lexsort((places, pairs))
    bounds = np.flatnonzero(np.diff(pairs[order], prepend=-1))
    names, owners = list(contents.known), list(files.known)
    for start, end in zip(bounds.tolist(), [*bounds[1:].tolist(), len(order)], strict=True):
        rows = order[start:end]
        pair = int(pairs[rows[0]])
        result.places.append(Place(exhibit=exhibit, content=names[pair >> 32], file=owners[pair & 0xFFFFFFFF]))
        tags, people, records, kinds, encodings = (column[rows] for column in columns[2:])
        result.profiles.append(Profile(tags, people, records, kinds, encodings))  # type: ignore[arg-type]
