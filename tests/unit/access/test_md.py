"""Laws of Linux software RAID: every layout is put together byte by byte, with what is missing said or made up for."""

from __future__ import annotations

import subprocess
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
from tests.builders.file_systems import TEXT, make_ext, tool
from tests.builders.md import UUID, Raid, build

OPTIONS = FileSystemOptions()
SHARE = 2 << 20
pytestmark = pytest.mark.tools
VERSIONS = ("0.90", "1.0", "1.1", "1.2")
LAYOUTS = {
    "linear": Raid(level=-1, members=3, share=SHARE), "raid0": Raid(level=0, members=3, share=SHARE, layout=0),
    "raid4": Raid(level=4, members=3, share=SHARE, layout=0),
    **{f"raid5 layout {n}": Raid(level=5, members=4, share=SHARE, layout=n) for n in range(6)},
    **{f"raid6 layout {n}": Raid(level=6, members=5, share=SHARE, layout=n) for n in range(6)},
    "raid10 near 2 of 2": Raid(level=10, members=2, share=2 * SHARE, layout=0x102),
    "raid10 near 2 of 3": Raid(level=10, members=3, share=2 * SHARE, layout=0x102),
    "raid10 near 2 of 4": Raid(level=10, members=4, share=SHARE, layout=0x102),
    "raid10 far 2 of 3": Raid(level=10, members=3, share=2 * SHARE, layout=0x201),
    "raid10 offset 2 of 3": Raid(level=10, members=3, share=2 * SHARE, layout=0x10201),
}  # fmt: skip


