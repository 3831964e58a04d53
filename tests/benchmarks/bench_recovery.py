"""Recovery of deleted files beside ``tsk_recover -e``: NIST's cases DFR-01 to 17; run by hand, prints a table.

``python -m tests.benchmarks.bench_recovery [--kinds FAT16,NTFS] [--cases 01,02]``; needs the drivers of
``tests/builders/recovery.py`` and The Sleuth Kit's programs.

Whole: files all of whose blocks are still somewhere in the image, found by their bytes. Recovered: the bytes are the
file's. Partial: marked as incomplete or overwritten, and some of its blocks are right. False: handed out as whole, with
other bytes; ``tsk_recover`` marks nothing, so any file of full length with other bytes is one. Missed: the rest.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pipeline.access.content import Opener
from pipeline.access.filesystems import open_file_system
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.volumes import scan_volumes
from pipeline.errors import UnreadableError
from pipeline.records import Certainty, FileEntry, Origin, Volume
from tests.builders.recovery import KINDS, SIZE, UNIT, missing, open_driver
from tests.builders.recovery_cases import CASES, Case, Truth

SURE: Final = frozenset({Certainty.INTACT, Certainty.CONTIGUITY_ASSUMED})
OUTCOMES: Final = ("recovered", "partial", "missed", "false")
OPTIONS: Final = FileSystemOptions()


def ours(path: Path, *, live: bool) -> Iterator[tuple[str, bytes, bool]]:
    """Yield (name, bytes, whether they are handed out as whole) of every entry with content."""
    image = open_image(path)
    (volume,) = [row for row in scan_volumes(image, "EX-01", OPTIONS) if isinstance(row, Volume)]
    opener = Opener(image, {volume.address: volume}, OPTIONS)
    for row in open_file_system(image, volume, OPTIONS).entries():
        if not isinstance(row, FileEntry) or row.kind != "file" or (row.origin == Origin.ALLOCATED) != live:
            continue
        try:
            readable = opener.open(row)
            content = readable.read(0, min(row.size, 64 << 20))
        except UnreadableError:
            continue
        whole = row.certainty in SURE and len(content) == row.size
        yield row.stream or row.path.rpartition("/")[2], content, whole


def theirs(path: Path, folder: Path) -> Iterator[tuple[str, bytes, bool]]:
    """Yield the same of what ``tsk_recover -e`` writes; it marks nothing."""
    subprocess.run(["tsk_recover", "-e", str(path), str(folder)], check=False, capture_output=True, timeout=600)
    for place in sorted(folder.rglob("*")):
        if place.is_file():
            yield place.name.rpartition(":")[2], place.read_bytes(), True


def outcome(truth: bytes, found: list[tuple[bytes, bool]]) -> str:
    """Say what became of one file; of several of its name, the best."""
    return min((_one(truth, *each) for each in found), key=OUTCOMES.index, default="missed")


def _one(truth: bytes, content: bytes, whole: bool) -> str:
    if content == truth:
        return "recovered"
    if whole and len(content) >= len(truth):
        return "false"
    right = any(
        content[at : at + UNIT] == truth[at : at + UNIT] for at in range(0, len(truth), UNIT) if content[at : at + UNIT]
    )
    return "partial" if right else "missed"


def judged(truth: Mapping[str, bytes], found: Iterator[tuple[str, bytes, bool]]) -> Counter[str]:
    """Count outcomes over the files of a case."""
    by_name: dict[str, list[tuple[bytes, bool]]] = {}
    for name, content, whole in found:
        by_name.setdefault(name, []).append((content, whole))
    return Counter(outcome(content, by_name.get(path.rpartition("/")[2], [])) for path, content in truth.items())


def standing(path: Path, truth: Mapping[str, bytes]) -> int:
    """Count the files whose every block is still in the image, wherever it lies."""
    raw = path.read_bytes()
    heads = {raw[at : at + 16] for at in range(0, len(raw), 512)}
    blocks = [[content[at : at + 16] for at in range(0, len(content), UNIT)] for content in truth.values()]
    return sum(all(block in heads if len(block) == 16 else block in raw for block in each) for each in blocks)


def measured(kind: str, case: Case, folder: Path) -> tuple[Truth, int, Counter[str], Counter[str]]:
    """Build a case's volume and let both tools at it."""
    driver = open_driver(kind, folder)
    try:
        truth = case.steps(driver, random.Random(case.title))
    finally:
        path = driver.close()
    files, live = (truth.gone, False) if truth.gone else (truth.live, True)
    own = judged(files, ours(path, live=live))
    other = judged(files, theirs(path, folder / "tsk"))
    return truth, standing(path, files), own, other


def table(kinds: list[str], cases: list[str]) -> Iterator[str]:
    """Yield the table's lines; a kind that cannot be built here is named instead."""
    yield "| system | DFR | case | files | whole | rec. | part. | missed | false | TSK: rec. | part. | missed | false |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    for kind in kinds:
        lacking = missing(kind)
        if lacking:
            yield f"| {kind} | left out: {', '.join(lacking)} |"
            continue
        for number in cases:
            case = CASES[number]
            if case.only and kind not in case.only:
                continue
            with tempfile.TemporaryDirectory() as folder:
                truth, whole, own, other = measured(kind, case, Path(folder) / "case")
            figures = [*(own[each] for each in OUTCOMES), *(other[each] for each in OUTCOMES)]
            count = len(truth.gone or truth.live)
            yield f"| {kind} | {number} | {case.title} | {count} | {whole} | {' | '.join(map(str, figures))} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--cases", default=",".join(CASES))
    chosen = parser.parse_args()
    if shutil.which("tsk_recover") is None:
        raise SystemExit("tsk_recover is not installed: nothing to compare with")
    assert set(SIZE) == set(KINDS)
    for line in table(chosen.kinds.split(","), chosen.cases.split(",")):
        print(line, flush=True)


if __name__ == "__main__":
    main()
