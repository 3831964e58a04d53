"""What reading by columns works with: the lines of a window, and hits as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.detectors.hits import Hit, Window
from pipeline.detectors.texts import Texts

__all__ = ["LONGEST", "ColumnHits", "Found", "Lines", "columns_of", "lines_of"]

LONGEST: Final = 2048
"""Longer lines are cut at a grid, see :mod:`pipeline.detectors.lines`."""
_FIELDS: Final = ("kind", "rule", "encoding", "validated", "score", "by_word", "by_column", "by_row")
_ALIKE: Final = attrgetter(*_FIELDS)
_Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a window that are not empty; ``known`` are the numbers of those that reach into its page."""

    starts: _Numbers
    ends: _Numbers
    known: range

    @property
    def whole(self) -> _Numbers:
        """The numbers of lines to read: of the page, and not too long."""
        numbers = np.arange(self.known.start, self.known.stop)
        return numbers[(self.ends - self.starts)[numbers] <= LONGEST]


def lines_of(window: Window) -> Lines:
    """Return the lines of a window: what stands between line feeds, carriage returns and NULs."""
    data = np.frombuffer(window.data, dtype=np.uint8)
    breaks = np.flatnonzero((data == 0) | (data == 10) | (data == 13))
    starts, ends = np.append(0, breaks + 1), np.append(breaks, len(data))
    full = ends > starts
    starts, ends = starts[full], ends[full]
    low = int(np.searchsorted(ends, window.own_start - window.start, "right"))
    high = int(np.searchsorted(starts, window.own_end - window.start, "left"))
    return Lines(starts, ends, range(low, max(low, high)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnHits:
    """Hits of a page that differ in place and value alone; ``which`` is the number of a hit's value and shape."""

    kind: str
    rule: str
    encoding: str
    validated: bool
    score: float
    by_word: bool = False
    by_column: bool = False
    by_row: bool = False
    starts: _Numbers
    lengths: _Numbers
    records: _Numbers
    which: _Numbers
    values: Texts = field(repr=False)
    shapes: Texts

    def __len__(self) -> int:
        return len(self.starts)

    def hits(self) -> Iterator[Hit]:
        """Yield them one by one."""
        columns = (self.starts.tolist(), self.lengths.tolist(), self.records.tolist(), self.which.tolist())
        values, shapes = self.values.list(), self.shapes.list()
        for start, length, record, which in zip(*columns, strict=True):
            yield Hit(
                kind=self.kind, rule=self.rule, start=start, length=length, encoding=self.encoding,
                value=values[which], shape=shapes[which], validated=self.validated, score=self.score,
                record_start=record, by_word=self.by_word, by_column=self.by_column, by_row=self.by_row,
            )  # fmt: skip


def columns_of(hits: Iterable[Hit]) -> list[ColumnHits]:
    """Return hits as columns: one for all those that are alike but for place and value."""
    groups: dict[tuple[Any, ...], list[Hit]] = {}
    for hit in hits:
        groups.setdefault(_ALIKE(hit), []).append(hit)
    return [_column(dict(zip(_FIELDS, alike, strict=True)), own) for alike, own in groups.items()]


def _column(alike: dict[str, Any], hits: list[Hit]) -> ColumnHits:
    starts, lengths, records = (
        np.array([getattr(hit, name) for hit in hits], np.int64) for name in ("start", "length", "record_start")
    )
    return ColumnHits(
        starts=starts, lengths=lengths, records=records, which=np.arange(len(hits)),
        values=Texts.of([hit.value for hit in hits]), shapes=Texts.of([hit.shape for hit in hits]), **alike,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """The hits of a page: those read line by line, and those read by columns."""

    hits: list[Hit]
    columns: list[ColumnHits] = field(default_factory=list)

    def all(self) -> list[Hit]:
        """Return every hit in order."""
        everyone = [*self.hits, *(hit for column in self.columns for hit in column.hits())]
        return sorted(everyone, key=lambda hit: (hit.start, -hit.length, hit.kind, hit.encoding))
