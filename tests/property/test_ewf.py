"""Laws of the own E01 reader, over every layout."""

from __future__ import annotations

import hashlib
import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.access.ewf import EwfImage, ewf_segments
from pipeline.access.ewf_reference import ReferenceImage
from pipeline.access.hashing import digest_image
from tests.builders.ewf import EwfShape, build_segments, write_segments

SHAPES = st.builds(
    EwfShape,
    sectors_per_chunk=st.integers(1, 70),
    sector=st.sampled_from([512, 2048, 4096]),
    compress=st.booleans(),
    segments=st.integers(1, 5),
    tables=st.integers(1, 9),
    base=st.booleans(),
)
READS = st.lists(st.tuples(st.integers(0, 1 << 18), st.integers(-1, 1 << 18)), min_size=1, max_size=20)


def _media(seed: int, sectors: int, sector: int) -> bytes:
    """Return alternating random, repeated and empty sectors."""
    chance = random.Random(seed)
    kinds = (chance.randbytes, lambda size: b"ab" * (size // 2), bytes)
    return b"".join(chance.choice(kinds)(sector) for _ in range(sectors))


@given(seed=st.integers(0, 999), sectors=st.integers(1, 200), shape=SHAPES, reads=READS)
@settings(max_examples=60, deadline=None)
def test_any_layout_reads_like_the_medium_itself(
    seed: int, sectors: int, shape: EwfShape, reads: list[tuple[int, int]]
) -> None:
    media = _media(seed, sectors, shape.sector)
    with tempfile.TemporaryDirectory() as folder:
        first = write_segments(Path(folder), build_segments(media, shape))[0]
        image = EwfImage(ewf_segments(first))
        assert (image.size, len(image.segments)) == (len(media), shape.segments)
        for start, length in reads:
            assert image.read(start, length) == media[start : start + max(length, 0)]
        assert b"".join(image.blocks()) == media
        assert digest_image(image) == hashlib.sha256(media).hexdigest()
        image.close()


@given(seed=st.integers(0, 999), sectors=st.integers(1, 60), shape=SHAPES)
@settings(max_examples=15, deadline=None)
def test_any_layout_reads_as_libewf_reads_it(seed: int, sectors: int, shape: EwfShape) -> None:
    media = _media(seed, sectors, shape.sector)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_segments(Path(folder), build_segments(media, shape))
        own, reference = EwfImage(paths), ReferenceImage(paths)
        assert own.read(0, own.size) == reference.read(0, reference.size) == media
        assert own.stored == reference.stored == {"md5": hashlib.md5(media, usedforsecurity=False).hexdigest()}
        own.close()
        reference.close()
