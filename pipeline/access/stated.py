"""How long a file system says it is, and whether its copies stand where they belong if it begins where it seems to.

Sources: Carrier, chapters 9 and 13 (FAT, NTFS); Microsoft's exFAT specification; the kernel's documentation of ext4
("Super Block"); XFS Algorithms & Data Structures ("Superblocks").
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from pipeline.access.exfat_sets import recognise_exfat
from pipeline.access.fat_boot import recognise_fat
from pipeline.access.interfaces import Readable
from pipeline.access.signatures import recognise
from pipeline.records import Diagnostic, Severity, Volume, VolumeState, diagnose

__all__ = ["copy_stands", "cut_short", "stated_size"]

_SPARSE_SUPER2: Final = 0x200  # compatible


def stated_size(data: Readable) -> int:
    """Return the bytes that a volume's file system claims, 0 where it has none, or none of those known here.

    Offsets: NTFS total sectors at 40 (Carrier, chapter 13); FAT total sectors at 19 or 32 (Microsoft FAT 1.03); exFAT
    VolumeLength at 72, BytesPerSectorShift at 108; ext blocks at 4 and log block size at 24 of the super block; XFS
    sb_blocksize at 4, sb_dblocks at 8.
    """
    head = data.read(0, 2048)
    if len(head) < 2048:
        return 0
    known = recognise(data)
    if recognise_exfat(head[:512]):
        return int(struct.unpack_from("<Q", head, 72)[0]) << min(head[108], 12)
    if known is None:
        return _fat(head) if recognise_fat(head[:512]) else 0
    if known.name == "NTFS":
        return (int(struct.unpack_from("<Q", head, 40)[0]) + 1) * int.from_bytes(head[11:13], "little")
    if known.name == "ext":
        return int(struct.unpack_from("<I", head, 1028)[0]) * (1024 << min(head[1048], 6))
    block, blocks = struct.unpack_from(">IQ", head, 4)
    return int(block) * int(blocks) if known.name == "XFS" else 0


def _fat(head: bytes) -> int:
    sectors = int.from_bytes(head[19:21], "little") or int(struct.unpack_from("<I", head, 32)[0])
    return sectors * int.from_bytes(head[11:13], "little")


def cut_short(data: Readable, volume: Volume) -> Iterator[Diagnostic]:
    """Say where a file system claims more than is there: nobody can tell what the rest held."""
    listed = volume.state == VolumeState.OPEN and volume.reader not in {"", "layer"}
    claimed = stated_size(data) if listed else 0
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
