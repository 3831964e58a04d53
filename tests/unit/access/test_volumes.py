"""Laws of volumes: wiped beginnings, layers, unreadable sectors. File systems are made by their own tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.access.content import Opener
from pipeline.access.filesystems import open_file_system
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions, Image
from pipeline.access.layers import oldest_first
from pipeline.access.reconcile import list_volume
from pipeline.access.volumes import open_volume, scan_volumes, volume_regions
from pipeline.records import Diagnostic, ExtentClass, FileEntry, Region, Run, Severity, Volume, VolumeState
from tests.builders.disks import Medium, apm_disk, gpt_disk, lvm_disk
from tests.builders.file_systems import TEXT, make_exfat, make_ext, make_fat, make_ntfs

OPTIONS = FileSystemOptions()
pytestmark = pytest.mark.tools
MAKERS = {
    "NTFS": (make_ntfs, 512), "FAT32": (lambda folder: make_fat(folder, "-F", "32"), 512),
    "ext4": (make_ext, 4096),
}  # fmt: skip
INSIDE = {
    "NTFS": lambda folder: make_ntfs(folder, size=4 << 20), "exFAT": lambda folder: make_exfat(folder, size=4 << 20),
    "FAT12": lambda folder: make_fat(folder, "-F", "12", size=4 << 20),
    "ext2": lambda folder: make_ext(folder, "-b", "1024", kind="ext2", size=4 << 20),
}  # fmt: skip
ORDER = ("", *ExtentClass)


def _scan(image: Image) -> tuple[list[Volume], list[Diagnostic]]:
    rows = list(scan_volumes(image, "EX-01", OPTIONS))
    return [row for row in rows if isinstance(row, Volume)], [row for row in rows if isinstance(row, Diagnostic)]


def _image(folder: Path, data: bytes) -> Image:
    path = folder / "image.raw"
    path.write_bytes(data)
    return open_image(path)


def _file(image: Image, volume: Volume) -> FileEntry:
    rows = [row for row in list_volume(image, volume, OPTIONS) if isinstance(row, FileEntry)]
    (entry,) = [row for row in rows if row.path.lower() == "/x.txt"]
    return entry


def _wiped(path: Path, length: int) -> bytes:
    return bytes(length) + path.read_bytes()[length:]


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_wiped_beginning_changes_no_place_of_a_file(name: str, tmp_path: Path) -> None:
    make, length = MAKERS[name]
    path = make(tmp_path)
    whole, wiped = open_image(path), _image(tmp_path, _wiped(path, length))
    volumes, remarks = _scan(wiped)
    assert [(row.file_system, row.state) for row in volumes] == [(name, VolumeState.OPEN)]
    assert [(row.code, row.severity) for row in remarks] == [("backup-boot-sector", Severity.WARNING)]
    found, known = _file(wiped, volumes[0]), _file(whole, _scan(whole)[0][0])
    assert (found.runs, found.size, found.id) == (known.runs, known.size, known.id)
    assert Opener(wiped, {volumes[0].address: volumes[0]}, OPTIONS).open(found).read(0, 9999) == TEXT


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_wiped_beginning_changes_no_free_space(name: str, tmp_path: Path) -> None:
    make, length = MAKERS[name]
    path = make(tmp_path)
    regions = []
    for image in (open_image(path), _image(tmp_path, _wiped(path, length))):
        (volume,), _ = _scan(image)
        fs = open_file_system(image, volume, OPTIONS)
        regions.append([(row.start, row.length) for row in fs.regions() if row.class_ == ExtentClass.UNALLOCATED])  # type: ignore[union-attr]
    assert regions[0] == regions[1] != []


def test_wiped_exfat_is_opened_by_its_backup_region(tmp_path: Path) -> None:
    image = _image(tmp_path, _wiped(make_exfat(tmp_path), 512))
    (volume,), remarks = _scan(image)
    assert (volume.file_system, volume.state) == ("exFAT", VolumeState.OPEN)
    assert [row.code for row in remarks] == ["backup-boot-sector"]
    assert open_volume(image, volume, OPTIONS).read(3, 8) == b"EXFAT   "


def test_volume_with_a_wiped_copy_too_is_unknown_and_said(tmp_path: Path) -> None:
    data = bytearray(_wiped(make_ntfs(tmp_path), 512))
    data[-512:] = bytes(512)
    (volume,), remarks = _scan(_image(tmp_path, bytes(data)))
    assert (volume.state, [row.code for row in remarks]) == (VolumeState.UNSUPPORTED, ["no-file-system"])


def test_copy_that_states_another_size_is_not_taken(tmp_path: Path) -> None:
    data = _wiped(make_ntfs(tmp_path), 512)
    (volume,), _ = _scan(_image(tmp_path, bytes(1 << 20) + data))
    assert volume.state == VolumeState.UNSUPPORTED


def test_sound_volume_is_never_replaced_by_its_copy(tmp_path: Path) -> None:
    data = bytearray(make_ntfs(tmp_path).read_bytes())
    data[72:80] = b"\1\2\3\4\5\6\7\10"
    (volume,), remarks = _scan(_image(tmp_path, bytes(data)))
    assert (volume.serial, remarks) == ("0807060504030201", [])


def test_unreadable_boot_sector_is_opened_by_its_copy(tmp_path: Path) -> None:
    image = Medium(make_fat(tmp_path, "-F", "32"), broken=[(0, 512)])
    (volume,), remarks = _scan(image)
    assert (volume.file_system, [row.code for row in remarks]) == ("FAT32", ["backup-boot-sector"])


def test_unreadable_beginning_of_one_partition_leaves_the_other(tmp_path: Path) -> None:
    volume = make_fat(tmp_path, size=2 << 20).read_bytes()
    path = tmp_path / "disk"
    path.write_bytes(gpt_disk([volume, volume]))
    volumes, remarks = _scan(Medium(path, broken=[(64 * 512, 4096)]))
    assert [row.state for row in volumes] == [VolumeState.UNSUPPORTED, VolumeState.OPEN]
    assert [(row.address, row.code, row.severity) for row in remarks] == [
        ("EX-01!part:p1", "volume-unreadable", Severity.LOSS)
    ]


def test_unreadable_partition_table_is_said(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(gpt_disk([make_fat(tmp_path, size=2 << 20).read_bytes()]))
    volumes, remarks = _scan(Medium(path, broken=[(512, 512)]))
    assert [row.address for row in volumes] == ["EX-01!part:p1"]
    assert [row.code for row in remarks] == ["partition-table-unreadable", "gpt-backup"]


def test_apple_partitions_from_the_second_on_are_volumes(tmp_path: Path) -> None:
    volume = make_fat(tmp_path, size=2 << 20).read_bytes()
    image = _image(tmp_path, apm_disk([("DOS_FAT_12", volume), ("DOS_FAT_12", volume), ("DOS_FAT_12", volume)]))
    volumes, _ = _scan(image)
    assert [(row.address, row.start) for row in volumes] == [
        ("EX-01!part:p2", 32768), ("EX-01!part:p3", 2129920), ("EX-01!part:p4", 4227072),
    ]  # fmt: skip
    assert {_file(image, row).size for row in volumes} == {5000}


def test_partition_table_is_volume_metadata(tmp_path: Path) -> None:
    image = _image(tmp_path, gpt_disk([make_fat(tmp_path, size=2 << 20).read_bytes()]))
    rows = list(volume_regions(image, "EX-01", _scan(image)[0]))
    assert {row.class_ for row in rows} == {ExtentClass.VOLUME_METADATA}
    assert sum(row.length for row in rows) == 512 + 512 + 16384 + 16384 + 512


PLACES = {"one stretch": (4, 5, 6, 7), "two stretches": (6, 7, 1, 2), "four stretches": (7, 5, 3, 1)}


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("name", ["FAT12", "ext2", "NTFS"])
def test_file_in_a_logical_volume_lies_on_the_image(name: str, places: tuple[int, ...], tmp_path: Path) -> None:
    volume = INSIDE[name](tmp_path).read_bytes()
    image = _image(tmp_path, lvm_disk([("home", places, volume)], extents=8))
    (manager, logical), remarks = _scan(image)
    assert (manager.file_system, manager.reader, remarks) == ("LVM", "layer", [])
    assert (logical.address, logical.start, logical.length) == (
        "EX-01!lv:vg0/home", (places[0] + 1) << 20, len(volume),
    )  # fmt: skip
    assert (logical.direct, logical.file_system, logical.state) == (False, name, VolumeState.OPEN)
    entry = _file(image, logical)
    assert entry.listed_by.split("+")[0] == logical.reader
    read = Opener(image, {logical.address: logical}, OPTIONS).open(entry).read(0, 9999)
    assert read == b"".join(image.read(run.start, run.length) for run in entry.runs)[: entry.size] == TEXT


@pytest.mark.parametrize("name", ["FAT12", "exFAT", "ext2", "NTFS"])
def test_regions_of_a_logical_volume_are_those_of_its_file_system(name: str, tmp_path: Path) -> None:
    path = INSIDE[name](tmp_path)
    alone, size = open_image(path), path.stat().st_size
    moved = _image(tmp_path, lvm_disk([("home", (7, 5, 3, 1), path.read_bytes())], extents=8))
    classes = []
    for image in (alone, moved):
        volume = _scan(image)[0][-1]
        rows = [row for row in open_file_system(image, volume, OPTIONS).regions() if isinstance(row, Region)]
        map_, own = bytearray(image.size), bytearray()
        for row in rows:
            map_[row.start : row.start + row.length] = bytes([ORDER.index(row.class_)]) * row.length
        for run in volume.runs or (Run(start=0, length=size),):
            own += map_[run.start : run.start + run.length]
        classes.append(bytes(own))
        assert sum(map(bool, own)) == sum(map(bool, map_))
    assert classes[0] == classes[1] != bytes(size)


@pytest.mark.parametrize("broken", [[], [(4096, 512)]], ids=["damaged", "unreadable"])
def test_lost_volume_group_is_said_and_counts_as_not_examined(broken: list[tuple[int, int]], tmp_path: Path) -> None:
    data = bytearray(lvm_disk([("home", (0,), b"")], extents=1))
    data[4096:8192] = bytes(4096)
    path = tmp_path / "disk"
    path.write_bytes(data)
    volumes, remarks = _scan(Medium(path, broken=broken))
    assert [(row.address, row.state, row.length) for row in volumes] == [
        ("EX-01", VolumeState.OPEN, len(data)), ("EX-01!lv:unknown", VolumeState.UNSUPPORTED, len(data)),
    ]  # fmt: skip
    assert [(row.code, row.severity, row.address) for row in remarks] == [("layer-damaged", Severity.LOSS, "EX-01")]


def test_snapshots_are_numbered_by_age() -> None:
    assert oldest_first([300, 100, 200, 100]) == [1, 3, 2, 0]
    assert oldest_first([]) == []
