"""Readers of Windows' files against Plaso, on the same inputs: records, and seconds of one processor.

    python -m tests.benchmarks.bench_windows_files FOLDER [--plaso log2timeline]

FOLDER holds prefetch files, jump lists, links, jobs, INFO2, $I, SRUDB.dat and WebCacheV01.dat under their own names.
Plaso's start is measured on an empty folder and shown apart.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from pipeline.artefacts import ARTEFACTS, Event
from tests.unit.artefacts.candidates import candidate

READERS = (
    (".pf", "prefetch"), (".job", "job-file"), (".lnk", "shell-link"), (".automaticdestinations-ms", "jump-list"),
    (".customdestinations-ms", "custom-jump-list"), ("srudb.dat", "srum"), ("webcachev01.dat", "webcache"),
    ("info2", "recycle-bin-info2"), ("windows.edb", "windows-search"),
)  # fmt: skip
PARSERS = "esedb,lnk,olecf,prefetch,recycle_bin,recycle_bin_info2,winjob,custom_destinations"


def reader_of(path: Path) -> str:
    """Return the reader's name; empty where no reader takes the file."""
    lower = path.name.lower()
    if lower.startswith("$i"):
        return "recycle-bin"
    return next((name for ending, name in READERS if lower.endswith(ending)), "")


def ours(folder: Path) -> float:
    """Print the events of each file; return the seconds."""
    total = 0.0
    known = {artefact.name: artefact for artefact in ARTEFACTS}
    for path in sorted(folder.rglob("*")):
        name = reader_of(path) if path.is_file() else ""
        if not name:
            continue
        wanted = candidate(path.read_bytes(), f"/{path.name}")
        start = time.process_time()
        events = sum(isinstance(fact, Event) for fact in known[name].read(wanted))
        spent = time.process_time() - start
        total += spent
        print(f"{path.name[:48]:50}{name:20}{events:8} events{spent:9.4f} s")
    return total


def plaso(program: str, folder: Path) -> float:
    """Return the seconds that Plaso takes for a folder."""
    with tempfile.TemporaryDirectory() as scratch:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [program, "--single_process", "--status_view", "none", "-q", "-u", "--parsers", PARSERS]
        command += ["--storage-file", f"{scratch}/x.plaso", "--logfile", f"{scratch}/x.log", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plaso", default="")
    given = parser.parse_args()
    spent = ours(given.folder)
    print(f"ours: {spent:.3f} s")
    if given.plaso:
        with tempfile.TemporaryDirectory() as empty:
            start = plaso(given.plaso, Path(empty))
        whole = plaso(given.plaso, given.folder)
        print(f"Plaso: {whole:.3f} s, of which start {start:.3f} s; ours is {spent / (whole - start):.3f} of the rest")


if __name__ == "__main__":
    main()
