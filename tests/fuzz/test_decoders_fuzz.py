"""Damaged files: every decoder and every carver ends, in bounded time, with rows only."""

from __future__ import annotations

import random
import time

import pytest

from pipeline.decoders import Limits, Locked, Member, Text, Trouble, decoder_for
from tests.contract.test_carvers import carved
from tests.unit.decoders.samples import SAMPLES, Bytes

ROUNDS = 120
SECONDS = 40.0
LIMITS = Limits(members=500, member_bytes=4 << 20, total_bytes=16 << 20)


def damaged(data: bytes, seed: int) -> bytes:
    """Return a copy with bytes changed, a part cut out, doubled or filled, or its end missing."""
    chance = random.Random(seed)
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 40))):
        at = chance.randrange(len(out))
        out[at] = chance.choice((0, 0xFF, 0x7F, 0x80, chance.randrange(256)))
    start = chance.randrange(len(out))
    stop = min(len(out), start + chance.choice((1, 4, 100)))
    change = chance.randrange(6)
    if change == 0:
        del out[start:stop]
    elif change == 1:
        out[start:start] = out[start:stop] * 3
    elif change == 2:
        out[start:stop] = b"\xff" * (stop - start)
    elif change == 3:
        del out[max(start, 8) :]
    return bytes(out)


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_a_damaged_file_gives_rows_within_limits(kind: str) -> None:
    decoder = decoder_for("zip" if kind in {"docx", "xlsx", "pptx", "odt"} else kind)
    assert decoder is not None
    began = time.monotonic()
    for seed in range(ROUNDS):
        given = 0
        for item in decoder.decode(Bytes(damaged(SAMPLES[kind], seed)), LIMITS):
            assert isinstance(item, Text | Member | Locked | Trouble)
            given += len(item.data) if isinstance(item, Member) else 0
        assert given <= LIMITS.total_bytes
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("kind", ["pdf", "sqlite", "xlsx", "zip"])
def test_a_damaged_object_is_carved_inside_its_bounds_or_not_at_all(kind: str) -> None:
    began = time.monotonic()
    for seed in range(ROUNDS):
        data = damaged(SAMPLES[kind], seed)
        for found in carved(data):
            assert found.start >= 0
            assert 0 < found.length <= len(data) - found.start
    assert time.monotonic() - began < SECONDS
