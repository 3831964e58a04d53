"""Detection quality on data made with a new seed and on text of others: run by hand, prints figures.

``bench_quality.py [--seed N] [--rows N] [--sentences FILE] [FOLDER…]``: rows found by table and encoding (live
file, raw 4 KiB fragments between noise); precision, recall and F1 of each kind by exact byte offset; names in case
notes and in ``--sentences``; findings for each GB of the ordinary software in the folders.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from pipeline.detectors import Hit, Scanner
from pipeline.rules import load_rules
from tests.builders.municipal import ENCODINGS, TABLES, Row, encode, hard_negatives, prose, rows, zengin

ROOT: Final = Path(__file__).parents[2]
MOST: Final = 64 << 20
Place = tuple[str, int]


def figures(right: int, found: int, wanted: int) -> str:
    precision, recall = right / max(found, 1), right / max(wanted, 1)
    middle = 2 * precision * recall / max(precision + recall, 1e-9)
    return f"P {precision:.4f} R {recall:.4f} F1 {middle:.4f} ({right} of {wanted} wanted, {found} found)"


def placed(lines: Iterable[Row], encoding: str, start: int) -> tuple[bytes, list[list[Place]]]:
    """Return rows as bytes and, for each row, where its values start when the bytes begin at ``start``."""
    parts, truth, place = [], [], start
    for line in lines:
        raw = encode(line.text + "\r\n", encoding)
        if raw is None:
            continue
        shift = encoding == "iso-2022-jp"
        truth.append([(kind, place + _offset(line.text, low, encoding, shift)) for kind, low, _ in line.values])
        parts.append(raw)
        place += len(raw)
    return b"".join(parts), truth


def _offset(text: str, low: int, encoding: str, shift: bool) -> int:
    before = encode(text[:low], encoding) or b""
    if not shift:
        return len(before)
    japanese, was = not text[low].isascii(), low > 0 and not text[low - 1].isascii()
    return len(before) + (3 if japanese and not was else -3 if japanese and was else 0)


def tables(scanner: Scanner, count: int, seed: int) -> dict[str, Counter[str]]:
    """Print recall of rows; return right, found and wanted values by kind over live files."""
    kinds: dict[str, Counter[str]] = {}
    for table in TABLES:
        header, lines = rows(table, count, seed)
        for encoding in ENCODINGS:
            title = encode(header + "\r\n", encoding) or b""
            body, truth = placed(lines, encoding, len(title))
            hits = list(scanner.scan_content(title + body))
            live = _rows_found(hits, truth)
            for kind, counts in _by_kind(hits, truth).items():
                kinds.setdefault(kind, Counter()).update(counts)
            raw = fragments(scanner, lines, encoding, seed)
            print(f"rows {table} {encoding}: live {live:.4f}, raw 4 KiB fragments {raw:.4f}")
    return kinds


def fragments(scanner: Scanner, lines: list[Row], encoding: str, seed: int) -> float:
    """Return the recall of rows in fragments of 4 KiB between random bytes, cut anywhere, offsets exact."""
    noise = random.Random(seed)
    image, truth = b"", []
    for at in range(0, len(lines), 30):
        image += noise.randbytes(4096)
        piece, places = placed(lines[at : at + 30], encoding, len(image))
        whole = [row for row in places if row and max(place for _, place in row) < len(image) + 3900]
        image += piece[:4096].ljust(4096, b"\0")
        truth += whole
    return _rows_found(list(scanner.scan_content(image)), truth)


def _rows_found(hits: list[Hit], truth: list[list[Place]]) -> float:
    """Return how many rows have at least two of their values found at their very bytes, by kind."""
    found = {(hit.kind, hit.start) for hit in hits}
    good = sum(sum(place in found for place in row) >= min(2, len(row)) for row in truth)
    return good / max(len(truth), 1)


def _by_kind(hits: list[Hit], truth: list[list[Place]]) -> dict[str, Counter[str]]:
    wanted = {place for row in truth for place in row}
    found = {(hit.kind, hit.start) for hit in hits}
    counts: dict[str, Counter[str]] = {}
    for label, places in (("wanted", wanted), ("found", found), ("right", wanted & found)):
        for kind, _ in places:
            counts.setdefault(kind, Counter())[label] += 1
    return counts


def free_records(scanner: Scanner, count: int, seed: int) -> dict[str, Counter[str]]:
    """Return the counts by kind of register rows without a header, as text."""
    kinds: dict[str, Counter[str]] = {}
    for line in rows("register", count, seed)[1]:
        truth = [[(kind, low) for kind, low, _ in line.values]]
        for kind, counts in _by_kind(scanner.scan_text(line.text), truth).items():
            kinds.setdefault(kind, Counter()).update(counts)
    return kinds


def notes(scanner: Scanner, count: int, seed: int) -> str:
    """Return the figures of names in made-up case notes."""
    right = found = wanted = 0
    for line in prose(count, seed):
        truth = {(low, high) for _, low, high in line.values}
        hits = {(hit.start, hit.start + hit.length) for hit in scanner.scan_text(line.text) if hit.kind == "name"}
        right, found, wanted = right + len(truth & hits), found + len(hits), wanted + len(truth)
    return figures(right, found, wanted)


def sentences(scanner: Scanner, source: Path) -> Iterator[str]:
    """Yield the figures of names in the odd sentences of a marked text (the even ones gave the weights)."""
    odd = json.loads(source.read_text("utf-8"))[1::2]
    for label in ("full names", "all people"):
        right = found = wanted = 0
        for sentence in odd:
            text = sentence["text"]
            people = {tuple(entity["span"]) for entity in sentence["entities"] if entity["type"] == "人名"}
            spans = ((hit.start, hit.start + hit.length) for hit in scanner.scan_text(text) if hit.kind == "name")
            hits = {span for span in spans if label == "all people" or _full(text[slice(*span)])}
            wanted += sum(label == "all people" or _full(text[slice(*span)]) for span in people)
            right, found = right + len(people & hits), found + len(hits)
        yield f"names in {source.name}, {label}: {figures(right, found, wanted)}"


def _full(name: str) -> bool:
    """Return whether a name is one of two parts: three kanji and more, or katakana with a dot."""
    katakana = all("ァ" <= character <= "ー" or character in "・＝=" for character in name)
    return any(mark in name for mark in "・＝=") if katakana else len(name) > 2 and "一" <= name[0] <= "龠"


def software(scanner: Scanner, folders: list[Path]) -> None:
    """Print the findings for each GB of ordinary files, by kind and by folder."""
    for folder in folders:
        size, kinds, began = 0, Counter[str](), time.process_time()
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= MOST:
                data = path.read_bytes()
                size += len(data)
                kinds.update(hit.kind for hit in scanner.scan_content(data))
        rate = {kind: round(count * 1e9 / max(size, 1), 1) for kind, count in kinds.most_common()}
        print(f"{folder}: {size / 1e6:.0f} MB, {time.process_time() - began:.0f} s CPU; findings per GB: {rate}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--sentences", type=Path, default=ROOT.parent / "shared/data/ner/sentences.json")
    given = parser.parse_args()
    print(f"seed {given.seed}")
    scanner = Scanner(load_rules(ROOT / "rules"))
    for title, kinds in (
        ("tables", tables(scanner, given.rows, given.seed)), ("free", free_records(scanner, given.rows, given.seed)),
    ):  # fmt: skip
        for kind, count in sorted(kinds.items()):
            print(f"{kind} in {title}: {figures(count['right'], count['found'], count['wanted'])}")
    transfers = list(scanner.scan_content(zengin(given.rows, given.seed)))
    print(f"Zengin, {given.rows} records: {dict(Counter(hit.kind for hit in transfers))}")
    print(f"names in case notes: {notes(scanner, given.rows, given.seed)}")
    nobody = Counter(hit.kind for line in hard_negatives(5000, given.seed) for hit in scanner.scan_text(line))
    print(f"findings in 5000 hard negatives: {dict(nobody)}")
    if given.sentences.exists():
        print("\n".join(sentences(scanner, given.sentences)))
    software(scanner, given.folders)


if __name__ == "__main__":
    main()
