"""Laws that every carver keeps."""

from __future__ import annotations

import io
import random
import zipfile

import pytest

from pipeline.carvers import CARVERS, WINDOW_OVERLAP, Carved, Carver, find


class Bytes:
    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def read(self, start: int, length: int) -> bytes:
        return self.data[start : start + length]


def carved(data: bytes, window: int = 1 << 20) -> list[Carved]:
    """Return the objects of raw bytes as the examination takes them: window by window, none inside another."""
    view, found, end = Bytes(data), list[Carved](), 0
    for own in range(0, view.size, window):
        start = max(0, own - WINDOW_OVERLAP)
        for at, carver in find(data[start : own + window + WINDOW_OVERLAP], start):
            if not max(own, end) <= at < own + window:
                continue
            if item := carver.carve(view, at, view.size - at):
                found.append(item)
                end = item.start + item.length
    return found


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
