"""Damaged FAT and exFAT volumes are listed or refused, in time, and never break the readers."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from pipeline.access.exfat import open_exfat
from pipeline.access.fat import open_fat
from pipeline.access.interfaces import FileSystemOptions
from pipeline.errors import UnreadableError
from pipeline.records import FileEntry
from tests.builders.fat_image import ExfatImage, FatImage, VolumeImage
from tests.unit.access.test_fat import _Bytes, _volume

MAKERS: dict[str, Callable[[], VolumeImage]] = {
    "FAT16": lambda: FatImage(16, clusters=4200),
    "FAT32": lambda: FatImage(32, clusters=1500),
    "exFAT": lambda: ExfatImage(clusters=1500),
}


def _filled(volume: VolumeImage) -> bytes:
    volume.mkdir("/給付金")
    volume.mkdir("/給付金/旧")
    for number in range(12):
        folder = ("", "/給付金", "/給付金/旧")[number % 3]
        node = volume.create(f"{folder}/住民票一覧_{number}.csv", b"\xfe" * 700 * number, every=1 + number % 2)
        if number % 4 == 0:
            volume.delete(node)
    gone = volume.mkdir("/消した")
    volume.delete(volume.create("/消した/名簿.CSV", b"x" * 600))
    volume.delete(gone)
    return volume.image()


def _damaged(image: bytes, hot: list[tuple[int, int]], chance: random.Random) -> bytes:
    """Change bytes in the places that readers trust: boot sector, tables, directories."""
    made = bytearray(image)
    for _ in range(chance.choice([1, 3, 10, 100])):
        start, length = chance.choice(hot)
        at = start + chance.randrange(length)
        made[at] = chance.choice([0, 0xFF, 0xE5, 0x0F, 0x85, 0xC0, 0x10, made[at] ^ 1 << chance.randrange(8)])
    if chance.random() < 0.1:
        return bytes(made[: chance.randrange(len(made))])
    return bytes(made)


@pytest.mark.parametrize("kind", list(MAKERS))
def test_two_hundred_damaged_volumes_are_listed_or_refused_in_time(kind: str) -> None:
    volume = MAKERS[kind]()
    image = _filled(volume)
    folders = [
        one for node in [volume.root, *volume.nodes] if node.folder or node is volume.root for one in node.clusters
    ]
    hot = [(11, 110), (512, 1024), (volume.start - 8192, 8192)]
    hot += [(volume.start + (one - 2) * volume.cluster, volume.cluster) for one in folders]
    listed = 0
    for seed in range(200):
        data = _damaged(image, hot if seed % 4 else hot[1:], random.Random(f"{kind}{seed}"))
        start = time.process_time()
        listed += _list(kind, data)
        assert time.process_time() - start < 2, f"seed {seed}"
    assert listed > 100


def _list(kind: str, data: bytes) -> bool:
    opener = open_exfat if kind == "exFAT" else open_fat
    try:
        reader = opener(_Bytes(data), _volume(len(data)), FileSystemOptions())
    except UnreadableError:
        return False
    reader.describe()
    for row in reader.entries():
        if isinstance(row, FileEntry):
            assert 0 <= row.initialised_size <= row.size < 1 << 63
            assert all(run.start >= 4096 and run.start + run.length <= 4096 + len(data) for run in row.runs)
            reader.read(row, 0, 1 << 20)
    for one in reader.regions():
        assert one.start >= 4096
        assert one.start + one.length <= 4096 + len(data)
    return True
