"""Boot sector and directory entry sets of exFAT (Microsoft exFAT specification, §3 and §6-7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import ParseError

__all__ = ["EntrySet", "ExfatGeometry", "parse_exfat_boot", "recognise_exfat", "set_checksum", "sets_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExfatGeometry:
    """Where things lie, in bytes from the volume's start; ``last`` is the highest cluster number."""

    cluster: int
    fat_start: int
    fat_size: int
    fats: int
    active: int
    heap: int
    last: int
    root: int
    serial: str
    flags: int

    def offset(self, cluster: int) -> int:
        """Return a cluster's byte offset in the volume."""
        return self.heap + (cluster - 2) * self.cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySet:
    """A file's entries: place in the directory's bytes, the 0x85 and 0xC0 entries, name; ``sound``: checksum holds."""

    at: int
    head: bytes
    stream: bytes
    name: str
    deleted: bool
    sound: bool


def recognise_exfat(boot: bytes) -> bool:
    """Tell whether a boot sector describes an exFAT volume."""
    return len(boot) >= 512 and boot[3:11] == b"EXFAT   "


def parse_exfat_boot(boot: bytes, size: int) -> ExfatGeometry:
    """Return the geometry (§3.1), bounded by ``size`` bytes.

    Raises:
        ParseError: the sector describes no exFAT volume.
    """
    if not recognise_exfat(boot) or not 9 <= boot[108] <= 12 or boot[109] > 25 - boot[108] or boot[110] not in (1, 2):
        raise ParseError("exFAT boot sector: impossible sector, cluster or table counts")

    def number(at: int, length: int = 4) -> int:
        return int.from_bytes(boot[at : at + length], "little")

    sector, cluster, flags = 1 << boot[108], 1 << boot[108] + boot[109], number(106, 2)
    heap, table = number(88) * sector, number(84) * sector
    room = max(0, size - heap) // cluster
    last = min(number(92) + 1, room + 1, table // 4 - 1)
    if last < 2 or not heap:
        raise ParseError("exFAT boot sector: no room for clusters")
    return ExfatGeometry(
        cluster=cluster, fat_start=number(80) * sector, fat_size=table, fats=boot[110],
        active=flags & 1 if boot[110] == 2 else 0, heap=heap, last=last, root=number(96),
        serial=f"{number(100):08X}", flags=flags,
    )  # fmt: skip


def set_checksum(data: bytes) -> int:
    """Return the sum of an entry set (§6.3.3); bytes 2 and 3 hold it and are left out."""
    total = 0
    for at, byte in enumerate(data):
        if at not in (2, 3):
            total = ((total & 1) << 15) + (total >> 1) + byte & 0xFFFF
    return total


def sets_of(data: bytes) -> Iterator[EntrySet]:
    """Yield live and deleted entry sets of a directory's bytes, also those behind the end mark."""
    at = 0
    while at + 64 <= len(data):
        found = _set_at(data, at) if data[at] & 0x7F == 5 else None
        if found is None:
            at += 32
            continue
        yield found[0]
        at += found[1]


def _set_at(data: bytes, at: int) -> tuple[EntrySet, int] | None:
    deleted = not data[at] & 0x80
    stream = data[at + 32 : at + 64]
    if stream[0] & 0x7F != 0x40:
        return None
    count, end = data[at + 1], at + 64
    while end + 32 <= len(data) and end < at + 32 * (count + 1) and data[end] & 0x7F == 0x41:
        end += 32
    text = b"".join(data[place + 2 : place + 32] for place in range(at + 64, end, 32))[: 2 * stream[3] or None]
    whole = bytearray(data[at : at + 32 * (count + 1)])
    for place in range(0, len(whole), 32):
        whole[place] |= 0x80
    sound = set_checksum(bytes(whole)) == int.from_bytes(data[at + 2 : at + 4], "little")
    name = text.decode("utf-16-le", "surrogatepass")
    return EntrySet(at=at, head=data[at : at + 32], stream=stream, name=name, deleted=deleted, sound=sound), end - at
