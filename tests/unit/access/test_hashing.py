"""Laws of a medium's hashes; the tree after RFC 6962, with values worked out by hand."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from pipeline.access.hashing import (
    LEAF_BYTES,
    digest_image,
    hash_image,
    hash_segments,
    merkle_path,
    merkle_root,
    root_from_path,
)
from pipeline.access.image import open_image
from tests.builders.ewf import EwfShape, build_segments, write_segments

MIB = 1 << 20


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _leaf(number: int) -> str:
    return _hash(b"\x00" + bytes([number])).hex()


def _node(left: str, right: str) -> str:
    return _hash(b"\x01" + bytes.fromhex(left) + bytes.fromhex(right)).hex()


def test_roots_are_those_of_the_standard() -> None:
    a, b, c, d, e = map(_leaf, range(5))
    assert merkle_root([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle_root([a]) == a
    assert merkle_root([a, b]) == _node(a, b)
    assert merkle_root([a, b, c]) == _node(_node(a, b), c)
    assert merkle_root([a, b, c, d, e]) == _node(_node(_node(a, b), _node(c, d)), e)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 64, 100])
def test_every_leaf_leads_to_the_root_and_no_other_leaf_does(count: int) -> None:
    leaves = [_leaf(number) for number in range(count)]
    root = merkle_root(leaves)
    for index, leaf in enumerate(leaves):
        path = merkle_path(leaves, index)
        assert root_from_path(leaf, index, count, path) == root
        assert root_from_path(_leaf(200), index, count, path) != root


@pytest.mark.parametrize("size", [1, 512, MIB - 1, MIB, MIB + 1, 8 * MIB, 8 * MIB + 512, 19 * MIB + 7])
def test_hashes_of_a_medium_are_those_of_its_bytes(tmp_path: Path, size: int) -> None:
    media = random.Random(size).randbytes(min(size, 3 * MIB)).ljust(size, b"\0")
    (tmp_path / "m.raw").write_bytes(media)
    image, advanced = open_image(tmp_path / "m.raw"), list[int]()
    digests = hash_image(image, advance=advanced.append)
    leaves = [_hash(b"\x00" + media[at : at + LEAF_BYTES]).hex() for at in range(0, size, LEAF_BYTES)]
    assert digests.md5 == hashlib.md5(media, usedforsecurity=False).hexdigest()
    assert digests.sha1 == hashlib.sha1(media, usedforsecurity=False).hexdigest()
    assert digests.sha256 == digest_image(image) == hashlib.sha256(media).hexdigest()
    assert digests.leaves == tuple(leaves)
    assert digests.merkle_root == merkle_root(leaves)
    assert sum(advanced) == size
    image.close()


def test_the_container_does_not_change_the_hashes_of_the_medium(tmp_path: Path) -> None:
    media = random.Random(1).randbytes(2 * MIB + 1536)
    (tmp_path / "m.raw").write_bytes(media)
    for number in range(3):
        (tmp_path / f"s.{number + 1:03}").write_bytes(media[number * 700_416 : (number + 1) * 700_416])
    shape = EwfShape(segments=3, sectors_per_chunk=5)
    first = write_segments(tmp_path, build_segments(media, shape))[0]
    images = [open_image(path) for path in (tmp_path / "m.raw", tmp_path / "s.001", first)]
    assert len({hash_image(image) for image in images}) == 1
    assert {digest_image(image) for image in images} == {hashlib.sha256(media).hexdigest()}
    assert len({hash_segments(image.segments) for image in images}) == 3
    for image in images:
        image.close()


def test_the_containers_hash_is_over_sizes_and_digests_in_order(tmp_path: Path) -> None:
    one, two = tmp_path / "m.001", tmp_path / "m.002"
    one.write_bytes(b"abc")
    two.write_bytes(b"")
    line = "3 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
    empty = "0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
    assert hash_segments([str(one), str(two)]) == _hash((line + empty).encode()).hex()
    assert hash_segments([str(two), str(one)]) == _hash((empty + line).encode()).hex()
