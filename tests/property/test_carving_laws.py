"""Laws of the carving pass: its parts do not matter, live clusters are stepped over, hostile space costs a bound."""

from __future__ import annotations

import random
import struct
import time
import zlib

import pytest

from pipeline.carvers import BLOCK, CARVERS, Chain, Engine, Found, Missed, Space, Stretch, outermost
from tests.builders.pictures import picture
from tests.contract.test_carvers import FINDER, Bytes
from tests.unit.decoders import samples
from tests.unit.decoders.samples import zipped

CLUSTER = 4096


def carve(space: Space, spans: list[tuple[int, int]], window: int) -> list[Found]:
    """Return what carving some spans of a space one by one gives, the outermost of all."""
    engine = Engine(CARVERS, FINDER, window)
    found = [one for start, end in spans for one in engine.carve(space, start, end) if isinstance(one, Found)]
    return [found[index] for index in outermost([(one.runs, one.carved.complete, one.carver) for one in found])]


def test_blocks_windows_and_their_order_do_not_change_what_is_found() -> None:
    chance = random.Random(8)
    medium = bytearray(chance.randbytes(2 * BLOCK + 40 * CLUSTER))
    big = zipped({f"{n}.jpg": picture(300, 200, seed=n) for n in range(60)} | {"x.png": samples.png()}, 0)
    places = {
        4096: samples.pdf(), BLOCK - 3 * CLUSTER: big, 2 * BLOCK - 700: picture(300, 300, seed=3),
        2 * BLOCK + 10 * CLUSTER + 9: samples.sqlite(),
    }  # fmt: skip
    for at, data in places.items():
        medium[at : at + len(data)] = data
    space = Space.whole(Bytes(bytes(medium)), CLUSTER)
    size = len(medium)
    whole = carve(space, [(0, size)], 4 << 20)
    assert [one.runs for one in whole if one.carved.complete] == [((at, len(places[at])),) for at in sorted(places)]
    assert carve(space, [(0, BLOCK), (BLOCK, 2 * BLOCK), (2 * BLOCK, size)], 4 << 20) == whole
    assert carve(space, [(2 * BLOCK, size), (BLOCK, 2 * BLOCK), (0, BLOCK)], (1 << 20) + 7) == whole
    assert carve(space, [(0, size)], 100_003) == whole


def test_an_object_goes_on_behind_a_live_file() -> None:
    data = picture(500, 400, seed=1)
    live = random.Random(1).randbytes(5 * CLUSTER)
    medium = bytes(CLUSTER) + data[: 3 * CLUSTER] + live + data[3 * CLUSTER :] + bytes(-len(data) % CLUSTER)
    free = [(0, 4 * CLUSTER), (9 * CLUSTER, len(medium))]
    space = Space(Bytes(medium), [Stretch(start, end) for start, end in free], {"": Chain(free, CLUSTER)})
    (found,) = carve(space, [(0, len(medium))], 1 << 20)
    assert found.runs == ((CLUSTER, 3 * CLUSTER), (9 * CLUSTER, len(data) - 3 * CLUSTER))
    assert found.carved.complete


def test_slack_is_searched_and_not_taken_for_a_cluster() -> None:
    data = picture(500, 400, seed=1)
    small = zipped({"a": b"x" * 20})
    slack = bytes(300) + small
    medium = data[:CLUSTER] + slack.ljust(CLUSTER, b"\0") + data[CLUSTER:] + bytes(-len(data) % CLUSTER)
    stretches = [Stretch(0, CLUSTER), Stretch(CLUSTER + 200, len(medium))]
    chain = Chain([(0, CLUSTER), (2 * CLUSTER, len(medium))], CLUSTER)
    found = carve(Space(Bytes(medium), stretches, {"": chain}), [(0, len(medium))], 1 << 20)
    assert [(one.runs, one.carved.complete) for one in found] == [
        (((0, CLUSTER), (2 * CLUSTER, len(data) - CLUSTER)), True), (((CLUSTER + 300, len(small)),), True),
    ]  # fmt: skip


FLOODS = {
    "jpeg": b"\xff\xd8\xff",
    "jpeg-head": samples.BASELINE[:200],
    "zip": b"PK\3\4" + bytes(2) + bytes(20) + struct.pack("<HH", 1, 0) + b"a",
    "zip-streamed": b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, 8, 9, 0, 0, 0, 0, 0, 1, 0) + b"a",
    "pdf": b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\nstartxref\n9\n%%EOF\n",
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "gif": b"GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0",
    "tiff": b"II*\0\x08\0\0\0\1\0\x11\1\4\0\1\0\0\0\x08\0\0\0\0\0\0\0",
    "rtf": b"{\\rtf1",
    "gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + zlib.compress(b"a" * 900, wbits=-15)[:-1],
    "ole2": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 62, 3, 0xFFFE, 9, 6),
    "sqlite": b"SQLite format 3\0",
    "7z": b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<IQQI", 0, 9, 9, 9),
    "rar": b"Rar!\x1a\x07\0",
    "mp4": b"\0\0\0\x10ftypisom\0\0\2\0\0\0\0\x08mdat",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_of_headers_costs_a_bound_and_is_said(kind: str) -> None:
    size = 1 << 20
    data = (FLOODS[kind] * (size // len(FLOODS[kind]) + 1))[:size]
    began = time.process_time()
    found = list(Engine(CARVERS, FINDER).carve(Space.whole(Bytes(data), 512), 0, size))
    assert time.process_time() - began < 30
    assert not [one for one in found if isinstance(one, Found) and one.carved.complete and not one.carved.note]
    assert all(one.length > 0 for one in found if isinstance(one, Missed))


def test_objects_at_sectors_are_found_behind_a_flood_of_headers() -> None:
    wanted = samples.png()
    flood = b"\xff\xd8\xff" * (1 << 20)
    data = flood + bytes(-len(flood) % 512) + wanted + bytes(512)
    found = list(Engine(CARVERS, FINDER).carve(Space.whole(Bytes(data), 512), 0, len(data)))
    assert [one.carved.type for one in found if isinstance(one, Found) and one.carved.complete] == ["png"]
