"""Laws of volume shadow copies: each is the volume as it was, and its unchanged files are today's, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
import pyvshadow

from pipeline.access.content import Opener
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions, Image
from pipeline.access.layers import SnapshotBytes
from pipeline.access.reconcile import list_volume
from pipeline.access.volumes import open_volume, scan_volumes
from pipeline.access.vss import read_places
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Diagnostic, FileEntry, Origin, Run, Volume, VolumeState
from tests.builders import images
from tests.builders.disks import Bytes
from tests.builders.tree import Item, at
from tests.builders.vss import BLOCK, Era, snapshot_volume

OPTIONS = FileSystemOptions()
SIZE = 24 << 20
START = 2048 * 512
pytestmark = pytest.mark.tools
WHEN = at("2022-06-02 10:00:00")
SAME, OLD, MIDDLE, NEW, GONE = (word * 9000 for word in (b"same ", b"first ", b"second", b"third ", b"gone "))


def _item(path: str, data: bytes) -> Item:
    return Item(path=path, data=data, created=WHEN, modified=WHEN, accessed=WHEN)


ERAS = (
    Era(write=[_item("same.txt", SAME), _item("changed.txt", OLD), _item("gone.txt", GONE)]),
    Era(write=[_item("changed.txt", MIDDLE)], remove=["gone.txt"]),
    Era(write=[_item("changed.txt", NEW)]),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, list[bytes]]:
    """A disk, its volume of today, and the volume at the time of each snapshot."""
    missing = images.missing_tools()
    if missing:
        pytest.skip(f"left out: {', '.join(missing)} not installed")
    folder = tmp_path_factory.mktemp("vss")
    volume, states = snapshot_volume(folder, SIZE, ERAS)
    path = folder / "disk.raw"
    path.write_bytes(images.disk(volume, kind=7, signature=0x5AFE0901))
    return path, volume, states


def _volumes(image: Image) -> tuple[list[Volume], list[Diagnostic]]:
    rows = list(scan_volumes(image, "EX-01", OPTIONS))
    return [row for row in rows if isinstance(row, Volume)], [row for row in rows if isinstance(row, Diagnostic)]


def _live(image: Image, volume: Volume) -> dict[str, FileEntry]:
    rows = [row for row in list_volume(image, volume, OPTIONS) if isinstance(row, FileEntry)]
    return {row.path: row for row in rows if row.origin == Origin.ALLOCATED and not row.stream}


def test_libvshadow_gives_the_volume_as_it_was(made: tuple[Path, bytes, list[bytes]], tmp_path: Path) -> None:
    _, volume, states = made
    (tmp_path / "volume").write_bytes(volume)
    handle = pyvshadow.volume()
    handle.open(str(tmp_path / "volume"))
    assert handle.number_of_stores == len(states) == 2
    own = [at for at in range(0, SIZE, BLOCK) if volume[at : at + 16] == volume[0x1E00:0x1E10]]
    for number, state in enumerate(states):
        told = handle.get_store(number).read_buffer_at_offset(SIZE, 0)
        other = [at for at in range(BLOCK, SIZE, BLOCK) if told[at : at + BLOCK] != state[at : at + BLOCK]]
        assert min(other) >= min(own)
        assert len(other) <= 8 + 2 * number + 20  # the catalog, both stores' structures and what they have copied


def test_every_snapshot_is_a_volume_with_its_files(made: tuple[Path, bytes, list[bytes]]) -> None:
    image = open_image(made[0])
    (today, first, second), remarks = _volumes(image)
    assert remarks == []
    assert [(row.address, row.state, row.scheme, row.reader) for row in (first, second)] == [
        ("EX-01!part:p1!snapshot:1", VolumeState.OPEN, "vss", "own"),
        ("EX-01!part:p1!snapshot:2", VolumeState.OPEN, "vss", "own"),
    ]
    held = {
        volume.address: {
            path.lstrip("/"): Opener(image, {volume.address: volume}, OPTIONS).open(entry).read(0, 1 << 20)
            for path, entry in _live(image, volume).items() if path.endswith(".txt")
        }
        for volume in (today, first, second)
    }  # fmt: skip
    assert held == {
        today.address: {"same.txt": SAME, "changed.txt": NEW},
        first.address: {"same.txt": SAME, "changed.txt": OLD, "gone.txt": GONE},
        second.address: {"same.txt": SAME, "changed.txt": MIDDLE},
    }


def test_unchanged_file_of_a_snapshot_is_today_s_by_its_runs(made: tuple[Path, bytes, list[bytes]]) -> None:
    image = open_image(made[0])
    (today, *snapshots), _ = _volumes(image)
    runs = _live(image, today)["/same.txt"].runs
    for volume in snapshots:
        listed = _live(image, volume)
        assert (listed["/same.txt"].runs, listed["/same.txt"].reader) == (runs, "runs")
        assert listed["/changed.txt"].runs != _live(image, today)["/changed.txt"].runs
    assert b"".join(image.read(run.start, run.length) for run in runs)[: len(SAME)] == SAME


def test_places_name_the_bytes_that_libvshadow_reads(made: tuple[Path, bytes, list[bytes]]) -> None:
    image = open_image(made[0])
    (_, *snapshots), _ = _volumes(image)
    told = 0
    for volume in snapshots:
        data = open_volume(image, volume, OPTIONS)
        assert isinstance(data, SnapshotBytes)
        places = data.places()
        assert places is not None
        for start in range(0, SIZE, 3 * BLOCK // 2):
            where = places.of([Run(start=start, length=3 * BLOCK // 2)])
            if where is not None:
                told += 1
                read = b"".join(data.below.read(run.start, run.length) for run in where)
                assert read == data.read(start, 3 * BLOCK // 2)
    assert told > 2000


def test_copied_twice_forwarded_or_overlaid_has_no_place(made: tuple[Path, bytes, list[bytes]]) -> None:
    volume = bytearray(made[1])
    at = volume.find(bytes(volume[0x1E00:0x1E10]) + b"\1\0\0\0\3\0\0\0")
    original = int.from_bytes(volume[at + 128 : at + 136], "little")
    wanted = [Run(start=original, length=BLOCK)]
    plain = [places.of(wanted) for _, places in read_places(Bytes(bytes(volume)))]
    for flags in (1, 2):
        volume[at + 128 + 24] = flags
        marked = [places.of(wanted) for _, places in read_places(Bytes(bytes(volume)))]
        assert marked != plain
        assert None in marked
    volume[at + 128 + 24] = 0
    volume[at + 160 : at + 192] = volume[at + 128 : at + 160]
    assert None in [places.of(wanted) for _, places in read_places(Bytes(bytes(volume)))]


@pytest.mark.parametrize("damage", ["catalog loops", "list loops", "no list", "header", "elsewhere"])
def test_damaged_structures_end_soon_and_give_no_place(
    damage: str, made: tuple[Path, bytes, list[bytes]], tmp_path: Path
) -> None:
    volume = bytearray(made[1])
    mark = bytes(volume[0x1E00:0x1E10])
    catalog = int.from_bytes(volume[0x1E30:0x1E38], "little")
    listed = volume.find(mark + b"\1\0\0\0\3\0\0\0")
    if damage.endswith("loops"):
        place = catalog if damage.startswith("catalog") else listed
        volume[place + 40 : place + 48] = place.to_bytes(8, "little")
    elif damage == "no list":
        volume[catalog + 256 : catalog + 384] = bytes(128)
    elif damage == "header":
        volume[0x1E30:0x1E38] = (1 << 62).to_bytes(8, "little")
    else:
        volume[listed + 32] ^= 64
    with pytest.raises(ParseError):
        read_places(Bytes(bytes(volume)))
    path = tmp_path / "disk.raw"
    path.write_bytes(images.disk(bytes(volume), kind=7, signature=1))
    image = open_image(path)
    for row in _volumes(image)[0][1:]:
        try:
            entries = _live(image, row).values() if row.state == VolumeState.OPEN else ()
        except UnreadableError:
            continue  # which the stage writes down as a volume that is not listed
        assert all(entry.reader == "file-system" or not entry.runs for entry in entries)
