"""CPU time and memory of closing the account: a large NTFS through the stages, and two million files made up.

``python -m tests.benchmarks.bench_account --files 30000`` needs mkntfs and ntfs-3g with /dev/fuse; ``--files 0`` leaves
the volume out. The stages run as `akashi run` runs them, each stage's figure the user and system time of the run up to
it less that of the run before; reading and hashing (``evidence``) stand apart. Made-up files are accounted for in a
process of their own, whose peak memory is given.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.merging import ROW_GROUP
from pipeline.records import ExtentClass, Volume
from pipeline.schemas import TABLES, schema_of
from pipeline.stages.extents_claims import GAP, Labels, claims_of, key_of
from pipeline.stages.extents_listing import COLUMNS, Listing
from pipeline.stages.extents_remains import Remains
from pipeline.stages.extents_rows import extent_batches
from pipeline.stages.extents_sweep import Listed, Stated, joined, swept
from pipeline.store import Store
from tests.benchmarks.bench_listing import build

STAGES: Final = ("evidence", "volumes", "entries", "extents")
CASE: Final = """
[case]
id = "bench"
title = "bench"
timezone = "Asia/Tokyo"
language = "ja"
[incident]
lost_from = 2022-06-21T22:30:00+09:00
recovered_at = 2022-06-24T11:40:00+09:00
discovered_at = 2022-06-22T15:45:00+09:00
regime = "administrative-body"
[[exhibit]]
label = "EX-01"
role = "workstation"
image = "volume.raw"
[keys]
directory = "secrets"
"""


def run(*arguments: str) -> float:
    """Run the command line; returns its CPU time, children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "pipeline.cli", *arguments], check=False, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def stages(folder: Path) -> None:
    """Print the CPU time of each stage, less what every run costs: its start, hashing the files before and after."""
    (folder / "case.toml").write_text(CASE, encoding="utf-8")
    run("init", str(folder))
    spent = [run("run", str(folder), "--workers", "1", "--stage", name) for name in STAGES]
    idle = run("run", str(folder), "--workers", "1", "--stage", STAGES[-1])
    for name, seconds in zip(STAGES, spent, strict=True):
        print(f"{name:10} {seconds - idle:7.1f} s CPU")
    print(f"{'(a run)':10} {idle:7.1f} s CPU: hashing the image's files before and after")


def made_up(files: int) -> None:
    """Account for an image of a tebibyte with files of two runs, one in ten deleted, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        program = [sys.executable, "-m", "tests.benchmarks.bench_account"]
        subprocess.run([*program, "--write", folder, "--made-up", str(files)], check=True)
        subprocess.run([*program, "--account", folder], check=True)


def write(folder: Path, files: int) -> None:
    """Write the listing as the table that a run leaves."""
    table, path = listing(files), Store(folder).path("entries")
    path.parent.mkdir(parents=True)
    pq.write_table(table.append_column("exhibit", pa.repeat("EX-01", files)), path, row_group_size=ROW_GROUP)


def close(folder: Path) -> None:
    """Account for what was written, as the stage does; prints time and peak memory."""
    size, labels = 1 << 40, Labels()
    volume = Volume(
        address="EX-01", exhibit="EX-01", start=0, length=size, direct=True, scheme="none", part_type="",
        file_system="NTFS", label="", serial="", block_size=4096, encryption="", state="open", reader="own",
    )  # fmt: skip
    started, idle = time.process_time(), peak()
    base = key_of(GAP, labels.number(ExtentClass.VOLUME_GAP, "", ""))
    others = claims_of([volume], schema_of(TABLES["regions"]).empty_table(), [], labels)
    held = Listing.read(Store(folder).batches("entries", exhibit="EX-01", columns=COLUMNS), [volume])
    read, first_owner = peak(), len(labels.known)
    remains, layers = Remains(held, first_owner), (Stated.of(others), Listed(held, first_owner))
    rows = left = 0
    for part in joined(remains.watched(swept(size, layers, base, first_owner))):
        rows += sum(batch.num_rows for batch in extent_batches("EX-01", part, list(labels.known), held))
    left = sum(batch.num_rows for batch in remains.batches("EX-01"))
    print(f"{len(held)} files: {rows} extents, {left} remains in {time.process_time() - started:.1f} s CPU, "
          f"peak {peak()} MiB ({idle} before, {read} when the listing was read)")  # fmt: skip


def peak() -> int:
    """Return the most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def listing(files: int) -> pa.Table:
    """Return a listing as the columns that an account reads."""
    numbers = np.arange(files, dtype=np.int64)
    starts = np.stack([numbers * 2, numbers * 2 + (1 << 26)], axis=1).reshape(-1) * 4096 % (1 << 40)
    runs = pa.StructArray.from_arrays(
        [pa.array(starts), pa.array(np.full(2 * files, 4096, dtype=np.int64))], names=["start", "length"]
    )
    ids = pa.array(np.char.zfill(numbers.astype(str), 24)).cast(pa.string())
    origin = pa.array(np.where(numbers % 10 == 0, "deleted", "allocated"))
    columns = {
        "id": ids, "path": ids, "volume": pa.repeat("EX-01", files), "stream": pa.repeat("", files),
        "kind": pa.repeat("file", files), "origin": origin, "meta": pa.array(numbers),
        "size": pa.array(np.full(files, 6000, dtype=np.int64)),
        "initialised_size": pa.array(np.full(files, 6000, dtype=np.int64)), "certainty": pa.repeat("intact", files),
        "reader": pa.repeat("runs", files),
        "runs": pa.ListArray.from_arrays(pa.array(np.arange(files + 1, dtype=np.int32) * 2), runs),
    }  # fmt: skip
    schema = schema_of(TABLES["entries"])
    return pa.table({name: columns[name].cast(schema.field(name).type) for name in COLUMNS})


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=30_000)
    parser.add_argument("--made-up", type=int, default=2_000_000)
    parser.add_argument("--write", type=Path, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--account", type=Path, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write or options.account:
        _ = write(options.write, options.made_up) if options.write else close(options.account)
        return
    if options.files:
        with tempfile.TemporaryDirectory() as folder:
            build(Path(folder) / "volume.raw", options.files)
            stages(Path(folder))
    if options.made_up:
        made_up(options.made_up)


if __name__ == "__main__":
    main()
