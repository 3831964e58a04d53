"""Laws of partition tables; every table is built here."""

from __future__ import annotations

import struct

from pipeline.access.partitions import PartitionTable, read_partitions
from tests.builders.disks import SECTOR, Bytes, apm_disk, gpt_disk, mbr_sector

VOLUME = b"\xa5" * (256 * SECTOR)


def _read(data: bytes) -> PartitionTable:
    table = read_partitions(Bytes(data))
    assert table is not None
    return table


def _places(table: PartitionTable) -> list[tuple[str, int, int]]:
    return [(part.name, part.start, part.length) for part in table.partitions]


def _codes(table: PartitionTable) -> list[str]:
    return [remark.code for remark in table.remarks]


def test_gpt_partitions_have_numbers_places_and_labels() -> None:
    table = _read(gpt_disk([VOLUME, VOLUME]))
    assert (table.scheme, _codes(table)) == ("gpt", [])
    assert _places(table) == [("p1", 32768, 131072), ("p2", 163840, 131072)]
    assert [part.label for part in table.partitions] == ["part 1", "part 2"]


def test_damaged_primary_gpt_gives_the_partitions_of_its_backup() -> None:
    data = bytearray(gpt_disk([VOLUME, VOLUME]))
    data[SECTOR : 34 * SECTOR] = bytes(33 * SECTOR)
    table = _read(bytes(data))
    assert (_codes(table), _places(table)) == (["gpt-backup"], [("p1", 32768, 131072), ("p2", 163840, 131072)])


def test_wiped_beginning_of_a_gpt_disk_hides_no_partition() -> None:
    data = gpt_disk([VOLUME, VOLUME])
    table = _read(bytes(34 * SECTOR) + data[34 * SECTOR :])
    assert (_codes(table), len(table.partitions)) == (["gpt-backup"], 2)


def test_old_gpt_behind_a_plain_mbr_is_not_used() -> None:
    data = gpt_disk([VOLUME, VOLUME])
    table = _read(mbr_sector([(0x07, 64, 256)]) + bytes(33 * SECTOR) + data[34 * SECTOR :])
    assert (table.scheme, _places(table)) == ("mbr", [("p1", 32768, 131072)])


def test_gpt_entries_that_fail_their_checksum_are_used_and_said() -> None:
    data = bytearray(gpt_disk([VOLUME]))
    data[2 * SECTOR + 60] ^= 1
    assert _codes(_read(bytes(data))) == ["gpt-entries"]


def test_gpt_structures_are_volume_metadata_with_their_copies() -> None:
    data = gpt_disk([VOLUME])
    names = {name: (start, length) for start, length, name in _read(data).metadata}
    assert names == {
        "protective MBR": (0, 512), "GPT header": (512, 512), "GPT entries": (1024, 16384),
        "GPT backup entries": (len(data) - 16896, 16384), "GPT backup header": (len(data) - 512, 512),
    }  # fmt: skip


def test_hybrid_mbr_does_not_hide_the_gpt() -> None:
    data = bytearray(gpt_disk([VOLUME, VOLUME]))
    data[:SECTOR] = mbr_sector([(0xEE, 1, 63), (0x0C, 64, 256)])
    table = _read(bytes(data))
    assert (table.scheme, len(table.partitions)) == ("gpt", 2)


def test_absurd_gpt_counts_end_without_partitions_from_them() -> None:
    data = bytearray(gpt_disk([VOLUME]))
    for at in (SECTOR, len(data) - SECTOR):
        struct.pack_into("<I", data, at + 80, 0xFFFFFFFF)
    table = _read(bytes(data))
    assert (table.scheme, _codes(table)) == ("mbr", ["gpt-damaged"])


def test_apm_partitions_from_the_second_on_are_all_listed() -> None:
    table = _read(apm_disk([("Apple_HFS", VOLUME), ("Apple_Free", VOLUME), ("Apple_HFS", VOLUME)]))
    assert _places(table) == [("p2", 32768, 131072), ("p4", 294912, 131072)]


def test_damaged_apm_entry_is_said() -> None:
    data = bytearray(apm_disk([("Apple_HFS", VOLUME), ("Apple_HFS", VOLUME)]))
    data[3 * SECTOR : 3 * SECTOR + 2] = b"??"
    table = _read(bytes(data))
    assert (_places(table), _codes(table)) == ([("p2", 32768, 131072)], ["apm-entry"])


def _extended(second: bytes) -> bytes:
    """A primary at 8, an extended at 64 with a logical at 72, and a second extended record at 128."""
    data = bytearray(512 * SECTOR)
    data[:SECTOR] = mbr_sector([(0x07, 8, 56), (0x05, 64, 448)])
    data[64 * SECTOR : 65 * SECTOR] = mbr_sector([(0x83, 8, 40), (0x05, 64, 384)])
    data[128 * SECTOR : 129 * SECTOR] = second
    return bytes(data)


def test_logical_partitions_are_numbered_from_five() -> None:
    table = _read(_extended(mbr_sector([(0x83, 8, 100)])))
    assert _places(table) == [("p1", 4096, 28672), ("p5", 36864, 20480), ("p6", 69632, 51200)]
    assert list(table.metadata) == [(0, 512, "MBR"), (32768, 512, "EBR"), (65536, 512, "EBR")]


def test_extended_chain_that_loops_ends_with_a_remark() -> None:
    table = _read(_extended(mbr_sector([(0x83, 8, 100), (0x05, 0, 448)])))
    assert (len(table.partitions), _codes(table)) == (3, ["partition-chain"])


def test_extended_chain_that_leaves_the_medium_ends_with_a_remark() -> None:
    table = _read(_extended(mbr_sector([(0x83, 8, 100), (0x05, 0xFFFFFF, 448)])))
    assert (len(table.partitions), _codes(table)) == (3, ["partition-chain"])


def test_wiped_extended_record_is_said_and_spoils_nothing_before_it() -> None:
    table = _read(_extended(bytes(SECTOR)))
    assert (len(table.partitions), _codes(table)) == (2, ["partition-chain"])


def test_partition_beyond_the_medium_is_cut_and_said() -> None:
    table = _read(mbr_sector([(0x07, 8, 1000)]) + bytes(63 * SECTOR))
    assert (_places(table), _codes(table)) == ([("p1", 4096, 28672)], ["partition-cut"])


def test_partition_that_begins_outside_spoils_no_other() -> None:
    table = _read(mbr_sector([(0x07, 8, 8), (0x07, 5000, 8)]) + bytes(63 * SECTOR))
    assert (_places(table), _codes(table)) == ([("p1", 4096, 4096)], ["partition-cut"])


def test_medium_without_a_table_has_none() -> None:
    assert read_partitions(Bytes(b"\xa5" * 65536)) is None
    assert read_partitions(Bytes(b"")) is None
