"""Inputs that each fuzzing target reads well, from the builders: where the fuzzer begins."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

from tests.builders.disks import apm_disk, gpt_disk, lvm_disk, mbr_sector
from tests.builders.ewf import EwfShape, build_segments
from tests.builders.fat_image import ExfatImage, FatImage, VolumeImage
from tests.builders.mft import data, file_name, record, runs, standard, table
from tests.fuzz.frame import LIMIT

SEARCH = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/bin"
EWF_KINDS = ("volume", "sectors", "table", "table2", "error2", "hash", "digest", "data", "ltree")


def _filled(volume: VolumeImage) -> bytes:
    volume.mkdir("/給付金")
    gone = volume.mkdir("/旧")
    volume.create("/給付金/住民票一覧.csv", b"\xfe" * 900, every=2)
    volume.create("/A.TXT", b"a" * 300)
    volume.delete(volume.create("/旧/名簿.CSV", b"x" * 600))
    volume.delete(gone)
    return volume.image()


def fat_seeds() -> list[bytes]:
    kinds = [FatImage(12, clusters=40), FatImage(32, clusters=40), FatImage(12, clusters=20, cluster=1024)]
    return [*map(_filled, kinds), _filled(FatImage(16, clusters=4200))[: LIMIT // 2]]


def exfat_seeds() -> list[bytes]:
    return [_filled(ExfatImage(clusters=40)), _filled(ExfatImage(clusters=30, cluster=1024))]


def _records() -> dict[int, bytes]:
    names = standard(), file_name("名簿", 5, 5)
    listed = b"".join(
        struct.pack("<IHBBQQH", kind, 32, 0, 26, 0, number | 1 << 48, 0).ljust(32, b"\0")
        for kind, number in ((0x10, 24), (0x30, 24), (0x80, 25))
    )
    return {
        24: record(*names, attribute_list(listed), number=24),
        25: record(runs(b"\x11\x05\x0a\0", 9000), base=24 | 1 << 48, number=25),
        26: record(standard(), file_name("folder", 5, 5), flags=3, number=26),
        27: record(standard(), file_name("gone", 26, 1), data(b"resident", "ads"), flags=0, sequence=2, number=27),
        28: record(*names, runs(b"\x11\x01\x50\x01\x0f\0", 60000, flags=1), number=28),
    }


def attribute_list(content: bytes) -> bytes:
    head = struct.pack("<IIBBHHHIHBB", 0x20, 24 + len(content) + 7 & ~7, 0, 0, 24, 0, 0, len(content), 24, 0, 0)
    return head + content.ljust(len(content) + 7 & ~7, b"\0")


def mft_seeds() -> list[bytes]:
    return [table(_records()), table({24: record(standard(), file_name("a", 5, 5), data(b"x"))})]


def ntfs_seeds() -> list[bytes]:
    boot = bytearray(512)
    boot[3:16] = b"NTFS    \0\x02\x08\0\0"
    boot[40:80] = struct.pack("<QQQbxxxbxxxQ", 255 * 8, 1, 20, -10, 1, 7)
    records = _records()
    sized = {0: record(standard(), file_name("$MFT", 5, 5), runs(b"\x11\x08\x01\0", 29 << 10))}
    sized[6] = record(standard(), file_name("$Bitmap", 5, 5), data(b"\xff\xff" + bytes(30)))
    return [bytes(boot).ljust(4096, b"\0") + table({**records, **sized})]


def partition_seeds() -> list[bytes]:
    chained = mbr_sector([(7, 8, 20), (5, 40, 100)]).ljust(40 * 512, b"\0") + mbr_sector([(7, 1, 5), (5, 20, 30)])
    chained = chained.ljust(60 * 512, b"\0") + mbr_sector([(7, 1, 5)])
    return [chained, gpt_disk([bytes(2048)], entry_count=4), apm_disk([("Apple_HFS", bytes(2048))])[: 4 * 512]]


def qcow_seeds() -> list[bytes]:
    packed = zlib.compressobj(wbits=-15)
    stream = packed.compress(b"text" * 128) + packed.flush()
    head = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 3, 0, 0, 9, 4096, 0, 1, 512, 0, 0, 0, 0)
    top = struct.pack(">Q", 1024 | 1 << 63).ljust(512, b"\0")
    entries = struct.pack(">8Q", 1536 | 1 << 63, 2048 | 1 << 62, 0, 1, 1536, 1 << 62, 99 << 40, 512).ljust(512, b"\0")
    return [head.ljust(512, b"\0") + top + entries + b"plain".ljust(512) + stream.ljust(512, b"\0")]


def ewf_seeds() -> list[bytes]:
    shape = EwfShape(sectors_per_chunk=2, errors=[(1, 2)], sha1=True)
    return build_segments(b"media" * 1024 + bytes(512 * 4), shape)


def ewf_section_seeds() -> list[bytes]:
    (whole,) = ewf_seeds()
    made, at = b"", 13
    while at < len(whole):
        kind = whole[at : at + 16].rstrip(b"\0").decode()
        length = int.from_bytes(whole[at + 24 : at + 32], "little") - 76
        if kind in EWF_KINDS:
            made += bytes([EWF_KINDS.index(kind)]) + length.to_bytes(2, "little") + whole[at + 76 : at + 76 + length]
        at += 76 + max(length, 0)
    return [made]


def lvm_seeds() -> list[bytes]:
    return [lvm_disk([("root", [0, 2], bytes(100)), ("home", [1], bytes(10))], extents=4)[: 12 << 10]]


def ext_seeds() -> list[bytes]:
    block = bytearray(1024)
    struct.pack_into("<IIIIIIIIII", block, 0, 64, 2048, 0, 0, 0, 1, 0, 0, 1024, 1024)
    struct.pack_into("<IHHI", block, 40, 32, 0, 0, 0)
    block[56:58] = b"\x53\xef"
    struct.pack_into("<H", block, 88, 128)
    descriptors = struct.pack("<III", 10, 11, 12).ljust(32, b"\0") * 2
    return [bytes(1024) + bytes(block) + descriptors.ljust(1024, b"\0")]


def backup_seeds() -> list[bytes]:
    boot = FatImage(32, clusters=70_000).boot()
    wiped = bytes(512) + bytes(5 * 512) + boot
    copied = ExfatImage(clusters=40).image()
    return [wiped, bytes(12 * 512) + copied[12 * 512 : 24 * 512], ext_seeds()[0]]


def noise() -> list[bytes]:
    """Seeds for small parsers: short runs of ordinary bytes."""
    chance = random.Random(1)
    return [b"\x11\x05\x0a\0", b"\x21\x05\x0a\x00\x01\x07\0", b"\x03\xb0\x02a\x10\0", chance.randbytes(64)]


def _made(size: int, make: Callable[[Path, Path], list[str | Path]]) -> list[bytes]:
    """Return what a program writes into a volume, its beginning; nothing where the program is not installed."""
    with tempfile.TemporaryDirectory() as name:
        folder, volume = Path(name), Path(name) / "volume"
        with volume.open("wb") as handle:
            handle.truncate(size)
        (folder / "tree" / "folder").mkdir(parents=True)
        (folder / "tree" / "folder" / "a.txt").write_bytes(b"text" * 300)
        program, *rest = make(folder, volume)
        path = shutil.which(str(program), path=SEARCH)
        if path is None:
            return []
        subprocess.run([path, *map(str, rest)], check=True, capture_output=True)
        return [volume.read_bytes()[:LIMIT]]


def iso_seeds() -> list[bytes]:
    return _made(0, lambda folder, volume: ["genisoimage", "-quiet", "-R", "-J", "-o", volume, folder / "tree"])


def xfs_seeds() -> list[bytes]:
    return _made(320 << 20, lambda folder, volume: ["mkfs.xfs", "-q", "-f", volume])
