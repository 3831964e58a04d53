"""Laws of dynamic disks: what lies on the disk is opened, what needs others is named with its length and its parts."""

from __future__ import annotations

import json
import struct
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from pipeline.access.content import Opener
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions, Image
from pipeline.access.ldm_records import read_database, read_header
from pipeline.access.reconcile import list_volume
from pipeline.access.volumes import open_volume, scan_volumes, volume_regions
from pipeline.errors import ParseError
from pipeline.records import Diagnostic, FileEntry, Severity, Volume, VolumeState
from tests.builders.disks import Bytes, gpt_disk
from tests.builders.file_systems import TEXT, make_ext, tool
from tests.builders.ldm import GROUP, SECTOR, START, Dynamic, Piece, dynamic_disks

OPTIONS = FileSystemOptions()
SIZES = (40000, 30000)
N = (4 << 20) // SECTOR
VOLUMES = {
    "Simple": Dynamic(name="Simple", copies=[[Piece(0, 100, N)]], hint="D:"),
    "Spanned": Dynamic(name="Spanned", copies=[[Piece(0, 16000, 3000), Piece(0, 10000, N - 3000)]]),
    "Mirrored": Dynamic(name="Mirrored", copies=[[Piece(1, 100, N)], [Piece(0, 20000, N)]]),
    "Columns": Dynamic(
        name="Columns", layout=1, chunk=128, copies=[[Piece(0, 34000, N // 2, 1), Piece(0, 29000, N // 2, 0)]]
    ),
    "Apart": Dynamic(name="Apart", layout=1, chunk=128, copies=[[Piece(0, 39000, 512, 0), Piece(1, 12000, 512, 1)]]),
    "Parity": Dynamic(
        name="Parity", layout=3, chunk=128, kind="raid5", copies=[[Piece(0, 39600, 128, n) for n in (0, 1, 2)]]
    ),
}  # fmt: skip
pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("ext")
    return make_ext(folder, "-b", "1024", kind="ext2", size=4 << 20, files=12).read_bytes()


def _disks(volume: bytes) -> list[bytes]:
    rows = [(row, volume if row.length == N else b"") for row in VOLUMES.values()]
    return dynamic_disks(SIZES, rows)


def _image(folder: Path, data: bytes) -> Image:
    path = folder / "disk"
    path.write_bytes(data)
    return open_image(path)


def _scan(image: Image) -> tuple[dict[str, Volume], list[Diagnostic]]:
    rows = list(scan_volumes(image, "EX-01", OPTIONS))
    volumes = {row.address.removeprefix("EX-01!"): row for row in rows if isinstance(row, Volume)}
    return volumes, [row for row in rows if isinstance(row, Diagnostic)]


@pytest.mark.parametrize("name", ["Simple", "Spanned", "Mirrored", "Columns"])
def test_volume_on_one_disk_is_opened(name: str, volume: bytes, tmp_path: Path) -> None:
    image = _image(tmp_path, _disks(volume)[0])
    row = _scan(image)[0][f"ldm:{name}"]
    assert (row.state, row.file_system, row.length) == (VolumeState.OPEN, "ext2", len(volume))
    assert open_volume(image, row, OPTIONS).read(0, 1 << 30) == volume
    rows = [entry for entry in list_volume(image, row, OPTIONS) if isinstance(entry, FileEntry)]
    (entry,) = [entry for entry in rows if entry.path == "/x.txt"]
    assert (entry.reader, Opener(image, {row.address: row}, OPTIONS).open(entry).read(0, 9999)) == ("runs", TEXT)


def test_simple_volume_keeps_its_letter_and_its_place(volume: bytes, tmp_path: Path) -> None:
    volumes, _ = _scan(_image(tmp_path, _disks(volume)[0]))
    assert (volumes["ldm:Simple"].start, volumes["ldm:Spanned"].start) == (
        (START + 100) * SECTOR, (START + 16000) * SECTOR,
    )  # fmt: skip
    assert not any(name.startswith("part") for name in volumes)


@pytest.mark.parametrize(("name", "length", "here"), [("Apart", 1024, 512), ("Parity", 384, 384)])
def test_volume_that_cannot_be_put_together_is_named(
    name: str, length: int, here: int, volume: bytes, tmp_path: Path
) -> None:
    volumes, remarks = _scan(_image(tmp_path, _disks(volume)[0]))
    row = volumes[f"ldm:{name}"]
    assert (row.state, row.length, row.reader) == (VolumeState.UNSUPPORTED, length * SECTOR, "")
    assert sum(run.length for run in row.runs) == here * SECTOR
    said = [remark for remark in remarks if remark.address == row.address]
    assert [(remark.code, remark.severity) for remark in said] == [("unsupported", Severity.LOSS)]
    assert ("Disk2" in said[0].message) == (name == "Apart")


def test_second_disk_of_the_group_holds_its_own_part(volume: bytes, tmp_path: Path) -> None:
    image = _image(tmp_path, _disks(volume)[1])
    volumes, _ = _scan(image)
    assert {name for name, row in volumes.items() if row.state == VolumeState.OPEN} == {"ldm:Mirrored"}
    assert open_volume(image, volumes["ldm:Mirrored"], OPTIONS).read(0, 1 << 30) == volume


def test_database_and_header_are_volume_metadata(volume: bytes, tmp_path: Path) -> None:
    image = _image(tmp_path, _disks(volume)[0])
    rows = volume_regions(image, "EX-01", list(_scan(image)[0].values()))
    assert sorted((row.start, row.length) for row in rows) == [
        (0, SECTOR), (6 * SECTOR, SECTOR), ((START + SIZES[0]) * SECTOR, 2048 * SECTOR),
    ]  # fmt: skip


def test_damaged_database_is_said_and_hides_no_file(volume: bytes, tmp_path: Path) -> None:
    (disk,) = dynamic_disks([N], [(Dynamic(name="Whole", copies=[[Piece(0, 0, N)]]), volume)])
    data = bytearray(disk)
    at = data.find(b"VMDB")
    data[at : at + 4] = bytes(4)
    volumes, remarks = _scan(_image(tmp_path, bytes(data)))
    assert [(name, row.state) for name, row in volumes.items()] == [
        ("ldm:unknown", VolumeState.UNSUPPORTED), ("part:p1", VolumeState.OPEN),
    ]  # fmt: skip
    assert (volumes["part:p1"].file_system, [row.code for row in remarks]) == ("ext2", ["layer-damaged"])


@pytest.mark.parametrize("step", range(0, 4096, 61))
def test_damaged_records_are_refused_or_read(step: int) -> None:
    data = bytearray(_disks(b"")[0])
    at = data.find(b"VMDB") + step
    data[at : at + 4] = b"\xff" * 4
    try:
        header = read_header(Bytes(bytes(data)))
        found = read_database(Bytes(bytes(data)), header)
    except ParseError:
        return
    assert len(found.volumes) <= len(VOLUMES)


def test_dynamic_disk_of_gpt_keeps_its_header_behind_its_database(volume: bytes, tmp_path: Path) -> None:
    (disk,) = dynamic_disks([N + 200], [(Dynamic(name="Simple", copies=[[Piece(0, 100, N)]]), volume)])
    config = disk[-2048 * SECTOR :]
    header = bytearray(disk[6 * SECTOR : 7 * SECTOR])
    first = 64 + 2049  # a GPT disk of the builders begins its partitions at sector 64
    header[0x11B:0x12B] = struct.pack(">QQ", first, N + 200)
    header[0x12B:0x133] = struct.pack(">Q", 64)
    data = gpt_disk([config + bytes(header), disk[START * SECTOR : (START + N + 200) * SECTOR]])
    for number, guid in enumerate(("5808c8aa-7e8f-42e0-85d2-e1e90434cfb3", "af9b60a0-1431-4f62-bc68-3311714a69ad")):
        at = 2 * SECTOR + 128 * number
        data = data[:at] + uuid.UUID(guid).bytes_le + data[at + 16 :]
    image = _image(tmp_path, data)
    volumes, _ = _scan(image)
    assert [(name, row.state) for name, row in volumes.items()] == [("ldm:Simple", VolumeState.OPEN)]
    assert open_volume(image, volumes["ldm:Simple"], OPTIONS).read(0, 1 << 30) == volume


def test_record_of_a_change_not_carried_through_is_left_out() -> None:
    data = bytearray(_disks(b"")[0])
    at = data.find(b"Simple") - 1 - 2 - 8  # status, flags, type and size stand before the number and the name
    assert data[at - 16 : at - 12] == b"VBLK"
    data[at + 1] = 2
    found = read_database(Bytes(bytes(data)), read_header(Bytes(bytes(data))))
    assert {row.name for row in found.volumes.values()} == set(VOLUMES) - {"Simple"}


def test_libldm_finds_the_same_volumes_in_the_same_places(volume: bytes, tmp_path: Path) -> None:
    paths = [str(tmp_path / f"disk{number}") for number in range(2)]
    for path, data in zip(paths, _disks(volume), strict=True):
        Path(path).write_bytes(data)
    assert _told(paths, "show", "diskgroup", str(GROUP))["volumes"] == list(VOLUMES)
    volumes, _ = _scan(open_image(Path(paths[0])))
    for name in ("Simple", "Spanned", "Columns"):
        parts = _told(paths, "show", "volume", str(GROUP), name)["partitions"]
        told = [_told(paths, "show", "partition", str(GROUP), part) for part in parts]
        starts = {(START + part["start"]) * SECTOR for part in told}
        assert {run.start for run in volumes[f"ldm:{name}"].runs} >= starts
        assert sum(part["size"] for part in told) * SECTOR == volumes[f"ldm:{name}"].length


def _told(paths: list[str], *words: str) -> Any:
    options = [word for path in paths for word in ("-d", path)]
    done = subprocess.run([tool("ldmtool"), *options, *words], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)
