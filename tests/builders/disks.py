"""Partition tables and LVM2 physical volumes around given volumes, as bytes."""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from pipeline.errors import UnreadableError

SECTOR = 512
DATA_GUID = uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")
LVM_EXTENT = 1 << 20


class Bytes:
    """Bytes as a readable; ranges in ``broken`` cannot be read."""

    def __init__(self, data: bytes, broken: Sequence[tuple[int, int]] = ()) -> None:
        self.data, self.size, self.broken = data, len(data), tuple(broken)

    def read(self, start: int, length: int) -> bytes:
        for at, count in self.broken:
            if start < at + count and at < start + length:
                raise UnreadableError(f"byte {at} cannot be read")
        return self.data[start : start + length]


class Medium(Bytes):
    """The same as an image."""

    format = "raw"
    stored: Mapping[str, str] = MappingProxyType({})
    unreadable: tuple[tuple[int, int], ...] = ()

    def __init__(self, path: Path, broken: Sequence[tuple[int, int]] = ()) -> None:
        super().__init__(path.read_bytes(), broken)
        self.segments = (str(path),)

    def close(self) -> None:
        """Nothing to close."""


def mbr_entry(kind: int, start: int, count: int) -> bytes:
    return struct.pack("<B3sB3sII", 0, b"", kind, b"", start, count)


def mbr_sector(entries: Sequence[tuple[int, int, int]]) -> bytes:
    """Return a table sector of (type, first sector, sectors)."""
    table = b"".join(mbr_entry(*entry) for entry in entries).ljust(64, b"\0")
    return bytes(446) + table + b"\x55\xaa"


def gpt_disk(volumes: Sequence[bytes], *, entry_count: int = 128) -> bytes:
    """Return a GPT disk of volumes one behind another from sector 64, with both copies of its structures."""
    entries, body, first = [], b"", 64
    for number, volume in enumerate(volumes, start=1):
        count = len(volume) // SECTOR
        name = f"part {number}".encode("utf-16-le").ljust(72, b"\0")
        unique = uuid.UUID(int=number).bytes_le
        entries.append(DATA_GUID.bytes_le + unique + struct.pack("<QQQ", first, first + count - 1, 0) + name)
        body, first = body + volume, first + count
    table = b"".join(entries).ljust(entry_count * 128, b"\0")
    table_sectors = len(table) // SECTOR
    last = first + table_sectors
    primary = _gpt_header(table, entry_count, own=1, other=last, at=2, last=first)
    backup = _gpt_header(table, entry_count, own=last, other=1, at=last - table_sectors, last=first)
    head = mbr_sector([(0xEE, 1, last)]) + primary + table
    return head.ljust(64 * SECTOR, b"\0") + body + table + backup


def _gpt_header(table: bytes, count: int, *, own: int, other: int, at: int, last: int) -> bytes:
    def pack(checksum: int) -> bytes:
        return struct.pack(
            "<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, checksum, 0, own, other, 34, last,
            uuid.UUID(int=99).bytes_le, at, count, 128, zlib.crc32(table),
        )  # fmt: skip

    return pack(zlib.crc32(pack(0))).ljust(SECTOR, b"\0")


