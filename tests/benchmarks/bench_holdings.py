"""Rows found in every container and encoding, through the whole program: files in an image, findings in records.

``python -m tests.benchmarks.bench_holdings [--seed N] [--rows N] [--only WORD] [--keep FOLDER]``; needs mkfs.fat and
mcopy; LibreOffice, 7z, zip and lha make what they can, and what is not made is named. Each file holds people of its
own. For each file: rows with two values or more (*found*), rows whose values stand in one record with nobody else's
(*joined*), records that mix people, and the people counted. Values are compared by the case's keyed tags.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline.cli import main as akashi
from pipeline.config import load_case
from pipeline.rules_values import canonical, value_tag
from pipeline.stages.context import Context
from tests.benchmarks.bench_register import make_case
from tests.builders.holdings import PASSWORD, Sheet, office, packed, sheet_of, sqlite_files, text_forms
from tests.builders.people import generate

ROOT: Final = Path(__file__).parents[2]
ENCODINGS: Final = ("utf-8", "cp932", "cp932-ibm", "euc-jp", "iso-2022-jp", "utf-16-le", "utf-16-be")


def holdings(rows: int, seed: int, folder: Path, only: str) -> Iterator[tuple[str, Sheet, bytes]]:
    """Yield (file name, its people, bytes), each with people of its own."""
    people = iter(generate(rows * 40, seed))
    take = lambda: sheet_of([next(people) for _ in range(rows)], seed)  # noqa: E731
    sheet = take()
    for form, encoding, raw in text_forms(sheet, ENCODINGS):
        yield f"{form}.{encoding}.txt", sheet, raw
    missing = []
    for make in (packed, office, sqlite_files):
        if only and only not in make.__name__:
            continue
        sheet = take()
        for name, raw in make(sheet, folder / make.__name__):
            if raw is None:
                missing.append(name)
            else:
                yield name, sheet, raw
    print(f"not made, for want of a tool: {', '.join(missing) or 'nothing'}")


def main() -> None:
    """Make the image, run the case, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", type=Path, default=None)
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.rows} rows in each file")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        files = list(holdings(options.rows, options.seed, folder, options.only))
        case = run(folder, files)
        judge(case, files)


def run(folder: Path, files: list[tuple[str, Sheet, bytes]]) -> Path:
    """Return the case, with its findings and people."""
    image = folder / "stick.img"
    image.unlink(missing_ok=True)
    with image.open("wb") as stream:
        stream.truncate(max(sum(len(raw) for *_, raw in files) * 2, 64 << 20))
    subprocess.run(["mkfs.fat", "-F", "32", image], check=True, capture_output=True)
    stored = folder / "files"
    stored.mkdir(exist_ok=True)
    for name, _, raw in files:
        (stored / name).write_bytes(raw)
    subprocess.run(["mcopy", "-o", "-i", image, *sorted(stored.iterdir()), "::/"], check=True)
    case = make_case(folder, image, index=False)
    passwords = case / "secrets" / "passwords.txt"
    passwords.write_text(f"{PASSWORD}\n", encoding="utf-8")
    passwords.chmod(0o600)
    code = akashi(["run", str(case), "--stage", "people", "--workers", "1"])
    print(f"exit code {code}")
    return case


def judge(case: Path, files: list[tuple[str, Sheet, bytes]]) -> None:
    """Print the figures of each file."""
    context = Context(load_case(case, ROOT / "rules"))
    key = context.keys.tag_key
    found: dict[str, list[tuple[str, str, str, str]]] = defaultdict(list)
    for batch in context.store.stream("findings", ("address", "kind", "value_tag", "record", "person")):
        for row in batch.to_pylist():
            name = row["address"].partition("!fs:/")[2].partition("!")[0]
            found[name].append((row["kind"], row["value_tag"], row["record"], row["person"]))
    for name, sheet, _ in files:
        wanted = [{(kind, value_tag(key, kind, canonical(kind, cell))) for kind, cell in row} for row in sheet.values()]
        print(f"{name:32} {figures(found.get(name, []), wanted)}", flush=True)


def figures(found: list[tuple[str, str, str, str]], wanted: list[set[tuple[str, str]]]) -> str:
    """Return the figures of one file."""
    owner: dict[tuple[str, str], set[int]] = defaultdict(set)
    for number, values in enumerate(wanted):
        for value in values:
            owner[value].add(number)
    seen = {(kind, tag) for kind, tag, _, _ in found}
    records: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for kind, tag, record, _ in found:
        records[record].add((kind, tag))
    joined, mixed = set(), 0
    for values in records.values():
        known = [owner[value] for value in values if value in owner]
        rows = set.intersection(*known) if known else set()
        mixed += bool(known) and not rows
        joined |= rows if len(known) > 1 else set()
    good = sum(len(values & seen) >= 2 for values in wanted)
    false = sum(value not in owner for value in seen)
    people = len({person for *_, person in found if person})
    return f"found {good}/{len(wanted)} joined {len(joined)} mixed {mixed} people {people} other values {false}"


if __name__ == "__main__":
    main()
