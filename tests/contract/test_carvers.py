"""Laws that every carver keeps."""

from __future__ import annotations

import io
import random
import zipfile

from pipeline.carvers import CARVERS, Carved, find


class Bytes:
    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def read(self, start: int, length: int) -> bytes:
        return self.data[start : start + length]


def carved(data: bytes) -> list[Carved]:
    view = Bytes(data)
    found = [carver.carve(view, at, view.size - at) for at, carver in find(data, 0)]
    return [item for item in found if item is not None]


def test_a_header_alone_is_no_object() -> None:
    noise = random.Random(1).randbytes(1 << 22)
    assert carved(noise) == []
    for carver in CARVERS:
        for literal, _ in carver.headers:
            assert carved(literal + noise[:4096]) == []
            assert carved(literal) == []


def test_zip_is_carved_to_its_exact_end() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", b"hello")
    size = len(out.getvalue())
    assert carved(b"\0" * 512 + out.getvalue() + b"\0" * 512) == [Carved(512, size, "zip")]
