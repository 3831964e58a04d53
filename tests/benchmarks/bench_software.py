"""Findings in ordinary software, which should hold none: run by hand.

``python -m tests.benchmarks.bench_software [--show FILE] FOLDER…`` reads every file as the program does, the files
inside it and what is hidden in it included, and prints findings by kind for each GB of files. E-mail addresses in
software are as a rule those of its authors and no mistake: they are counted apart. ``--show`` writes each other
finding with the text around it, for judging by hand: keep that file to yourself.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.decoders import Limits, Member, Text, decoder_for, hidden_in, hidden_in_text, type_of
from pipeline.detectors import Hit, Scanner
from pipeline.rules import load_rules
from pipeline.stages.examine_content import BytesReadable

ROOT: Final = Path(__file__).parents[2]
LIMITS: Final = Limits(member_bytes=64 << 20, total_bytes=256 << 20)
MOST: Final = 64 << 20
DEEP: Final = 4


@dataclass
class Reading:
    """Reads files to the bottom and keeps what is found."""

    scanner: Scanner
    size: int = 0
    inner: int = 0
    found: list[tuple[str, Hit, str]] = field(default_factory=list)

    def file(self, place: str, data: bytes, depth: int = 0) -> None:
        """Read one file and what it holds."""
        self.size += 0 if depth else len(data)
        self.inner += len(data)
        seen = set()
        for hit in self.scanner.scan_content(data):
            seen.add((hit.kind, hit.value))
            near = data[max(0, hit.start - 60) : hit.start + hit.length + 60]
            code = "utf-8" if hit.encoding == "ascii" else hit.encoding
            self.found.append((place, hit, near.decode(code, "replace")))
        kind = type_of(data[: 1 << 16], place)
        decoder = decoder_for(kind, data)
        if depth >= DEEP:
            return
        for part in decoder.parts(BytesReadable(data), LIMITS) if decoder is not None else ():
            if isinstance(part, Member):
                self.file(f"{place}!{part.path}", part.data, depth + 1)
            elif isinstance(part, Text):
                self.text(place, part, seen, depth)
        for part in hidden_in(data, LIMITS, bare=kind == "unknown"):
            if isinstance(part, Member):
                self.file(f"{place}!{part.path}", part.data, depth + 1)

    def text(self, place: str, part: Text, seen: set[tuple[str, str]], depth: int) -> None:
        """Read decoded text."""
        for hit in self.scanner.scan_text(part.text):
            if (hit.kind, hit.value) not in seen:
                near = part.text[max(0, hit.start - 60) : hit.start + hit.length + 60]
                self.found.append((f"{place}!{part.locator}", hit, near))
        for inner in hidden_in_text(part, LIMITS):
            if isinstance(inner, Member):
                self.file(f"{place}!{inner.path}", inner.data, depth + 1)


def files(folders: list[Path]) -> Iterator[Path]:
    """Yield the files of folders, in order."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and 0 < path.stat().st_size <= MOST:
                yield path


def main() -> None:
    """Read and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--show", type=Path, default=None)
    parser.add_argument("--part", default="0/1", help="every n-th file from this one on, to share the work")
    options = parser.parse_args()
    first, step = map(int, options.part.split("/"))
    reading, began = Reading(Scanner(load_rules(ROOT / "rules"))), time.process_time()
    for number, path in enumerate(files(options.folders)):
        if number % step == first:
            reading.file(str(path), path.read_bytes())
    kinds = Counter(hit.kind for _, hit, _ in reading.found)
    distinct = {(hit.kind, hit.value) for _, hit, _ in reading.found}
    print(f"{reading.size / 1e9:.3f} GB of files, {reading.inner / 1e9:.3f} GB with what they hold, "
          f"{time.process_time() - began:.0f} s CPU")  # fmt: skip
    print(f"findings: {dict(kinds.most_common())}")
    print(f"distinct values: {dict(Counter(kind for kind, _ in distinct).most_common())}")
    if options.show:
        with options.show.open("w", encoding="utf-8") as stream:
            for place, hit, near in reading.found:
                if hit.kind != "email":
                    row = {"place": place, "kind": hit.kind, "rule": hit.rule, "score": hit.score, "value": hit.value,
                           "near": near}  # fmt: skip
                    stream.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
