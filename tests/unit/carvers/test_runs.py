"""Where runs begin, against a plain loop over every byte."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest

from pipeline.carvers.text import SHORTEST, TextRun

WORDS = "氏名は見本花子、電話番号は次の通り。カタカナ abc 123\n"
IMPOSSIBLE = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f\xff]")


def pieces(chance: random.Random) -> bytes:
    size = chance.randrange(1, 700)
    plain = b"the quick brown fox jumps over %d\r\n" * 40
    text = (WORDS * 20)[chance.randrange(20) :][:size].encode(chance.choice(("utf-8", "cp932", "euc_jp")))
    return chance.choice((chance.randbytes(size), bytes(size), plain[:size], text))


def long_runs(data: bytes) -> set[int]:
    """Return where runs begin behind an impossible byte that have a whole block of 64 with more than ASCII in it."""
    ends = [match.start() for match in IMPOSSIBLE.finditer(data)] + [len(data)]
    found = set[int]()
    for before, behind in pairwise(ends):
        start = before + 1
        first = -(-start // 64)
        blocks = [data[at * 64 : at * 64 + 64] for at in range(first, behind // 64)]
        rich = any(byte >= 128 or byte == 27 for block in blocks for byte in block)
        if behind - start >= SHORTEST and rich:
            found.add(start)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_every_long_run_of_bytes_is_found(seed: int) -> None:
    chance = random.Random(seed)
    data = b"".join(pieces(chance) for _ in range(chance.randrange(1, 14))) + bytes(chance.randrange(2))
    data = data.ljust(16, b"\0")
    assert long_runs(data) <= set(TextRun().locate(data, 0))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("before", range(0, 200, 7))
def test_a_run_of_units_is_found_at_any_place(encoding: str, before: int) -> None:
    body = (WORDS * 10).encode(encoding)
    data = bytes(before) + body + bytes(300)
    assert before in TextRun().locate(data, before % 2 or 512) or before == 0


@pytest.mark.parametrize("data", [b"", b"a", b"ab" * 31, WORDS.encode() * 2])
@pytest.mark.parametrize("start", [0, 1])
def test_few_bytes_are_no_fault(data: bytes, start: int) -> None:
    assert list(TextRun().locate(data, start)) in ([], [0])
