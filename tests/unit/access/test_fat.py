"""Laws of the FAT reader on volumes built here."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytsk3

from pipeline.access.fat import FatFileSystem, open_fat, recognise_fat
from pipeline.access.fat_time import exfat_time
from pipeline.access.interfaces import FileSystemOptions
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Diagnostic, FileEntry, Volume
from tests.builders.fat_image import FatImage, windows_short_name


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


class _Torn(_Bytes):
    """A medium with sectors that cannot be read: (start, end) in bytes."""

    def __init__(self, data: bytes, *torn: tuple[int, int]) -> None:
        super().__init__(data)
        self.torn = torn

    def read(self, start: int, length: int) -> bytes:
        if any(start < end and first < start + length for first, end in self.torn):
            raise UnreadableError("torn")
        return super().read(start, length)


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
    [
        ({}, "contiguity-assumed"),
        ({3: 0xFFF}, "partly-overwritten"),
        ({2: 0xFFF}, "partly-overwritten"),
        ({2: 0xFFF, 3: 0xFFF}, "overwritten"),
    ],
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


def _open(data: _Bytes | bytes) -> FatFileSystem:
    medium = data if isinstance(data, _Bytes) else _Bytes(data)
    return open_fat(medium, _volume(medium.size), FileSystemOptions())


def _told(reader: Any) -> list[tuple[str, str]]:
    """Severity and message, without its remedy, of what a listing could not read or decide."""
    rows = [row for row in reader.entries() if isinstance(row, Diagnostic)]
    return [(str(row.severity), row.message.partition(": ")[2].rpartition("; ")[0]) for row in rows]


JAPANESE = {
    "住民票一覧_2022.csv": True, "構成表_全世帯.xls": True, "申請者名簿.xlsx": True, "表紙.DOC": True,
    "世帯一覧_2022.csv": False,
    "給付金_対象者一覧.xls": False, "名簿_2022年6月.csv": False, "作業手順_改訂版1.txt": False,
    "通知文_第1版.docx": False, "README.TXT": False, "口座番号_2022年.csv": False,
}  # fmt: skip
"""Eleven live files; True where the short name holds a cp932 trail byte 5B, 5C, 5D or 7C."""


def _rewrite_short_names(image: bytearray, slots: list[int], names: list[str]) -> None:
    """Give files the short names of Japanese Windows, in place of those that mtools makes from single bytes."""
    taken: set[bytes] = set()
    waiting = iter(names)
    parts: list[int] = []
    for at in slots:
        if not image[at] or image[at + 11] == 8:
            continue
        if image[at + 11] == 15:
            parts.append(at)
            continue
        short, _ = windows_short_name(next(waiting), taken)
        taken.add(short)
        image[at : at + 11], image[at + 12] = short, 0
        total = 0
        for byte in short:
            total = ((total & 1) << 7 | total >> 1) + byte & 0xFF
        for part in parts:
            image[part + 13] = total
        parts = []


def _root_slots(data: bytes) -> list[int]:
    """Places of the root directory's slots; FAT32: along the chain from cluster 2, clusters of one sector."""
    reserved, fats, small = int.from_bytes(data[14:16], "little"), data[16], int.from_bytes(data[22:24], "little")
    start = 512 * (reserved + fats * (small or int.from_bytes(data[36:40], "little")))
    if small:
        return list(range(start, start + 512 * 32, 32))
    places, cluster = [], 2
    while cluster < 0x0FFFFFF0:
        places += range(start + (cluster - 2) * 512, start + (cluster - 1) * 512, 32)
        cluster = int.from_bytes(data[512 * reserved + 4 * cluster :][:4], "little")
    return places


def _japanese_by_tools(folder: Path, bits: int) -> bytes:
    """A volume that mkfs.vfat formatted and mtools filled."""
    image = folder / "fat.img"
    made = {name: f"内容 {name}\n".encode("cp932") * 300 for name in JAPANESE}
    sectors = "40000" if bits == 32 else "8192"
    subprocess.run(
        ["mkfs.vfat", "-F", str(bits), "-s", "1", "-C", str(image), sectors], check=True, capture_output=True
    )
    rc = folder / "mtoolsrc"
    rc.write_text(f'mtools_skip_check=1\ndefault_codepage=932\ndrive c: file="{image}"\n')
    environment = os.environ | {
        "MTOOLSRC": str(rc),
        "LC_ALL": "C.UTF-8",
        "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
    }
    for name, content in made.items():
        (folder / name).write_bytes(content)
        subprocess.run(["mcopy", str(folder / name), "c:"], check=True, env=environment, capture_output=True)
    data = bytearray(image.read_bytes())
    _rewrite_short_names(data, _root_slots(bytes(data)), list(JAPANESE))
    image.write_bytes(data)
    (folder / "out").mkdir()
    subprocess.run(["mcopy", "c:*", str(folder / "out")], check=True, env=environment, capture_output=True)
    assert {one.read_bytes() for one in (folder / "out").iterdir()} == set(made.values()), "mtools reads every content"
    return bytes(data)


