"""APFS of macOS and of mkapfs: files, snapshots, the container's account; judged by libfsapfs and the space manager."""

from __future__ import annotations

import random
import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.access.apfs import open_apfs
from pipeline.access.apfs_container import Container, open_container
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, ExtentClass, FileEntry, Region
from pipeline.stages.shared_places import shared_place, sharing_volumes
from tests.builders.apfs import BLOCK, Surgeon, with_snapshot
from tests.builders.file_systems import run
from tests.builders.reading_volumes import Bent, Listed
from tests.real_data import real_path


def _real() -> Path:
    return real_path("dfvfs/test_data/apfs.raw")


def _stated_free(container: Container) -> int:
    return int(struct.unpack_from("<Q", container._spaceman(), 72)[0]) * container.blocks.size


def test_real_volume_is_listed_by_both_readers_and_read() -> None:
    listed = Listed(_real())
    assert [(row.address, row.reader, row.file_system, row.label) for row in listed.volumes] == [
        ("EX-01", "layer", "APFS", ""), ("EX-01!volume:1", "own", "APFS", "apfs_test"),
    ]  # fmt: skip
    assert listed.remarks == []
    entry = listed.named("/passwords.txt")
    assert (entry.size, entry.listed_by, entry.modified_precision_us) == (116, "own+dfvfs", 1)
    assert entry.modified == datetime(2022, 1, 14, 7, 19, 41, 216184, UTC)
    content = listed.read(entry)
    assert content == listed.through(entry) == listed.image.read(entry.runs[0].start, 116)
    assert content.startswith(b"place,user,password")
    assert listed.read(listed.named("/a_link")) == b"a_directory/another_file"
    fork = listed.named("/a_directory/a_resourcefork", stream="com.apple.ResourceFork")
    assert len(listed.read(fork)) == fork.size == 17
    assert len(listed.read(listed.named("/a_directory/a_file", stream="myxattr"))) == 21


def test_free_space_is_what_the_space_manager_states() -> None:
    listed = Listed(_real())
    assert listed.bytes_of(ExtentClass.UNALLOCATED) == _stated_free(open_container(listed.image))
    found = listed.account()
    assert found[ExtentClass.FILE_CONTENT] == 480
    assert found[ExtentClass.UNLISTED] < 16 * 4096


@pytest.mark.tools
def test_container_of_another_maker_is_accounted_for(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    with volume.open("wb") as file:
        file.truncate(600 << 20)
    run("mkapfs", "-L", "Raven", volume)
    listed = Listed(volume)
    assert [row.label for row in listed.volumes] == ["", "Raven"]
    assert listed.bytes_of(ExtentClass.UNALLOCATED) == _stated_free(open_container(listed.image))
    assert listed.account()[ExtentClass.UNLISTED] == 0
    volume.unlink()


def test_snapshot_is_a_volume_of_its_own(tmp_path: Path) -> None:
    path, before = tmp_path / "image", _real().read_bytes()
    (facts,) = [facts for _, facts in open_container(open_image(_real())).volumes()]
    path.write_bytes(with_snapshot(before, facts.block, "before", b"passwords.txt", b"gone-now-.txt"))
    listed = Listed(path)
    assert [(row.address, row.label) for row in listed.volumes[1:]] == [
        ("EX-01!volume:1", "apfs_test"), ("EX-01!volume:1!snapshot:1", "before 2021-12-20T11:33:20Z"),
    ]  # fmt: skip
    kept = {row.path for row in listed.entries if row.volume.endswith("snapshot:1")}
    live = {row.path for row in listed.entries if row.volume.endswith("volume:1")}
    assert ("/passwords.txt" in kept, "/passwords.txt" in live) == (True, False)
    assert ("/gone-now-.txt" in kept, "/gone-now-.txt" in live) == (False, True)
    entry = listed.named("/passwords.txt")
    assert listed.read(entry) == listed.through(entry)
    assert listed.read(entry).startswith(b"place,user,password")
    twin = listed.named("/gone-now-.txt")
    assert (twin.runs, twin.size) == (entry.runs, entry.size)
    assert sharing_volumes(listed.volumes) == {"EX-01!volume:1", "EX-01!volume:1!snapshot:1"}
    assert shared_place(twin) == shared_place(entry) is not None  # and are therefore read once
    listed.account()


@pytest.mark.parametrize("seed", range(20))
def test_damage_ends_in_rows_or_a_refusal(seed: int, tmp_path: Path) -> None:
    dice, path = random.Random(seed), _real()
    raw = path.read_bytes()
    used = [at for at in range(4096, len(raw), 4096) if raw[at : at + 4096].strip(b"\0")]
    changes = {dice.choice(used) + dice.randrange(4096): dice.randrange(1, 256) for _ in range(4)}
    row = next(row for row in Listed(path).volumes if row.address.endswith("volume:1"))
    try:
        fs = open_apfs(Bent(path, changes), row, FileSystemOptions())
    except UnreadableError:
        return
    entries = list(fs.entries())
    assert all(isinstance(item, Region | Diagnostic) for item in [*fs.regions()])
    for entry in entries:
        if isinstance(entry, FileEntry) and entry.size < 1 << 21:
            try:
                fs.read(entry, 0, entry.size)
            except UnreadableError:
                continue


@pytest.mark.parametrize("seed", range(12))
def test_hostile_nodes_with_right_checksums_end(seed: int, tmp_path: Path) -> None:
    """A checksum keeps chance out, not malice: the bytes are bent and the sum made right again."""
    dice, surgeon = random.Random(seed), Surgeon(_real().read_bytes())
    kinds = {2, 3, 5, 7, 0xB, 0xC, 0xD}
    nodes = [n for n in range(1, len(surgeon.raw) // BLOCK) if surgeon.get(n)[24] in kinds and surgeon.get(n)[25] == 0]
    for number in dice.sample(nodes, 4):
        raw = bytearray(surgeon.get(number))
        for _ in range(3):
            raw[dice.randrange(8, 200)] = dice.randrange(256)
        surgeon.put(number, bytes(raw))
    path = tmp_path / "image"
    path.write_bytes(surgeon.raw)
    listed = Listed(path)
    listed.account()
    for entry in listed.entries:
        if entry.size < 1 << 21:
            try:
                listed.through(entry)
            except UnreadableError:
                continue
