"""Boot sector and directory entry sets of exFAT (Microsoft exFAT specification, §3 and §6-7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.fat_losses import Losses
from pipeline.errors import ParseError
from pipeline.records import Severity

__all__ = [
    "KINDS", "EntrySet", "ExfatGeometry", "goes_on", "parse_exfat_boot", "recognise_exfat", "set_checksum", "sets_of",
]  # fmt: skip

_HEAD: Final = 0x05
_STREAM: Final = 0x40
_NAME: Final = 0x41
KINDS: Final = (_HEAD, _STREAM, _NAME)
"""Types of entries without the in-use bit 0x80 (§6.2.1)."""


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
    """A file's entries: place in the directory's bytes, the 0x85 and 0xC0 entries, name.

    ``sound``: the checksum holds; ``named``: the length of the name is one that the format allows (§7.6.3: 1 to 255)
    and that the name entries hold. Else (a Linux driver writes 0 for 256 units) ``name`` is all that they hold.
    """

    at: int
    end: int
    head: bytes
    stream: bytes
    name: str
    deleted: bool
    sound: bool
    named: bool


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
    if last < 2 or not 0 < number(80) * sector < number(80) * sector + table * boot[110] <= heap:
        raise ParseError("exFAT boot sector: no room for clusters")
    return ExfatGeometry(
        cluster=cluster, fat_start=number(80) * sector, fat_size=table, fats=boot[110],
        active=flags & 1 if boot[110] == 2 else 0, heap=heap, last=last, root=number(96),
        serial=f"{number(100):08X}", flags=flags,
    )  # fmt: skip


def set_checksum(data: bytes) -> int:
    """Return the sum of an entry set (§6.3.3); bytes 2 and 3 hold it and are left out."""
    total = 0
    for byte in data[:2] + data[4:]:
        total = (total << 15) + (total >> 1) + byte & 0xFFFF
    return total


def sets_of(data: bytes, losses: Losses, *, lost: bool = False) -> Iterator[EntrySet]:
    """Yield live and deleted entry sets of a directory's bytes; of a ``lost`` directory nothing is live.

    What lies behind the end mark (§6.2.1) is what the directory held once: deleted. Heads of sets that cannot be put
    together are counted as losses.
    """
    at, ended = 0, lost
    while at + 32 <= len(data):
        ended = ended or data[at] == 0
        if data[at] & 0x7F != _HEAD:
            at += 32
            continue
        found = _set_at(data, at, ended)
        if found is None:
            alive = bool(data[at] & 0x80) and not ended
            losses.add("live file entry has no stream entry", count=alive)
            losses.add("deleted file entry has no stream entry", count=not alive, severity=Severity.NOTE)
        at = found.end if found else at + 32
        if found:
            yield found


def _set_at(data: bytes, at: int, ended: bool) -> EntrySet | None:
    alive, stream = data[at] & 0x80, data[at + 32 : at + 64]
    if len(stream) < 32 or stream[0] & 0x7F != _STREAM or (not alive and stream[0] & 0x80):
        return None
    count, end = data[at + 1], at + 64
    while end + 32 <= len(data) and end < at + 32 * (count + 1) and _named(data[end], alive):
        end += 32
    name = b"".join(data[place + 2 : place + 32] for place in range(at + 64, end, 32)).decode(
        "utf-16-le", "surrogatepass"
    )
    whole = bytearray(data[at : at + 32 * (count + 1)])
    whole[::32] = bytes(byte | 0x80 for byte in whole[::32])
    length, room = stream[3], 15 * ((end - at - 64) // 32)
    named = 0 < length <= room
    return EntrySet(
        at=at, end=end, head=data[at : at + 32], stream=stream,
        name=_first_units(name, length) if named else name.partition("\0")[0], deleted=not alive or ended,
        sound=set_checksum(bytes(whole)) == int.from_bytes(data[at + 2 : at + 4], "little"), named=named,
    )  # fmt: skip


def _named(kind: int, alive: int) -> bool:
    return kind & 0x7F == _NAME and bool(alive or not kind & 0x80)


def _first_units(text: str, units: int) -> str:
    return text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "surrogatepass")


def goes_on(before: bytes, after: bytes) -> bool:
    """Tell whether a lost directory that ended with one entry may go on with the next."""
    return before[0] & 0x7F in KINDS and after[0] & 0x7F in KINDS
