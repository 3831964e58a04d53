"""Detection speed without people and on a register, and names in public Japanese prose: run by hand, prints figures.

``python -m tests.benchmarks.bench_detect``. Speeds are 10^6 bytes in a second of CPU time of one process, the best of
three. A register is ten columns of 20,000 people; what it takes line by line is measured on its first 200 kB.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.detectors import Scanner, Window
from pipeline.detectors.anchors import Prefilter
from pipeline.detectors.check import measure, negative_pack
from pipeline.rules import load_rules
from tests.benchmarks.bench_register import write_register

ROOT = Path(__file__).parents[2]
SENTENCES = ROOT.parent / "shared" / "data" / "ner" / "sentences.json"


def names(scanner: Scanner) -> str:
    """Return precision and recall of whole personal names (all person entities, foreign ones too)."""
    right = found = wanted = 0
    for sentence in json.loads(SENTENCES.read_text("utf-8")):
        spans = {tuple(entity["span"]) for entity in sentence["entities"] if entity["type"] == "人名"}
        hits = {
            (hit.start, hit.start + hit.length) for hit in scanner.scan_text(sentence["text"]) if hit.kind == "name"
        }
        right, found, wanted = right + len(spans & hits), found + len(hits), wanted + len(spans)
    return f"names in prose: precision {right / max(found, 1):.2f}, recall {right / max(wanted, 1):.2f} of {wanted}"


def rate(size: int, work: Callable[[], object]) -> float:
    """Return the speed of some work on bytes."""
    taken = []
    for _ in range(3):
        before = time.process_time()
        work()
        taken.append(time.process_time() - before)
    return size / 1e6 / min(taken)


def dense(scanner: Scanner) -> Iterator[str]:
    """Yield how fast the hits of a register are found, by columns and line by line, in each encoding."""
    with tempfile.TemporaryDirectory() as folder:
        for encoding in ("cp932", "utf-8", "euc_jp", "utf-16"):
            path = Path(folder) / encoding
            write_register(path, 20_000, encoding)
            data = path.read_bytes()
            pages = {size: _window(scanner, data[:size]) for size in (len(data), 200_000)}
            whole, few = pages[len(data)], pages[200_000]
            scanner.sweep(few)
            columns = rate(len(whole.data), lambda whole=whole: scanner.sweep(whole))  # type: ignore[misc]
            lines = rate(len(few.data), lambda few=few: scanner.scan(few))  # type: ignore[misc]
            yield f"register in {encoding}: {columns:.2f} MB/s, line by line {lines:.2f} MB/s"


def _window(scanner: Scanner, data: bytes) -> Window:
    return Window(data=data, start=0, own_start=0, own_end=len(data), table=scanner.table(data))


if __name__ == "__main__":
    rules = load_rules(ROOT / "rules")
    print(measure(rules))
    prefilter, pack = Prefilter(rules), negative_pack()
    prefilter.anchors(b"warm")
    print(f"prefilter alone, on the same: {rate(len(pack), lambda: prefilter.anchors(pack)):.0f} MB/s")
    for line in dense(Scanner(rules)):
        print(line)
    if SENTENCES.exists():
        print(names(Scanner(rules)))
