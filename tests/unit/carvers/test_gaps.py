"""Laws of objects in two pieces: put together exactly where the structure proves the joint, never guessed."""

from __future__ import annotations

import random

import pytest

from tests.builders.pictures import picture
from tests.contract.test_carvers import found_in

CLUSTER = 4096
TEXT = b"".join(b"%06d the quick brown fox jumps over the lazy dog\n" % number for number in range(20000))


def between(kind: str, clusters: int, seed: int) -> bytes:
    """Return whole clusters of something else."""
    chance = random.Random(seed)
    size = clusters * CLUSTER
    if kind == "noise":
        return chance.randbytes(size)
    if kind == "zeros":
        return bytes(size)
    if kind == "picture":
        return picture(640, 480, seed=99 + seed, grain=90)[:size].ljust(size, b"\0")
    return TEXT[:size]


def laid_out(data: bytes, before: int, gap: bytes, seed: int) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    """Return a medium with an object in two pieces, and its runs."""
    chance = random.Random(seed)
    start, cut = 8 * CLUSTER, before * CLUSTER
    medium = chance.randbytes(start) + data[:cut] + gap + data[cut:]
    medium += bytes(-len(medium) % CLUSTER) + chance.randbytes(16 * CLUSTER)
    return medium, ((start, cut), (start + cut + len(gap), len(data) - cut))


@pytest.mark.parametrize("kind", ["noise", "text", "zeros", "picture"])
@pytest.mark.parametrize("form", ["baseline", "progressive", "grey", "restarts"])
def test_a_picture_in_two_pieces_is_put_together(kind: str, form: str) -> None:
    for seed in range(3):
        data = picture(500, 400, seed=seed, form=form)
        before = 1 + (len(data) // CLUSTER - 1) * (seed + 1) // 4
        medium, runs = laid_out(data, before, between(kind, 3 + seed, seed), seed)
        found = [one for one in found_in(medium, cluster=CLUSTER) if one.runs[0][0] == 8 * CLUSTER]
        assert [(one.runs, one.carved.complete) for one in found] == [(runs, True)]
