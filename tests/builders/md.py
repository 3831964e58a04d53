"""Members of Linux software RAIDs: data laid out chunk by chunk with its parity, and superblocks of every version.

Sources: md(4) for the layouts, ``linux/raid/md_p.h`` for the superblocks. ``mdadm --examine`` and GRUB's own RAID
reader (``grub-fstest``) judge what is written here.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SECTOR = 512
MAGIC = 0xA92B4EFC
UUID = bytes(range(16, 32))
OFFSET_12 = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Raid:
    """What an array is to be; ``members`` is how many devices, ``chunk`` and ``share`` (of each device) are bytes."""

    level: int
    members: int
    share: int
    version: str = "1.2"
    chunk: int = 65536
    layout: int = 2
    name: str = "host:home"
    feature: int = 0


def build(raid: Raid, volume: bytes, *, events: Sequence[int] = (), shares: Sequence[int] = ()) -> list[bytes]:
    """Return the devices of an array that holds ``volume`` from its beginning."""
    sizes = list(shares) or [raid.share] * raid.members
    columns = [bytearray(size) for size in sizes]
    for column, row, piece in _pieces(raid, volume, sizes):
        at = row * raid.chunk if raid.chunk else row
        columns[column][at : at + len(piece)] = piece
    if raid.level in {4, 5, 6}:
        _write_parity(raid, columns)
    counts = list(events) or [17] * raid.members
    return [_device(raid, number, bytes(column), counts[number]) for number, column in enumerate(columns)]


def _pieces(raid: Raid, volume: bytes, sizes: Sequence[int]) -> list[tuple[int, int, bytes]]:
    """Return (member, row of chunks, bytes) of every copy of every chunk."""
    if raid.level == 1:
        return [(member, 0, volume) for member in range(raid.members)]
    if raid.level == -1:
        found, at = [], 0
        for member, size in enumerate(sizes):
            found.append((member, 0, volume[at : at + size]))
            at += size
        return found
    chunks = [volume[at : at + raid.chunk] for at in range(0, len(volume), raid.chunk)]
    if raid.level == 0:
        return _zoned(raid, chunks, sizes)
    if raid.level == 10:
        return _ten(raid, chunks)
    data = raid.members - (2 if raid.level == 6 else 1)
    return [(order(raid, number // data)[number % data], number // data, chunk) for number, chunk in enumerate(chunks)]


def _zoned(raid: Raid, chunks: Sequence[bytes], sizes: Sequence[int]) -> list[tuple[int, int, bytes]]:
    """Fill row after row over the members that still have room; the kernel's alternate layout of unequal members."""
    rows = max(sizes) // raid.chunk
    places = [(member, row) for row in range(rows) for member, size in enumerate(sizes) if size > row * raid.chunk]
    return [(member, row, chunk) for (member, row), chunk in zip(places, chunks, strict=False)]


