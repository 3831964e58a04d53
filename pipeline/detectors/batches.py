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
    """The lines of a window that are not empty; ``known`` are the numbers of those that reach into its page.

    ``units`` are the code units of the window: bytes, or pairs of bytes from ``origin`` on.
    """

    starts: _Numbers
    ends: _Numbers
    known: range
    units: NDArray[Any]
    origin: int = 0

    @property
    def whole(self) -> _Numbers:
        """The numbers of lines to read: of the page, and not too long."""
        numbers = np.arange(self.known.start, self.known.stop)
        return numbers[(self.ends - self.starts)[numbers] <= LONGEST]

    def in_units(self, places: _Numbers) -> _Numbers:
        """Return places of the window as numbers of units."""
        return (places - self.origin) // self.units.itemsize

    def in_bytes(self, places: _Numbers) -> _Numbers:
        """Return numbers of units as places of the window."""
        return self.origin + places * self.units.itemsize


def lines_of(window: Window, encoding: str = "") -> Lines:
    """Return the lines of a window: what stands between line feeds, carriage returns and NULs.

    ``encoding`` is one of UTF-16, whose units stand at even offsets of the content; else units are bytes.
    """
    origin = window.start % 2 if encoding else 0
    count = (len(window.data) - origin) // 2 if encoding else len(window.data)
    kind = {"": "u1", "utf-16-le": "<u2", "utf-16-be": ">u2"}[encoding]
    units = np.frombuffer(window.data, kind, count, min(origin, len(window.data)))
    breaks = np.flatnonzero((units == 0) | (units == 10) | (units == 13))
    starts, ends = np.append(0, breaks + 1), np.append(breaks, count)
    full = ends > starts
    starts, ends = origin + starts[full] * units.itemsize, origin + ends[full] * units.itemsize
    if encoding and len(ends) and ends[-1] == len(window.data) - 1:
        ends[-1] += 1  # half a unit at the end is the last line's
    low = int(np.searchsorted(ends, window.own_start - window.start, "right"))
    high = int(np.searchsorted(starts, window.own_end - window.start, "left"))
    return Lines(starts, ends, range(low, max(low, high)), units, origin)


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
