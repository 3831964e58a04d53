"""The blocks that are looked for: those of contents with people of a dataset, and of the files that contain these.

They are held in memory, by a hash under the case's key, and written nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.access.interfaces import Readable
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, FileEntry, Holding, Origin, Severity, diagnose
from pipeline.schemas import TABLES
from pipeline.stages.blocks_hash import BLOCK, Multipliers, proving
from pipeline.stages.context import Context
from pipeline.stages.reopen import Reopener
from pipeline.store import table_to_rows

__all__ = ["Known", "KnownContent", "known_blocks"]

LEAST_PEOPLE: Final = 3
LARGEST: Final = 1 << 30
"""A file that contains people's data is looked for up to this size; beyond, it is a disk or a store of much else."""
MOST_BYTES: Final = 2 << 30
"""Bytes of contents that are looked for, those with most people first."""
_REPEATED: Final = 4
"""A block that a content has this often is its structure."""
_CHUNK: Final = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownContent:
    """A content that is looked for: where it is known from, and whose data it holds."""

    content: str
    exhibit: str
    file: str
    people: int
    datasets: tuple[str, ...]


@dataclass(slots=True)
class Known:
    """The blocks: sorted hashes with a digest each, and where each stands (content and number of the block)."""

    contents: list[KnownContent] = field(default_factory=list)
    proven: list[NDArray[np.int64]] = field(default_factory=list)
    hashes: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    digests: NDArray[np.void] = field(default_factory=lambda: np.empty(0, "V16"))
    starts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    owners: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    places: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    diagnostics: list[Diagnostic] = field(default_factory=list)


@lru_cache(maxsize=1)
def known_blocks(context: Context) -> Known:
    """Return the blocks of a case that are looked for; read once in a process."""
    known = Known()
    parts: list[tuple[NDArray[np.uint64], NDArray[np.void], NDArray[np.int64], NDArray[np.int64]]] = []
    multipliers, left = Multipliers(context.keys.tag_key), MOST_BYTES
    rows = [
        one for one in context.store.rows("holdings") if one.content and one.people >= LEAST_PEOPLE and one.datasets
    ]
    files = _files(context, {row.file for row in rows})
    own, reopener = {row.content for row in rows}, Reopener(context, files.__getitem__)
    for content, entry in _wanted(rows, files):
        if entry.size > LARGEST and content.content not in own:
            known.diagnostics.append(_limit(entry, f"it contains people's data, but is larger than {LARGEST} bytes"))
            continue
        if entry.size > left:
            known.diagnostics.append(_limit(entry, f"more than {MOST_BYTES} bytes of contents are to be looked for"))
            continue
        try:
            blocks = _blocks(reopener.content(entry), entry.size, multipliers)
        except UnreadableError as error:
            known.diagnostics.append(_limit(entry, str(error)))
            continue
        left -= entry.size
        hashes, digests, places, proven = blocks
        parts.append((hashes, digests, np.full(len(hashes), len(known.contents), np.int64), places))
        known.contents.append(content)
        known.proven.append(proven)
    return _sorted(known, parts)


def _limit(entry: FileEntry, reason: str) -> Diagnostic:
    message = f"{entry.address}: its blocks were not looked for on the exhibits: {reason}"
    return diagnose("blocks", entry.address, "blocks-not-sought", message, Severity.WARNING)


def _wanted(rows: Sequence[Holding], files: Mapping[str, FileEntry]) -> Iterator[tuple[KnownContent, FileEntry]]:
    """Yield contents with people of a dataset and the files around them, those with most people first."""
    seen: set[str] = set()
    for row in sorted(rows, key=lambda row: (-row.people, row.exhibit, row.address)):
        for entry in _chain(files, row.file):
            content = entry.content or ""
            if content and content not in seen:
                seen.add(content)
                yield _content(row, entry), entry


def _content(row: Holding, entry: FileEntry) -> KnownContent:
    return KnownContent(
        content=entry.content or "", exhibit=row.exhibit, file=entry.id, people=row.people, datasets=row.datasets
    )


def _files(context: Context, wanted: set[str]) -> Mapping[str, FileEntry]:
    """Return files by id, with the files they lie in."""
    table = context.store.table("files")
    found: dict[str, FileEntry] = {}
    while wanted:
        chosen = table.filter(pc.is_in(table.column("id"), pa.array(sorted(wanted), pa.string())))
        rows: list[Any] = list(table_to_rows(TABLES["files"], chosen))
        found.update({row.id: row for row in rows})
        wanted = {row.parent for row in rows if row.origin == Origin.MEMBER} - set(found)
    return found


def _chain(files: Mapping[str, FileEntry], key: str) -> tuple[FileEntry, ...]:
    """Return a file and those it lies in, the innermost first."""
    chain: list[FileEntry] = []
    while key in files and files[key] not in chain:
        chain.append(files[key])
        key = files[key].parent if files[key].origin == Origin.MEMBER else ""
    return tuple(chain)


def _blocks(
    content: Readable, size: int, multipliers: Multipliers
) -> tuple[NDArray[np.uint64], NDArray[np.void], NDArray[np.int64], NDArray[np.int64]]:
    """Return hash, digest and number of each proving block, and how many prove before each block."""
    hashes, digests, flags = [np.empty(0, np.uint64)], [], [np.empty(0, np.bool_)]
    for start in range(0, size, _CHUNK):
        data = content.read(start, min(_CHUNK, size - start))
        kept = proving(data)
        hashes.append(multipliers.hashes(data)[kept])
        flags.append(kept)
        view = memoryview(data)
        digests += [multipliers.digest(view[n * BLOCK : (n + 1) * BLOCK]) for n in np.flatnonzero(kept).tolist()]
    probative = np.concatenate(flags)
    found, places = np.concatenate(hashes), np.flatnonzero(probative)
    _, inverse, counts = np.unique(found, return_inverse=True, return_counts=True)
    rare = counts[inverse] < _REPEATED if len(found) else np.empty(0, np.bool_)
    probative[places[~rare]] = False
    told = np.frombuffer(b"".join(digests), dtype="V16")
    return found[rare], told[rare], places[rare], np.concatenate([[0], np.cumsum(probative)])


def _sorted(known: Known, parts: Sequence[tuple[NDArray[Any], ...]]) -> Known:
    """Put the blocks of all contents in the order of their hashes, each hash once."""
    if not parts:
        return known
    hashes, digests, owners, places = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((places, owners, hashes))
    known.hashes, first = np.unique(hashes[order], return_index=True)
    known.digests = digests[order][first]
    known.starts = np.append(first, len(order))
    known.owners, known.places = owners[order], places[order]
    return known
