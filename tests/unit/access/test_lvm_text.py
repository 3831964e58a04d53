"""Laws of LVM2's text metadata, which is as hostile as the rest of a medium."""

from __future__ import annotations

import pytest

from pipeline.access.lvm_text import Section, logical_names, read_label, read_metadata
from pipeline.errors import ParseError
from tests.builders.disks import Bytes, lvm_disk

MIB = 1 << 20


def _group(places: tuple[int, ...] = (2, 3)) -> Section:
    return _read(lvm_disk([("home", places, b"")], extents=8))


def _read(data: bytes) -> Section:
    return read_metadata(Bytes(data), read_label(Bytes(data)))


def test_names_are_those_of_visible_volumes() -> None:
    group = _group()
    group["logical_volumes"]["home"]["status"] = ["READ"]
    assert (logical_names(_group()), logical_names(group)) == (["home"], [])


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", [b"a", b"k=[", b'k="', b"k {", b"}", b"[", b'"', b"#", b"k = k ", b" "])
def test_hostile_text_ends_soon_and_is_refused(piece: bytes) -> None:
    data = bytearray(lvm_disk([("home", (0,), b"")], extents=1))
    room = MIB - 4096 - 512
    data[4608 : 4608 + room] = (piece * room)[:room]
    data[4096 + 48 : 4096 + 56] = room.to_bytes(8, "little")
    with pytest.raises(ParseError):
        _read(bytes(data))


@pytest.mark.parametrize("at", [512, 544, 576, 4100, 4136, 4144])
def test_damaged_headers_are_refused(at: int) -> None:
    data = bytearray(lvm_disk([("home", (0,), b"")], extents=1))
    data[at : at + 8] = b"\xff" * 8
    try:
        group = _read(bytes(data))
    except ParseError:
        return
    assert group["name"] == "vg0"