def apm_disk(volumes: Sequence[tuple[str, bytes]]) -> bytes:
    """Return an Apple partition map of (type, volume), the map itself being its first entry."""
    rows = [("Apple_partition_map", 1, 63)]
    start, body = 64, b""
    for kind, volume in volumes:
        rows.append((kind, start, len(volume) // SECTOR))
        start, body = start + len(volume) // SECTOR, body + volume
    entries = [
        struct.pack(">2sHIII32s32s", b"PM", 0, len(rows), first, count, f"name {kind}".encode()[:31], kind.encode())
        for kind, first, count in rows
    ]
    head = struct.pack(">2sHI", b"ER", SECTOR, start).ljust(SECTOR, b"\0")
    return (head + b"".join(entry.ljust(SECTOR, b"\0") for entry in entries)).ljust(64 * SECTOR, b"\0") + body


def lvm_disk(volumes: Sequence[tuple[str, Sequence[int], bytes]], *, extents: int) -> bytes:
    """Return a physical volume of (name, its extents' numbers, its bytes); an extent is 1 MiB, extent 0 at 1 MiB."""
    body = bytearray((extents + 1) * LVM_EXTENT)
    for _, places, volume in volumes:
        for index, place in enumerate(places):
            piece = volume[index * LVM_EXTENT : (index + 1) * LVM_EXTENT]
            body[(place + 1) * LVM_EXTENT : (place + 1) * LVM_EXTENT + len(piece)] = piece
    text = _lvm_text(volumes, len(body) // SECTOR, extents)
    area, area_size = 4096, LVM_EXTENT - 4096
    header = b"\x20LVM2\x20x[5A%r0N*>" + struct.pack("<IQQ", 1, area, area_size)
    header += struct.pack("<QQII", 512, len(text), _lvm_crc(text), 0)
    header = header.ljust(508, b"\0")
    body[area : area + 512] = struct.pack("<I", _lvm_crc(header)) + header
    body[area + 512 : area + 512 + len(text)] = text
    label = b"P" * 32 + struct.pack("<QQQQQQQQ", len(body), LVM_EXTENT, 0, 0, 0, area, area_size, 0) + bytes(8)
    label = struct.pack("<I8s", 32, b"LVM2 001") + label
    label = label.ljust(SECTOR - 20, b"\0")
    body[512:1024] = struct.pack("<8sQI", b"LABELONE", 1, _lvm_crc(label)) + label
    return bytes(body)


def _lvm_crc(data: bytes) -> int:
    return zlib.crc32(data, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


def _lvm_text(volumes: Sequence[tuple[str, Sequence[int], bytes]], sectors: int, extents: int) -> bytes:
    ident = "-".join("P" * size for size in (6, 4, 4, 4, 4, 4, 6))
    lines = [
        "vg0 {", f'id = "{ident}"', "seqno = 1", 'format = "lvm2"', 'status = ["RESIZEABLE", "READ", "WRITE"]',
        "flags = []", f"extent_size = {LVM_EXTENT // SECTOR}", "max_lv = 0", "max_pv = 0", "metadata_copies = 0", "",
        "physical_volumes {", "", "pv0 {", f'id = "{ident}"', 'device = "/dev/sdb1"\t# Hint only', "",
        'status = ["ALLOCATABLE"]', "flags = []", f"dev_size = {sectors}", f"pe_start = {LVM_EXTENT // SECTOR}",
        f"pe_count = {extents}", "}", "}", "", "logical_volumes {", "",
    ]  # fmt: skip
    for number, (name, places, _) in enumerate(volumes):
        lines += [f"{name} {{", f'id = "{ident[:-1]}{number}"', 'status = ["READ", "WRITE", "VISIBLE"]', "flags = []"]
        lines += [f"segment_count = {len(_segments(places))}", ""]
        for index, (first, start, count) in enumerate(_segments(places), start=1):
            lines += [
                f"segment{index} {{", f"start_extent = {first}", f"extent_count = {count}", "", 'type = "striped"',
                "stripe_count = 1\t# linear", "", "stripes = [", f'"pv0", {start}', "]", "}",
            ]  # fmt: skip
        lines += ["}", ""]
    lines += ["}", "", "}", "# Generated by a test", "", 'contents = "Text Format Volume Group"', "version = 1", ""]
    lines += ['description = ""', "", 'creation_host = "host"', "creation_time = 1700000000", ""]
    return "\n".join(lines).encode() + b"\0"


def _segments(places: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return (first logical extent, first physical extent, count) of stretches that follow each other."""
    found: list[tuple[int, int, int]] = []
    for index, place in enumerate(places):
        if found and found[-1][1] + found[-1][2] == place:
            first, start, count = found[-1]
            found[-1] = (first, start, count + 1)
        else:
            found.append((index, place, 1))
    return found
