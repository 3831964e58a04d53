"""Laws of the exFAT reader on volumes built here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.access.exfat import ExfatFileSystem, open_exfat, recognise_exfat
from pipeline.access.exfat_sets import set_checksum
from pipeline.access.fat_time import exfat_time
from pipeline.access.interfaces import FileSystemOptions
from pipeline.errors import UnreadableError
from pipeline.records import FileEntry
from tests.builders.fat_image import ExfatImage, Node, stamp
from tests.unit.access.test_fat import _Bytes, _told, _Torn, _volume


def _open(data: _Bytes | bytes) -> ExfatFileSystem:
    medium = data if isinstance(data, _Bytes) else _Bytes(data)
    return open_exfat(medium, _volume(medium.size), FileSystemOptions())


def _rows(data: _Bytes | bytes) -> list[FileEntry]:
    return [row for row in _open(data).entries() if isinstance(row, FileEntry)]


def _change(volume: ExfatImage, node: Node, slot: int, at: int, value: bytes) -> None:
    """Change bytes of a node's entry set; the checksum follows."""
    table = (node.parent or volume.root).table
    slots = [table[number] for number in node.slots]
    slots[slot] = slots[slot][:at] + value + slots[slot][at + len(value) :]
    table[node.slots.start : node.slots.stop] = volume.summed(slots)


def test_description_is_the_boot_sectors_and_the_labels() -> None:
    assert _open(ExfatImage(clusters=600).image()).describe() == {
        "file_system": "exFAT", "label": "KYUFU", "serial": "20221123", "block_size": 512, "dirty": False,
        "error": False,
    }  # fmt: skip


def test_checksum_turns_right_and_leaves_its_own_bytes_out() -> None:
    assert set_checksum(b"\x01\x01\xff\xff") == 0x8001
    assert set_checksum(b"\x01\x01\0\0\x02") == 0xC002


def test_november_stays_november_and_the_recorded_offset_is_heeded() -> None:
    volume = ExfatImage(clusters=600)
    node = volume.create("/住民票.csv", b"x" * 600, when=(2022, 11, 30, 23, 59, 58))
    _change(volume, node, 0, 20, bytes([150, 0, 0x80 | 36, 0x80 | 0x7C, 0]))
    row = _rows(volume.image())[0]
    assert (row.created, row.created_zone) == (datetime(2022, 11, 30, 14, 59, 59, 500_000, UTC), "recorded +09:00")
    assert (row.modified, row.modified_zone) == (datetime(2022, 12, 1, 0, 59, 58, tzinfo=UTC), "recorded -01:00")
    assert (row.accessed, row.accessed_zone) == (datetime(2022, 11, 30, 14, 59, 58, tzinfo=UTC), "local Asia/Tokyo")
    assert (row.created_precision_us, row.accessed_precision_us) == (10_000, 2_000_000)


def test_every_offset_byte_means_signed_quarters_of_an_hour() -> None:
    date, time = stamp(2022, 11, 23, 12)
    for quarters in range(-64, 64):
        when, _ = exfat_time(date << 16 | time, 0, 0x80 | quarters & 0x7F, "Asia/Tokyo")
        assert when == datetime(2022, 11, 23, 12, tzinfo=UTC) - timedelta(minutes=15 * quarters)


def test_no_date_is_no_time_and_is_told() -> None:
    volume = ExfatImage(clusters=600)
    volume.create("/a", b"x", when=(2022, 11, 31))
    reader = _open(volume.image())
    row = next(iter(reader.entries()))
    assert isinstance(row, FileEntry)
    assert (row.created, row.modified, row.accessed) == (None, None, None)
    place = volume.start + (volume.root.clusters[0] - 2) * 512 + 96
    assert _told(reader) == [("warning", f"time is no date: 3 times (first: EX-01!part:p1!bytes:{place}+32)")]


def test_bytes_behind_the_initialised_size_are_zeros() -> None:
    volume = ExfatImage(clusters=600)
    node = volume.create("/a", b"x" * 600)
    _change(volume, node, 1, 8, (100).to_bytes(8, "little"))
    reader = _open(volume.image())
    row = _rows(volume.image())[0]
    assert (row.size, row.initialised_size) == (600, 100)
    assert reader.read(row, 0, 600) == b"x" * 100 + bytes(500)


@pytest.mark.parametrize(
    ("slot", "at", "value", "told"),
    [
        (1, 3, b"\0", "name length of a live entry set is not allowed; all its name entries are taken"),
        (1, 3, b"\x63", "name length of a live entry set is not allowed; all its name entries are taken"),
        (1, 0, b"\xa0", "live file entry has no stream entry"),
        (1, 20, b"\0\0\0\0", "size without clusters"),
        (1, 24, b"\0\0\0\1", "contiguous file leaves the volume"),
    ],
)
def test_broken_live_sets_are_told(slot: int, at: int, value: bytes, told: str) -> None:
    volume = ExfatImage(clusters=600)
    _change(volume, volume.create("/住民票.csv", b"x" * 600), slot, at, value)
    reader = _open(volume.image())
    kinds = [text.partition(": ")[0] for _, text in _told(reader)]
    assert kinds == ["cluster of a live entry is marked free"] * (at == 24) + [told]
    assert [row.path for row in _rows(volume.image())] == ([] if value == b"\xa0" else ["/住民票.csv"])


