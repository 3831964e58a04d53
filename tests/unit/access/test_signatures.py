"""Systems that are named and not read: made by their own tools, or by their documents where there is none here."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.signatures import recognise
from pipeline.access.volumes import scan_volumes
from pipeline.records import Diagnostic, Severity, Volume
from tests.builders.disks import gpt_disk
from tests.builders.file_systems import run

MADE = {
    "btrfs": (120 << 20, ("mkfs.btrfs", "-q", "-f")), "F2FS": (64 << 20, ("mkfs.f2fs", "-q")),
    "NILFS2": (130 << 20, ("mkfs.nilfs2", "-q")), "JFS": (20 << 20, ("mkfs.jfs", "-q")),
    "ReiserFS": (40 << 20, ("mkfs.reiserfs", "-q", "-ff")), "swap": (2 << 20, ("mkswap", "-q")),
    "minix": (2 << 20, ("mkfs.minix", "-3")), "HFS": (2 << 20, ("hformat", "-f")),
}  # fmt: skip
BY_DOCUMENT = {
    "ReFS": {3: b"ReFS\0\0\0\0"}, "ZFS": {0x4000: b"\1\1\0\0", 0x4018: b"\0\0\0\7version"},
    "VMFS": {0x100000: b"\x0d\xd0\x01\xc0"}, "UFS1": {8192 + 1372: b"\x54\x19\x01\x00"},
    "UFS2": {65536 + 1372: b"\x19\x01\x54\x19"}, "bcachefs": {4120: bytes.fromhex("c68573f666ce90a9d96a60cf803df7ef")},
    "ReiserFS": {0x10034: b"ReIsEr3Fs"}, "OCFS2": {0x2000: b"OCFSV2"}, "swap (hibernated)": {4086: b"S1SUSPEND"},
}  # fmt: skip


def _scan(path: Path) -> tuple[Volume, list[Diagnostic]]:
    rows = list(scan_volumes(open_image(path), "EX-01", FileSystemOptions()))
    (volume,) = [row for row in rows if isinstance(row, Volume)]
    return volume, [row for row in rows if isinstance(row, Diagnostic)]


def _unsupported(path: Path, name: str, size: int) -> None:
    volume, remarks = _scan(path)
    assert (volume.file_system, volume.state, volume.length) == (name, "unsupported", size)
    assert [(row.code, row.severity) for row in remarks] == [("unsupported", Severity.LOSS)]
    assert name in remarks[0].message


@pytest.mark.tools
@pytest.mark.parametrize("name", MADE)
def test_system_made_by_its_tool_is_named(name: str, tmp_path: Path) -> None:
    size, (program, *options) = MADE[name]
    volume = tmp_path / "volume"
    with volume.open("wb") as file:
        file.truncate(size)
    run(program, *options, volume)
    _unsupported(volume, name, size)


@pytest.mark.tools
@pytest.mark.parametrize(("name", "program"), [("squashfs", "mksquashfs"), ("erofs", "mkfs.erofs")])
def test_packed_system_is_named_in_a_partition(name: str, program: str, tmp_path: Path) -> None:
    tree, volume = tmp_path / "tree", tmp_path / "volume"
    tree.mkdir()
    (tree / "x").write_bytes(b"hello" * 5000)
    run(program, *((tree, volume) if name == "squashfs" else (volume, tree)))
    raw = volume.read_bytes().ljust(1 << 20, b"\0")
    disk = tmp_path / "disk"
    disk.write_bytes(gpt_disk([raw]))
    _unsupported(disk, name, len(raw))


@pytest.mark.parametrize("name", BY_DOCUMENT)
def test_system_is_named_by_what_its_document_says(name: str, tmp_path: Path) -> None:
    raw = bytearray(2 << 20)
    for at, magic in BY_DOCUMENT[name].items():
        raw[at : at + len(magic)] = magic
    volume = tmp_path / "volume"
    volume.write_bytes(raw)
    _unsupported(volume, name, len(raw))


def test_two_bytes_alone_name_nothing(tmp_path: Path) -> None:
    raw = bytearray(b"\x41" * 65536)
    raw[1040:1042] = b"\x7f\x13"
    raw[1024:1026] = b"BD"
    path = tmp_path / "volume"
    path.write_bytes(raw)
    assert recognise(open_image(path)) is None


@pytest.mark.parametrize("sector", [0, 1, 2, 3])
def test_a_physical_volume_is_known_by_a_label_in_any_of_its_first_four_sectors(tmp_path: Path, sector: int) -> None:
    path = tmp_path / "pv.raw"
    path.write_bytes(bytes(512 * sector) + b"LABELONE".ljust(24, b"\0") + b"LVM2 001" + bytes(1 << 20))
    known = recognise(open_image(path))
    assert known is not None
    assert (known.name, known.role) == ("LVM", "manager")
