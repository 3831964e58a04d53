"""Partition tables: MBR with its chains, GPT with its double, APM. Every length and link is hostile.

Sources: UEFI specification 2.10, chapter 5 (GPT, protective MBR); the MBR and extended boot record as documented in
Carrier, *File System Forensic Analysis* (2005), chapters 5 and 6; Apple, *Inside Macintosh: Devices*, chapter 3 (APM).
"""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.records import Severity

__all__ = ["Partition", "PartitionTable", "Remark", "read_partitions"]

SECTOR: Final = 512
_ENTRY: Final = struct.Struct("<B3sB3sII")
_EXTENDED: Final = (0x05, 0x0F, 0x85)
_PROTECTIVE: Final = 0xEE
_GPT: Final = struct.Struct("<8sIIIIQQQQ16sQIII")
_APM: Final = struct.Struct(">2sHIII32s32s")
_MAX_LOGICAL: Final = 256
_MAX_ENTRIES: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A partition: its name by number (``p1``), byte range, and the table's word for its type."""

    name: str
    start: int
    length: int
    type: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something about a table that is not as it should be."""

    code: str
    message: str

    @property
    def severity(self) -> Severity:
        """A loss where a partition, or part of one, is on the table and not in the image: nothing lists it."""
        return Severity.LOSS if self.code in {"partition-cut", "partition-chain"} else Severity.WARNING


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionTable:
    """A partition table: its scheme, partitions, the byte ranges of its own structures, and remarks."""

    scheme: str
    partitions: tuple[Partition, ...]
    metadata: tuple[tuple[int, int, str], ...]
    remarks: tuple[Remark, ...] = ()


def read_partitions(data: Readable) -> PartitionTable | None:
    """Return the medium's partition table, or None where the whole medium is one volume."""
    for block in (SECTOR, 4096):
        gpt = _gpt(data, block)
        if gpt is not None:
            return gpt
    return _apm(data) or _mbr(data)


# -- MBR -------------------------------------------------------------------------------------------------------------


def _mbr(data: Readable) -> PartitionTable | None:
    sector = data.read(0, SECTOR)
    if len(sector) < SECTOR or sector[510:] != b"\x55\xaa":
        return None
    entries = [_ENTRY.unpack_from(sector, 446 + 16 * index) for index in range(4)]
    used = [entry for entry in entries if entry[2] and entry[5]]
    plausible = all(entry[0] in {0, 0x80} for entry in entries) and all(entry[4] for entry in used)
    if not plausible or all(entry[4] * SECTOR >= data.size for entry in used):
        return None
    metadata = [(0, SECTOR, "MBR")]
    partitions: list[Partition] = []
    remarks: list[Remark] = []
    if any(entry[2] == _PROTECTIVE for entry in used):
        message = "the MBR announces a GPT, but neither of its copies can be read; partitions may be missing"
        remarks.append(Remark(code="gpt-damaged", message=message))
    logical = 5
    for index, (_, _, kind, _, start, count) in enumerate(entries):
        if not kind or not count:
            continue
        if kind in _EXTENDED:
            found = list(_logical(data, start, metadata, remarks, logical))
            logical += len(found)
            partitions += found
            continue
        partitions += _partition(data, f"p{index + 1}", start, count, f"0x{kind:02x}", remarks)
    ordered = tuple(sorted(partitions, key=lambda item: int(item.name[1:])))
    return PartitionTable(scheme="mbr", partitions=ordered, metadata=tuple(metadata), remarks=tuple(remarks))


def _partition(
    data: Readable, name: str, start: int, count: int, kind: str, remarks: list[Remark]
) -> Iterator[Partition]:
    """Yield a partition as far as the medium reaches; none where it begins outside."""
    begin, length = start * SECTOR, count * SECTOR
    if begin >= data.size:
        remarks.append(Remark(code="partition-cut", message=f"partition {name} lies outside the medium"))
        return
    if begin + length > data.size:
        message = f"partition {name} ends outside the medium; it is cut to it"
        remarks.append(Remark(code="partition-cut", message=message))
        length = data.size - begin
    yield Partition(name=name, start=begin, length=length, type=kind)


def _logical(
    data: Readable, base: int, metadata: list[tuple[int, int, str]], remarks: list[Remark], first: int
) -> Iterator[Partition]:
    """Follow the chain of extended boot records; a loop, or a link out of the medium, ends it with a remark."""
    sector, seen = base, set[int]()
    for number in range(_MAX_LOGICAL):
        if sector in seen or sector * SECTOR + SECTOR > data.size:
            remarks.append(Remark(code="partition-chain", message=f"extended chain is broken at sector {sector}"))
            return
        seen.add(sector)
        raw = data.read(sector * SECTOR, SECTOR)
        if raw[510:] != b"\x55\xaa":
            remarks.append(Remark(code="partition-chain", message=f"no extended boot record at sector {sector}"))
            return
        metadata.append((sector * SECTOR, SECTOR, "EBR"))
        _, _, kind, _, start, count = _ENTRY.unpack_from(raw, 446)
        if kind and count:
            yield from _partition(data, f"p{first + number}", sector + start, count, f"0x{kind:02x}", remarks)
        _, _, kind, _, start, count = _ENTRY.unpack_from(raw, 462)
        if kind not in _EXTENDED or not count:
            return
        sector = base + start


