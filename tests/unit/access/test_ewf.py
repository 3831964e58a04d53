"""Laws of the own E01 reader."""

from __future__ import annotations

import hashlib
import random
import zlib
from pathlib import Path

import pytest

from pipeline.access.hashing import digest_image, hash_image, merkle_path, root_from_path
from pipeline.access.image import cross_check, open_image
from pipeline.errors import UnreadableError
from tests.builders.ewf import build_ewf

MEDIA = random.Random(7).randbytes(512 * 700) + bytes(512 * 4000) + b"ab" * 256


def _write(folder: Path, data: bytes) -> Path:
    path = folder / "a.E01"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("sectors", [1, 3, 64])
@pytest.mark.parametrize("compress", [True, False])
def test_reads_equal_slices_and_libewf(tmp_path: Path, sectors: int, compress: bool) -> None:
    image = open_image(_write(tmp_path, build_ewf(MEDIA, sectors_per_chunk=sectors, compress=compress)))
    chance = random.Random(1)
    for _ in range(100):
        start, length = chance.randrange(len(MEDIA) + 9), chance.randrange(90_000)
        assert image.read(start, length) == MEDIA[start : start + length]
    assert image.stored["md5"] == hashlib.md5(MEDIA, usedforsecurity=False).hexdigest()
    assert digest_image(image) == hashlib.sha256(MEDIA).hexdigest()
    assert cross_check(image) > 0
    image.close()


def test_damaged_table_is_replaced_by_its_double(tmp_path: Path) -> None:
    data = bytearray(build_ewf(MEDIA))
    data[data.index(b"table\0") + 76 + 24] ^= 1
    image = open_image(_write(tmp_path, bytes(data)))
    assert image.read(0, len(MEDIA)) == MEDIA
    image.close()


def test_chunk_that_inflates_without_end_is_unreadable(tmp_path: Path) -> None:
    data = build_ewf(bytes(512 * 64))
    bomb = zlib.compress(bytes(32768))
    longer = zlib.compress(bytes(32768 * 2))[: len(bomb)]
    image = open_image(_write(tmp_path, data.replace(bomb, longer.ljust(len(bomb), b"\0"))))
    with pytest.raises(UnreadableError, match=r"a\.E01"):
        image.read(0, 512)
    image.close()


def test_mutations_end_in_bytes_or_in_a_named_error(tmp_path: Path) -> None:
    good, chance = build_ewf(MEDIA[: 512 * 300]), random.Random(3)
    for _ in range(150):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            image = open_image(
                _write(tmp_path, bytes(data[: chance.choice([len(data), chance.randrange(1, len(data))])]))
            )
        except UnreadableError as error:
            assert "a.E01" in str(error)  # noqa: PT017 - either outcome is lawful
            continue
        try:
            assert len(image.read(0, image.size)) <= image.size
        except UnreadableError as error:
            assert "a.E01" in str(error)  # noqa: PT017 - either outcome is lawful
        image.close()


def test_every_leaf_proves_the_root(tmp_path: Path) -> None:
    image = open_image(_write(tmp_path, build_ewf(MEDIA)))
    digests = hash_image(image)
    for index, leaf in enumerate(digests.leaves):
        path = merkle_path(digests.leaves, index)
        assert root_from_path(leaf, index, len(digests.leaves), path) == digests.merkle_root
    assert digests.sha256 == hashlib.sha256(MEDIA).hexdigest()
    image.close()