def _by_tsk(path: Path) -> set[str]:
    listing = pytsk3.FS_Info(pytsk3.Img_Info(str(path))).open_dir("/")
    names = (one.info.name for one in listing if one.info.meta is not None)
    return {one.name.decode() for one in names if one.flags == pytsk3.TSK_FS_NAME_FLAG_ALLOC} & set(JAPANESE)


@pytest.mark.tools
@pytest.mark.skipif(not shutil.which("mcopy"), reason="mtools is not installed")
@pytest.mark.parametrize("bits", [16, 32])
def test_volume_of_other_tools_lists_all_eleven_japanese_files_where_tsk_lists_seven(tmp_path: Path, bits: int) -> None:
    data = _japanese_by_tools(tmp_path, bits)
    _all_eleven(data, bits)
    assert _by_tsk(tmp_path / "fat.img") == {name for name, hit in JAPANESE.items() if not hit}


@pytest.mark.parametrize("bits", [12, 16, 32])
def test_own_volume_lists_all_eleven_japanese_files_where_tsk_lists_seven(tmp_path: Path, bits: int) -> None:
    volume = FatImage(bits, clusters={12: 1000, 16: 5000, 32: 66_000}[bits])
    for name in JAPANESE:
        volume.create(f"/{name}", f"内容 {name}\n".encode("cp932") * 300)
    (tmp_path / "fat.img").write_bytes(volume.image())
    _all_eleven(volume.image(), bits)
    assert _by_tsk(tmp_path / "fat.img") == {name for name, hit in JAPANESE.items() if not hit}


def _all_eleven(data: bytes, bits: int) -> None:
    reader = _open(data)
    rows = [row for row in reader.entries() if isinstance(row, FileEntry)]
    assert reader.geometry.bits == bits
    assert sorted(row.path for row in rows) == sorted(f"/{name}" for name in JAPANESE)
    assert _told(reader) == []
    for row in rows:
        content = f"内容 {row.path[1:]}\n".encode("cp932") * 300
        stored = b"".join(data[run.start - 4096 :][: run.length] for run in row.runs)
        assert (row.size, row.certainty, stored[: row.size]) == (len(content), "intact", content)


def _label(first: int) -> bytes:
    slot = bytearray(_slot(b"HIDDEN  TXT", first, 5))
    slot[11] = 0x28
    return bytes(slot)


LONG_PIECE = b"\x41" + "a.tx".encode("utf-16-le") + b"t\0" + b"\x0f\0\x77" + bytes(12) + b"\0\0" + bytes(4)
A, B = _slot(b"A       TXT", 2, 5), _slot(b"B       TXT", 2, 600)


@pytest.mark.parametrize(
    ("slots", "links", "told"),
    [
        ([A, B], {2: 3, 3: 0xFFF},
         ["cluster is claimed by more than one live entry: 2 times (first: BYTES:1536+1024)"]),
        ([LONG_PIECE, A], {2: 0xFFF}, ["piece of a long name belongs to no entry: 1 times"]),
        ([_label(2)], {2: 0xFFF}, ["volume label has clusters or a size; they are not listed: 1 times"]),
        ([B], {2: 0xFFF}, ["chain shorter than the size: 1 times (first: BYTES:1024+32)"]),
        ([B], {2: 3}, ["chain shorter than the size: 1 times (first: BYTES:1024+32)",
                       "chain: free cluster in chain: 1 times (first: BYTES:1024+32)"]),
        ([B[:26] + b"\0\0" + B[28:]], {}, ["size without clusters: 1 times (first: BYTES:1024+32)"]),
        ([A[:24] + b"\xff\xff" + A[26:]], {2: 0xFFF}, ["time is no date: 1 times (first: BYTES:1024+32)"]),
        ([b"\x81".ljust(8) + A[8:]], {2: 0xFFF},
         ["short name is not text of the code page: 1 times (first: BYTES:1024+32)"]),
        ([b".".ljust(11) + A[11:]], {2: 0xFFF},
         ["dot entry inside a directory is not listed: 1 times (first: BYTES:1024+32)"]),
    ],
)  # fmt: skip
def test_what_cannot_be_decided_is_told_with_count_and_place(
    slots: list[bytes], links: dict[int, int], told: list[str]
) -> None:
    wanted = [("warning", text.replace("BYTES", "EX-01!part:p1!bytes")) for text in told]
    assert _told(_open(_image(slots, links))) == wanted


