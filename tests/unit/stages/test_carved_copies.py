"""A carved object that equals a listed file is the same content; a value in it is one finding per place."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.store import Store
from tests.builders import documents
from tests.builders.fat_image import FatImage
from tests.builders.people import generate
from tests.e2e.conftest import akashi

PEOPLE = 40
BOOK = documents.xlsx([person.cells() for person in generate(PEOPLE, 5)])
FREE = 400
"""Cluster at which the copy lies, in free space."""


def image(*, whole: bool, listed: bool) -> bytes:
    """Return a volume with a listed book, a copy of it in free space (without its second half), or both."""
    volume = FatImage(16, clusters=5000, cluster=2048)
    if listed:
        volume.create("book.xlsx", BOOK)
    copy = BOOK if whole else BOOK[: len(BOOK) // 2]
    for at in range(0, len(copy), volume.cluster):
        volume.put(FREE + at // volume.cluster, copy[at : at + volume.cluster])
    return volume.image()


def tables(folder: Path, **how: bool) -> dict[str, list[dict[str, Any]]]:
    """Return what a run up to the people finds."""
    akashi("init", folder, check=0)
    (folder / "disk.raw").write_bytes(image(**how))
    settings = folder / "case.toml"
    exhibit = '\n[[exhibit]]\nlabel = "PC-01"\nrole = "workstation"\nimage = "disk.raw"\n'
    settings.write_text(settings.read_text(encoding="utf-8") + exhibit, encoding="utf-8")
    akashi("run", folder, "--stage", "people", "--workers", "1")
    store = Store(folder / "out")
    wanted = (("examine", "files"), ("examine", "contents"), ("people", "findings"), ("people", "people"))
    return {name: store.mapped(stage, name).to_pylist() for stage, name in wanted}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    return tables(tmp_path_factory.mktemp("both"), whole=True, listed=True)


def test_an_equal_copy_is_one_content_of_two_files(both: dict[str, list[dict[str, Any]]]) -> None:
    files = [row for row in both["files"] if row["type"] == "zip"]
    assert sorted(row["origin"] for row in files) == ["allocated", "carved"]
    (content,) = both["contents"]
    assert {row["content"] for row in files} == {content["sha256"]}


def test_a_person_in_both_copies_is_one_and_each_value_is_found_once_in_each(
    both: dict[str, list[dict[str, Any]]],
) -> None:
    assert len(both["people"]) == PEOPLE
    places = Counter((row["file"], row["locator"], row["kind"], row["offset"]) for row in both["findings"])
    assert set(places.values()) == {1}
    by_file = Counter(row["origin"] for row in both["findings"])
    assert by_file["carved"] == by_file["allocated"] > 0
    assert set(by_file) == {"carved", "allocated"}


def test_half_of_it_alone_is_partial_and_names_nobody(tmp_path: Path) -> None:
    half = tables(tmp_path, whole=False, listed=False)
    assert [row["flags"] for row in half["files"] if row["origin"] == "carved"] == ["partial"]
    assert half["people"] == []
