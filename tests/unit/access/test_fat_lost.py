"""What deletion and formatting leave of FAT and exFAT volumes, and how sure the readers are of it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from pipeline.access.exfat import open_exfat
from pipeline.access.fat import open_fat
from pipeline.access.interfaces import FileSystemOptions
from pipeline.records import Diagnostic, FileEntry
from tests.builders.fat_image import ExfatImage, FatImage, Node, VolumeImage
from tests.unit.access.test_fat import _Bytes, _volume

MAKERS: dict[str, Callable[[], VolumeImage]] = {
    "FAT12": lambda: FatImage(12, clusters=900), "FAT16": lambda: FatImage(16, clusters=4200),
    "FAT32": lambda: FatImage(32, clusters=900), "exFAT": lambda: ExfatImage(clusters=900),
}  # fmt: skip
TRAILS = (0x5B, 0x5C, 0x5D, 0x7C)


def _at(minute: int) -> tuple[int, ...]:
    return 2022, 11, 23, 10, minute, 0


def _listed(volume: VolumeImage) -> list[tuple[FileEntry, bytes]]:
    image = volume.image()
    opener = open_exfat if isinstance(volume, ExfatImage) else open_fat
    reader = opener(_Bytes(image), _volume(len(image)), FileSystemOptions())
    every = list(reader.entries())
    assert not [row for row in every if isinstance(row, Diagnostic) and row.severity != "note"]
    return [(row, reader.read(row, 0, row.size)) for row in every if isinstance(row, FileEntry)]


def _gone(volume: VolumeImage) -> list[tuple[str, str, str, bytes]]:
    return [
        (row.path, str(row.certainty), row.flags, content) for row, content in _listed(volume)
        if row.origin != "allocated" and row.kind == "file"
    ]  # fmt: skip


def _around(volume: VolumeImage, *, written: int) -> tuple[Node, bytes]:
    """Delete a file of three clusters that lies around one of a live file; the live one was written at ``written``."""
    hole = [volume.create(f"/hole{n}.bin", b"h" * 512, when=_at(5)) for n in range(4)]
    for one in (hole[0], hole[2], hole[3]):
        volume.delete(one)
    kept = volume.live("/hole1.bin")
    kept.born = kept.last = _at(written)
    slots = volume.encode(kept, kept.born)
    (kept.parent or volume.root).table[kept.slots.start : kept.slots.stop] = slots
    content = bytes(range(256)) * 6
    lost = volume.create("/lost.bin", content, over=[hole[n].clusters[0] for n in (0, 2, 3)], when=_at(20))
    if isinstance(volume, ExfatImage):
        for one in lost.clusters:
            volume.fat[one] = 0  # as other drivers than Windows leave it
    return lost, content


@pytest.mark.parametrize("kind", list(MAKERS))
def test_what_was_there_before_a_deleted_file_is_a_gap_in_it(kind: str) -> None:
    volume = MAKERS[kind]()
    lost, content = _around(volume, written=10)
    volume.delete(lost)
    if isinstance(volume, ExfatImage):
        for one in lost.clusters:
            volume.fat[one] = 0
    # contested: of the holes' old tenants no directory says whether they were gone by then
    assert ("/lost.bin", "contested", "gaps-assumed", content) in _gone(volume)


@pytest.mark.parametrize("kind", list(MAKERS))
def test_what_came_after_a_deleted_file_has_overwritten_it(kind: str) -> None:
    volume = MAKERS[kind]()
    lost = volume.create("/lost.bin", b"a" * 1500, when=_at(10))
    volume.delete(lost)
    volume.create("/later.bin", b"b" * 500, over=lost.clusters[1:2], when=_at(20))
    wanted = b"a" * 512 + b"b" * 500 + bytes(12) + b"a" * 476
    if isinstance(volume, ExfatImage) or volume.heap:
        wanted = wanted[:1012] + b"a" * 12 + wanted[1024:]  # the builder leaves the slack as it was
    assert _gone(volume) == [("/lost.bin", "partly-overwritten", "", wanted)]


@pytest.mark.parametrize("kind", list(MAKERS))
def test_of_deleted_files_that_claim_a_cluster_the_newest_has_it(kind: str) -> None:
    volume = MAKERS[kind]()
    first = volume.create("/first.bin", b"a" * 1024, when=_at(10))
    volume.delete(first)
    second = volume.create("/second.bin", b"b" * 1024, over=first.clusters, when=_at(20))
    volume.delete(second)
    assert sorted(_gone(volume)) == [
        ("/first.bin", "overwritten", "", b"b" * 1024), ("/second.bin", "contiguity-assumed", "", b"b" * 1024),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", list(MAKERS))
def test_deleted_files_of_one_moment_that_claim_a_cluster_are_given_to_none(kind: str) -> None:
    volume = MAKERS[kind]()
    first = volume.create("/first.bin", b"a" * 512, when=_at(10))
    second = volume.create("/second.bin", b"b" * 512, when=_at(10))
    volume.delete(first)
    volume.delete(second)
    third = volume.create("/third.bin", b"c" * 1024, over=first.clusters + second.clusters, when=_at(10))
    volume.delete(third)
    assert {certainty for path, certainty, _, _ in _gone(volume) if path != "/first.bin"} == {"contested"}


@pytest.mark.parametrize("kind", list(MAKERS))
def test_braided_deleted_files_are_not_handed_out_as_whole(kind: str) -> None:
    volume = MAKERS[kind]()
    older = volume.create("/older.bin", b"a" * 2048, every=2, when=_at(10))
    newer = volume.create("/newer.bin", b"b" * 2048, over=[one + 1 for one in older.clusters], when=_at(30))
    for one in (older, newer):
        volume.delete(one)
    if isinstance(volume, ExfatImage):
        for cluster in older.clusters + newer.clusters:
            volume.fat[cluster] = 0
    certainties = {path: certainty for path, certainty, _, _ in _gone(volume)}
    assert certainties == {"/older.bin": "partly-overwritten", "/newer.bin": "contested"}


@pytest.mark.parametrize("kind", list(MAKERS))
def test_what_a_live_file_grew_by_may_have_been_a_deleted_one_s(kind: str) -> None:
    volume = MAKERS[kind]()
    grown = volume.create("/grown.bin", b"a" * 512, when=_at(10))
    lost = volume.create("/lost.bin", b"b" * 2048, every=2, when=_at(20))
    volume.delete(lost)
    volume.append(grown, b"a" * 512, _at(40), over=lost.clusters[1:])
    if isinstance(volume, ExfatImage):
        for one in lost.clusters:
            volume.fat[one] = 0 if one not in grown.clusters else volume.fat[one]
    ((_, certainty, flags, _),) = _gone(volume)
    assert (certainty, flags) == ("contested", "gaps-assumed")


@pytest.mark.parametrize("kind", list(MAKERS))
def test_an_old_name_of_a_live_file_is_known_as_moved(kind: str) -> None:
    volume = MAKERS[kind]()
    volume.mkdir("/folder")
    node = volume.create("/old name of it.txt", b"a" * 1300, every=2, when=_at(10))
    volume.rename(node, "/folder/new name of it.txt")
    assert _gone(volume) == [("/old name of it.txt", "intact", "moved", b"a" * 1300)]


@pytest.mark.parametrize("kind", list(MAKERS))
def test_formatted_over_the_folders_of_before_are_found_piece_by_piece(kind: str) -> None:
    volume = MAKERS[kind]()
    volume.mkdir("/folder")
    for number in range(60):
        volume.create(f"/folder/{number:04}.TXT", b"%d" % number * 90, when=_at(10))
    folder = volume.live("/folder")
    assert len(folder.clusters) > 2
    assert folder.clusters[-1] - folder.clusters[0] > len(folder.clusters)
    volume.flush()
    fresh = MAKERS[kind]()
    fresh.heap[(fresh.next - 2) * 512 :] = volume.heap[(fresh.next - 2) * 512 :]
    found = {path.rpartition("/")[2]: (certainty, content) for path, certainty, _, content in _gone(fresh)}
    whole = {f"{number:04}.TXT": ("contiguity-assumed", b"%d" % number * 90) for number in range(60)}
    found.pop("_", None)  # a set that lies across the end of a cluster has lost its name
    assert found.items() <= whole.items()
    assert len(found) >= 60 - (len(folder.clusters) if kind == "exFAT" else 0)


def _characters() -> list[str]:
    """All characters of cp932 whose second byte FAT readers take for a forbidden one."""
    found = []
    for lead in [*range(0x81, 0xA0), *range(0xE0, 0xFD)]:
        for trail in TRAILS:
            try:
                found.append(bytes([lead, trail]).decode("cp932"))
            except UnicodeDecodeError:
                continue
    return [one for one in found if one.encode("cp932")[1] in TRAILS]


@pytest.mark.parametrize("kind", ["FAT12", "FAT16", "FAT32"])
def test_every_character_of_cp932_with_such_a_trail_byte_is_a_name_live_and_deleted(kind: str) -> None:
    volume = MAKERS[kind]()
    names = [one for one in _characters() if one == one.upper()]
    assert len(names) == 197
    volume.mkdir("/A")
    volume.mkdir("/B")
    for number, name in enumerate(names):
        volume.create(f"/A/{name}.CSV", b"")
        node = volume.create(f"/B/X{name}{number}.CSV", b"")
        volume.delete(node)
    rows = [row for row, _ in _listed(volume) if row.kind == "file"]
    assert sorted(row.path for row in rows if row.origin == "allocated") == sorted(f"/A/{name}.CSV" for name in names)
    gone = sorted(row.path for row in rows if row.origin == "deleted")
    assert gone == sorted(f"/B/_{name}{number}.CSV" for number, name in enumerate(names))


def test_chains_that_all_cross_are_followed_in_bounded_time() -> None:
    volume = FatImage(32, clusters=60_000)
    node = volume.create("/0000.TXT", b"x" * 512 * 20_000, every=2)
    slot = (volume.root.table)[-1]
    folder = volume.mkdir("/a")
    folder.table += [b"%08dTXT" % number + slot[11:] for number in range(5_000)]
    while 32 * len(folder.table) > 512 * len(folder.clusters):
        volume.grow(folder)
    image = volume.image()
    reader = open_fat(_Bytes(image), _volume(len(image)), FileSystemOptions())
    start = time.process_time()
    rows = list(reader.entries())
    assert time.process_time() - start < 10
    runs = sum(len(row.runs) for row in rows if isinstance(row, FileEntry))
    assert len(node.clusters) <= runs < 400_000
    assert any("too many crossed chains" in row.message for row in rows if isinstance(row, Diagnostic))