def test_both_owners_of_a_crossed_cluster_keep_their_runs() -> None:
    runs = [[(run.start, run.length) for run in entry.runs] for entry in _entries(_image([A, B], {2: 3, 3: 0xFFF}))]
    assert runs == [[(4096 + 1536, 1024)], [(4096 + 1536, 1024)]]


def test_deleted_long_name_gives_the_short_name_back() -> None:
    volume = FatImage(16, clusters=5000)
    volume.delete(volume.create("/住民票一覧_2022.csv", b"x" * 700))
    entry = _entries(volume.image())[0]
    assert (entry.path, entry.short_name, str(entry.origin)) == ("/住民票一覧_2022.csv", "住民票~1.CSV", "deleted")


def test_unreadable_directory_sector_costs_its_names_only_and_is_told() -> None:
    volume = FatImage(32, clusters=2000, cluster=1024)
    volume.mkdir("/a")
    for number in range(60):
        volume.create(f"/a/{number:02d}.TXT", b"")
    image = volume.image()
    torn = volume.start + (volume.live("/a").clusters[0] - 2) * 1024 + 512
    reader = _open(_Torn(image, (torn, torn + 512)))
    names = {row.path for row in reader.entries() if isinstance(row, FileEntry) and row.kind == "file"}
    assert names == {f"/a/{number:02d}.TXT" for number in range(60) if not 14 <= number < 30}
    text = f"part of a directory could not be read: 1 times (first: EX-01!part:p1!bytes:{torn}+512)"
    assert _told(reader) == [("loss", text)]


def test_unreadable_table_is_read_from_its_copy_and_without_one_nothing_is_called_free() -> None:
    volume = FatImage(16, clusters=5000)
    volume.create("/A.TXT", b"x" * 700)
    image = volume.image()
    reader = _open(_Torn(image, (512, 1024)))
    assert [row.certainty for row in reader.entries() if isinstance(row, FileEntry)] == ["intact"]
    assert [text.partition(": ")[0] for _, text in _told(reader)] == [
        "part of the allocation table could not be read; its copy is used"
    ]
    size = volume.fat_sectors * 512
    reader = _open(_Torn(image, (512, 1024), (512 + size, 1024 + size)))
    assert [kind for kind, _ in _told(reader)] == ["warning", "warning", "loss"]
    assert [one.name for one in reader.regions() if one.class_ == "unallocated"] == []


def test_tables_that_differ_are_told() -> None:
    volume = FatImage(16, clusters=5000)
    image = bytearray(volume.image())
    image[512 * (1 + volume.fat_sectors) + 100] ^= 1
    assert _told(_open(bytes(image)))[0][1].startswith("allocation table and its copy differ")


def test_lost_directory_is_found_in_free_space_and_unreadable_free_space_is_told() -> None:
    volume = FatImage(16, clusters=5000)
    lost = volume.mkdir("/a")
    volume.create("/a/住民票.CSV", b"x" * 700)
    volume.root.table.clear()
    for one in volume.nodes:
        for cluster in one.clusters:
            volume.fat[cluster] = 0
    image, start = volume.image(), volume.start
    found = [row.path for row in _open(image).entries() if isinstance(row, FileEntry)]
    assert found == [f"/$Orphan/{lost.clusters[0]}/住民票.CSV"]
    reader = _open(_Torn(image, (start + 5120, start + 5121)))
    text = "free cluster could not be read in the search for orphan directories: 1 times"
    assert _told(reader) == [("loss", f"{text} (first: EX-01!part:p1!bytes:{start + 5120}+512)")]
    assert found == [row.path for row in reader.entries() if isinstance(row, FileEntry)]


