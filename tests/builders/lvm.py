"""LVM2 volume groups over several physical volumes: made by lvm2 itself, or written from the text of its metadata."""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.builders.file_systems import tool

SECTOR = 512
UNIT = 1 << 20
_AREA = 4096
_CONFIG = """
devices {{ scan=["/dev"] filter=[{filters}, "r|.*|"] use_devicesfile=0 obtain_device_list_from_udev=0
external_device_info_source="none" }}
activation {{ udev_sync=0 udev_rules=0 monitoring=0 }}
global {{ locking_type=1 activation=0 use_lvmlockd=0 use_lvmpolld=0 }}
backup {{ backup=0 archive=0 }}
"""


def real_group(folder: Path, sizes: Sequence[int], commands: Sequence[Sequence[str]]) -> list[bytes]:
    """Return physical volumes of ``sizes`` bytes after lvm2 made a group ``vg0`` of 1 MiB extents and ran commands.

    Without the right to set up loop devices the test is left out.
    """
    paths, loops = [folder / f"pv{number}" for number in range(len(sizes))], []
    try:
        for path, size in zip(paths, sizes, strict=True):
            with path.open("wb") as file:
                file.truncate(size)
            loops.append(_loop(path))
        with tempfile.TemporaryDirectory(dir=folder) as settings:
            filters = ", ".join(f'"a|^{name}$|"' for name in loops)
            (Path(settings) / "lvm.conf").write_text(_CONFIG.format(filters=filters), encoding="utf-8")
            _lvm(settings, "pvcreate", "-y", *loops)
            _lvm(settings, "vgcreate", "-s", "1M", "vg0", *loops)
            for command in commands:
                _lvm(settings, *command)
        return [path.read_bytes() for path in paths]
    finally:
        for name in loops:
            subprocess.run([tool("losetup"), "-d", name], check=False, capture_output=True)


def _loop(path: Path) -> str:
    done = subprocess.run([tool("losetup"), "-f", "--show", str(path)], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("left out: no loop devices here")
    return done.stdout.strip()


def _lvm(settings: str, program: str, *arguments: str) -> None:
    env = {**os.environ, "LVM_SYSTEM_DIR": settings, "LVM_SUPPRESS_FD_WARNINGS": "1"}
    subprocess.run([tool(program), *arguments], check=True, capture_output=True, env=env)


def create(name: str, *options: str) -> list[str]:
    """Return the command that makes a logical volume without touching its bytes."""
    return ["lvcreate", "-an", "-y", "-Zn", "-Wn", "-n", name, *options, "vg0"]


def written_group(extents: Mapping[str, int], logical: str) -> dict[str, bytearray]:
    """Return physical volumes by name, each with that many 1 MiB extents from 1 MiB on; ``logical`` is text."""
    disks = {}
    for name, count in extents.items():
        body = bytearray((count + 1) * UNIT)
        _label(body, _ident(name))
        _metadata(body, _text(extents, logical))
        disks[name] = body
    return disks


def logical_text(name: str, *segments: str, visible: bool = True) -> str:
    """Return a logical volume's text; a segment is its lines between the braces, ``extent_count`` first."""
    status = '"READ", "WRITE", "VISIBLE"' if visible else '"READ", "WRITE"'
    lines = [f'{name} {{\nid = "{_dashed(name)}"\nstatus = [{status}]\nflags = []\nsegment_count = {len(segments)}']
    start = 0
    for number, segment in enumerate(segments, start=1):
        lines.append(f"segment{number} {{\nstart_extent = {start}\n{segment}\n}}")
        start += int(segment.split("extent_count = ")[1].split()[0])
    return "\n".join([*lines, "}", ""])


def stripes(count: int, *places: tuple[str, int], size: int = 64) -> str:
    """Return a striped segment's text; ``size`` is in KiB."""
    listed = ", ".join(f'"{name}", {extent}' for name, extent in places)
    more = f"stripe_size = {size * 2}\n" if len(places) > 1 else ""
    return f'extent_count = {count}\ntype = "striped"\nstripe_count = {len(places)}\n{more}stripes = [\n{listed}\n]'


def _ident(name: str) -> str:
    return name.replace("_", "x").ljust(32, "P")


def _dashed(name: str) -> str:
    text, parts = _ident(name), []
    for size in (6, 4, 4, 4, 4, 4, 6):
        parts.append(text[:size])
        text = text[size:]
    return "-".join(parts)


def _text(extents: Mapping[str, int], logical: str) -> bytes:
    lines = [
        f'vg0 {{\nid = "{_dashed("vg0")}"\nseqno = 1\nformat = "lvm2"\nstatus = ["RESIZEABLE", "READ", "WRITE"]',
        f"flags = []\nextent_size = {UNIT // SECTOR}\nmax_lv = 0\nmax_pv = 0\nmetadata_copies = 0\nphysical_volumes {{",
    ]
    for name, count in extents.items():
        lines.append(f'{name} {{\nid = "{_dashed(name)}"\ndevice = "/dev/{name}"\nstatus = ["ALLOCATABLE"]\nflags = []')
        lines.append(f"dev_size = {(count + 1) * UNIT // SECTOR}\npe_start = 2048\npe_count = {count}\n}}")
    lines += ["}", "logical_volumes {", logical, "}", "}", 'contents = "Text Format Volume Group"', "version = 1", ""]
    lines += ['description = ""', 'creation_host = "host"', "creation_time = 1700000000", ""]
    return "\n".join(lines).encode() + b"\0"


def checksum(data: bytes) -> int:
    """Return the checksum of LVM2's structures."""
    return zlib.crc32(data, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


def _label(body: bytearray, ident: str) -> None:
    label = ident.encode() + struct.pack("<QQQQQQQQ", len(body), UNIT, 0, 0, 0, _AREA, UNIT - _AREA, 0) + bytes(8)
    label = (struct.pack("<I8s", 32, b"LVM2 001") + label).ljust(SECTOR - 20, b"\0")
    body[512:1024] = struct.pack("<8sQI", b"LABELONE", 1, checksum(label)) + label


def _metadata(body: bytearray, text: bytes) -> None:
    header = b"\x20LVM2\x20x[5A%r0N*>" + struct.pack("<IQQ", 1, _AREA, UNIT - _AREA)
    header = (header + struct.pack("<QQII", 512, len(text), checksum(text), 0)).ljust(508, b"\0")
    body[_AREA : _AREA + 512] = struct.pack("<I", checksum(header)) + header
    body[_AREA + 512 : _AREA + 512 + len(text)] = text
