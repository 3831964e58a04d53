"""A volume that says it is longer than the image is cut, whatever its file system."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.access.image import open_image
from pipeline.access.stated import stated_size
from tests.builders.file_systems import make_exfat, make_ext, make_fat, make_ntfs, make_xfs, run
from tests.builders.reading_volumes import Listed

pytestmark = pytest.mark.tools


def _blank(folder: Path, size: int) -> Path:
    volume = folder / "volume"
    with volume.open("wb") as file:
        file.truncate(size)
    return volume


def _xfs(folder: Path) -> Path:
    make_xfs(folder)
    return folder / "volume"


def _hfs(folder: Path) -> Path:
    volume = _blank(folder, 12 << 20)
    run("mkfs.hfsplus", volume)
    return volume


def _apfs(folder: Path) -> Path:
    volume = _blank(folder, 600 << 20)
    run("mkapfs", "-L", "Raven", volume)
    return volume


def _udf(folder: Path) -> Path:
    volume = _blank(folder, 12 << 20)
    run("mkudffs", "-m", "hd", "-b", "512", volume)
    return volume


def _btrfs(folder: Path) -> Path:
    volume = _blank(folder, 128 << 20)
    run("mkfs.btrfs", "-q", volume)
    return volume


def _iso(folder: Path) -> Path:
    tree, volume = folder / "tree", folder / "volume"
    tree.mkdir()
    (tree / "a.txt").write_bytes(b"a" * 500_000)
    run("genisoimage", "-quiet", "-R", "-o", volume, tree)
    return volume


MAKERS: dict[str, tuple[Callable[[Path], Path], int]] = {
    "APFS": (_apfs, 0), "HFS+": (_hfs, 0), "UDF": (_udf, 1 << 20), "ISO9660": (_iso, 0), "btrfs": (_btrfs, 0),
    "ext": (make_ext, 0), "XFS": (_xfs, 0), "NTFS": (make_ntfs, 0), "FAT": (make_fat, 1 << 16),
    "exFAT": (make_exfat, 0),
}  # fmt: skip
"""What makes each, and how much of its end it may leave out of what it states."""


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_volume_states_its_length_and_a_cut_is_a_loss(name: str, tmp_path: Path) -> None:
    make, spare = MAKERS[name]
    volume = make(tmp_path)
    size = volume.stat().st_size
    assert size - spare <= stated_size(open_image(volume)) <= size
    assert "volume-cut" not in {row.code for row in Listed(volume).remarks}
    os.truncate(volume, size * 3 // 4 // 4096 * 4096)
    cut = [row.severity for row in Listed(volume).remarks if row.code == "volume-cut"]
    assert cut == ["loss"]
