"""Laws of the own E01 reader."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.access.ewf import EwfImage, ewf_segments
from pipeline.access.ewf_reference import ReferenceImage, cross_check_bytes
from pipeline.access.hashing import digest_image, hash_image, merkle_path, root_from_path
from pipeline.access.image import cross_check, open_image
from pipeline.errors import IntegrityError, UnreadableError
from tests.builders.ewf import EwfShape, build_ewf, build_segments, write_segments

MEDIA = random.Random(7).randbytes(512 * 700) + bytes(512 * 4000) + b"ab" * 256


FOUR = EwfShape(segments=4, sectors_per_chunk=8)


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


def test_cross_check_tells_when_the_readers_disagree(tmp_path: Path) -> None:
    image = open_image(_write(tmp_path, build_ewf(MEDIA)))
    for other, what in ((MEDIA[:-1] + b"!", r"media byte \d+: our reader and libewf disagree"),
                        (MEDIA[:512], r"media size 2406912 by our reader, 512 by libewf")):  # fmt: skip
        (path,) = write_segments(tmp_path, [build_ewf(other)], stem="b")
        with pytest.raises(IntegrityError, match=what):
            cross_check_bytes(image, [path])
    image.close()


@pytest.mark.parametrize("sectors", [64, 512])
@pytest.mark.parametrize("size", [1, 512, 1 << 19, 60_000_000, 200_000_000])
def test_a_chunk_that_inflates_to_another_size_is_damaged(tmp_path: Path, sectors: int, size: int) -> None:
    bomb = zlib.compressobj(9)
    packed = b"".join(bomb.compress(bytes(min(1 << 20, size - at))) for at in range(0, size, 1 << 20)) + bomb.flush()
    shape = EwfShape(sectors_per_chunk=sectors, pack=lambda _: packed)
    (path,) = write_segments(tmp_path, build_segments(bytes(512 * sectors), shape))
    image = open_image(path)
    with pytest.raises(UnreadableError, match=r"a\.E01: the chunk of medium byte 0 is damaged"):
        image.read(0, 1)
    image.close()


def test_random_reads_between_the_pieces_of_a_whole_read_change_nothing(tmp_path: Path) -> None:
    image = EwfImage([_write(tmp_path, build_ewf(MEDIA))])
    pieces = []
    for piece in image.blocks():
        pieces.append(piece)
        start = len(MEDIA) - 40_000 * len(pieces) % len(MEDIA)
        assert image.read(start, 50_000) == MEDIA[start : start + 50_000]
    assert b"".join(pieces) == MEDIA
    image.close()


def test_evidence_is_left_as_it_was(tmp_path: Path) -> None:
    paths = write_segments(tmp_path, build_segments(MEDIA, FOUR))
    before = [(path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode) for path in paths]
    image = open_image(paths[0])
    image.read(0, len(MEDIA))
    cross_check(image)
    image.close()
    assert [(path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode) for path in paths] == before
    assert sorted(tmp_path.iterdir()) == paths


def test_the_own_reader_imports_no_heavy_library() -> None:
    code = (
        "import sys, pipeline.access.ewf, pipeline.access.hashing; "
        "print(sorted({'numpy', 'pandas', 'pyarrow', 'dfvfs', 'pytsk3', 'pyewf'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[3]
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=root).stdout
    assert out == "[]\n"


FORMATS = ["ftk", "encase2", "encase5", "encase6", "encase7", "linen6", "ewfx"]


@pytest.mark.tools
@pytest.mark.parametrize("kind", [*FORMATS, "smart", "ewf"])
@pytest.mark.parametrize("level", ["none", "fast", "empty-block"])
def test_acquired_images_are_read_as_libewf_reads_them(
    tmp_path: Path, tools: Callable[..., None], kind: str, level: str
) -> None:
    tools("ewfacquire")
    media = random.Random(11).randbytes(1_500_160) + bytes(1_000_448) + b"text " * 102_400
    (tmp_path / "m.raw").write_bytes(media)
    for size, least in (("1MiB", 2), ("100MiB", 1)):
        stem = tmp_path / f"m{least}"
        command = ["ewfacquire", "-u", "-q", "-c", level, "-f", kind, "-S", size, "-t", str(stem), "m.raw"]
        subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
        (first,) = (path for path in tmp_path.glob(f"m{least}.*") if path.suffix.endswith("01"))
        image, reference = open_image(first), ReferenceImage(ewf_segments(first))
        assert len(image.segments) >= least
        assert isinstance(image, EwfImage) == (kind in FORMATS)
        assert image.read(0, image.size) == reference.read(0, reference.size) == media
        assert (image.stored, image.unreadable) == (reference.stored, reference.unreadable)
        image.close()
        reference.close()
