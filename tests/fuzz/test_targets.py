"""Every fuzzing target reads its seeds, takes damage to them in time and memory, and replays what once broke it."""

from __future__ import annotations

import random
import time
import tracemalloc
from pathlib import Path

import pytest

from tests.fuzz.targets import LIMIT, TARGETS, refused

CRASHES = Path(__file__).parent / "crashes"
SECONDS = 2.0
MEMORY = 64 << 20


@pytest.mark.parametrize("name", list(TARGETS))
def test_seeds_are_read(name: str) -> None:
    target = TARGETS[name]
    seeds = target.seeds()
    if not seeds:
        pytest.skip(f"left out: the program that makes seeds for {name} is not installed")
    assert all(len(seed) <= LIMIT for seed in seeds)
    assert not all(refused(target, seed) for seed in seeds)


@pytest.mark.parametrize("name", list(TARGETS))
def test_damage_is_read_or_refused_in_time(name: str) -> None:
    target, chance = TARGETS[name], random.Random(name)
    for seed in target.seeds():
        for _ in range(25):
            raw = bytearray(seed)
            for _ in range(chance.choice([1, 4, 16])):
                raw[chance.randrange(len(raw))] = chance.choice([0, 0xFF, 0x7F, 0x80, chance.randrange(256)])
            start = time.process_time()
            refused(target, bytes(raw[: chance.choice([len(raw), chance.randrange(len(raw))])]))
            assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("path", sorted(CRASHES.glob("*-*")), ids=lambda path: path.name)
def test_what_once_broke_a_reader_does_so_no_more(path: Path) -> None:
    name = next(name for name in sorted(TARGETS, key=len, reverse=True) if path.name.startswith(f"{name}-"))
    raw, target = path.read_bytes(), TARGETS[name]
    refused(target, b"")  # what is imported late is not the input's
    start = time.process_time()
    refused(target, raw)
    assert time.process_time() - start < SECONDS
    tracemalloc.start()
    try:
        refused(target, raw)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
