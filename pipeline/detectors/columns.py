"""The rows of a table, a page at a time: lines that fit its shape are split, decoded and judged column by column.

A line is left to be read by itself where its encoding is in doubt, its cells are not as many as the columns, quotes are
not plain, or what stands between the typed cells may be a value; what is found is the same either way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.detectors.batches import ColumnHits, Lines, lines_of
from pipeline.detectors.candidates import Matcher
from pipeline.detectors.cells import Accepted, accepted
from pipeline.detectors.hits import Table, Window
from pipeline.detectors.readings import Reading, readings
from pipeline.detectors.sieve import Sieve
from pipeline.rules import RuleSet
from pipeline.rules_values import normalise

__all__ = ["TableReader"]

_WIDE: Final = 0xFEE0
_FEW: Final = 64
_MOST: Final = 1000
_Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class TableReader:
    """Reads rows of tables by the rules of a set."""

    ruleset: RuleSet
    matcher: Matcher
    likely: re.Pattern[str]

    def read(self, window: Window, table: Table) -> tuple[list[ColumnHits], Lines, list[int]]:
        """Return the hits of columns that a page owns, all its lines, and the numbers of those left to read."""
        data = np.frombuffer(window.data, dtype=np.uint8)
        lines = lines_of(window)
        unread = np.zeros(len(lines.starts), dtype=bool)
        unread[lines.known.start : lines.known.stop] = True
        found: list[ColumnHits] = []
        for reading in readings(window.data, data, lines, self.likely):
            rows = _rows(reading, data, lines, table)
            done = rows.without(self._free(rows, table))
            unread[done.numbers] = False
            found += self._hits(done, lines, table, window)
        return found, lines, np.flatnonzero(unread).tolist()

    def _hits(self, rows: _Rows, lines: Lines, table: Table, window: Window) -> Iterator[ColumnHits]:
        records = lines.starts[rows.numbers] + window.start
        for column, kind in enumerate(table.columns):
            if kind is None or not len(rows.numbers):
                continue
            texts = rows.column(column)
            distinct, which = _distinct(texts)
            for one in accepted(self.matcher, kind, distinct):
                yield from _placed(one, which, rows, column, (records, window, len(distinct)))

    def _free(self, rows: _Rows, table: Table) -> _Numbers:
        """Return the indexes of rows in which something between typed cells may be a value."""
        flagged: list[_Numbers] = []
        for texts in rows.between(table):
            distinct = list(dict.fromkeys(texts))
            suspects = set(self._suspects(distinct))
            if suspects:
                flagged.append(np.array([index for index, text in enumerate(texts) if text in suspects], np.int64))
        return np.unique(np.concatenate(flagged)) if flagged else np.empty(0, np.int64)

    def _suspects(self, texts: list[str]) -> Iterator[str]:
        if len(texts) > _FEW:
            texts = [texts[index] for index in self._sieve.suspects(pa.array(texts, pa.string())).tolist()]
        for text in texts:
            if any(True for _ in self.matcher.free(normalise(text))):
                yield text

    @cached_property
    def _sieve(self) -> Sieve:
        return Sieve(self.ruleset)


def _distinct(texts: list[str]) -> tuple[list[str], _Numbers]:
    """Return the distinct texts of many, and for each of the many its number among them."""
    distinct = list(dict.fromkeys(texts))
    if len(distinct) == len(texts):
        return distinct, np.arange(len(texts))
    numbers = dict(zip(distinct, range(len(distinct)), strict=True))
    return distinct, np.fromiter(map(numbers.__getitem__, texts), np.int64, len(texts))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Lines in one encoding that split into one number of cells: raw cells, and where each starts and ends."""

    encoding: str
    numbers: _Numbers
    cells: list[list[str]]
    starts: _Numbers
    ends: _Numbers
    quoted: bool

    def without(self, indexes: _Numbers) -> _Rows:
        """Return the rows but for some."""
        if not len(indexes):
            return self
        keep = np.ones(len(self.numbers), dtype=bool)
        keep[indexes] = False
        cells = [cells for cells, kept in zip(self.cells, keep.tolist(), strict=True) if kept]
        return _Rows(self.encoding, self.numbers[keep], cells, self.starts[keep], self.ends[keep], self.quoted)

    def column(self, index: int) -> list[str]:
        """Return the texts of a column, without quotes."""
        texts = [cells[index] for cells in self.cells]
        return [text[1:-1] if text[:1] == '"' else text for text in texts] if self.quoted else texts

    def between(self, table: Table) -> Iterator[list[str]]:
        """Yield, row by row, what stands in each run of columns that are not typed, with the delimiters around it."""
        count = len(self.cells[0]) if self.cells else 0
        kinds = [*table.columns, *[None] * (count - len(table.columns))]
        mark = table.delimiter
        for typed, run in groupby(range(count), lambda column: kinds[column] is not None):
            columns = list(run)
            low, high = columns[0], columns[-1] + 1
            if not typed:
                head, tail = mark if low else "", mark if high < count else ""
                yield [head + mark.join(cells[low:high]) + tail for cells in self.cells]


