"""How long a file system says it is, and whether its copies stand where they belong if it begins where it seems to.

Sources: Carrier, chapters 9 and 13 (FAT, NTFS); Microsoft's exFAT specification; the kernel's documentation of ext4
("Super Block"); XFS Algorithms & Data Structures ("Superblocks"); Apple, TN1150 ("Volume Header") and *Apple File
System Reference* (``nx_superblock_t``); ECMA-119 (8.4.8, 8.4.12); ECMA-167 (3/10.5); btrfs's on-disk format
("Superblock").
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final

from pipeline.access.exfat_sets import recognise_exfat
from pipeline.access.fat_boot import recognise_fat
from pipeline.access.interfaces import Readable
from pipeline.access.iso_record import both
from pipeline.access.signatures import recognise
from pipeline.access.udf_volume import WRITE_ONCE, find_descriptors
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, Severity, Volume, VolumeState, diagnose

__all__ = ["copy_stands", "cut_short", "stated_size"]

_SPARSE_SUPER2: Final = 0x200  # compatible


def stated_size(data: Readable) -> int:
    """Return the bytes that a volume's file system claims, 0 where it has none, or none of those known here."""
    head = data.read(0, 2048)
    if len(head) < 2048:
        return 0
    known = recognise(data)
    if recognise_exfat(head[:512]):
        return int(struct.unpack_from("<Q", head, 72)[0]) << min(head[108], 12)  # VolumeLength, BytesPerSectorShift
    if known is None:
        return _fat(head) if recognise_fat(head[:512]) else 0
    read = _STATED.get(known.name)
    if read is not None:
        return read(head)
    return _udf(data) if known.name == "UDF" else _elsewhere(data, known.name)


def _fat(head: bytes) -> int:
    """Total sectors of 16 bits at 19, else of 32 at 32 (Microsoft FAT 1.03)."""
    sectors = int.from_bytes(head[19:21], "little") or int(struct.unpack_from("<I", head, 32)[0])
    return sectors * int.from_bytes(head[11:13], "little")


def _ntfs(head: bytes) -> int:
    """Total sectors at 40, and the copy of the boot sector behind them."""
    return (int(struct.unpack_from("<Q", head, 40)[0]) + 1) * int.from_bytes(head[11:13], "little")


def _ext(head: bytes) -> int:
    """Blocks at 4 (their upper half at 336 where the feature 64bit, 0x80 at 96, is set), log of the size at 24."""
    low, log_block, features, high = (int(struct.unpack_from("<I", head, 1024 + at)[0]) for at in (4, 24, 96, 336))
    return (low | (high << 32 if features & 0x80 else 0)) * (1024 << min(log_block, 6))


def _xfs(head: bytes) -> int:
    """sb_blocksize at 4, sb_dblocks at 8."""
    block, blocks = struct.unpack_from(">IQ", head, 4)
    return int(block) * int(blocks)


def _hfs(head: bytes) -> int:
    """A block's size at 40, their number at 44 of the header at 1024."""
    block, blocks = struct.unpack_from(">II", head, 1024 + 40)
    return int(block) * int(blocks)


def _apfs(head: bytes) -> int:
    """nx_block_size at 36, nx_block_count at 40."""
    block, blocks = struct.unpack_from("<IQ", head, 36)
    return int(block) * int(blocks)


_STATED: Final[dict[str, Callable[[bytes], int]]] = {
    "APFS": _apfs, "HFS+": _hfs, "HFSX": _hfs, "NTFS": _ntfs, "XFS": _xfs, "ext": _ext,
}  # fmt: skip


def _elsewhere(data: Readable, name: str) -> int:
    """Blocks at 80, their size at 128 of ISO 9660's first descriptor; total_bytes of btrfs's device item, at 201."""
    raw = data.read(0x10000 if name == "btrfs" else 0x8000, 512)
    if len(raw) < 512:
        return 0
    if name == "btrfs":
        return int(struct.unpack_from("<Q", raw, 201 + 8)[0])
    (blocks, differs), (block, unequal) = both(raw, 80), both(raw, 128, 2)
    return blocks * block if name == "ISO9660" and not differs and not unequal else 0


def _udf(data: Readable) -> int:
    """The end of the last partition; one that is written once states the disc's room, not what is on it."""
    try:
        found = find_descriptors(data)
    except UnreadableError:
        return 0
    ends = [part.start + part.length for part in found.parts.values() if part.access != WRITE_ONCE]
    return max(ends, default=0) * found.sector


def cut_short(data: Readable, volume: Volume) -> Iterator[Diagnostic]:
    """Say where a file system claims more than is there: nobody can tell what the rest held."""
    listed = volume.state == VolumeState.OPEN and volume.reader not in {"", "layer"}
    carries = volume.file_system in {"APFS", "btrfs"} and volume.reader != "own"  # a container, or named as unsupported
    claimed = stated_size(data) if carries or (listed and volume.file_system != "APFS") else 0
    if claimed > data.size:
        message = (
            f"{volume.address}: its file system is {claimed} bytes long, of which the image holds {data.size}; what "
            "the rest held is not examined; acquire the medium again, in full"
        )
        yield diagnose("volumes", volume.address, "volume-cut", message, Severity.LOSS)


def copy_stands(data: Readable) -> bool | None:
    """Tell whether a copy that the file system keeps far from its beginning is there; None where it keeps none.

    Where it is not, the beginning is one of an array's first member, and the rest lies elsewhere.
    """
    head, known = data.read(0, 2048), recognise(data)
    name = known.name if known is not None else ""
    if name == "NTFS":
        place = stated_size(data) - int.from_bytes(head[11:13], "little")
        return data.read(place + 3, 8) == head[3:11]
    if name == "XFS":
        place = int.from_bytes(head[84:88], "big") * int.from_bytes(head[4:8], "big")
        return data.read(place, 4) == b"XFSB"
    if name != "ext" or int(struct.unpack_from("<I", head, 1024 + 92)[0]) & _SPARSE_SUPER2:
        return None
    first, log_block = struct.unpack_from("<II", head, 1024 + 20)
    (per_group,) = struct.unpack_from("<I", head, 1024 + 32)
    place = (int(first) + int(per_group)) * (1024 << min(int(log_block), 6))
    if place >= stated_size(data):
        return None  # it has one group
    raw = data.read(place, 1024)
    return raw[56:58] == b"\x53\xef" and raw[90:92] == b"\1\0"
