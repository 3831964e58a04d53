"""Each record of fixed width is one of its own, however many stand in a line and wherever pages cut it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from pipeline.detectors import OVERLAP, Hit, Scanner, Window
from pipeline.rules import load_rules
from pipeline.rules_values import canonical
from tests.builders.municipal import zengin
from tests.builders.people import generate

SCANNER = Scanner(load_rules(Path(__file__).parents[3] / "rules"))


def hits(data: bytes, page: int) -> list[Hit]:
    found = []
    for start in range(0, len(data), page):
        low = max(0, start - OVERLAP)
        piece = data[low : start + page + OVERLAP]
        found += SCANNER.scan(Window(data=piece, start=low, own_start=start, own_end=start + page))
    return found


@pytest.mark.parametrize(("count", "page"), [(3, 1 << 20), (40, 1 << 20), (40, 700)])
@pytest.mark.parametrize("break_", [b"", b"\r\n"])
@pytest.mark.parametrize("encoding", ["cp932", "utf-8"])
def test_a_transfer_file_has_one_record_for_each_holder(count: int, page: int, break_: bytes, encoding: str) -> None:
    raw = zengin(count, 5)
    lines = (raw[start : start + 120].decode("cp932").encode(encoding) for start in range(0, len(raw), 120))
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for hit in hits(break_.join(lines), page):
        assert hit.kind not in found[hit.record_start]
        found[hit.record_start][hit.kind] = hit.value
    assert [one["bank-account"] for _, one in sorted(found.items())] == [one.account for one in generate(count, 5)]
    wanted = [canonical("name-kana", one.account_holder) for one in generate(count, 5)]
    assert [one["name-kana"] for _, one in sorted(found.items())] == wanted
