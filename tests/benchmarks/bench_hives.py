"""What registry hives cost to read, replay and search for deleted keys.

``python -m tests.benchmarks.bench_hives``: the field's own hives, where they are at hand; CPU seconds, best of three.
"""

from __future__ import annotations

import lzma
import time
from collections.abc import Callable
from typing import Final

from pipeline.artefacts import Event
from pipeline.artefacts.hive import load_hive
from pipeline.artefacts.hive_cells import deleted_keys
from tests.real_data import ROOT
from tests.unit.artefacts.candidates import Held
from tests.unit.artefacts.hives import candidate_of, read

REGIPY: Final = "regipy/regipy_tests/data/"
HIVES: Final = (
    ("system-hive", f"{REGIPY}SYSTEM.xz", ()), ("ntuser-hive", f"{REGIPY}NTUSER_BAGMRU.DAT.xz", ()),
    ("system-hive", f"{REGIPY}SYSTEM_B.xz", (f"{REGIPY}SYSTEM_B.LOG1.xz", f"{REGIPY}SYSTEM_B.LOG2.xz")),
    ("amcache", "plaso/test_data/winreg/Amcache.hve", ()), ("sam-hive", "plaso/test_data/regf/SAM", ()),
)  # fmt: skip


def real(name: str) -> bytes:
    data = (ROOT / name).read_bytes()
    return lzma.decompress(data) if name.endswith(".xz") else data


def best(work: Callable[[], int]) -> tuple[int, float]:
    found, spent = 0, []
    for _ in range(3):
        started = time.process_time()
        found = work()
        spent.append(time.process_time() - started)
    return found, min(spent)


def main() -> None:
    """Print a line per hive."""
    if not ROOT.is_dir():
        print("left out: the folder of real test data is not beside this checkout")
        return
    print(f"{'hive':34}{'MiB':>6}{'events':>8}{'read s':>8}{'pages':>7}{'load s':>8}{'deleted':>9}{'scan s':>8}")
    for name, file, logs in HIVES:
        print(line(name, file, logs))


def line(name: str, file: str, logs: tuple[str, ...]) -> str:
    """Return the measures of one hive."""
    data = real(file)
    beside = {f"log{number}": real(log) for number, log in enumerate(logs, 1)}
    candidate = candidate_of(data, "/x", **beside)
    events, reading = best(lambda: sum(isinstance(fact, Event) for fact in read(name, data, "/x", **beside)))
    pages, loading = best(lambda: load_hive(candidate).pages)
    deleted, scanning = best(lambda: sum(1 for _ in deleted_keys(Held(data))))
    size = f"{file.rpartition('/')[2]:34}{len(data) / 2**20:6.1f}"
    return f"{size}{events:8}{reading:8.2f}{pages:7}{loading:8.2f}{deleted:9}{scanning:8.2f}"


if __name__ == "__main__":
    main()
