"""What says of a byte what it is: claims of volumes, regions, listed streams and lost sectors, as columns.

A claim is a stretch of the image with a key; the smallest key wins. A key is the claim's rank, turned round, above the
number of who claims: a label (class, volume, name) first, an entry's row behind the labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from pipeline.access.mapping import place_of
from pipeline.records import ExtentClass, Volume, VolumeState
from pipeline.spans import Ints

__all__ = [
    "DELETED", "GAP", "LIVE", "METADATA", "SLACK", "UNALLOCATED", "UNREADABLE", "VOLUME", "Claims", "Label", "Labels",
    "claims_of", "key_of", "owner_of", "places_of", "rank_of",
]  # fmt: skip

GAP: Final = 0
VOLUME: Final = 10
UNALLOCATED: Final = 400
DELETED: Final = 500
SLACK: Final = 600
LIVE: Final = 700
METADATA: Final = 800
LOCKED: Final = 900
UNREADABLE: Final = 1_000
"""Who wins where claims overlap: the higher rank. A volume inside a volume wins over it by its depth."""

_REGION_RANKS: Final = {str(ExtentClass.UNALLOCATED): UNALLOCATED, str(ExtentClass.LOCKED): LOCKED}
_TOP: Final = 1_023
_OWNER_BITS: Final = 40
_OWNERS: Final = 1 << _OWNER_BITS
Label = tuple[str, str, str]
"""Class, volume and name of a structure."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Stretches of an image and their keys."""

    start: Ints
    end: Ints
    key: Ints

    @classmethod
    def joined(cls, parts: Sequence[Claims]) -> Claims:
        """Return all claims of several as one."""
        if not parts:
            nothing = np.zeros(0, dtype=np.int64)
            return cls(nothing, nothing, nothing)
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("start", "end", "key")))

    def within(self, low: Ints | int, high: Ints | int) -> Claims:
        """Return the claims cut to what lies between two bounds; empty ones go."""
        start, end = np.maximum(self.start, low), np.minimum(self.end, high)
        kept = start < end
        return Claims(start[kept], end[kept], self.key[kept])


def key_of(rank: Any, owner: Any) -> Any:
    """Return the key of a rank and the number of who claims; works on numbers and on columns."""
    return (_TOP - rank) * _OWNERS + owner


def rank_of(keys: Ints) -> Ints:
    """Return the ranks of keys."""
    return _TOP - (keys >> _OWNER_BITS)


def owner_of(keys: Ints) -> Ints:
    """Return who claims, of keys."""
    return keys & (_OWNERS - 1)


@dataclass(slots=True)
class Labels:
    """The labels of claims that no entry makes, numbered in the order they are asked for."""

    known: dict[Label, int] = field(default_factory=dict)

    def number(self, class_: str, volume: str, name: str) -> int:
        """Return the number of a label."""
        return self.known.setdefault((str(class_), volume, name), len(self.known))


def _volume_claims(volumes: Iterable[Volume], labels: Labels) -> Claims:
    rows = []
    for volume in volumes:
        class_ = ExtentClass.LOCKED if volume.state == VolumeState.LOCKED else ExtentClass.UNLISTED
        key = key_of(VOLUME + min(volume.address.count("!"), UNALLOCATED - VOLUME - 1),
                     labels.number(class_, volume.address, ""))  # fmt: skip
        rows += [(start, end, key) for start, end in places_of(volume)]
    return _from_rows(rows)


def places_of(volume: Volume) -> list[tuple[int, int]]:
    """Return the stretches of the image that a volume's bytes are."""
    return [(run.start, run.start + run.length) for run in place_of(volume) if run.start >= 0]


def _from_rows(rows: Sequence[tuple[int, int, int]]) -> Claims:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Claims(columns[:, 0], columns[:, 1], columns[:, 2])


def _region_claims(regions: pa.Table, labels: Labels) -> Claims:
    """Return the claims of regions; their labels are numbered in the order of the table."""
    if not regions.num_rows:
        return Claims.joined([])
    columns = [regions.column(name).combine_chunks().dictionary_encode() for name in ("class", "volume", "name")]
    codes = np.stack([np.asarray(column.indices, dtype=np.int64) for column in columns])
    kinds, first, kind = np.unique(codes, axis=1, return_index=True, return_inverse=True)
    keys = np.zeros(len(first), dtype=np.int64)
    for number in np.argsort(first):
        class_, volume, name = (
            column.dictionary[int(code)].as_py() for column, code in zip(columns, kinds[:, number], strict=True)
        )
        rank = _REGION_RANKS.get(class_, METADATA)
        keys[number] = key_of(rank, labels.number(class_, volume, "" if rank == UNALLOCATED else name))
    start, length = (np.asarray(regions.column(name), dtype=np.int64) for name in ("start", "length"))
    return Claims(start, start + length, keys[kind])


def claims_of(
    volumes: Sequence[Volume], regions: pa.Table, unreadable: Iterable[tuple[int, int]], labels: Labels
) -> Claims:
    """Return the claims that no entry makes; ``labels`` learns what they are."""
    lost = labels.number(ExtentClass.UNREADABLE, "", "")
    sectors = [(start, start + length, key_of(UNREADABLE, lost)) for start, length in unreadable]
    return Claims.joined([_volume_claims(volumes, labels), _region_claims(regions, labels), _from_rows(sectors)])
