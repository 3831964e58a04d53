"""Detection speed on the negative pack, and names in public Japanese prose: run by hand, prints figures."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.detectors import Scanner
from pipeline.detectors.check import measure
from pipeline.rules import load_rules

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


if __name__ == "__main__":
    rules = load_rules(ROOT / "rules")
    print(measure(rules))
    if SENTENCES.exists():
        print(names(Scanner(rules)))
