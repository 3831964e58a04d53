"""Builds MFT records and tables byte by byte, with their fixups; and NTFS volumes with the real tools.

Source: Linux-NTFS project documentation, "FILE Record", "Attributes", "$FILE_NAME", "Fixup".
"""

from __future__ import annotations

import os
import random
import struct
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.access.ntfs_boot import NtfsGeometry

__all__ = [
    "SIZE",
    "data",
    "file_name",
    "geometry",
    "record",
    "remove_from",
    "rich_volume",
    "root",
    "runs",
    "standard",
    "table",
]

SIZE: Final = 1024
CREATED: Final = 133_500_000_000_000_000  # 2024-01-18T09:20:00Z


def attribute(kind: int, content: bytes, *, name: str = "", number: int = 0) -> bytes:
    """Return a resident attribute, padded to eight bytes."""
    text = name.encode("utf-16-le", "surrogatepass")
    start = 24 + (len(text) + 7 & ~7)
    length = start + len(content) + 7 & ~7
    head = struct.pack("<IIBBHHHIHBB", kind, length, 0, len(text) // 2, 24, 0, number, len(content), start, 0, 0)
    return (head + text).ljust(start, b"\0") + content.ljust(length - start, b"\0")


def standard(attributes: int = 0x20, times: Sequence[int] = (CREATED,) * 4) -> bytes:
    """Return $STANDARD_INFORMATION: times are created, modified, changed, accessed."""
    return attribute(0x10, struct.pack("<4QI", *times, attributes).ljust(72, b"\0"))


def file_name(name: str, parent: int, sequence: int = 1, *, space: int = 1, times: Sequence[int] = (0,) * 4) -> bytes:
    """Return $FILE_NAME."""
    text = name.encode("utf-16-le", "surrogatepass")
    head = struct.pack("<5Q", parent | sequence << 48, *times) + bytes(24) + bytes([len(text) // 2, space])
    return attribute(0x30, head + text)


def data(content: bytes, name: str = "") -> bytes:
    """Return resident $DATA."""
    return attribute(0x80, content, name=name)


def runs(packed: bytes, size: int, *, name: str = "", flags: int = 0, first: int = 0) -> bytes:
    """Return non-resident $DATA with a packed run list."""
    text = name.encode("utf-16-le")
    start = 64 + (len(text) + 7 & ~7)
    length = start + len(packed) + 7 & ~7
    head = struct.pack("<IIBBHHH", 0x80, length, 1, len(text) // 2, 64, flags, 0)
    body = struct.pack("<QQHH4xQQQ", first, 0, start, 0, size, size, size)
    return (head + body + text).ljust(start, b"\0") + packed.ljust(length - start, b"\0")


def record(*attributes: bytes, flags: int = 1, sequence: int = 1, base: int = 0, number: int = 0) -> bytes:
    """Return a record of 1,024 bytes with its fixups applied; flags: 1 in use, 2 folder."""
    body = b"".join(attributes) + b"\xff\xff\xff\xff\0\0\0\0"
    head = struct.pack(
        "<4sHHQHHHHIIQHHI", b"FILE", 48, 3, 0, sequence, 1, 56, flags, 56 + len(body), SIZE, base, 9, 0, number
    )
    raw = bytearray((head.ljust(56, b"\0") + body).ljust(SIZE, b"\0"))
    assert len(raw) == SIZE, "too much for one record"
    raw[48:50] = b"\x07\x00"
    for sector in (1, 2):
        end = sector * 512
        raw[48 + 2 * sector : 50 + 2 * sector] = raw[end - 2 : end]
        raw[end - 2 : end] = b"\x07\x00"
    return bytes(raw)


def root() -> bytes:
    """Return record 5."""
    return record(standard(), file_name(".", 5, 5), flags=3, sequence=5)


def table(records: dict[int, bytes]) -> bytes:
    """Return a bare table: the records at their numbers, root and record 0 added, unused ones between."""
    known = {0: record(standard(), file_name("$MFT", 5, 5), data(b"")), 5: root(), **records}
    return b"".join(known.get(number, record(flags=0)) for number in range(max(known) + 1))


def _mounted(volume: Path, work: str, *arguments: str) -> None:
    """Run a function of this module inside a mount of ``volume``."""
    point = volume.with_suffix(".mount")
    point.mkdir(exist_ok=True)
    options = "streams_interface=windows,compression,noatime"
    subprocess.run(["ntfs-3g", "-o", options, str(volume), str(point)], check=True, capture_output=True)
    try:
        {"fill": _fill, "fragment": _fragment, "remove": _remove}[work](point, *arguments)
    finally:
        subprocess.run(["umount", str(point)], check=True, capture_output=True)
    _released(volume)


def _released(volume: Path) -> None:
    """Wait until the file-system daemon has let go of the volume."""
    for _ in range(200):
        found = subprocess.run(["pgrep", "-f", f"[n]tfs-3g.*{volume}"], capture_output=True, check=False)
        if found.returncode:
            return
        time.sleep(0.05)


def rich_volume(folder: Path, *, deleted: bool) -> Path:
    """Return an NTFS volume with everything a reader must tell apart; ``deleted``: after many deletions."""
    volume = folder / "rich.raw"
    with volume.open("wb") as handle:
        handle.truncate(48 << 20)
    subprocess.run(["mkntfs", "-F", "-Q", "-c", "4096", "-L", "RICH", str(volume)], check=True, capture_output=True)
    _mounted(volume, "fill")
    _mounted(volume, "fragment")
    if deleted:
        _mounted(volume, "remove")
    return volume


def remove_from(volume: Path) -> None:
    """Delete files and folders of a rich volume and write new ones."""
    _mounted(volume, "remove")


def _fill(point: Path) -> None:
    chance = random.Random(7)
    for number in range(300):
        place = point / f"d{number % 5}" / f"file with a long name {number:04d}.txt"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(chance.randbytes(chance.choice((0, 10, 300, 700, 5_000, 40_000))))
    (point / "a/b/c").mkdir(parents=True)
    (point / "a/main.txt").write_bytes(b"main" * 10)
    Path(f"{point}/a/main.txt:Zone.Identifier").write_bytes(b"[ZoneTransfer]\r\nZoneId=3\r\n")
    Path(f"{point}/a/main.txt:big").write_bytes(chance.randbytes(100_000))
    Path(f"{point}/a/b:of folder").write_bytes(b"a stream of a folder")
    for number in range(40):
        os.link(point / "a/main.txt", point / f"a/b/c/link number {number:03d} to one and the same file.txt")
    os.setxattr(point / "a/main.txt", "system.ntfs_attrib", struct.pack("<I", 0x26))
    os.setxattr(point / "d1/file with a long name 0001.txt", "system.ntfs_dos_name", b"FILEWI~1.TXT")
    (point / "a/名簿 住民票.csv").write_bytes("氏名".encode() * 100)
    _sparse(point / "a/sparse.bin", chance)
    _packed(point / "packed", chance)
    _links(point / "a")


def _sparse(place: Path, chance: random.Random) -> None:
    with place.open("wb") as handle:
        handle.seek(5_000_000)
        handle.write(b"end")
        handle.seek(1_000_000)
        handle.write(chance.randbytes(8192))
    os.truncate(place, 9_000_000)


def _packed(folder: Path, chance: random.Random) -> None:
    folder.mkdir()
    os.setxattr(folder, "system.ntfs_attrib", struct.pack("<I", 0x810))
    (folder / "text.txt").write_bytes(b"".join(b"line %d of text\r\n" % number for number in range(20_000)))
    (folder / "random.bin").write_bytes(chance.randbytes(200_000))
    (folder / "mixed.bin").write_bytes(chance.randbytes(70_000) + bytes(300_000) + b"abc" * 50_000)
    (folder / "small.txt").write_bytes(b"small")


def _links(folder: Path) -> None:
    """Make a symbolic link and a junction: [MS-FSCC] 2.1.2.4 and 2.1.2.5."""
    target, shown = "\\??\\C:\\a".encode("utf-16-le"), "C:\\a".encode("utf-16-le")
    both = target + shown
    (folder / "symlink").touch()
    body = struct.pack("<HHHHI", 0, len(target), len(target), len(shown), 0) + both
    _reparse(folder / "symlink", 0xA000000C, body)
    (folder / "junction").mkdir()
    body = struct.pack("<HHHH", 0, len(target), len(target) + 2, len(shown)) + target + b"\0\0" + shown + b"\0\0"
    _reparse(folder / "junction", 0xA0000003, body)


def _reparse(place: Path, tag: int, body: bytes) -> None:
    os.setxattr(place, "system.ntfs_reparse_data", struct.pack("<IHH", tag, len(body), 0) + body)


def _fragment(point: Path) -> None:
    """Fill the volume with small files, remove every other one, and write one file into the holes."""
    folder = point / "holes"
    folder.mkdir()
    for number in range(1500):
        (folder / f"{number}").write_bytes(bytes([number % 251]) * 8192)
    filler = point / "filler"
    with filler.open("wb") as handle:
        free = os.statvfs(point)
        for _ in range(max(free.f_bavail * free.f_frsize - (400 << 10), 0) >> 16):
            handle.write(b"\xee" * 65536)
    for number in range(0, 1500, 2):
        (folder / f"{number}").unlink()
    (point / "fragmented.bin").write_bytes(random.Random(3).randbytes(3_000_000))
    filler.unlink()


def _remove(point: Path) -> None:
    for number in range(0, 300, 3):
        (point / f"d{number % 5}" / f"file with a long name {number:04d}.txt").unlink()
    for number in range(20):
        (point / f"d3/new {number}").write_bytes(bytes([number]) * 9000)
    for place in sorted((point / "d4").iterdir()):
        place.unlink()
    (point / "d4").rmdir()


def geometry() -> NtfsGeometry:
    """Return sizes as ``table`` has them."""
    return NtfsGeometry(sector=512, cluster=4096, record=SIZE, index=4096, mft=0, mirror=0, total=0, serial="")
