"""Hostile layers: whatever a label, superblock or database says, the scan ends, and every row stays in bounds.

Checksums are put right after the damage, so that it reaches what is behind them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.volumes import open_volume, scan_volumes
from pipeline.errors import UnreadableError
from pipeline.records import Volume, VolumeState
from tests.builders.disks import Bytes, gpt_disk
from tests.builders.ldm import Dynamic, Piece, dynamic_disks
from tests.builders.lvm import checksum as lvm_checksum
from tests.builders.lvm import logical_text, stripes, written_group
from tests.builders.md import Raid, build
from tests.builders.md import folded as md_checksum

OPTIONS = FileSystemOptions()
VALUES = st.sampled_from([b"\0", b"\xff", b"\x7f", b"\1", b"9"])
DAMAGE = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), VALUES, st.integers(1, 9)), min_size=1, max_size=6)


@cache
def _lvm() -> tuple[bytes, tuple[range, ...]]:
    text = logical_text("a", stripes(2, ("pv0", 0))) + logical_text("b", stripes(4, ("pv0", 2), ("pv1", 0)))
    text += logical_text("c", 'extent_count = 2\ntype = "raid1"\nraids = ["m", "a", "n", "b"]')
    disk = gpt_disk([bytes(body) for body in written_group({"pv0": 6, "pv1": 4}, text).values()])
    start = 64 * 512
    return disk, (range(start + 512, start + 1024), range(start + 4096, start + 4608 + 2500))


@cache
def _md(level: int, version: str) -> tuple[bytes, tuple[range, ...]]:
    raid = Raid(level=level, members=3, share=1 << 20, version=version, layout=0x102 if level == 10 else 2)
    members = build(raid, bytes(1 << 20))
    disk = gpt_disk(members)
    magic, places = b"\xfc\x4e\x2b\xa9", []
    at = disk.find(magic)
    while at >= 0:
        places.append(range(at, at + 320))
        at = disk.find(magic, at + 1)
    return disk, tuple(places)


@cache
def _ldm() -> tuple[bytes, tuple[range, ...]]:
    pieces = [[Piece(0, 100, 600), Piece(0, 2000, 600)]]
    volumes = [
        (Dynamic(name="Spanned", copies=pieces), b""),
        (Dynamic(name="Other", layout=1, chunk=64, copies=pieces), b""),
    ]
    (disk,) = dynamic_disks([4000], volumes)
    base = disk.find(b"TOCBLOCK")
    return disk, (
        range(6 * 512, 7 * 512),
        range(base, base + 200),
        range(disk.find(b"VMDB"), disk.find(b"VMDB") + 2600),
    )


def _stamped(data: bytearray, places: tuple[range, ...]) -> bytes:
    """Return damaged metadata with the checksums of LVM2's text and of superblocks put right."""
    for place in places:
        block = data[place.start : place.start + 4096]
        if block[4:9] == b" LVM2":
            length = min(int.from_bytes(block[48:56], "little"), 3500)
            text = bytes(data[place.start + 512 : place.start + 512 + length])
            data[place.start + 56 : place.start + 60] = lvm_checksum(text).to_bytes(4, "little")
        elif block[:5] == b"\xfc\x4e\x2b\xa9\1":
            roles = min(int.from_bytes(block[220:224], "little"), 1920)
            total = md_checksum(bytes(block[:216]) + bytes(4) + bytes(block[220 : 256 + 2 * roles]))
            data[place.start + 216 : place.start + 220] = total.to_bytes(4, "little")
        elif block[:4] == b"\xfc\x4e\x2b\xa9":
            total = md_checksum(bytes(block[:152]) + bytes(4) + bytes(block[156:]))
            data[place.start + 152 : place.start + 156] = total.to_bytes(4, "little")
    return bytes(data)


CASES: dict[str, Callable[[], tuple[bytes, tuple[range, ...]]]] = {
    "lvm": _lvm, "ldm": _ldm,
    **{f"md {level} {version}": partial(_md, level, version)
       for level, version in ((0, "1.2"), (1, "1.0"), (5, "0.90"), (6, "1.1"), (10, "1.2"), (-1, "0.90"))},
}  # fmt: skip


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", CASES)
@settings(max_examples=40, deadline=None)
@given(damage=DAMAGE)
def test_damaged_layers_end_and_stay_in_bounds(name: str, damage: list[tuple[float, bytes, int]]) -> None:
    disk, places = CASES[name]()
    data = bytearray(disk)
    room = sum(map(len, places))
    for share, value, length in damage:
        at = int(share * room)
        for place in places:
            if at < len(place):
                data[place.start + at : place.start + at + length] = value * length
                break
            at -= len(place)
    image: Any = Bytes(_stamped(data, places))
    for row in scan_volumes(image, "EX-01", OPTIONS):
        if isinstance(row, Volume):
            assert 0 <= row.length < 1 << 63
            assert all(0 <= run.start < run.start + run.length <= len(data) for run in row.runs if run.start >= 0)
            _read(image, row)


def _read(image: Any, row: Volume) -> None:
    if row.state != VolumeState.OPEN:
        return
    try:
        assert len(open_volume(image, row, OPTIONS).read(0, 65536)) <= 65536
    except UnreadableError:
        return
