"""Free space is exactly what the file systems' own tools say; what is in doubt counts as allocated."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.access.allocation import Blocks, blocks_of_bitmap, runs_of_bits
from pipeline.access.ext_layout import read_layout
from pipeline.access.filesystems import open_file_system
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions, Image
from pipeline.access.volumes import scan_volumes
from pipeline.errors import ParseError
from pipeline.records import Diagnostic, ExtentClass, Region, Volume
from tests.builders.disks import Bytes
from tests.builders.file_systems import make_ext, make_ntfs, run

OPTIONS = FileSystemOptions()
CASES = [
    ("ext2", ("-b", "1024"), 20), ("ext2", ("-b", "4096"), 20), ("ext3", ("-b", "1024"), 40),
    ("ext4", ("-b", "1024"), 20), ("ext4", ("-b", "4096"), 300), ("ext4", ("-b", "1024", "-O", "^flex_bg"), 40),
    ("ext4", ("-b", "1024", "-O", "^64bit,^metadata_csum,uninit_bg"), 40),
    ("ext4", ("-b", "2048", "-O", "sparse_super2"), 100), ("ext4", ("-b", "1024", "-O", "meta_bg,^resize_inode"), 40),
    ("ext4", ("-b", "1024", "-O", "meta_bg,^resize_inode,^flex_bg"), 500),
    ("ext2", ("-b", "1024", "-O", "^sparse_super,^resize_inode"), 40),
]  # fmt: skip


def _regions(image: Image) -> tuple[Volume, list[Region | Diagnostic]]:
    volume = next(row for row in scan_volumes(image, "EX-01", OPTIONS) if isinstance(row, Volume))
    return volume, list(open_file_system(image, volume, OPTIONS).regions())


def _blocks(rows: list[Region | Diagnostic], class_: str, size: int) -> set[int]:
    found: set[int] = set()
    for row in rows:
        assert isinstance(row, Region)
        if row.class_ == class_:
            found.update(range(row.start // size, (row.start + row.length) // size))
    return found


@pytest.mark.tools
@pytest.mark.parametrize(("kind", "options", "mib"), CASES)
def test_ext_free_blocks_are_those_of_dumpe2fs(kind: str, options: tuple[str, ...], mib: int, tmp_path: Path) -> None:
    path = make_ext(tmp_path, *options, kind=kind, size=mib << 20, files=24)
    run("debugfs", "-w", "-R", "rm /file-7", path)
    truth: set[int] = set()
    for ranges in re.findall(r"^  Free blocks: (.*)$", run("dumpe2fs", path).decode(), re.MULTILINE):
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", ranges):
            truth.update(range(int(first), int(last or first) + 1))
    volume, rows = _regions(open_image(path))
    free = _blocks(rows, ExtentClass.UNALLOCATED, volume.block_size)
    assert free == truth
    assert free & _blocks(rows, ExtentClass.FILE_SYSTEM_METADATA, volume.block_size) == set()


@pytest.mark.tools
@pytest.mark.parametrize("mib", [8, 24])
def test_ntfs_free_clusters_are_those_of_blkls(mib: int, tmp_path: Path) -> None:
    path = make_ntfs(tmp_path, mib << 20)
    image = open_image(path)
    _, rows = _regions(image)
    free = [row for row in rows if isinstance(row, Region) and row.class_ == ExtentClass.UNALLOCATED]
    assert b"".join(image.read(row.start, row.length) for row in free) == run("blkls", path)
    structures = [(row.start, row.length) for row in rows if isinstance(row, Region) and row not in free]
    assert structures == [(0, 8192), ((mib << 20) - 512, 512)]


@pytest.mark.tools
def test_damaged_descriptors_leave_all_space_allocated_and_say_so(tmp_path: Path) -> None:
    data = bytearray(make_ext(tmp_path, "-b", "1024", kind="ext2").read_bytes())
    data[2048 + 32 : 2048 + 36] = b"\xff\xff\xff\x7f"
    path = tmp_path / "damaged"
    path.write_bytes(data)
    _, rows = _regions(open_image(path))
    assert [row.code for row in rows if isinstance(row, Diagnostic)] == ["bitmap-damaged"]
    assert [row for row in rows if isinstance(row, Region)] == []


@pytest.mark.parametrize(
    ("at", "value"),
    [(24, b"\x40\0\0\0"), (32, b"\0\0\0\0"), (40, b"\0\0\0\0"), (4, b"\xff\xff\xff\xff"), (56, b"\0\0")],
)
def test_impossible_super_blocks_are_refused(at: int, value: bytes) -> None:
    raw = bytearray(4096)
    for place, number in ((4, 4), (20, 1), (32, 8192), (40, 16)):
        raw[1024 + place : 1028 + place] = number.to_bytes(4, "little")
    raw[1024 + 56 : 1024 + 58] = b"\x53\xef"
    assert read_layout(Bytes(bytes(raw))).groups == 1
    raw[1024 + at : 1024 + at + len(value)] = value
    with pytest.raises(ParseError):
        read_layout(Bytes(bytes(raw)))


def test_runs_of_bits_are_their_stretches() -> None:
    starts, ends = runs_of_bits(np.array([1, 1, 0, 0, 1, 0, 1], dtype=np.uint8), 4)
    assert (starts.tolist(), ends.tolist()) == ([0, 16, 24], [8, 20, 28])


def test_free_and_allocated_add_up() -> None:
    blocks = Blocks(np.array([0, 16, 24]), np.array([8, 20, 28]), 40)
    assert list(blocks.free()) == [(8, 8), (20, 4), (28, 12)]
    assert [blocks.overlap(0, 40), blocks.overlap(4, 14), blocks.overlap(8, 8), blocks.overlap(26, 100)] == [
        16,
        6,
        0,
        2,
    ]


@given(st.binary(max_size=40), st.integers(0, 330), st.integers(1, 7))
@settings(deadline=None)
def test_a_bitmap_says_the_same_in_pieces(raw: bytes, count: int, step: int) -> None:
    pieces = [raw[at : at + step] for at in range(0, len(raw), step)]
    blocks = blocks_of_bitmap(pieces, count, 512)
    bits = "".join(f"{byte:08b}"[::-1] for byte in raw)[:count]
    held = [place for start, end in zip(blocks.starts, blocks.ends, strict=True) for place in range(start, end, 512)]
    assert held == [512 * place for place, bit in enumerate(bits) if bit == "1"]
    assert blocks.size == 512 * len(bits)


@given(
    st.lists(st.integers(0, 60), max_size=12), st.lists(st.tuples(st.integers(0, 70), st.integers(0, 30)), max_size=9)
)
@settings(deadline=None)
def test_many_overlaps_are_as_each_alone(edges: list[int], ranges: list[tuple[int, int]]) -> None:
    edges = sorted(set(edges))[: len(set(edges)) // 2 * 2]
    blocks = Blocks(np.array(edges[::2], np.int64), np.array(edges[1::2], np.int64), 80)
    starts, lengths = (np.array(column, np.int64) for column in (list(zip(*ranges, strict=True)) or [(), ()]))
    assert blocks.overlaps(starts, lengths).tolist() == [blocks.overlap(*one) for one in ranges]
