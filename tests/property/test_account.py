"""Laws of the byte account, against a model that asks every byte of a small image who claims it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import Extent, FileEntry, Run, Volume
from pipeline.schemas import TABLES
from pipeline.stages.extents_claims import (
    DELETED,
    GAP,
    LIVE,
    METADATA,
    SLACK,
    UNALLOCATED,
    VOLUME,
    Claims,
    key_of,
)
from pipeline.stages.extents_listing import Listing
from pipeline.stages.extents_remains import Remains
from pipeline.stages.extents_rows import extent_batches
from pipeline.stages.extents_sweep import MOST, WINDOW, Listed, Stated, joined, swept
from pipeline.store import rows_to_table, table_to_rows

SIZE = 400
LABELS = (("volume-gap", "", ""), ("allocated-but-unlisted", "v", ""), ("unallocated", "v", ""))
BASE = key_of(GAP, 0)
OF = {DELETED: "deleted-content", SLACK: "file-slack", LIVE: "file-content", METADATA: "file-system-metadata"}
FILES = 14
VOLUME_ROW = Volume(
    address="v", exhibit="E", start=0, length=SIZE + 100, direct=True, scheme="none", part_type="", file_system="FAT16",
    label="", serial="", block_size=10, encryption="", state="open", reader="own",
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """A claim of the model: ``owner`` counts entries; below 0 are the labels."""

    start: int
    end: int
    rank: int
    owner: int

    @property
    def number(self) -> int:
        return self.owner + len(LABELS)


@st.composite
def said(draw: st.DrawFn, most: int = 14) -> list[Said]:
    result = []
    for _ in range(draw(st.integers(0, most))):
        start, length = draw(st.integers(-20, SIZE + 20)), draw(st.integers(0, 150))
        rank = draw(st.sampled_from([VOLUME, UNALLOCATED, DELETED, DELETED + 3, SLACK, LIVE, METADATA]))
        owner = {VOLUME: -2, UNALLOCATED: -1}.get(rank)
        owner = draw(st.integers(0, FILES - 1)) if owner is None else owner
        result.append(Said(start, start + length, rank, owner))
    return result


def columns(given_claims: list[Said]) -> Claims:
    rows = [(one.start, one.end, key_of(one.rank, one.number)) for one in given_claims]
    array = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Claims(array[:, 0], array[:, 1], array[:, 2])


def listing() -> Listing:
    rows = [entry(number) for number in range(FILES)]
    return Listing.read(rows_to_table(TABLES["entries"], rows).to_batches(), [VOLUME_ROW])


def entry(number: int, **changes: Any) -> FileEntry:
    fields: dict[str, Any] = {
        "id": f"f{number:02}", "exhibit": "E", "volume": "v", "address": f"E!fs:/{number:02}", "path": f"/{number:02}",
        "stream": "", "kind": "file", "origin": "allocated", "meta": number, "parent": "", "size": 1,
        "initialised_size": 1,
    }  # fmt: skip
    return FileEntry(**{**fields, **changes})


def extents(given_claims: list[Said], window: int = WINDOW) -> list[Extent]:
    """Sweep the claims, in two layers."""
    layers = [Stated.of(columns(given_claims[half::2])) for half in range(2)]
    parts = joined(one.account for one in swept(SIZE, layers, BASE, len(LABELS), most=window))
    tables = [batch for part in parts for batch in extent_batches("E", part, LABELS, listing())]
    return list(table_to_rows(TABLES["extents"], pa.Table.from_batches(tables)))


def expected_at(position: int, given_claims: list[Said]) -> tuple[str, str | None, tuple[str, ...], int]:
    holding = [one for one in given_claims if one.start <= position < one.end]
    best = min((one for one in holding if not DELETED <= one.rank < SLACK), key=by_key, default=Said(0, 0, GAP, -3))
    gone = min((one for one in holding if DELETED <= one.rank < SLACK), key=by_key, default=None)
    if gone is not None and best.rank == UNALLOCATED:
        best = gone
    owners = list(dict.fromkeys(one.owner for one in sorted(holding, key=by_key) if one.owner >= 0))
    several = tuple(f"f{owner:02}" for owner in owners) if len(owners) > 1 else ()
    if best.owner < 0:
        return LABELS[best.number][0], None, several, len(several)
    return OF[DELETED if best.rank < SLACK else best.rank], f"f{best.owner:02}", several, len(several)


def by_key(one: Said) -> tuple[int, int]:
    return -one.rank, one.owner


@settings(deadline=None, max_examples=60)
@given(said())
def test_every_byte_is_in_exactly_one_extent(given_claims: list[Said]) -> None:
    position = 0
    for extent in extents(given_claims):
        assert extent.start == position
        assert extent.length > 0
        position += extent.length
    assert position == SIZE


@settings(deadline=None, max_examples=60)
@given(said())
def test_each_byte_has_the_class_owner_and_claimants_of_the_model(given_claims: list[Said]) -> None:
    for extent in extents(given_claims):
        for position in range(extent.start, extent.start + extent.length):
            class_, owner, claimants, count = expected_at(position, given_claims)
            assert (extent.class_, extent.owner) == (class_, owner)
            if count <= MOST - 2:
                assert (extent.claimants, extent.claimant_count) == (claimants, count)
            else:
                assert len(set(extent.claimants)) == len(extent.claimants) > 1
                assert set(extent.claimants) <= set(claimants)
                assert extent.claimant_count >= len(extent.claimants)


@settings(deadline=None, max_examples=60)
@given(said(40), st.randoms())
def test_order_of_claims_does_not_matter(given_claims: list[Said], random: Any) -> None:
    shuffled = list(given_claims)
    random.shuffle(shuffled)
    assert extents(given_claims) == extents(shuffled)


@settings(deadline=None, max_examples=60)
@given(said(40), st.integers(1, 9))
def test_windows_do_not_matter(given_claims: list[Said], window: int) -> None:
    assert extents(given_claims, window) == extents(given_claims)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12), st.integers(0, 12), st.booleans()), max_size=8),
       st.integers(1, 9))  # fmt: skip
def test_remains_add_up_and_lower_the_certainty(rows: list[tuple[int, int, int, bool]], window: int) -> None:
    """Clusters of 10 bytes; all are free but those that live entries hold."""
    entries = [
        entry(number, origin="allocated" if live else "deleted", size=size * 10, initialised_size=size * 10,
              runs=(Run(start=first * 10, length=count * 10),))
        for number, (first, count, size, live) in enumerate(rows)
    ]  # fmt: skip
    held = remains_of(rows_to_table(TABLES["entries"], entries), window)
    for number, (first, count, size, live) in enumerate(rows):
        claimed = range(first * 10, first * 10 + min(count, size) * 10)
        if live or not claimed:
            assert f"f{number:02}" not in held
            continue
        row = held[f"f{number:02}"]
        states = [state_of(position, number, rows) for position in claimed]
        assert (row.own, row.shared, row.lost) == tuple(states.count(name) for name in ("own", "shared", "lost"))
        lost, whole = states.count("lost"), len(states)
        worst = "intact" if set(states) == {"own"} else "contiguity-assumed"
        assert row.certainty == ("overwritten" if lost == whole else "partly-overwritten" if lost else worst)


def remains_of(table: pa.Table, window: int) -> dict[str, Any]:
    listed, size = Listing.read(table.to_batches(max_chunksize=3), [VOLUME_ROW]), SIZE + 100
    free = Claims(*(np.array([value], dtype=np.int64) for value in (0, size, key_of(UNALLOCATED, 2))))
    layers, remains = (Stated.of(free), Listed(listed, len(LABELS))), Remains(listed, len(LABELS))
    for _ in remains.watched(swept(size, layers, BASE, len(LABELS), most=window)):
        pass
    batches = list(remains.batches("E"))
    rows = table_to_rows(TABLES["remains"], pa.Table.from_batches(batches)) if batches else ()
    return {row.file: row for row in rows}


def state_of(position: int, mine: int, rows: list[tuple[int, int, int, bool]]) -> str:
    shared = False
    for number, (first, count, size, live) in enumerate(rows):
        if number == mine:
            continue
        if live and first * 10 <= position < (first + count) * 10:
            return "lost"
        shared |= not live and first * 10 <= position < (first + min(count, size)) * 10
    return "shared" if shared else "own"
