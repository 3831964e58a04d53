"""Laws of the FAT reader on volumes built here."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.access.fat import open_fat, recognise_fat
from pipeline.access.fat_time import exfat_time
from pipeline.access.interfaces import FileSystemOptions
from pipeline.errors import ParseError
from pipeline.records import FileEntry, Volume


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, start: int, length: int) -> bytes:
        return self.data[start : start + length]


def _volume(size: int) -> Volume:
    return Volume(
        address="EX-01!part:p1", exhibit="EX-01", start=4096, length=size, direct=True, scheme="", part_type="",
        file_system="", label="", serial="", block_size=512, encryption="", state="open", reader="",
    )  # fmt: skip


def _image(slots: list[bytes], links: dict[int, int]) -> bytes:
    """FAT12: sector 512, cluster 512, table at 512, root of 16 slots at 1024, clusters from 1536."""
    boot = bytearray(512)
    boot[3:11], boot[11:13], boot[13], boot[14], boot[16] = b"MSDOS5.0", b"\0\2", 1, 1, 1
    boot[17], boot[19], boot[22] = 16, 64, 1
    table = 0
    for cluster, value in ({0: 0xFF8, 1: 0xFFF} | links).items():
        table |= value << 12 * cluster
    content = bytes(boot) + table.to_bytes(512, "little") + b"".join(slots).ljust(512, b"\0")
    return content.ljust(64 * 512, b"\0")


def _slot(name: bytes, first: int, size: int) -> bytes:
    date = (42 << 9 | 11 << 5 | 23).to_bytes(2, "little")
    stamps = b"\0\0" + b"\0\x50" + date + date + b"\0\0" + b"\0\x50" + date
    return name.ljust(11) + b"\x20" + stamps + first.to_bytes(2, "little") + size.to_bytes(4, "little")


def _entries(image: bytes) -> list[FileEntry]:
    reader = open_fat(_Bytes(image), _volume(len(image)), FileSystemOptions())
    return [row for row in reader.entries() if isinstance(row, FileEntry)]


@pytest.mark.parametrize("character", ["票", "表", "ー", "申"])
def test_live_names_with_cp932_trail_bytes_are_listed(character: str) -> None:
    name = character.encode("cp932").ljust(8) + b"CSV"
    assert [entry.path for entry in _entries(_image([_slot(name, 2, 5)], {2: 0xFFF}))] == [f"/{character}.CSV"]


def test_november_stays_november() -> None:
    entry = _entries(_image([_slot(b"A       TXT", 2, 5)], {2: 0xFFF}))[0]
    assert entry.modified == datetime(2022, 11, 23, 1, 0, tzinfo=UTC)
    assert entry.accessed == datetime(2022, 11, 22, 15, 0, tzinfo=UTC)


def test_recorded_exfat_offset_is_heeded() -> None:
    stamp = (42 << 9 | 11 << 5 | 23) << 16 | 10 << 11
    assert exfat_time(stamp, 0, 0x88, "Asia/Tokyo") == (datetime(2022, 11, 23, 8, tzinfo=UTC), "recorded +02:00")
    assert exfat_time(stamp, 0, 0, "Asia/Tokyo") == (datetime(2022, 11, 23, 1, tzinfo=UTC), "local Asia/Tokyo")


def test_cyclic_chain_ends_and_is_told() -> None:
    image = _image([_slot(b"A       TXT", 2, 5000)], {2: 3, 3: 2})
    rows = list(open_fat(_Bytes(image), _volume(len(image)), FileSystemOptions()).entries())
    assert [getattr(row, "code", "") for row in rows] == ["", "fat-damage", "fat-damage"]


@pytest.mark.parametrize(
    ("links", "certainty"),
    [({}, "contiguity-assumed"), ({3: 0xFFF}, "partly-overwritten"), ({2: 0xFFF}, "overwritten")],
)
def test_deleted_file_says_how_sure_its_runs_are(links: dict[int, int], certainty: str) -> None:
    entry = _entries(_image([_slot(b"\xe5       TXT", 2, 1000)], links))[0]
    assert (entry.path, entry.certainty, [(run.start, run.length) for run in entry.runs]) == (
        "/_.TXT", certainty, [(4096 + 1536, 1024)],
    )  # fmt: skip


def test_absurd_boot_sector_is_refused() -> None:
    image = bytearray(_image([], {}))
    image[13] = 0
    assert not recognise_fat(bytes(image[:512]))
    with pytest.raises(ParseError):
        open_fat(_Bytes(bytes(image)), _volume(len(image)), FileSystemOptions())
