"""Laws of LVM2's text metadata, which is as hostile as the rest of a medium."""

from __future__ import annotations

import pytest

from pipeline.access.lvm_text import Section, logical_names, read_metadata, stretches
from pipeline.errors import ParseError
from pipeline.records import Run
from tests.builders.disks import Bytes, lvm_disk

MIB = 1 << 20


def _group(places: tuple[int, ...] = (2, 3)) -> Section:
    return read_metadata(Bytes(lvm_disk([("home", places, b"")], extents=8)))


def test_volumes_have_their_stretches_in_order() -> None:
    assert stretches(_group((6, 7, 1)), "home") == (
        Run(start=7 * MIB, length=2 * MIB), Run(start=2 * MIB, length=MIB),
    )  # fmt: skip


def test_segments_that_touch_are_one_stretch() -> None:
    assert stretches(_group((2, 3, 4)), "home") == (Run(start=3 * MIB, length=3 * MIB),)


def test_names_are_those_of_visible_volumes() -> None:
    group = _group()
    group["logical_volumes"]["home"]["status"] = ["READ"]
    assert (logical_names(_group()), logical_names(group)) == (["home"], [])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("type", "raid1"),
        ("stripe_count", 2),
        ("stripes", []),
        ("stripes", "x"),
        ("start_extent", 5),
        ("extent_count", "x"),
    ],
)
def test_what_is_no_plain_stretch_is_not_taken_for_one(key: str, value: object) -> None:
    group = _group()
    group["logical_volumes"]["home"]["segment1"][key] = value
    assert stretches(group, "home") is None


def test_group_of_two_physical_volumes_is_not_read_from_one() -> None:
    group = _group()
    group["physical_volumes"]["pv1"] = dict(group["physical_volumes"]["pv0"])
    assert stretches(group, "home") is None


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", [b"a", b"k=[", b'k="', b"k {", b"}", b"[", b'"', b"#", b"k = k ", b" "])
def test_hostile_text_ends_soon_and_is_refused(piece: bytes) -> None:
    data = bytearray(lvm_disk([("home", (0,), b"")], extents=1))
    room = MIB - 4096 - 512
    data[4608 : 4608 + room] = (piece * room)[:room]
    data[4096 + 48 : 4096 + 56] = room.to_bytes(8, "little")
    with pytest.raises(ParseError):
        read_metadata(Bytes(bytes(data)))


@pytest.mark.parametrize("at", [512, 544, 576, 4100, 4136, 4144])
def test_damaged_headers_are_refused(at: int) -> None:
    data = bytearray(lvm_disk([("home", (0,), b"")], extents=1))
    data[at : at + 8] = b"\xff" * 8
    try:
        group = read_metadata(Bytes(bytes(data)))
    except ParseError:
        return
    assert group["name"] == "vg0"
