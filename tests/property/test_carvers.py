"""Laws of carving over places and windows."""

from __future__ import annotations

import random

import pytest

from pipeline.carvers import Carved
from tests.contract.test_carvers import carved
from tests.unit.decoders import samples
from tests.unit.decoders.samples import BASELINE, PROGRESSIVE, SAMPLES

OBJECTS = (
    ("jpeg", BASELINE), ("jpeg", PROGRESSIVE), ("pdf", SAMPLES["pdf"]), ("png", samples.png()),
    ("sqlite", SAMPLES["sqlite"]), ("zip", SAMPLES["zip"]), ("zip", SAMPLES["xlsx"]),
)  # fmt: skip


def planted(seed: int, size: int) -> tuple[bytes, list[Carved]]:
    """Return noise with objects at random offsets that do not touch, and what must be found."""
    chance = random.Random(seed)
    noise, expected = bytearray(chance.randbytes(size)), []
    slot = size // len(OBJECTS)
    for number, (kind, data) in enumerate(chance.sample(OBJECTS, len(OBJECTS))):
        at = number * slot + chance.randrange(slot - len(data))
        noise[at : at + len(data)] = data
        expected.append(Carved(at, len(data), kind))
    return bytes(noise), expected


@pytest.mark.parametrize("seed", range(3))
def test_objects_in_noise_are_found_exactly_and_by_any_window(seed: int) -> None:
    data, expected = planted(seed, 8 << 20)
    for window in (4 << 20, (1 << 20) + 1, 65536, 8191):
        assert carved(data, window) == expected


@pytest.mark.parametrize("seed", range(3))
def test_an_object_across_any_window_border_is_found(seed: int) -> None:
    chance = random.Random(seed)
    for kind, item in OBJECTS:
        for shift in (1, 2, 7, len(item) // 2, len(item) - 1):
            data = chance.randbytes(65536 - shift) + item + chance.randbytes(5000)
            assert carved(data, 65536) == [Carved(65536 - shift, len(item), kind)]


@pytest.mark.slow
def test_noise_holds_no_object_and_text_is_only_text() -> None:
    words = "見本市の住民票を交付する。PK JFIF PDF-1.4 SQLite format ".encode("cp932")
    noise = random.Random(11).randbytes(32 << 20)
    assert carved(noise, 4 << 20) == []
    found = carved(words * ((32 << 20) // len(words)), 4 << 20)
    assert {(item.type, item.encoding) for item in found} == {("text", "cp932")}
