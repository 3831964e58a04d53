"""What reading by columns works with: the lines of a window, and hits as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.detectors.hits import Hit, Window
from pipeline.rules import Rule

__all__ = ["LONGEST", "ColumnHits", "Found", "Lines", "lines_of"]

LONGEST: Final = 2048
"""Longer lines are cut at a grid, see :mod:`pipeline.detectors.lines`."""
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
    """Hits of one rule in one column of a page, as arrays; ``which`` is the number of a hit's value and shape."""

    rule: Rule
    encoding: str
    starts: _Numbers
    lengths: _Numbers
    records: _Numbers
    which: _Numbers
    values: list[str] = field(repr=False)
    shapes: list[str]

    @property
    def score(self) -> float:
        """The score that each of them has: it stands in a column of its kind."""
        return self.rule.score.base + self.rule.context.column

    def __len__(self) -> int:
        return len(self.starts)

    def hits(self) -> Iterator[Hit]:
        """Yield them one by one."""
        columns = (self.starts.tolist(), self.lengths.tolist(), self.records.tolist(), self.which.tolist())
        for start, length, record, which in zip(*columns, strict=True):
            yield Hit(
                kind=self.rule.kind, rule=self.rule.id, start=start, length=length, encoding=self.encoding,
                value=self.values[which], shape=self.shapes[which], validated=bool(self.rule.validate),
                score=self.score, record_start=record, by_word=False, by_column=True, by_row=False,
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
