"""Laws of volume groups: what lvm2 laid out is put together byte by byte; what cannot be is named with its length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.access.content import Opener
from pipeline.access.filesystems import open_file_system
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions, Image
from pipeline.access.reconcile import list_volume
from pipeline.access.volumes import open_volume, scan_volumes
from pipeline.records import Diagnostic, ExtentClass, FileEntry, Region, Severity, Volume, VolumeState
from tests.builders.disks import gpt_disk
from tests.builders.file_systems import TEXT, make_ext
from tests.builders.lvm import UNIT, create, logical_text, real_group, stripes, written_group

OPTIONS = FileSystemOptions()
pytestmark = pytest.mark.tools


def _disk(folder: Path, parts: Sequence[bytes]) -> Image:
    path = folder / "disk"
    path.write_bytes(gpt_disk([bytes(part) for part in parts]))
    return open_image(path)


def _scan(image: Image) -> tuple[dict[str, Volume], list[Diagnostic]]:
    rows = list(scan_volumes(image, "EX-01", OPTIONS))
    volumes = {row.address.removeprefix("EX-01!part:"): row for row in rows if isinstance(row, Volume)}
    return volumes, [row for row in rows if isinstance(row, Diagnostic)]


def _scattered(volume: bytes, parts: list[bytearray], places: Sequence[tuple[int, int]], chunk: int) -> None:
    """Write a volume's chunks, one after another, to the next free place of each (part, extent) column in turn."""
    for number in range(len(volume) // chunk):
        part, extent = places[number % len(places)]
        at = (extent + 1) * UNIT + number // len(places) * chunk
        parts[part][at : at + chunk] = volume[number * chunk : (number + 1) * chunk]


def _text_of(image: Image, volume: Volume) -> bytes:
    rows = [row for row in list_volume(image, volume, OPTIONS) if isinstance(row, FileEntry)]
    (entry,) = [row for row in rows if row.path == "/x.txt"]
    assert (entry.reader, entry.listed_by) == ("runs", "tsk+dfvfs")
    return Opener(image, {volume.address: volume}, OPTIONS).open(entry).read(0, 9999)


def test_linear_and_striped_volumes_that_lvm2_made_over_two_physical_volumes(tmp_path: Path) -> None:
    commands = [create("striped", "-i2", "-I", "64k", "-l", "6"), create("over", "-l", "10")]
    parts = [bytearray(part) for part in real_group(tmp_path, [9 << 20, 12 << 20], commands)]
    linear = make_ext(tmp_path, kind="ext2", size=10 << 20).read_bytes()
    striped = make_ext(tmp_path, kind="ext2", size=6 << 20).read_bytes()
    image = _disk(tmp_path, parts)
    volumes, remarks = _scan(image)
    assert [row.code for row in remarks] == ["no-file-system"] * 2
    assert [(row.length, row.state) for name, row in volumes.items() if "lv" in name] == [
        (10 << 20, VolumeState.UNSUPPORTED), (6 << 20, VolumeState.UNSUPPORTED),
    ]  # fmt: skip
    data = bytearray(Path(image.segments[0]).read_bytes())
    for name, content in (("p1!lv:vg0/over", linear), ("p1!lv:vg0/striped", striped)):
        at = 0
        for run in volumes[name].runs:
            data[run.start : run.start + run.length] = content[at : at + run.length]
            at += run.length
    (tmp_path / "filled").write_bytes(data)
    filled = open_image(tmp_path / "filled")
    volumes, remarks = _scan(filled)
    assert remarks == []
    for name, content in (("p1!lv:vg0/over", linear), ("p1!lv:vg0/striped", striped)):
        assert open_volume(filled, volumes[name], OPTIONS).read(0, 1 << 30) == content
        assert _text_of(filled, volumes[name]) == TEXT
    assert len(volumes["p1!lv:vg0/striped"].runs) == 96
    _account_closes(filled, volumes)


def _account_closes(image: Image, volumes: dict[str, Volume]) -> None:
    """Assert that metadata, free extents and logical volumes fill each physical volume, and never overlap."""
    seen = bytearray(image.size)
    rows = [
        row for name in ("p1", "p2") for row in open_file_system(image, volumes[name], OPTIONS).regions()
    ]  # fmt: skip
    stretches = [(row.start, row.length) for row in rows if isinstance(row, Region)]
    stretches += [(run.start, run.length) for name, row in volumes.items() if "lv" in name for run in row.runs]
    for start, length in stretches:
        assert not any(seen[start : start + length])
        seen[start : start + length] = b"\1" * length
    for name in ("p1", "p2"):
        row = volumes[name]
        assert all(seen[row.start : row.start + row.length])
    assert {row.class_ for row in rows if isinstance(row, Region)} == {
        ExtentClass.VOLUME_METADATA, ExtentClass.UNALLOCATED,
    }  # fmt: skip


def test_chunks_of_a_striped_volume_lie_in_turn_on_each_column(tmp_path: Path) -> None:
    disks = written_group({"pv0": 8, "pv1": 8}, logical_text("home", stripes(4, ("pv1", 2), ("pv0", 5), size=128)))
    volume = make_ext(tmp_path, "-b", "1024", kind="ext2", size=4 << 20).read_bytes()
    parts = [disks["pv0"], disks["pv1"]]
    _scattered(volume, parts, [(1, 2), (0, 5)], 128 << 10)
    image = _disk(tmp_path, parts)
    volumes, remarks = _scan(image)
    assert remarks == []
    assert open_volume(image, volumes["p1!lv:vg0/home"], OPTIONS).read(0, 1 << 30) == volume
    assert _text_of(image, volumes["p1!lv:vg0/home"]) == TEXT


MIRRORS = {
    "raid1": 'type = "raid1"\ndevice_count = 2\nregion_size = 4096\nraids = ["m0", "i0", "m1", "i1"]',
    "mirror": 'type = "mirror"\nmirror_count = 2\nregion_size = 1024\nmirrors = ["i0", 0, "i1", 0]',
}


@pytest.mark.parametrize("kind", MIRRORS)
@pytest.mark.parametrize("present", [("pv0", "pv1"), ("pv0",), ("pv1",)], ids=["both", "first", "second"])
def test_mirror_is_opened_by_any_copy_that_is_here(kind: str, present: tuple[str, ...], tmp_path: Path) -> None:
    text = logical_text("home", f"extent_count = 4\n{MIRRORS[kind]}")
    for number in (0, 1):
        text += logical_text(f"m{number}", stripes(1, (f"pv{number}", 0)), visible=False)
        text += logical_text(f"i{number}", stripes(4, (f"pv{number}", 1)), visible=False)
    disks = written_group({"pv0": 8, "pv1": 8}, text)
    volume = make_ext(tmp_path, "-b", "1024", kind="ext2", size=4 << 20).read_bytes()
    for disk in disks.values():
        _scattered(volume, [disk], [(0, 1)], UNIT)
    image = _disk(tmp_path, [disks[name] for name in present])
    volumes, remarks = _scan(image)
    assert [row.code for row in remarks] == ([] if len(present) == 2 else ["unsupported"])
    assert _text_of(image, volumes["p1!lv:vg0/home"]) == TEXT


@pytest.mark.parametrize(
    ("segment", "word"),
    [
        ('type = "thin-pool"\nmetadata = "x"', "thin pool"),
        ('type = "raid5"\nraids = ["a", "b"]', "raid5"),
        ('type = "cache"\ncache_pool = "x"', "cached"),
        ('type = "unheard-of"', "unheard-of"),
        ('type = "striped"\nstripe_count = 1\nstripes = ["pv1", 2]', "needs the physical volume pv1"),
        ('type = "striped"\nstripe_count = 1\nstripes = ["pv0", 6]', "outside"),
        ('type = "raid1"\nraids = ["home", "home"]', "without end"),
        ('type = "striped"\nstripe_count = 2\nstripe_size = 0\nstripes = ["pv0", 0, "pv0", 1]', "do not share"),
    ],
)  # fmt: skip
def test_what_is_not_put_together_is_named_with_its_length(segment: str, word: str, tmp_path: Path) -> None:
    disks = written_group({"pv0": 8, "pv1": 8}, logical_text("home", f"extent_count = 4\n{segment}"))
    volumes, remarks = _scan(_disk(tmp_path, [disks["pv0"]]))
    row = volumes["p1!lv:vg0/home"]
    assert (row.state, row.length, row.reader, row.runs) == (VolumeState.UNSUPPORTED, 4 << 20, "", ())
    said = [remark for remark in remarks if remark.address == row.address]
    assert [(remark.code, remark.severity) for remark in said] == [("unsupported", Severity.LOSS)]
    assert word in said[0].message


def test_disk_of_a_virtual_machine_in_a_logical_volume_has_its_partitions(tmp_path: Path) -> None:
    inside = gpt_disk([make_ext(tmp_path, "-b", "1024", kind="ext2", size=3 << 20).read_bytes()])
    disks = written_group({"pv0": 8, "pv1": 8}, logical_text("vm", stripes(2, ("pv1", 2)), stripes(2, ("pv0", 5))))
    parts = [disks["pv0"], disks["pv1"]]
    _scattered(inside.ljust(4 << 20, b"\0")[: 2 << 20], parts, [(1, 2)], UNIT)
    _scattered(inside.ljust(4 << 20, b"\0")[2 << 20 :], parts, [(0, 5)], UNIT)
    image = _disk(tmp_path, parts)
    volumes, _ = _scan(image)
    row = volumes["p1!lv:vg0/vm!part:p1"]
    assert (volumes["p1!lv:vg0/vm"].reader, row.state, row.file_system) == ("layer", VolumeState.OPEN, "ext2")
    assert _text_of(image, row) == TEXT
    regions = list(open_file_system(image, volumes["p1!lv:vg0/vm"], OPTIONS).regions())
    assert {(region.class_, region.name) for region in regions if isinstance(region, Region)} >= {
        (ExtentClass.VOLUME_METADATA, "GPT header")
    }


def test_snapshot_s_own_blocks_are_no_file_system(tmp_path: Path) -> None:
    text = logical_text("root", stripes(2, ("pv0", 0))) + logical_text("snap", stripes(2, ("pv0", 2)))
    cow = 'extent_count = 2\ntype = "snapshot"\nchunk_size = 8\norigin = "root"\ncow_store = "snap"'
    disks = written_group({"pv0": 8}, text + logical_text("snapshot0", cow, visible=False))
    volumes, remarks = _scan(_disk(tmp_path, [disks["pv0"]]))
    assert volumes["p1!lv:vg0/snap"].state == VolumeState.UNSUPPORTED
    assert any("snapshot of root" in remark.message for remark in remarks)


def test_physical_volume_whose_group_nobody_describes_is_named(tmp_path: Path) -> None:
    disks = written_group({"pv0": 4}, "")
    body = disks["pv0"]
    body[512 + 104 : 512 + 120] = bytes(16)  # the label names no metadata area
    volumes, remarks = _scan(_disk(tmp_path, [body]))
    assert volumes["p1!lv:unknown"].state == VolumeState.UNSUPPORTED
    assert [row.code for row in remarks] == ["layer-damaged"]