def test_directory_longer_than_the_limit_is_told() -> None:
    volume = FatImage(32, clusters=1030, cluster=65536)
    folder = volume.mkdir("/a")
    folder.clusters += volume.take(1025)
    volume.link(folder.clusters)
    reader = _open(volume.image())
    text = "directory is longer than 67108864 bytes; the rest is not listed: 1 times"
    last = volume.start + 65536 * (folder.clusters[-2] - 2)
    assert _told(reader) == [("loss", f"{text} (first: EX-01!part:p1!bytes:{last}+131072)")]


def test_regions_after_entries_read_nothing_again() -> None:
    volume = FatImage(32, clusters=2000)
    volume.mkdir("/a")
    volume.create("/a/b.txt", b"x" * 700)
    image = volume.image()
    medium = _Torn(image)
    reader = _open(medium)
    rows = list(reader.entries())
    medium.torn = ((0, len(image)),)
    assert list(reader.regions()) == list(_open(image).regions())
    assert len(rows) == 2


@pytest.mark.parametrize("bits", [16, 32])
def test_november_is_no_may_and_no_date_is_no_time(bits: int) -> None:
    volume = FatImage(bits, clusters=5000)
    volume.create("/A.TXT", b"x", when=(2022, 11, 30, 23, 59, 58))
    volume.create("/B.TXT", b"x", when=(2022, 11, 31, 1, 2, 4))
    volume.create("/C.TXT", b"x", when=(2022, 13, 1, 1, 2, 4))
    first, second, third = _entries(volume.image())
    assert (first.created, first.modified) == (datetime(2022, 11, 30, 14, 59, 58, tzinfo=UTC),) * 2
    assert first.accessed == datetime(2022, 11, 29, 15, tzinfo=UTC)
    assert (first.modified_zone, first.modified_precision_us, first.accessed_precision_us) == (
        "local Asia/Tokyo", 2_000_000, 86_400_000_000,
    )  # fmt: skip
    assert (second.modified, third.created, third.accessed) == (None, None, None)


@pytest.mark.parametrize("bits", [16, 32])
def test_destroyed_boot_sector_is_refused_whether_or_not_a_backup_stands(bits: int) -> None:
    image = bytearray(FatImage(bits, clusters=70_000 if bits == 32 else 5000).image())
    image[6 * 512 : 7 * 512] = image[:512]
    for damage in (bytes(512), b"\xff" * 512, b"\xf6" * 512):
        image[:512] = damage
        with pytest.raises(UnreadableError):
            _open(bytes(image))
    with pytest.raises(UnreadableError):
        _open(_Torn(bytes(image), (0, 512)))


def test_volume_cut_short_is_described_and_listed() -> None:
    volume = FatImage(16, clusters=5000)
    volume.create("/A.TXT", b"x" * 5000)
    image = volume.image()[: volume.start + 2048]
    reader = _open(image)
    assert reader.describe()["file_system"] == "FAT16"
    assert [row.certainty for row in reader.entries() if isinstance(row, FileEntry)] == ["partly-overwritten"]
    assert sum(one.length for one in reader.regions()) + 2048 == len(image)


@pytest.mark.slow
def test_ten_thousand_nested_directories_are_listed() -> None:
    volume = FatImage(32, clusters=10_100)
    volume.mkdir("/D")
    entry = volume.root.table[0]
    for _ in range(10_000):
        cluster = volume.take(1)
        volume.link(cluster)
        volume.put(cluster[0], entry[:26] + (cluster[0] + 1).to_bytes(2, "little") + entry[28:])
    volume.nodes[0].table[:] = [entry[:26] + b"\4\0" + entry[28:]]
    reader = _open(volume.image())
    depth = max(row.path.count("/") for row in reader.entries() if isinstance(row, FileEntry))
    assert depth == 10_002


@pytest.mark.slow
def test_two_hundred_thousand_entries_take_seconds() -> None:
    volume = FatImage(32, clusters=3000, cluster=4096)
    folder = volume.mkdir("/a")
    folder.table += [b"%08dTXT" % number + A[11:26] + bytes(6) for number in range(200_000)]
    while 32 * len(folder.table) > 4096 * len(folder.clusters):
        volume.grow(folder)
    image = volume.image()
    start = time.process_time()
    assert sum(isinstance(row, FileEntry) for row in _open(image).entries()) == 200_001
    assert time.process_time() - start < 20
