"""Laws of the literal finder."""

from __future__ import annotations

import random

from pipeline.detectors.literals import Literals


def test_every_occurrence_is_found_in_order_overlaps_and_special_bytes_included() -> None:
    finder = Literals((b"aa", b"\x00.*\n", b"(?"))
    assert finder.find(b"aaa\x00.*\n(?xaa") == [(0, 0), (1, 0), (3, 1), (7, 2), (10, 0)]
    assert finder.find(b"") == []
    assert Literals(()).find(b"abc") == []


def test_what_is_found_is_what_a_plain_search_finds() -> None:
    chance = random.Random(5)
    literals = tuple(sorted({chance.randbytes(chance.randrange(2, 9)) for _ in range(40)}))
    data = bytearray(chance.randbytes(1 << 16))
    for literal in literals:
        at = chance.randrange(len(data) - 8)
        data[at : at + len(literal)] = literal
    expected = sorted(
        (at, number)
        for number, literal in enumerate(literals)
        for at in range(len(data))
        if data.startswith(literal, at)
    )
    assert Literals(literals).find(bytes(data)) == expected