# -- GPT -------------------------------------------------------------------------------------------------------------


def _gpt(data: Readable, block: int) -> PartitionTable | None:
    remarks: list[Remark] = []
    header = _gpt_header(data, block, block)
    if header is None:
        last = (data.size // block - 1) * block
        header = None if _plain_mbr(data) else _gpt_header(data, last, block)
        if header is None:
            return None
        remarks.append(Remark(code="gpt-backup", message="the primary GPT header is damaged; its backup is used"))
    entries_at, count, size, checksum = header
    raw = data.read(entries_at * block, count * size)
    if zlib.crc32(raw) != checksum:
        remarks.append(
            Remark(code="gpt-entries", message="the GPT entries fail their checksum; they are used all the same")
        )
    partitions = tuple(_gpt_partitions(data, raw, count, size, block, remarks))
    area = -(-count * size // block) * block
    end = data.size // block * block
    metadata = [(0, block, "protective MBR"), (block, block, "GPT header"), (2 * block, area, "GPT entries")]
    if end - block - area > 3 * block + area:
        metadata += [(end - block - area, area, "GPT backup entries"), (end - block, block, "GPT backup header")]
    return PartitionTable(scheme="gpt", partitions=partitions, metadata=tuple(metadata), remarks=tuple(remarks))


def _plain_mbr(data: Readable) -> bool:
    """Tell whether an MBR without a protective entry stands: a GPT at the end would be one from before it."""
    sector = data.read(0, SECTOR)
    kinds = [_ENTRY.unpack_from(sector, 446 + 16 * index)[2] for index in range(4)] if len(sector) == SECTOR else []
    return sector[510:] == b"\x55\xaa" and _PROTECTIVE not in kinds


def _gpt_header(data: Readable, at: int, block: int) -> tuple[int, int, int, int] | None:
    raw = data.read(at, block) if at >= 0 else b""
    if len(raw) < _GPT.size or not raw.startswith(b"EFI PART"):
        return None
    _, _, size, checksum, _, _, _, _, _, _, entries, count, entry_size, entries_crc = _GPT.unpack_from(raw)
    if not _GPT.size <= size <= block or not 128 <= entry_size <= 4096 or count > _MAX_ENTRIES:
        return None
    zeroed = raw[:16] + bytes(4) + raw[20:size]
    if zlib.crc32(zeroed) != checksum or entries * block >= data.size:
        return None
    return entries, count, entry_size, entries_crc


def _gpt_partitions(
    data: Readable, raw: bytes, count: int, size: int, block: int, remarks: list[Remark]
) -> Iterator[Partition]:
    for index in range(min(count, len(raw) // size)):
        entry = raw[index * size : index * size + 128]
        kind, first, last = entry[:16], *struct.unpack_from("<QQ", entry, 32)
        if kind == bytes(16):
            continue
        start, length = first * block, (last - first + 1) * block
        if last < first or start >= data.size:
            remarks.append(Remark(code="partition-cut", message=f"partition p{index + 1} lies outside the medium"))
            continue
        if start + length > data.size:
            remarks.append(Remark(code="partition-cut", message=f"partition p{index + 1} is cut to the medium"))
            length = data.size - start
        label = entry[56:128].decode("utf-16-le", "replace").split("\0")[0]
        yield Partition(
            name=f"p{index + 1}", start=start, length=length, type=str(uuid.UUID(bytes_le=kind)), label=label
        )


# -- APM -------------------------------------------------------------------------------------------------------------


def _apm(data: Readable) -> PartitionTable | None:
    raw = data.read(0, 2 * SECTOR)
    if raw[:2] != b"ER" or raw[SECTOR : SECTOR + 2] != b"PM":
        return None
    count = min(_APM.unpack_from(raw, SECTOR)[2], _MAX_ENTRIES)
    partitions, remarks = [], list[Remark]()
    for index in range(count):
        entry = data.read((index + 1) * SECTOR, SECTOR)
        if len(entry) < SECTOR or entry[:2] != b"PM":
            remarks.append(Remark(code="apm-entry", message=f"APM entry {index + 1} is damaged"))
            break
        _, _, _, start, blocks, name, kind = _APM.unpack_from(entry)
        text = kind.split(b"\0")[0].decode("ascii", "replace")
        if text not in {"Apple_partition_map", "Apple_Free"} and start * SECTOR < data.size:
            label = name.split(b"\0")[0].decode("ascii", "replace")
            length = min(blocks * SECTOR, data.size - start * SECTOR)
            partitions.append(
                Partition(name=f"p{index + 1}", start=start * SECTOR, length=length, type=text, label=label)
            )
    metadata = ((0, (count + 1) * SECTOR, "APM"),)
    return PartitionTable(scheme="apm", partitions=tuple(partitions), metadata=metadata, remarks=tuple(remarks))
