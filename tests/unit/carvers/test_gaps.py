"""Laws of objects in two pieces: put together exactly where the structure proves the joint, never guessed."""

from __future__ import annotations

import random
import zipfile

import pytest

from tests.builders.pictures import picture
from tests.contract.test_carvers import found_in
from tests.unit.decoders.samples import zipped

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


def archive(seed: int, method: int, *, seekable: bool) -> bytes:
    """Return a ZIP of files that pack well and badly."""
    chance = random.Random(seed)
    files = {f"{number}.bin": chance.randbytes(chance.randrange(30000)) + TEXT[: chance.randrange(90000)]
             for number in range(8)}  # fmt: skip
    return zipped(files, method, seekable=seekable)


@pytest.mark.parametrize("kind", ["noise", "text", "zeros"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("seekable", [True, False])
def test_an_archive_in_two_pieces_is_put_together(kind: str, method: int, seekable: bool) -> None:
    for seed in range(4):
        data = archive(seed, method, seekable=seekable)
        last = (len(data) - 1) // CLUSTER
        before = (1, last // 3, last * 2 // 3, last)[seed]
        medium, runs = laid_out(data, before, between(kind, 2 + seed, seed), seed)
        found = [one for one in found_in(medium, cluster=CLUSTER) if one.runs[0][0] == 8 * CLUSTER]
        assert [(one.runs, one.carved.complete) for one in found] == [(runs, True)]


def test_an_archive_between_two_pieces_of_another_is_found_as_well() -> None:
    outer, inner = archive(1, zipfile.ZIP_DEFLATED, seekable=True), archive(2, zipfile.ZIP_DEFLATED, seekable=True)
    gap = inner + bytes(-len(inner) % CLUSTER)
    medium, runs = laid_out(outer, 3, gap, 5)
    found = found_in(medium, cluster=CLUSTER)
    assert [one.runs for one in found] == [runs, ((11 * CLUSTER, len(inner)),)]
    assert all(one.carved.complete for one in found)


def test_an_archive_with_a_damaged_member_is_not_put_together() -> None:
    data = bytearray(archive(1, zipfile.ZIP_STORED, seekable=True))
    data[-9000] ^= 1
    medium, _ = laid_out(bytes(data), 3, between("noise", 3, 1), 5)
    assert not [one for one in found_in(medium, cluster=CLUSTER) if one.carved.complete]