def _ten(raid: Raid, chunks: Sequence[bytes]) -> list[tuple[int, int, bytes]]:
    near, far, offset = raid.layout & 255, raid.layout >> 8 & 255, raid.layout >> 16 & 1
    rows = raid.share // raid.chunk
    found = []
    for number, chunk in enumerate(chunks):
        for copy in range(near):
            row, member = divmod(number * near + copy, raid.members)
            for other in range(far):
                place = row * far + other if offset else row + other * (rows // far)
                found.append(((member + other * near) % raid.members, place, chunk))
    return found


def order(raid: Raid, stripe: int) -> list[int]:
    """Return the members of a stripe's data chunks, in order, then of its parities: md(4), raid5 and raid6 layouts."""
    count, parities = raid.members, 2 if raid.level == 6 else 1
    layout = 5 if raid.level == 4 else raid.layout
    if layout >= 4:
        first = list(range(parities))
        rest = list(range(parities, count))
        return rest + first if layout == 4 else [*range(count - parities), *range(count - parities, count)]
    parity = (count - 1 - stripe) % count if layout in {0, 2} else stripe % count
    held = [(parity + number) % count for number in range(parities)]
    if layout in {2, 3}:
        return [(parity + parities + number) % count for number in range(count - parities)] + held
    return [member for member in range(count) if member not in held] + held


def _write_parity(raid: Raid, columns: list[bytearray]) -> None:
    parities = 2 if raid.level == 6 else 1
    for stripe in range(raid.share // raid.chunk):
        members = order(raid, stripe)
        at = slice(stripe * raid.chunk, (stripe + 1) * raid.chunk)
        total = 0
        for member in members[:-parities]:
            total ^= int.from_bytes(columns[member][at], "little")
        columns[members[-parities]][at] = total.to_bytes(raid.chunk, "little")
        if parities == 2:
            columns[members[-1]][at] = _second(raid, columns, members, stripe)


def _second(raid: Raid, columns: list[bytearray], members: Sequence[int], stripe: int) -> bytes:
    """Return the Q syndrome over GF(2^8), polynomial 0x11d, generator 2 (H. P. Anvin, "The mathematics of RAID-6").

    The disks are counted from the one behind Q on.
    """
    count, place = raid.members, members[-1]
    ring = [(place + 1 + number) % count for number in range(count)]
    total = np.zeros(raid.chunk, np.uint8)
    for member in reversed([member for member in ring if member in members[:-2]]):
        piece = bytes(columns[member][stripe * raid.chunk : (stripe + 1) * raid.chunk])
        total = (total << 1) ^ np.where(total & 128, np.uint8(29), np.uint8(0)) ^ np.frombuffer(piece, np.uint8)
    return total.tobytes()


def _device(raid: Raid, number: int, data: bytes, events: int) -> bytes:
    if raid.version == "0.90":
        body = data + bytes(-len(data) % 65536)
        return body + _old(raid, number, events).ljust(65536, b"\0")
    if raid.version == "1.0":
        body = data + bytes(-len(data) % 4096)
        sector = len(body) // SECTOR
        block = _new(raid, number, len(data), events, start=0, place=sector)
        return body + block.ljust(8192, b"\0")
    place = 8 if raid.version == "1.2" else 0
    head = bytes(place * SECTOR) + _new(raid, number, len(data), events, start=OFFSET_12, place=place)
    return head.ljust(OFFSET_12, b"\0") + data


def folded(raw: bytes) -> int:
    """Return the checksum of a superblock whose own field is zero."""
    total = sum(struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4])) + int.from_bytes(
        raw[len(raw) // 4 * 4 :], "little"
    )
    return ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF


def _new(raid: Raid, number: int, length: int, events: int, *, start: int, place: int) -> bytes:
    used = 0 if raid.level in {-1, 0} else raid.share // SECTOR
    raw = struct.pack(
        "<IIII16s32sQiiQIIiIQiIIi", MAGIC, 1, raid.feature, 0, UUID, raid.name.encode(), 1_700_000_000, raid.level,
        raid.layout if raid.level in {0, 5, 6, 10} else 0, used, raid.chunk // SECTOR, raid.members, 0, 0, 0, 0, 0, 0,
        0,
    )  # fmt: skip
    raw += struct.pack("<QQQQII16s8x", start // SECTOR, length // SECTOR, place, 0, number, 0, bytes([number + 1]) * 16)
    raw += struct.pack("<QQQII32x", 1_700_000_100, events, (1 << 64) - 1, 0, raid.members)
    raw += struct.pack(f"<{raid.members}H", *range(raid.members))
    return raw[:216] + struct.pack("<I", folded(raw)) + raw[220:]


def _old(raid: Raid, number: int, events: int) -> bytes:
    words = [0] * 1024
    words[:12] = [MAGIC, 0, 90, 0, 0, 0, 1_700_000_000, raid.level & 0xFFFFFFFF, raid.share // 1024, raid.members,
                  raid.members, 0]  # fmt: skip
    words[5], words[13], words[14], words[15] = struct.unpack("<4I", UUID)
    words[32:38] = [1_700_000_100, 1, raid.members, raid.members, 0, 0]
    words[39], words[64], words[65] = events, raid.layout if raid.level in {5, 6, 10} else 0, raid.chunk
    for member in range(raid.members):
        words[128 + 32 * member : 133 + 32 * member] = [member, 8, member, member, 6]
    words[992:997] = [number, 8, number, number, 6]
    words[38] = folded(struct.pack("<1024I", *words))
    return struct.pack("<1024I", *words)
