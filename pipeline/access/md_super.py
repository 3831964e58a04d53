"""Superblocks of Linux software RAID members, versions 0.90 and 1.0 to 1.2.

Sources: ``linux/raid/md_p.h`` (fields, magic, checksum's extent); md(4) and the kernel's ``md.c`` (places: 0.90 in the
last 64 KiB-aligned 64 KiB; 1.0 at least 8 KiB from the end, 4 KiB aligned; 1.1 at the start; 1.2 at 4 KiB).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError

__all__ = ["SPARE", "Member", "read_member"]

SPARE: Final = 0xFFFF
"""The role of a device that holds no part of the array."""

_SECTOR: Final = 512
_MAGIC: Final = 0xA92B4EFC
_OLD_SIZE: Final = 4096
_NEW_HEAD: Final = 256
_MAX_ROLES: Final = 1920  # a superblock of version 1 has 4 KiB
_ROLE_MAX: Final = 0xFF00
_OLD_DISKS: Final = 27
_NEW: Final = struct.Struct("<IIII16s32sQiiQIIiIQiIIi")  # to new_offset
_PLACE: Final = struct.Struct("<QQQQI")  # data_offset to dev_number
_STATE: Final = struct.Struct("<QQQII")  # utime to max_dev
_RECOVERY, _RESHAPE, _REPLACEMENT, _JOURNAL, _PPL = 2, 4, 16, 512, 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What one device says of its array and of itself; offsets and lengths in bytes."""

    version: str
    array: str
    name: str
    level: int
    layout: int
    chunk: int
    devices: int
    size: int
    events: int
    role: int
    data_start: int
    data_length: int
    superblock: int
    trouble: str = ""

    @property
    def ends(self) -> bool:
        """Tell whether the superblock stands behind the data, so that the data begins where the device does."""
        return self.version in {"0.90", "1.0"}


def read_member(data: Readable) -> Member | None:
    """Return a device's superblock; None where there is none.

    Raises:
        ParseError: there is one, and it is damaged.
    """
    sectors = data.size // _SECTOR
    places = (("1.2", 8), ("1.1", 0), ("1.0", (sectors - 16) & ~7), ("0.90", (sectors & ~127) - 128))
    trouble: ParseError | None = None
    for version, sector in places:
        raw = data.read(sector * _SECTOR, _OLD_SIZE) if sector >= 0 else b""
        if len(raw) < _OLD_SIZE or int.from_bytes(raw[:4], "little") != _MAGIC:
            continue
        try:
            return _old(raw, sector) if version == "0.90" else _new(raw, version, sector, data.size)
        except ParseError as error:
            trouble = error
    if trouble is not None:
        raise trouble
    return None


def _folded(words: bytes) -> int:
    """Return the sum of little-endian 32-bit words, its carry added once (``calc_sb_csum`` of md.c)."""
    count = len(words) // 4
    total: int = sum(struct.unpack_from(f"<{count}I", words)) + int.from_bytes(words[4 * count :], "little")
    return ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF


def _new(raw: bytes, version: str, sector: int, size: int) -> Member:
    (
        _, major, features, _, uuid, name, _, level, layout, used, chunk, devices, *_,
    ) = _NEW.unpack_from(raw)  # fmt: skip
    data_offset, data_size, super_offset, _, number = _PLACE.unpack_from(raw, 128)
    _, events, _, checksum, roles = _STATE.unpack_from(raw, 192)
    if major != 1 or super_offset != sector or roles > _MAX_ROLES:
        raise ParseError("impossible values in the superblock of a RAID member")
    if _folded(raw[:216] + bytes(4) + raw[220 : _NEW_HEAD + 2 * roles]) != checksum:
        raise ParseError("the superblock of a RAID member fails its checksum")
    role = struct.unpack_from("<H", raw, _NEW_HEAD + 2 * number)[0] if number < roles else SPARE
    if role >= _ROLE_MAX or features & _REPLACEMENT:
        role = SPARE
    start = data_offset * _SECTOR
    return Member(
        version=version, array=uuid.hex(), name=name.split(b"\0")[0].decode("utf-8", "replace"), level=level,
        layout=layout, chunk=chunk * _SECTOR, devices=devices, size=used * _SECTOR, events=events, role=role,
        data_start=start, data_length=max(min(data_size * _SECTOR, size - start), 0), superblock=sector * _SECTOR,
        trouble=_trouble(features),
    )  # fmt: skip


def _trouble(features: int) -> str:
    """Say what of an array's state stands in the way of reading it by its layout."""
    if features & _RESHAPE:
        return "it was being reshaped"
    if features & (_JOURNAL | _PPL):
        return "part of it may lie in a journal"
    return "its recovery was not complete" if features & _RECOVERY else ""


def _old(raw: bytes, sector: int) -> Member:
    words = struct.unpack_from("<1024I", raw)
    major, minor, level, size, devices = words[1], words[2], words[7], words[8], words[10]
    if major != 0 or minor not in {90, 91}:
        raise ParseError("impossible values in the superblock of a RAID member")
    if _folded(raw[: 38 * 4] + bytes(4) + raw[39 * 4 :]) != words[38]:
        raise ParseError("the superblock of a RAID member fails its checksum")
    role, state = words[995], words[996]
    in_sync = role < min(devices, _OLD_DISKS) and not state & 1 and state & 4  # neither faulty nor still being built
    return Member(
        version="0.90", array=struct.pack("<4I", words[5], *words[13:16]).hex(), name=f"md{words[11]}",
        level=level - (1 << 32) if level >> 31 else level, layout=words[64], chunk=words[65], devices=devices,
        size=size * 1024, events=words[40] << 32 | words[39], role=role if in_sync else SPARE, data_start=0,
        data_length=sector * _SECTOR, superblock=sector * _SECTOR,
        trouble="it was being reshaped" if minor == 91 else "",
    )  # fmt: skip
