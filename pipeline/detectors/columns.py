"""The rows of a table, a page at a time: lines that fit its shape are split, decoded and judged column by column.

A line is left to be read by itself where its encoding is in doubt, its cells are not as many as the columns, quotes are
not plain, or what stands between the typed cells may be a value; what is found is the same either way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any, Final

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
        lines = lines_of(window, table.encoding)
        unread = np.zeros(len(lines.starts), dtype=bool)
        unread[lines.known.start : lines.known.stop] = True
        found: list[ColumnHits] = []
        for reading in readings(window.data, lines, self.likely, table.encoding):
            rows = _rows(reading, lines, table)
            done = rows.without(self._free(rows, table))
            unread[done.numbers] = False
            found += self._hits(done, lines, table, window)
        return found, lines, np.flatnonzero(unread).tolist()

    def _hits(self, rows: _Rows, lines: Lines, table: Table, window: Window) -> Iterator[ColumnHits]:
        records = lines.starts[rows.numbers] + window.start
        for column, kind in enumerate(table.columns):
            if kind is None or not len(rows.numbers):
                continue
            cells = rows.column(column).dictionary_encode()
            which = np.asarray(cells.indices).astype(np.int64)
            for one in accepted(self.matcher, kind, cells.dictionary):
                yield from _placed(one, which, rows, column, (records, window, len(cells.dictionary)))

    def _free(self, rows: _Rows, table: Table) -> _Numbers:
        """Return the indexes of rows in which something between typed cells may be a value."""
        flagged: list[_Numbers] = []
        for texts in rows.between(table) if len(rows.numbers) else ():
            cells = texts.dictionary_encode()
            suspects = list(self._suspects(cells.dictionary))
            if suspects:
                flagged.append(np.flatnonzero(np.isin(np.asarray(cells.indices), suspects)))
        return np.unique(np.concatenate(flagged)) if flagged else np.empty(0, np.int64)

    def _suspects(self, texts: pa.Array) -> Iterator[int]:
        """Yield the numbers of texts in which a rule may find a value."""
        numbers = self._sieve.suspects(texts).tolist() if len(texts) > _FEW else range(len(texts))
        for number in numbers:
            if any(True for _ in self.matcher.free(normalise(texts[number].as_py()))):
                yield number

    @cached_property
    def _sieve(self) -> Sieve:
        return Sieve(self.ruleset)


@dataclass(frozen=True, slots=True)
class _Borders:
    """Where the cells of rows start and end in some bytes; with quotes and inside them."""

    outer: tuple[_Numbers, _Numbers]
    inner: tuple[_Numbers, _Numbers]

    @classmethod
    def of(cls, starts: _Numbers, ends: _Numbers, marks: _Numbers, first: _Numbers, width: int) -> _Borders:
        """Return the cells of lines that have all the same number of marks, from a first one on."""
        inner = marks[first[:, None] + np.arange(width - 1)] if len(first) else np.empty((0, width - 1), np.int64)
        outer = np.hstack([starts[:, None], inner + 1]), np.hstack([inner, ends[:, None]])
        return cls(outer, outer)

    def unquoted(self, data: NDArray[Any]) -> tuple[_Borders, NDArray[np.bool_]]:
        """Return the same with the inner borders of quoted cells inside their quotes, and which rows are plain."""
        starts, ends = (border.copy() for border in self.outer)
        plain = _unquote(data, starts, ends)
        return _Borders(self.outer, (starts, ends)), plain

    def at(self, rows: NDArray[np.bool_]) -> _Borders:
        """Return some rows."""
        (first, last), (start, end) = self.outer, self.inner
        return _Borders((first[rows], last[rows]), (start[rows], end[rows]))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Lines in one encoding that split into one number of cells: where these are in the window, and in UTF-8."""

    encoding: str
    numbers: _Numbers
    width: int
    cells: _Borders
    utf8: bytes
    texts: _Borders

    def without(self, indexes: _Numbers) -> _Rows:
        """Return the rows but for some."""
        if not len(indexes):
            return self
        keep = np.ones(len(self.numbers), dtype=bool)
        keep[indexes] = False
        return self.at(keep)

    def at(self, keep: NDArray[np.bool_]) -> _Rows:
        """Return some of the rows."""
        return replace(self, numbers=self.numbers[keep], cells=self.cells.at(keep), texts=self.texts.at(keep))

    def column(self, index: int) -> pa.Array:
        """Return the texts of a column, without quotes."""
        starts, ends = self.texts.inner
        return self._cut(starts[:, index], ends[:, index])

    def between(self, table: Table) -> Iterator[pa.Array]:
        """Yield, row by row, what stands in each run of columns that are not typed, with the delimiters around it."""
        kinds = [*table.columns, *[None] * (self.width - len(table.columns))]
        starts, ends = self.texts.outer
        for typed, run in groupby(range(self.width), lambda column: kinds[column] is not None):
            columns = list(run)
            low, high = columns[0], columns[-1]
            if not typed:
                yield self._cut(starts[:, low] - (low > 0), ends[:, high] + (high + 1 < self.width))

    def _cut(self, starts: _Numbers, ends: _Numbers) -> pa.Array:
        """Return stretches of the text, in order and apart, as an array: it is every other one of all stretches."""
        borders = np.stack([starts, ends], axis=1).ravel().astype(np.int32)
        buffers = pa.py_buffer(borders), pa.py_buffer(self.utf8)
        stretches = pa.StringArray.from_buffers(max(len(borders) - 1, 0), *buffers)
        return stretches.take(pa.array(np.arange(0, len(borders), 2)))


