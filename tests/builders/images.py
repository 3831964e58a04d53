"""Builds disk images with the real tools: mkfs, ntfs-3g, debugfs, ewfacquire, qemu-img.

Formatting tools stamp the hour of the build into file-system records; ``settle_ntfs`` and the debugfs script of
``ext4`` put fixed times there instead, so that what an examiner sees in an image does not depend on when it was built.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from tests.builders.evtx import filetime
from tests.builders.exfat import fill_exfat
from tests.builders.fat32 import fill_fat32
from tests.builders.ntfs_times import settle_ntfs
from tests.builders.tree import Item

__all__ = ["TOOLS", "disk", "ewf", "exfat", "ext4", "fat32", "missing_tools", "ntfs", "ntfs_from", "vmdk"]

TOOLS: Final = ("mkfs.vfat", "mkfs.exfat", "mkntfs", "ntfs-3g", "mke2fs", "debugfs", "ewfacquire", "qemu-img")
SECTOR: Final = 512
PARTITION_START: Final = 2048
EXT4_UUID: Final = "5afe0003-0000-4000-8000-000000000001"


def missing_tools() -> list[str]:
    """Return the programs that a build needs and this machine lacks."""
    lacking = [
        name for name in TOOLS if shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None
    ]
    return lacking if Path("/dev/fuse").exists() else [*lacking, "/dev/fuse"]


def _run(*command: str | Path, text: str = "") -> str:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    made = subprocess.run(
        [str(part) for part in command],
        input=text,
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": path, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
    )
    return made.stdout


def _blank(path: Path, size: int) -> Path:
    path.write_bytes(b"")
    os.truncate(path, size)
    return path


def fat32(scratch: Path, size: int, items: Sequence[Item], *, serial: int, label: str) -> bytes:
    """Return a FAT32 volume of one-sector clusters."""
    path = _blank(scratch / "fat32.volume", size)
    _run(
        "mkfs.vfat",
        "-F",
        "32",
        "-s",
        "1",
        "--invariant",
        "-h",
        str(PARTITION_START),
        "-i",
        f"{serial:08X}",
        "-n",
        label,
        path,
    )
    volume = bytearray(path.read_bytes())
    fill_fat32(volume, items)
    return bytes(volume)


def exfat(scratch: Path, size: int, items: Sequence[Item], *, serial: int, label: str) -> bytes:
    """Return an exFAT volume of 4 KiB clusters."""
    path = _blank(scratch / "exfat.volume", size)
    _run("mkfs.exfat", "-c", "4096", "-L", label, path)
    volume = bytearray(path.read_bytes())
    fill_exfat(volume, items, serial=serial)
    return bytes(volume)


def ntfs(scratch: Path, size: int, items: Sequence[Item], *, serial: int, settled: datetime) -> bytes:
    """Return an NTFS volume; ``settled`` is the time of the file system's own records."""
    path = _blank(scratch / "ntfs.volume", size)
    _run(
        "mkntfs",
        "-F",
        "-Q",
        "-c",
        "4096",
        "-s",
        "512",
        "-p",
        str(PARTITION_START),
        "-H",
        "255",
        "-S",
        "63",
        "-L",
        "OS",
        path,
    )
    return ntfs_from(scratch, path.read_bytes(), items, serial=serial, settled=settled)


def ntfs_from(
    scratch: Path, volume: bytes, items: Sequence[Item], *, serial: int, settled: datetime, remove: Sequence[str] = ()
) -> bytes:
    """Return a copy of an NTFS volume with items written over it and paths removed."""
    path, point = scratch / "ntfs.volume", scratch / "ntfs.mount"
    path.write_bytes(volume)
    point.mkdir(exist_ok=True)
    _run("ntfs-3g", "-o", "streams_interface=windows,noatime", path, point)
    try:
        _populate(point, items, remove)
    finally:
        _run("umount", point)
    subprocess.run(["sync"], check=True)
    settled_volume = bytearray(_released(path))
    settle_ntfs(settled_volume, filetime(settled), serial)
    return bytes(settled_volume)


def _released(path: Path) -> bytes:
    """Read a volume after its file-system daemon has let go of it."""
    for _ in range(200):
        if not _run("sh", "-c", f"pgrep -f '[n]tfs-3g.*{path}' || true").strip():
            break
        _run("sleep", "0.05")
    return path.read_bytes()


def _populate(point: Path, items: Sequence[Item], remove: Sequence[str]) -> None:
    """Write files first, remove the deleted last, then set times, folders from the deepest."""
    for item in items:
        place = point / item.path.lstrip("/")
        if item.folder:
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(item.data)
        for name, data in item.streams:
            Path(f"{place}:{name}").write_bytes(data)
        _set_times(place, item)
    for path in [*remove, *(item.path for item in items if item.deleted)]:
        (point / path.lstrip("/")).unlink()
    for item in sorted((item for item in items if item.folder), key=lambda item: -item.path.count("/")):
        _set_times(point / item.path.lstrip("/"), item)


