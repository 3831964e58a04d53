"""Laws that every carver keeps."""

from __future__ import annotations

import io
import random
import zipfile

import pytest

from pipeline.carvers import CARVERS, LITERALS, WINDOW_OVERLAP, Carved, Carver, Engine, Found, Space, outermost
from pipeline.detectors.literals import Literals

FINDER = Literals(LITERALS)


class Bytes:
    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def read(self, start: int, length: int) -> bytes:
        return self.data[start : start + length]


def found_in(data: bytes, window: int = 1 << 20, cluster: int = 512) -> list[Found]:
    """Return the objects of a medium of which nothing is known, none inside another."""
    engine, space = Engine(CARVERS, FINDER, window), Space.whole(Bytes(data), cluster)
    found = [one for one in engine.carve(space, 0, len(data)) if isinstance(one, Found)]
    return [found[index] for index in outermost([(one.runs, one.carved.complete, one.carver) for one in found])]


def carved(data: bytes, window: int = 1 << 20) -> list[Carved]:
    """Return the objects of raw bytes."""
    return [one.carved for one in found_in(data, window)]


def test_a_header_alone_is_no_object() -> None:
    noise = random.Random(1).randbytes(1 << 22)
    assert carved(noise) == []
    for carver in CARVERS:
        for literal, _ in carver.headers:
            assert carved(literal + noise[:4096]) == []
            assert carved(literal) == []
            assert carved(literal + bytes(4096)) == []


def test_zip_is_carved_to_its_exact_end() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", b"hello")
    size = len(out.getvalue())
    assert carved(b"\0" * 512 + out.getvalue() + b"\0" * 512) == [Carved(512, size, "zip")]


@pytest.mark.parametrize("carver", CARVERS, ids=lambda carver: carver.name)
def test_literals_fit_in_the_overlap_of_windows(carver: Carver) -> None:
    assert carver.version > 0
    assert all(offset + len(literal) <= WINDOW_OVERLAP for literal, offset in carver.headers)