@pytest.fixture(scope="session")
def volume(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("ext")
    return make_ext(folder, "-b", "1024", kind="ext2", size=4 << 20, files=12).read_bytes()


def _disk(folder: Path, parts: Sequence[bytes]) -> Image:
    path = folder / "disk"
    path.write_bytes(gpt_disk(list(parts)))
    return open_image(path)


def _scan(image: Image) -> tuple[dict[str, Volume], list[Diagnostic]]:
    rows = list(scan_volumes(image, "EX-01", OPTIONS))
    volumes = {row.address.removeprefix("EX-01!part:"): row for row in rows if isinstance(row, Volume)}
    return volumes, [row for row in rows if isinstance(row, Diagnostic)]


def _text_of(image: Image, volume: Volume) -> bytes:
    rows = [row for row in list_volume(image, volume, OPTIONS) if isinstance(row, FileEntry)]
    (entry,) = [row for row in rows if row.path == "/x.txt"]
    assert entry.reader == ("runs" if volume.runs or volume.direct else "file-system")
    return Opener(image, {volume.address: volume}, OPTIONS).open(entry).read(0, 9999)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("raid", LAYOUTS.values(), ids=LAYOUTS)
def test_array_of_all_its_members_is_put_together(raid: Raid, version: str, volume: bytes, tmp_path: Path) -> None:
    raid = Raid(**{**_fields(raid), "version": version})
    if raid.share >= len(volume) and version in {"0.90", "1.0"}:
        pytest.skip("a file system of one group that fits a member is taken to begin there")
    image = _disk(tmp_path, build(raid, volume))
    volumes, remarks = _scan(image)
    name = next(name for name in volumes if "raid" in name)
    assert (remarks, name) == ([], f"p1!raid:{'md0' if version == '0.90' else 'host:home'}")
    row = volumes[name]
    assert (row.state, row.file_system) == (VolumeState.OPEN, "ext2")
    assert open_volume(image, row, OPTIONS).read(0, len(volume)) == volume
    assert b"".join(image.read(run.start, run.length) for run in row.runs)[: len(volume)] == volume


def _fields(raid: Raid) -> dict[str, object]:
    return {name: getattr(raid, name) for name in raid.__dataclass_fields__}


@pytest.mark.parametrize("name", ["raid0", "raid5 layout 2", "raid10 near 2 of 4"])
def test_file_of_an_array_has_its_places_on_the_image(name: str, volume: bytes, tmp_path: Path) -> None:
    image = _disk(tmp_path, build(LAYOUTS[name], volume))
    assert _text_of(image, _scan(image)[0]["p1!raid:host:home"]) == TEXT


@pytest.mark.parametrize("layout", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("gone", [0, 1, 2])
def test_one_missing_member_of_a_raid5_is_made_up_by_parity(
    layout: int, gone: int, volume: bytes, tmp_path: Path
) -> None:
    members = build(Raid(level=5, members=3, share=SHARE, layout=layout), volume)
    image = _disk(tmp_path, members[:gone] + members[gone + 1 :])
    volumes, remarks = _scan(image)
    row = volumes["p1!raid:host:home"]
    assert ([remark.code for remark in remarks], row.runs, row.direct) == (["raid-degraded"], (), False)
    assert open_volume(image, row, OPTIONS).read(0, len(volume)) == volume
    assert _text_of(image, row) == TEXT


@pytest.mark.parametrize(
    ("raid", "gone", "length"),
    [
        (LAYOUTS["raid0"], 1, 2 * SHARE),
        (LAYOUTS["linear"], 2, 2 * SHARE),
        (LAYOUTS["raid6 layout 2"], 1, 3 * SHARE),
        (Raid(level=5, members=4, share=SHARE, feature=4), -1, 3 * SHARE),
        (Raid(level=5, members=4, share=SHARE, layout=7), -1, 3 * SHARE),
        (Raid(level=5, members=4, share=SHARE, chunk=0), -1, 3 * SHARE),
    ],
    ids=["raid0", "linear", "raid6", "reshape", "layout", "chunk"],
)
def test_array_that_cannot_be_put_together_is_named_with_its_length(
    raid: Raid, gone: int, length: int, volume: bytes, tmp_path: Path
) -> None:
    members = build(Raid(**{**_fields(raid), "chunk": 65536, "layout": 2}), volume) if gone < 0 else build(raid, volume)
    if gone < 0:
        members = [_restamped(raid, number, member) for number, member in enumerate(members)]
    image = _disk(tmp_path, [member for number, member in enumerate(members) if number != gone])
    volumes, remarks = _scan(image)
    row = volumes["p1!raid:host:home"]
    assert (row.state, row.length, row.reader) == (VolumeState.UNSUPPORTED, length, "")
    assert [(remark.code, remark.severity) for remark in remarks] == [("unsupported", Severity.LOSS)]


def _restamped(raid: Raid, number: int, member: bytes) -> bytes:
    """Return a device with the superblock of another description over the same data."""
    blank = Raid(**{**_fields(raid), "level": -1})
    head = build(blank, b"")[number][:8192]
    changed = bytearray(head)
    changed[4096 + 72 : 4096 + 80] = raid.level.to_bytes(4, "little") + raid.layout.to_bytes(4, "little")
    changed[4096 + 80 : 4096 + 88] = (raid.share // 512).to_bytes(8, "little")
    changed[4096 + 216 : 4096 + 220] = bytes(4)
    total = sum(
        int.from_bytes(changed[at : at + 4], "little") for at in range(4096, 4096 + 256 + 2 * raid.members, 4)
    )  # fmt: skip
    checksum = (total & 0xFFFFFFFF) + (total >> 32)
    changed[4096 + 216 : 4096 + 220] = (checksum & 0xFFFFFFFF).to_bytes(4, "little")
    return bytes(changed) + member[8192:]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("present", [(0, 1), (0,), (1,)])
def test_mirror_is_one_volume_by_any_of_its_members(
    present: tuple[int, ...], version: str, volume: bytes, tmp_path: Path
) -> None:
    members = build(Raid(level=1, members=2, share=4 << 20, version=version, chunk=0, layout=0), volume)
    image = _disk(tmp_path, [members[number] for number in present])
    volumes, remarks = _scan(image)
    (row,) = [row for name, row in volumes.items() if "raid" in name]
    assert [remark.code for remark in remarks] == ([] if len(present) == 2 else ["raid-degraded"])
    assert (row.address.count("!"), row.length) == (2, 4 << 20)
    assert _text_of(image, row) == TEXT


@pytest.mark.parametrize("events", [(17, 17), (17, 3)], ids=["same events", "older"])
def test_copies_that_differ_are_each_a_volume(events: tuple[int, int], volume: bytes, tmp_path: Path) -> None:
    raid = Raid(level=1, members=2, share=4 << 20, chunk=0, layout=0)
    other = volume.replace(TEXT[:1024], b"HELLO" * 204 + b"HELL")
    members = [build(raid, volume, events=events)[0], build(raid, other, events=events)[1]]
    members[1] = members[1][:1048576] + other + members[1][1048576 + len(other) :]
    head = bytearray(members[1])
    head[1048576 + 1024 + 120 : 1048576 + 1024 + 130] = b"other name"  # the label, inside the first sample
    image = _disk(tmp_path, [members[0], bytes(head)])
    volumes, remarks = _scan(image)
    found = {name: row for name, row in volumes.items() if "raid" in name}
    assert list(found) == ["p1!raid:host:home", "p2!raid:host:home/1"]
    assert "raid-copies-differ" in [remark.code for remark in remarks]
    assert _text_of(image, found["p1!raid:host:home"]) == TEXT
    assert _text_of(image, found["p2!raid:host:home/1"]) != TEXT


@pytest.mark.parametrize("version", ["0.90", "1.0"])
def test_old_superblock_behind_a_new_file_system_hides_no_file(version: str, volume: bytes, tmp_path: Path) -> None:
    members = build(Raid(level=0, members=2, share=4 << 20, version=version, layout=0), b"")
    image = _disk(tmp_path, [volume + member[len(volume) :] for member in members])
    volumes, remarks = _scan(image)
    assert ([row.file_system for row in volumes.values()], remarks) == (["ext2", "ext2"], [])
    assert [_text_of(image, row) for row in volumes.values()] == [TEXT, TEXT]


def test_file_system_whose_copies_lie_elsewhere_is_the_array_s(tmp_path: Path) -> None:
    long = make_ext(tmp_path, "-b", "1024", kind="ext2", size=20 << 20).read_bytes()
    image = _disk(tmp_path, build(Raid(level=10, members=3, share=20 << 20, version="1.0", layout=0x102), long))
    assert _text_of(image, _scan(image)[0]["p1!raid:host:home"]) == TEXT


def test_members_of_unequal_size_are_used_to_their_end(volume: bytes, tmp_path: Path) -> None:
    shares = [1 << 20, 3 << 20, 2 << 20]
    image = _disk(tmp_path, build(Raid(level=0, members=3, share=SHARE, layout=2), volume, shares=shares))
    row = _scan(image)[0]["p1!raid:host:home"]
    assert (row.length, open_volume(image, row, OPTIONS).read(0, len(volume))) == (6 << 20, volume)


def test_damaged_superblock_is_said_and_counts_as_not_examined(tmp_path: Path) -> None:
    members = build(LAYOUTS["raid0"], b"")
    broken = bytearray(members[0])
    broken[4096 + 64] ^= 1
    volumes, remarks = _scan(_disk(tmp_path, [bytes(broken)]))
    assert [(name, row.state) for name, row in volumes.items()] == [
        ("p1", VolumeState.OPEN), ("p1!raid:unknown", VolumeState.UNSUPPORTED),
    ]  # fmt: skip
    assert [remark.code for remark in remarks] == ["layer-damaged"]


@pytest.mark.parametrize("version", VERSIONS)
def test_member_is_metadata_data_and_free_space(version: str, volume: bytes, tmp_path: Path) -> None:
    image = _disk(tmp_path, build(Raid(level=0, members=2, share=SHARE, version=version, layout=0), volume))
    volumes, _ = _scan(image)
    seen = bytearray(image.size)
    for name in ("p1", "p2"):
        for region in open_file_system(image, volumes[name], OPTIONS).regions():
            assert isinstance(region, Region)
            assert region.class_ in {ExtentClass.VOLUME_METADATA, ExtentClass.UNALLOCATED}
            seen[region.start : region.start + region.length] = b"\1" * region.length
    for run in volumes[next(name for name in volumes if "raid" in name)].runs:
        assert not any(seen[run.start : run.start + run.length])
        seen[run.start : run.start + run.length] = b"\1" * run.length
    assert all(seen[volumes["p1"].start : volumes["p2"].start + volumes["p2"].length])


@pytest.mark.parametrize("raid", LAYOUTS.values(), ids=LAYOUTS)
def test_grub_s_own_reader_finds_the_same_file(raid: Raid, volume: bytes, tmp_path: Path) -> None:
    if raid.level == -1 or (raid.level in {5, 6} and raid.layout > 3):
        pytest.skip("GRUB does not read this layout")
    paths = [tmp_path / f"member{number}" for number in range(raid.members)]
    for path, data in zip(paths, build(raid, volume), strict=True):
        path.write_bytes(data)
    place = f"(mduuid/{UUID.hex()})/file-10"
    done = subprocess.run(
        [tool("grub-fstest"), "-c", str(len(paths)), *map(str, paths), "cat", place], check=True, capture_output=True
    )
    assert done.stdout == b"K" * 77000
    said = subprocess.run([tool("mdadm"), "--examine", str(paths[0])], check=True, capture_output=True, text=True)
    assert "- correct" in said.stdout