def _set_times(place: Path, item: Item) -> None:
    """Set creation, modification, access and record-change times (ntfs-3g's ``system.ntfs_times``)."""
    moments = (item.created, item.modified, item.accessed, item.modified)
    os.setxattr(place, "system.ntfs_times", struct.pack("<4Q", *(filetime(moment) for moment in moments)))


def ext4(scratch: Path, size: int, items: Sequence[Item], *, settled: datetime) -> bytes:
    """Return an ext4 volume; all times are fixed, deleted files are removed at their modification time."""
    path, root = _blank(scratch / "ext4.volume", size), scratch / "ext4.root"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for item in items:
        place = root / item.path.lstrip("/")
        if item.folder:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(item.data)
    _run(
        "mke2fs",
        "-q",
        "-F",
        "-t",
        "ext4",
        "-b",
        "4096",
        "-U",
        EXT4_UUID,
        "-E",
        f"hash_seed={EXT4_UUID},root_owner=0:0",
        "-L",
        "kyufu",
        "-d",
        root,
        path,
    )
    script = [f"set_current_time @{int(settled.timestamp())}"]
    script += [line for item in items for line in _inode_times(item.path, item)]
    base = Item(path="/", created=settled, modified=settled, accessed=settled, folder=True)
    known = {item.path for item in items}
    above = {str(folder) for item in items for folder in Path(item.path).parents} | {"/lost+found"}
    script += [line for folder in sorted(above - known) for line in _inode_times(folder, base)]
    script += [line for inode in (1, 2, *range(3, 11)) for line in _inode_times(f"<{inode}>", base)]
    for item in items:
        if item.deleted:
            script += [f"set_current_time @{int(item.modified.timestamp())}", f'rm "{item.path}"']
    stamp = f"@{int(settled.timestamp())}"
    script += [
        f"set_current_time {stamp}",
        *(f"ssv {name} {stamp}" for name in ("mkfs_time", "lastcheck", "mtime", "wtime")),
    ]
    _run("debugfs", "-w", "-f", "-", path, text="\n".join([*script, "quit", ""]))
    return path.read_bytes()


def _inode_times(path: str, item: Item) -> list[str]:
    moments = {"crtime": item.created, "mtime": item.modified, "ctime": item.modified, "atime": item.accessed}
    lines = [f'sif "{path}" {name} @{int(moment.timestamp())}' for name, moment in moments.items()]
    return lines + [f'sif "{path}" {name}_extra 0' for name in moments]


def disk(volume: bytes, *, kind: int, signature: int, tail: int = 1 << 20) -> bytes:
    """Return a disk with an MBR, one partition at 1 MiB and unused sectors behind it.

    SOURCE: MBR layout: disk signature at 440, entries at 446, 0x55AA at 510.
    """
    count = len(volume) // SECTOR
    entry = struct.pack(
        "<B3sB3sII", 0x80 if kind == 0x07 else 0, b"\x20\x21\x00", kind, b"\xfe\xff\xff", PARTITION_START, count
    )
    mbr = bytes(440) + struct.pack("<IH", signature, 0) + entry.ljust(64, b"\0") + b"\x55\xaa"
    return mbr.ljust(PARTITION_START * SECTOR, b"\0") + volume + bytes(tail)


def ewf(scratch: Path, raw: bytes, target: Path, *, evidence: str, removable: bool) -> None:
    """Acquire a raw disk into one E01 segment at the best compression."""
    source = scratch / "media.raw"
    source.write_bytes(raw)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    _run(
        "ewfacquire",
        "-u",
        "-q",
        "-c",
        "deflate:best",
        "-t",
        target.with_suffix(""),
        "-f",
        "encase6",
        "-b",
        "64",
        "-S",
        "1500MiB",
        "-C",
        "demo",
        "-E",
        evidence,
        "-D",
        "synthetic",
        "-e",
        "examiner",
        "-N",
        "synthetic people only",
        "-m",
        "removable" if removable else "fixed",
        "-M",
        "physical",
        "-o",
        "0",
        "-B",
        str(len(raw)),
        "-d",
        "sha1",
        source,
    )


def vmdk(scratch: Path, raw: bytes, target: Path) -> None:
    """Convert a raw disk into a stream-optimised VMDK."""
    source = scratch / "media.raw"
    source.write_bytes(raw)
    target.parent.mkdir(parents=True, exist_ok=True)
    _run("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", source, target)
