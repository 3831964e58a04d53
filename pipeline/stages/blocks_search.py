"""The search of an image for known blocks, and the runs that consecutive ones make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.interfaces import Readable
from pipeline.stages.blocks_hash import BLOCK, Multipliers
from pipeline.stages.blocks_known import Known

__all__ = ["Hits", "MatchedRun", "runs_of", "search"]

PAGE: Final = 1 << 20
MOST_HITS: Final = 1 << 26
"""Sectors that equal a known block, in one exhibit: 32 GiB of copies."""
COMMON: Final = 16
"""A block in more places of an exhibit than this says little alone; a run needs some that are rarer, or ``MANY``."""
LEAST: Final = 2
MANY: Final = 64
_BRIDGED: Final = 16
"""Sectors that a run may step over where the content's own blocks there prove nothing."""

_Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Hits:
    """Sectors of an image that equal a known block, with the number of its hash; ``cut``: there were more."""

    sectors: _Numbers
    numbers: _Numbers
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedRun:
    """Sectors ``first`` to ``last`` of an image that are a content's from ``block`` on; ``blocks`` were found equal."""

    content: int
    block: int
    first: int
    last: int
    blocks: int


def search(image: Readable, known: Known, multipliers: Multipliers) -> Hits:
    """Read an image once and return where known blocks lie: a table sieves, the hash finds, the digest settles."""
    sectors, numbers, found = [np.empty(0, np.int64)], [np.empty(0, np.int64)], 0
    bits = min(max(len(known.hashes), 1).bit_length() + 4, 27)
    shift = np.uint64(64 - bits)
    sieve = np.zeros(1 << bits, dtype=bool)
    sieve[(known.hashes >> shift).astype(np.int64)] = True
    for start in range(0, image.size, PAGE):
        data = memoryview(image.read(start, min(PAGE, image.size - start)))
        hashes = multipliers.hashes(data)
        likely = np.flatnonzero(sieve[(hashes >> shift).astype(np.int64)])
        places = np.minimum(np.searchsorted(known.hashes, hashes[likely]), len(known.hashes) - 1)
        equal = known.hashes[places] == hashes[likely]
        likely, places = likely[equal], places[equal]
        digests = b"".join(multipliers.digest(data[at * BLOCK : (at + 1) * BLOCK]) for at in likely.tolist())
        settled = np.frombuffer(digests, dtype="V16") == known.digests[places]
        sectors.append(likely[settled] + start // BLOCK)
        numbers.append(places[settled])
        found += len(sectors[-1])
        if found > MOST_HITS:
            break
    return Hits(np.concatenate(sectors), np.concatenate(numbers), found > MOST_HITS)


def runs_of(hits: Hits, known: Known) -> Iterator[MatchedRun]:
    """Yield the runs that hits make, in order; a sector that several contents explain goes to the longest run."""
    if not len(hits.sectors):
        return
    row, sectors, owners, places = _expanded(hits, known)
    run = _numbered(sectors, owners, places, known)
    counts = np.bincount(run)
    best = np.lexsort((run, -counts[run], sectors))
    first = np.append(True, np.diff(sectors[best]) != 0)
    chosen = np.sort(best[first])
    common = np.bincount(hits.numbers, minlength=len(known.hashes)) > COMMON
    rare = ~common[hits.numbers[row[chosen]]]
    run, sectors, owners, places = run[chosen], sectors[chosen], owners[chosen], places[chosen]
    bounds = np.flatnonzero(np.append(True, np.diff(run) != 0))
    telling, total = np.add.reduceat(rare, bounds, dtype=np.int64), np.diff(np.append(bounds, len(run)))
    found = [
        MatchedRun(
            content=int(owners[start]), block=int(places[start]), first=int(sectors[start]),
            last=int(sectors[start + count - 1]), blocks=count,
        )
        for start, count, few in zip(bounds.tolist(), total.tolist(), telling.tolist(), strict=True)
        if few >= LEAST or count >= MANY
    ]  # fmt: skip
    yield from sorted(found, key=lambda one: (one.first, one.last, one.content, one.block))


def _expanded(hits: Hits, known: Known) -> tuple[_Numbers, _Numbers, _Numbers, _Numbers]:
    """Return every hit with every place of its block (row of the hit, sector, content, block), along diagonals."""
    starts, lengths = known.starts[hits.numbers], np.diff(known.starts)[hits.numbers]
    row = np.repeat(np.arange(len(hits.sectors)), lengths)
    which = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths) + np.arange(len(row))
    sectors, owners, places = hits.sectors[row], known.owners[which], known.places[which]
    order = np.lexsort((sectors, sectors - places, owners))
    return row[order], sectors[order], owners[order], places[order]


def _numbered(sectors: _Numbers, owners: _Numbers, places: _Numbers, known: Known) -> _Numbers:
    """Return the number of the run of each hit: one content, one diagonal, nothing left out but what proves nothing."""
    offsets = np.cumsum([0, *(len(one) for one in known.proven)])
    proven = np.concatenate(known.proven)
    broken = (np.diff(owners) != 0) | (np.diff(sectors - places) != 0)
    skipped = proven[offsets[owners[1:]] + places[1:]] - proven[offsets[owners[:-1]] + places[:-1] + 1]
    broken |= (np.diff(sectors) > _BRIDGED) | np.where(broken, False, skipped > 0)
    return np.cumsum(np.append(False, broken)).astype(np.int64)