def test_wrong_checksum_is_told_and_flagged() -> None:
    volume = ExfatImage(clusters=600)
    volume.create("/a", b"x" * 600)
    volume.root.table[3] = volume.root.table[3][:2] + b"\x13\x37" + volume.root.table[3][4:]
    assert [text.partition(": ")[0] for _, text in _told(_open(volume.image()))] == [
        "checksum of a live entry set is wrong"
    ]
    assert [row.flags for row in _rows(volume.image())] == ["checksum-wrong"]


def test_what_lies_behind_the_end_mark_is_deleted() -> None:
    volume = ExfatImage(clusters=600)
    volume.create("/a", b"x" * 600)
    volume.root.table.insert(3, bytes(32))
    assert [(row.path, str(row.origin)) for row in _rows(volume.image())] == [("/a", "deleted")]


def test_crossed_and_unmarked_clusters_are_told() -> None:
    volume = ExfatImage(clusters=600)
    first, second = volume.create("/a", b"x" * 600), volume.create("/b", b"y" * 600)
    _change(volume, second, 1, 20, first.clusters[1].to_bytes(4, "little"))
    volume.used.discard(first.clusters[0])
    at = volume.start + (first.clusters[0] - 2) * 512
    here = "1 times (first: EX-01!part:p1!bytes"
    assert _told(_open(volume.image())) == [
        ("warning", f"cluster is claimed by more than one live entry: {here}:{at + 512}+512)"),
        ("warning", f"cluster of a live entry is marked free: {here}:{at}+512)"),
    ]  # fmt: skip


def test_lost_directory_is_found_in_free_space() -> None:
    volume = ExfatImage(clusters=600)
    lost = volume.mkdir("/a")
    for number in range(12):
        volume.create(f"/a/住民票{number:02d}.csv", b"")
    assert len(lost.clusters) > 1
    del volume.root.table[3:]
    volume.used.difference_update(lost.clusters)
    found = [(row.path, str(row.origin)) for row in _rows(volume.image())]
    first = lost.clusters[0]
    assert found == [(f"/$Orphan/{first}/住民票{number:02d}.csv", "orphan") for number in range(12)]


def test_unreadable_directory_sector_costs_its_sets_only_and_is_told() -> None:
    volume = ExfatImage(clusters=600)
    folder = volume.mkdir("/a")
    for number in range(20):
        volume.create(f"/a/{number:02d}.txt", b"")
    torn = volume.start + (folder.clusters[1] - 2) * 512
    reader = _open(_Torn(volume.image(), (torn, torn + 512)))
    names = [row.path for row in reader.entries() if isinstance(row, FileEntry) and row.kind == "file"]
    assert names == [f"/a/{number:02d}.txt" for number in [0, 1, 2, 3, 4, *range(11, 20)]]
    losses = [text for severity, text in _told(reader) if severity == "loss"]
    assert losses == [f"part of a directory could not be read: 1 times (first: EX-01!part:p1!bytes:{torn}+512)"]


def test_missing_bitmap_makes_nothing_free_and_is_told() -> None:
    volume = ExfatImage(clusters=600)
    volume.create("/a", b"x" * 600)
    volume.root.table[0] = b"\x01" + volume.root.table[0][1:]
    reader = _open(volume.image())
    assert [text.partition(";")[0] for _, text in _told(reader)] == ["allocation bitmap is missing or short"]
    assert [one.name for one in reader.regions() if one.class_ == "unallocated"] == []


def test_regions_after_entries_read_nothing_again() -> None:
    volume = ExfatImage(clusters=600)
    volume.create("/a", b"x" * 600)
    image = volume.image()
    medium = _Torn(image)
    reader = _open(medium)
    assert len(list(reader.entries())) == 1
    medium.torn = ((0, len(image)),)
    assert list(reader.regions()) == list(_open(image).regions())


def test_destroyed_boot_sector_is_refused_though_its_backup_stands() -> None:
    image = bytearray(ExfatImage(clusters=600).image())
    assert recognise_exfat(bytes(image[12 * 512 : 13 * 512]))
    for damage in (bytes(512), b"\xff" * 512, image[:64] + bytes(448), image[:108] + b"\xff" * 404):
        image[:512] = damage
        with pytest.raises(UnreadableError):
            _open(bytes(image))
    with pytest.raises(UnreadableError):
        _open(_Torn(bytes(image), (0, 512)))


def test_volume_cut_short_is_described_and_listed() -> None:
    volume = ExfatImage(clusters=600)
    volume.create("/a", b"x" * 6000)
    image = volume.image()[: volume.start + 4096]
    assert _open(image).describe()["label"] == "KYUFU"
    assert [row.certainty for row in _rows(image)] == ["partly-overwritten"]
