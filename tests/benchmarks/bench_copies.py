"""What copies cost: a register in several sources as findings, compared; and an image searched for known sectors.

Usage: ``python -m tests.benchmarks.bench_copies [PEOPLE] [MEBIBYTES]``. Prints CPU seconds, peak memory and rates.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.merging import ROW_GROUP
from pipeline.schemas import TABLES, schema_of
from pipeline.stages.base import Item
from pipeline.stages.blocks_hash import BLOCK, Multipliers, proving
from pipeline.stages.blocks_known import Known, KnownContent, _blocks, _sorted
from pipeline.stages.blocks_search import runs_of, search
from pipeline.stages.copies import CopiesStage
from pipeline.stages.examine_content import BytesReadable
from tests.unit.stages.test_copies import case_with

KINDS: Final = ("citizen-code", "name", "name-kana", "birth-date", "address", "phone")
SOURCES: Final = (("/register.csv", 6, 1.0), ("/shuffled.csv", 6, 1.0), ("/tax.csv", 3, 0.78), ("/grant.csv", 2, 0.18))
"""Files with their number of columns and their share of the people."""


def digests(numbers: np.ndarray, seed: int, digits: int) -> pa.Array:
    """Return made-up digests of numbers, as text."""
    words = np.empty((len(numbers), digits // 8), dtype="<u4")
    for column in range(digits // 8):  # from 1 on: the digest of nobody is nothing
        words[:, column] = (
            (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15 + 2 * (seed + column))
        ) >> 32
    text = words.tobytes().hex().encode()
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * digits
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(text))


def findings(people: int) -> Iterator[pa.Table]:
    schema = schema_of(TABLES["findings"])
    for path, columns, share in SOURCES:
        who = np.random.default_rng(1).permutation(people)[: int(people * share)]
        who = who if path == "/shuffled.csv" else np.sort(who)
        for start in range(0, len(who), ROW_GROUP):
            part = np.repeat(who[start : start + ROW_GROUP], columns)
            rows = np.arange(start * columns, start * columns + len(part))
            kind = rows % columns
            made = {
                "exhibit": "EX-01",
                "path": path,
                "file": path,
                "origin": "allocated",
                "encoding": "cp932",
                "content": path,
                "locator": "",
            }
            given = {
                name: pa.array([value]).take(pa.array(np.zeros(len(part), np.int64))) for name, value in made.items()
            }
            given |= {
                "kind": pa.array(KINDS).take(pa.array(kind)),
                "offset": pa.array(rows * 12),
                "value_tag": digests(part * 8 + kind, 3, 32),
                "record": digests(rows // columns + len(path) * 10**7, 9, 24),
                "person": digests(part, 17, 24),
                "id": digests(rows + len(path) * 10**8, 5, 24),
                "address": digests(rows, 6, 24),
            }
            empty = {field.name: pa.nulls(len(part), field.type) for field in schema if field.name not in given}
            yield pa.table({field.name: (given | empty)[field.name] for field in schema}, schema=schema)


def compared(people: int, folder: Path) -> None:
    context = case_with(folder, [])
    count = 0
    with pq.ParquetWriter(context.store.path("findings"), schema_of(TABLES["findings"]), compression="zstd") as writer:
        for table in findings(people):
            count += table.num_rows
            writer.write_table(table, row_group_size=ROW_GROUP)
    began, before = time.process_time(), peak()
    rows = list(CopiesStage().examine(context, Item(exhibit="", address="copies")))
    spent = time.process_time() - began
    print(f"copies: {count} findings of {people} people: {spent:.1f} CPU s, peak {peak()} MiB (before {before})")
    for table, row in rows:
        if table == "copies":
            print(
                f"  {row.relation} {row.changes} people {row.people} records {row.part_records_held}/{row.part_records}"
            )


def searched(mebibytes: int) -> None:
    chance, multipliers = np.random.default_rng(2), Multipliers(b"k" * 32)
    content = chance.bytes(81 << 20)
    began = time.process_time()
    known = Known(proven=[], contents=[KnownContent(content="c", exhibit="EX-01", file="f", people=9, datasets=("d",))])
    hashes, told, places, proven = _blocks(BytesReadable(content), len(content), multipliers)
    known.proven.append(proven)
    known = _sorted(known, [(hashes, told, np.zeros(len(hashes), np.int64), places)])
    print(f"known: 81 MiB, {len(hashes)} blocks: {time.process_time() - began:.1f} CPU s")
    image = bytearray(chance.bytes(mebibytes << 20))
    planted = [(at, int(chance.integers(0, 160_000)), 40) for at in range(1000, mebibytes << 11, 4099)][:-1]
    for at, block, count in planted:
        image[at * BLOCK : (at + count) * BLOCK] = content[block * BLOCK : (block + count) * BLOCK]
    medium = BytesReadable(bytes(image))
    began = time.process_time()
    found = list(runs_of(search(medium, known, multipliers), known))
    spent = time.process_time() - began
    exact = sorted((run.first, run.block, run.blocks) for run in found) == planted
    print(
        f"search: {mebibytes} MiB: {spent:.2f} CPU s, {mebibytes / spent:.0f} MiB/s, {len(found)} runs, exact: {exact}"
    )
    print(f"proving: {int(proving(bytes(1 << 20)).sum())} of {(1 << 20) // BLOCK} zero blocks prove")


def peak() -> int:
    """Return the most memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]] + [460_517, 512][len(sys.argv) - 1 :]
    with tempfile.TemporaryDirectory() as scratch:
        compared(numbers[0], Path(scratch))
        searched(numbers[1])
