"""The engine: raw space in blocks, headers found in one pass, objects proved one by one, at bounded cost.

What is found does not depend on how blocks are dealt out or windows cut: an object belongs to the block in which it
starts, and the bounds on work are those of the block.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pipeline.carvers.base import Carved, Carver, SpentError
from pipeline.carvers.space import CARVE_LIMIT, Space, SpaceView, Stretch
from pipeline.errors import UnreadableError

__all__ = ["BLOCK", "WINDOW_OVERLAP", "Engine", "Finder", "Found", "Missed", "literals", "outermost"]

BLOCK: Final = 16 << 20
"""Blocks begin at multiples of so many bytes of the image."""
WINDOW: Final = 1 << 20
WINDOW_OVERLAP: Final = 4096
"""Bytes of context that hold any header whole, and what :meth:`Carver.locate` looks at."""
SECTOR: Final = 512
LOST_BASE: Final = 64 << 20
LOST_RATE: Final = 32
"""Bytes that may be read and unpacked in a block for objects that come to nothing: a base, and a multiple of its size.

When they are spent, the same is allowed once more for objects that start at a sector."""
ONE_OBJECT: Final = 4 * CARVE_LIMIT
_CALL: Final = 1 << 14
"""What looking at a header costs at least: a block allows 36,864 that come to nothing, and as many at its sectors."""
_NOTHING: Final = "more headers that come to nothing than may be looked at; objects may lie behind them"


class Finder(Protocol):
    """Finds many literals in one pass."""

    def find(self, data: bytes) -> Sequence[tuple[int, int]]:
        """Return (start, number of the literal), in order."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """An object, who proved it, and where it lies in the image."""

    carved: Carved
    carver: str
    runs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Missed:
    """A place from which on raw bytes were not carved, or could not be read, and why."""

    start: int
    length: int
    reason: str


def literals(carvers: Sequence[Carver]) -> tuple[bytes, ...]:
    """Return the literals of carvers, each once, in order."""
    return tuple(sorted({literal for carver in carvers for literal, _ in carver.headers}))


@dataclass(slots=True)
class _Purse:
    """What is left to spend on a block, for objects at any place and for those at sectors only."""

    anywhere: int
    sectors: int

    def open(self, at: int) -> bool:
        """Return whether an object at a place may still be looked at."""
        return self.anywhere > 0 or (not at % SECTOR and self.sectors > 0)

    def pay(self, amount: int) -> None:
        """Take what looking for nothing has cost."""
        if self.anywhere > 0:
            self.anywhere -= amount
        else:
            self.sectors -= amount


@dataclass(frozen=True, slots=True)
class _Held:
    """Where objects of a block lie: whole ones, and by carver those in part."""

    taken: list[tuple[int, int]]
    broken: list[list[tuple[int, int]]]


class Engine:
    """Carves raw space with a set of carvers; ``finder`` must find what :func:`literals` gives for them."""

    def __init__(self, carvers: Sequence[Carver], finder: Finder, window: int = WINDOW) -> None:
        self._carvers = tuple(carvers)
        self._finder, self._step = finder, window
        self._locating = [(index, one) for index, one in enumerate(carvers) if type(one).locate is not Carver.locate]
        self._everywhere = [index for index, one in enumerate(carvers) if one.everywhere]
        self._literals = literals(carvers)
        numbers = {literal: number for number, literal in enumerate(self._literals)}
        self._owners: list[list[tuple[int, int]]] = [[] for _ in numbers]
        for index, carver in enumerate(self._carvers):
            for literal, offset in carver.headers:
                self._owners[numbers[literal]].append((offset, index))

    def carve(self, space: Space, start: int, end: int) -> Iterator[Found | Missed]:
        """Yield what begins in raw space between two image offsets, block by block."""
        for block in range(start - start % BLOCK, end, BLOCK):
            yield from self._block(space, space.within(max(start, block), min(end, block + BLOCK)))

    def candidates(self, data: bytes, start: int, own: tuple[int, int], *, first: bool) -> list[tuple[int, int]]:
        """Return (offset, number of the carver) of what may begin in a range, in order; ``start`` is that of data.

        ``first``: raw space begins with the range.
        """
        matches = self._finder.find(data)
        return self._owned(matches, data, start, own, first=first)

    def at_sectors(self, data: bytes, start: int, own: tuple[int, int], *, first: bool) -> list[tuple[int, int]]:
        """Return the candidates that begin at a sector, without a look at all the others: there may be a flood."""
        places = range(own[0] + -own[0] % SECTOR, own[1], SECTOR)
        matches = [
            (place + offset - start, number)
            for number, (literal, owners) in enumerate(zip(self._literals, self._owners, strict=True))
            for offset in {offset for offset, _ in owners}
            for place in places
            if data.startswith(literal, place + offset - start)
        ]
        return [item for item in self._owned(matches, data, start, own, first=first) if not item[0] % SECTOR]

    def _owned(
        self, matches: Sequence[tuple[int, int]], data: bytes, start: int, own: tuple[int, int], *, first: bool
    ) -> list[tuple[int, int]]:  # fmt: skip
        """Return (offset, number of the carver) of literals found at indexes, and of what carvers locate."""
        found = {(start + at - offset, index) for at, number in matches for offset, index in self._owners[number]}
        for index, carver in self._locating:
            found.update((start + place, index) for place in carver.locate(data, start))
        found.update((own[0], index) for index in self._everywhere if first)
        return sorted(item for item in found if own[0] <= item[0] < own[1])

    def _block(self, space: Space, parts: Sequence[Stretch]) -> Iterator[Found | Missed]:
        allowed = LOST_BASE + LOST_RATE * sum(part.end - part.start for part in parts)
        purse, held = _Purse(allowed, allowed), _Held([], [[] for _ in self._carvers])
        for part in parts:
            view = space.view(part.start)
            for low in range(part.start, part.end, self._step):
                high = min(low + self._step, part.end)
                begin = max(low - WINDOW_OVERLAP, 0)
                try:
                    data = space.image.read(begin, min(high + WINDOW_OVERLAP, space.image.size) - begin)
                except UnreadableError as error:
                    yield Missed(low, high - low, str(error))
                    continue
                view.look(data, begin)
                seek = self.candidates if purse.anywhere > 0 else self.at_sectors
                if purse.anywhere <= 0:
                    yield Missed(low, high - low, _NOTHING)
                candidates = seek(data, begin, (low, high), first=low == view.stretch.start)
                yield from self._window(view, candidates, purse, held, high)

    def _window(
        self, view: SpaceView, candidates: Iterable[tuple[int, int]], purse: _Purse, held: _Held, end: int
    ) -> Iterator[Found | Missed]:  # fmt: skip
        skipped, taken, broken = None, held.taken, held.broken
        for at, index in candidates:
            if _inside(at, taken) or _inside(at, broken[index]):
                continue
            if not purse.open(at):
                skipped = at if skipped is None else skipped
                continue
            carver, view.spent, view.allowed = self._carvers[index], 0, ONE_OBJECT
            try:
                found = _proved(carver, view, at)
            except UnreadableError as error:
                yield Missed(at, 0, str(error))
                continue
            if found is None or not found.complete:
                purse.pay(view.spent + _CALL)
            if found is not None:
                runs = _runs(view, found)
                for start, length in runs:
                    insort(taken if found.complete else broken[index], (start, start + length))
                yield Found(found, carver.name, runs)
        if skipped is not None:
            yield Missed(skipped, end - skipped, _NOTHING)


def _proved(carver: Carver, view: SpaceView, at: int) -> Carved | None:
    """Return the object that a carver proves, in one piece or in two; what it knew when it had spent too much."""
    limit, found = min(CARVE_LIMIT, view.size - at), None
    try:
        found = carver.carve(view, at, limit)
        return found if found is not None and found.complete else carver.mend(view, at, limit, found)
    except SpentError:
        return found


def _runs(view: SpaceView, found: Carved) -> tuple[tuple[int, int], ...]:
    """Return where an object lies in the image."""
    before, gap = found.gap
    if not gap:
        return tuple(view.runs(found.start, found.length))
    second = view.runs(found.start + before + gap, found.length - before)
    return (*view.runs(found.start, before), *second)


def _inside(at: int, taken: Sequence[tuple[int, int]]) -> bool:
    index = bisect_right(taken, (at, 1 << 62)) - 1
    return index >= 0 and taken[index][0] <= at < taken[index][1]


def outermost(objects: Sequence[tuple[Sequence[tuple[int, int]], bool, str]]) -> list[int]:
    """Return which of (runs, complete, carver) are not inside another one, in order of their starts.

    What starts inside a complete object is part of it, and so is what lies wholly inside an incomplete one or starts
    inside one of the same carver; of several at one place the complete one stays, then the longest.
    """
    kept: list[int] = []
    whole, broken = list[tuple[int, int]](), list[tuple[int, int]]()
    own: dict[str, list[tuple[int, int]]] = {}
    length = [sum(size for _, size in runs) for runs, _, _ in objects]
    last = -1
    for index in sorted(range(len(objects)), key=lambda i: (objects[i][0][0][0], not objects[i][1], -length[i], i)):
        runs, complete, carver = objects[index]
        start = runs[0][0]
        inside = _inside(start, whole) or _inside(start, own.get(carver, ()))
        if start == last or inside or all(_covered(run, broken) for run in runs):
            continue
        last = start
        kept.append(index)
        for place, size in runs:
            insort(whole if complete else broken, (place, place + size))
            if not complete:
                insort(own.setdefault(carver, []), (place, place + size))
    return kept


def _covered(run: tuple[int, int], taken: Sequence[tuple[int, int]]) -> bool:
    index = bisect_right(taken, (run[0], 1 << 62)) - 1
    return index >= 0 and taken[index][1] >= run[0] + run[1]
