"""The field's own images are listed as their authors say they are."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions, Image
from pipeline.access.reconcile import list_volume
from pipeline.access.volumes import scan_volumes
from pipeline.address import steps_of
from pipeline.records import FileEntry, Origin, Volume, VolumeState
from tests.real_data import real_facts, real_path

FACTS = real_facts("listing", "partitions", "vss")
OPTIONS = FileSystemOptions()
ASIDE = {"metadata", "virtual"}
KNOWN = {
    "entries", "files", "paths", "volumes", "contains", "windows_root_found", "media_size", "fstype", "block_size",
    "inodes", "fs_stat_events",
}  # fmt: skip


def _image(fact: dict[str, Any]) -> Image:
    return open_image(real_path(min(fact["files"])))


def _volumes(fact: dict[str, Any]) -> list[Volume]:
    return [row for row in scan_volumes(_image(fact), "EX-01", OPTIONS) if isinstance(row, Volume)]


def _live(fact: dict[str, Any]) -> list[FileEntry]:
    """Return named live entries, without the root and a file system's own files, as the sources count them."""
    image = _image(fact)
    rows = [row for volume in _volumes(fact) if volume.state == VolumeState.OPEN
            for row in list_volume(image, volume, OPTIONS)]  # fmt: skip
    entries = [row for row in rows if isinstance(row, FileEntry) and row.origin == Origin.ALLOCATED]
    return [row for row in entries if row.path != "/" and row.kind not in ASIDE]


@pytest.mark.skipif(bool(FACTS), reason="the real test data is here; its facts are tested one by one")
def test_absent_real_data_is_said() -> None:
    pytest.skip("left out: listing facts (the folder of real test data is not beside this checkout)")


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: str(fact["id"]))
def test_every_key_of_a_fact_is_understood(fact: dict[str, Any]) -> None:
    assert set(fact["fact"]) - KNOWN == set()


@pytest.mark.parametrize("fact", [f for f in FACTS if "paths" in f["fact"]], ids=lambda fact: str(fact["id"]))
def test_paths_have_the_sizes_their_source_states(fact: dict[str, Any]) -> None:
    sizes = {row.path: row.size for row in _live(fact) if not row.stream}
    assert {path: sizes.get(path) for path in fact["fact"]["paths"]} == fact["fact"]["paths"]


@pytest.mark.parametrize("fact", [f for f in FACTS if "entries" in f["fact"]], ids=lambda fact: str(fact["id"]))
def test_as_many_entries_and_files_as_the_source_counts(fact: dict[str, Any]) -> None:
    live = _live(fact)
    counted = (len(live), sum(row.kind == "file" for row in live))
    assert counted == (fact["fact"]["entries"], fact["fact"]["files"])


@pytest.mark.parametrize("fact", [f for f in FACTS if "fs_stat_events" in f["fact"]], ids=lambda f: str(f["id"]))
def test_as_many_live_entries_as_the_source_dates(fact: dict[str, Any]) -> None:
    assert len(_live(fact)) == fact["fact"]["fs_stat_events"]


@pytest.mark.parametrize("fact", [f for f in FACTS if "contains" in f["fact"]], ids=lambda fact: str(fact["id"]))
def test_partitions_bear_the_names_of_the_source(fact: dict[str, Any]) -> None:
    names = {value for volume in _volumes(fact) for kind, value in steps_of(volume.address) if kind == "part"}
    assert set(fact["fact"]["contains"]) <= names


@pytest.mark.parametrize("fact", [f for f in FACTS if "volumes" in f["fact"]], ids=lambda fact: str(fact["id"]))
def test_containers_hold_the_volumes_of_the_source(fact: dict[str, Any]) -> None:
    inner = [value for volume in _volumes(fact) for kind, value in steps_of(volume.address) if kind == "volume"]
    assert [f"apfs{value}" for value in inner] == fact["fact"]["volumes"]


@pytest.mark.parametrize("fact", [f for f in FACTS if "fstype" in f["fact"]], ids=lambda fact: str(fact["id"]))
def test_file_system_facts_hold(fact: dict[str, Any]) -> None:
    (volume,) = _volumes(fact)
    told = (_image(fact).size, volume.file_system, volume.block_size)
    assert told == (fact["fact"]["media_size"], fact["fact"]["fstype"], fact["fact"]["block_size"])


@pytest.mark.parametrize(
    "fact", [f for f in FACTS if "windows_root_found" in f["fact"]], ids=lambda fact: str(fact["id"])
)
def test_windows_folder_is_found(fact: dict[str, Any]) -> None:
    folders = {row.path.lower() for row in _live(fact) if row.kind == "directory"}
    assert "/windows" in folders


@pytest.mark.parametrize("fact", [f for f in FACTS if "inodes" in f["fact"]], ids=lambda fact: str(fact["id"]))
def test_inodes_are_those_of_the_super_block_and_the_sources_own_folder_of_orphans(fact: dict[str, Any]) -> None:
    """The source is The Sleuth Kit, which adds one inode of its own making, the folder of orphans."""
    image = _image(fact)
    stated = int.from_bytes(image.read(1024, 4), "little")
    assert stated + 1 == fact["fact"]["inodes"]
    (volume,) = _volumes(fact)
    rows = list(list_volume(image, volume, OPTIONS))
    metas = {row.meta for row in rows if isinstance(row, FileEntry) and row.origin == Origin.ALLOCATED}
    assert metas <= set(range(1, stated + 1))
