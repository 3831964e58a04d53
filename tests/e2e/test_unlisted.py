"""A person's row in clusters that are allocated but belong to no listed file: classed as such, and found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.access.filesystems import open_file_system
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.volumes import scan_volumes
from pipeline.config import Case
from pipeline.records import FileEntry, Volume
from tests.builders.cases import make_case, rows_of, run_to
from tests.builders.disks import gpt_disk
from tests.builders.fat_image import ExfatImage, FatImage, VolumeImage
from tests.builders.file_systems import make_ext, make_ntfs, run
from tests.builders.people import generate

PERSON = generate(1, 11)[0]
ROW = ("\t".join(PERSON.cells()) + "\r\n").encode("cp932")


def _marked(volume: VolumeImage) -> tuple[bytes, int]:
    """Take clusters, mark them in use, and let no directory name them."""
    volume.create("/listed.txt", b"nothing of anyone" * 40)
    clusters = volume.take(3)
    volume.link(clusters)
    for number, cluster in enumerate(clusters):
        volume.put(cluster, ROW[number * 512 : (number + 1) * 512])
    return volume.image(), volume.start + (clusters[0] - 2) * volume.cluster


def _fat(folder: Path) -> tuple[bytes, int]:
    return _marked(FatImage(16, clusters=4200))


def _exfat(folder: Path) -> tuple[bytes, int]:
    return _marked(ExfatImage(clusters=600))


def _ntfs(folder: Path) -> tuple[bytes, int]:
    """Set bits of $Bitmap, whose own runs the listing gives."""
    path = make_ntfs(folder)
    image = open_image(path)
    (volume,) = [row for row in scan_volumes(image, "EX-01", FileSystemOptions()) if isinstance(row, Volume)]
    entries = open_file_system(image, volume, FileSystemOptions()).entries()
    (bitmap,) = [row for row in entries if isinstance(row, FileEntry) and row.path == "/$Bitmap" and not row.stream]
    raw, (run_, *_) = bytearray(path.read_bytes()), bitmap.runs
    byte = raw.index(b"\0\0", run_.start, run_.start + run_.length)
    raw[byte] = 0xFF
    at = (byte - run_.start) * 8 * volume.block_size
    raw[at : at + len(ROW)] = ROW
    return bytes(raw), at


def _ext(folder: Path) -> tuple[bytes, int]:
    """Set bits of the block bitmap with debugfs, whose checksum it puts right."""
    path = make_ext(folder, "-b", "1024", size=8 << 20)
    run("debugfs", "-w", "-R", "setb 6000 4", path)
    raw = bytearray(path.read_bytes())
    raw[6000 * 1024 : 6000 * 1024 + len(ROW)] = ROW
    return bytes(raw), 6000 * 1024


VOLUMES: dict[str, Callable[[Path], tuple[bytes, int]]] = {"FAT16": _fat, "exFAT": _exfat, "NTFS": _ntfs, "ext4": _ext}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A case of one disk with a volume of each kind."""
    folder, made = tmp_path_factory.mktemp("unlisted"), []
    for kind, make in VOLUMES.items():
        (folder / kind).mkdir()
        raw, at = make(folder / kind)
        assert raw.index(ROW) == at
        made.append(raw + bytes(-len(raw) % 512))
    (folder / "disk.raw").write_bytes(gpt_disk(made))
    case = make_case(folder, "disk.raw")
    run_to(case, "people")
    return case


@pytest.mark.tools
@pytest.mark.parametrize("number", range(len(VOLUMES)), ids=list(VOLUMES))
def test_a_row_in_unlisted_clusters_is_classed_and_found(case: Case, number: int) -> None:
    raw, at = (case.root / "disk.raw").read_bytes(), -1
    for _ in range(number + 1):
        at = raw.index(ROW, at + 1)
    (extent,) = [row for row in rows_of(case, "extents") if row.start <= at < row.start + row.length]
    volume = f"EX-01!part:p{number + 1}"
    assert (extent.volume, str(extent.class_), extent.owner) == (volume, "allocated-but-unlisted", None)
    assert at + len(ROW) <= extent.start + extent.length
    found = {
        row.kind for row in rows_of(case, "findings")
        if row.image_offset is not None and at <= row.image_offset < at + len(ROW)
    }  # fmt: skip
    assert {"my-number", "email", "phone", "name", "birth-date"} <= found