def _rows(reading: Reading, lines: Lines, table: Table) -> _Rows:
    """Return the lines of a reading that split plainly into the columns of a table, or into one larger number."""
    utf8 = reading.text.encode("utf-8")
    text = np.frombuffer(utf8, np.uint8)
    breaks = np.flatnonzero(text == ord("\n"))
    starts, ends = np.append(0, breaks + 1), np.append(breaks, len(text))
    text_marks, first_mark, counts = _marks_of(text, starts, ends, table.delimiter)
    counts[_wide_marks(reading.text, utf8, starts, table.delimiter)] = 0
    low, high = (lines.in_units(places[reading.numbers]) for places in (lines.starts, lines.ends))
    marks, first, cells = _marks_of(lines.units, low, high, table.delimiter)
    width = _usual(counts, len(table.columns))
    fits = (counts == width) & (cells == width)
    inside, plain = _Borders.of(low[fits], high[fits], marks, first[fits], width).unquoted(lines.units)
    told, _ = _Borders.of(starts[fits], ends[fits], text_marks, first_mark[fits], width).unquoted(text)
    places = _Borders(inside.outer, (lines.in_bytes(inside.inner[0]), lines.in_bytes(inside.inner[1])))
    return _Rows(reading.encoding, reading.numbers[fits], width, places, utf8, told).at(plain)


def _marks_of(data: NDArray[Any], starts: _Numbers, ends: _Numbers, mark: str) -> tuple[_Numbers, _Numbers, _Numbers]:
    """Return where a delimiter stands, the number of each line's first one, and how many cells a line has."""
    marks = np.flatnonzero(data == ord(mark))
    first = np.searchsorted(marks, starts)
    return marks, first, np.searchsorted(marks, ends) - first + 1


def _wide_marks(text: str, utf8: bytes, starts: _Numbers, mark: str) -> _Numbers:
    """Return the numbers of lines with a wide delimiter or quote, which fold to plain ones."""
    wide = [chr(ord(one) + _WIDE) for one in (mark, '"') if one > " "]
    wide = [one for one in wide if one in text]
    found = [match.start() for one in wide for match in re.finditer(re.escape(one.encode()), utf8)]
    return np.searchsorted(starts, np.array(found, np.int64), "right") - 1


def _usual(counts: _Numbers, least: int) -> int:
    """Return the number of cells that most lines have, of those that have enough."""
    enough = counts[(counts >= least) & (counts <= _MOST)]
    return int(np.bincount(enough).argmax()) if len(enough) else least


def _unquote(data: NDArray[Any], starts: _Numbers, ends: _Numbers) -> NDArray[np.bool_]:
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
    lead, trail = (_widths(texts, rows.encoding, one.values.count) for texts in (one.before, one.behind))
    cell_starts, cell_ends = rows.cells.inner
    starts = cell_starts[:, column] + window.start + lead[value]
    lengths = cell_ends[:, column] + window.start - trail[value] - starts
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