def _rows(reading: Reading, data: NDArray[np.uint8], lines: Lines, table: Table) -> _Rows:
    """Return the lines of a reading that split plainly into the columns of a table, or into one larger number."""
    mark = table.delimiter
    cells = [text.split(mark) for text in reading.texts]
    counts = np.fromiter(map(len, cells), np.int64, len(cells))
    if len(reading.texts):
        counts[_wide_marks(reading.texts, mark)] = 0
    marks = np.flatnonzero(data == ord(mark))
    first = np.searchsorted(marks, lines.starts[reading.numbers])
    last = np.searchsorted(marks, lines.ends[reading.numbers])
    width = _usual(counts, len(table.columns))
    fits = np.flatnonzero((counts == width) & (last - first + 1 == width))
    inner = marks[first[fits][:, None] + np.arange(width - 1)] if len(fits) else np.empty((0, width - 1), np.int64)
    numbers = reading.numbers[fits]
    starts = np.hstack([lines.starts[numbers][:, None], inner + 1])
    ends = np.hstack([inner, lines.ends[numbers][:, None]])
    plain = _unquote(data, starts, ends)
    kept = [cells[index] for index in fits[plain].tolist()]
    quoted = '"' in "\n".join(reading.texts)
    return _Rows(reading.encoding, numbers[plain], kept, starts[plain], ends[plain], quoted)


def _wide_marks(texts: Sequence[str], mark: str) -> list[int]:
    """Return the numbers of texts with a wide delimiter or quote, which fold to plain ones."""
    wide = [chr(ord(one) + _WIDE) for one in (mark, '"') if one > " "]
    joined = "\n".join(texts)
    wide = [one for one in wide if one in joined]
    return [number for number, text in enumerate(texts) if any(one in text for one in wide)] if wide else []


def _usual(counts: _Numbers, least: int) -> int:
    """Return the number of cells that most lines have, of those that have enough."""
    enough = counts[(counts >= least) & (counts <= _MOST)]
    return int(np.bincount(enough).argmax()) if len(enough) else least


def _unquote(data: NDArray[np.uint8], starts: _Numbers, ends: _Numbers) -> NDArray[np.bool_]:
    """Move the borders of quoted cells inside their quotes; return which rows have no other quotes."""
    quote = data == ord('"')
    if not starts.size or not quote.any():
        return np.ones(len(starts), dtype=bool)
    before = np.concatenate([[0], np.cumsum(quote)])
    count = before[ends] - before[starts]
    padded = np.append(quote, False)
    quoted = (count == 2) & padded[starts] & padded[ends - 1] & (ends > starts + 1)
    starts += quoted
    ends -= quoted
    plain: NDArray[np.bool_] = ((count == 0) | quoted).all(axis=1)
    return plain


def _placed(
    one: Accepted, which: _Numbers, rows: _Rows, column: int, where: tuple[_Numbers, Window, int]
) -> Iterator[ColumnHits]:
    """Yield the cells that a rule accepts with their places, where the page owns any."""
    records, window, count = where
    index = np.full(count, -1, dtype=np.int64)
    index[one.numbers] = np.arange(len(one.numbers))
    value = index[which]
    lead, trail = (_widths(texts, rows.encoding, len(one.values)) for texts in (one.before, one.behind))
    starts = rows.starts[:, column] + window.start + lead[value]
    lengths = rows.ends[:, column] + window.start - trail[value] - starts
    own = (value >= 0) & (starts >= window.own_start) & (starts < window.own_end)
    if own.any():
        yield ColumnHits(
            kind=one.rule.kind, rule=one.rule.id, encoding=rows.encoding, validated=bool(one.rule.validate),
            score=one.rule.score.base + one.rule.context.column, by_column=True,
            starts=starts[own], lengths=lengths[own], records=records[own], which=value[own],
            values=one.values, shapes=one.shapes,
        )  # fmt: skip


def _widths(texts: Mapping[int, str], encoding: str, count: int) -> _Numbers:
    """Return how many bytes each text has; most have none."""
    widths = np.zeros(count, dtype=np.int64)
    for number, text in texts.items():
        widths[number] = len(text.encode(encoding))
    return widths
