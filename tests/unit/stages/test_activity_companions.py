"""Which files beside an artefact are read with it."""

from __future__ import annotations

import pytest

from pipeline.artefacts import ARTEFACTS
from pipeline.records import FileEntry, Origin
from pipeline.stages.activity import companions


def entry(path: str, origin: str = Origin.ALLOCATED, size: int = 4096) -> FileEntry:
    return FileEntry(
        id=path, exhibit="U", volume="U!part:p1", address=path, path=path, stream="", kind="file", meta=1,
        origin=origin, parent="", size=size, initialised_size=size,
    )  # fmt: skip


HIVE = "/Windows/System32/config/SYSTEM"
BESIDE = {row.path.lower(): row for row in (entry(f"{HIVE}.LOG1"), entry(f"{HIVE}.LOG2", size=0))}
(SYSTEM,) = (known for known in ARTEFACTS if known.name == "system-hive")


def test_a_hive_is_read_with_its_logs_and_not_with_empty_ones() -> None:
    assert list(companions(SYSTEM, entry(HIVE), BESIDE)) == [".log1"]


@pytest.mark.parametrize("origin", [Origin.DELETED, Origin.ORPHAN])
def test_a_deleted_hive_is_not_brought_up_to_date_from_the_log_of_the_one_that_took_its_place(origin: str) -> None:
    assert SYSTEM.wants(HIVE.lower())
    assert companions(SYSTEM, entry(HIVE, origin), BESIDE) == {}


@pytest.mark.parametrize("folder", ["", "/windows.old", "/windows.old.000"])
def test_hives_of_earlier_systems_and_of_the_registry_backup_are_wanted(folder: str) -> None:
    for path, name in (
        ("/windows/system32/config/regback/system", "system-hive"),
        ("/windows/system32/config/regback/security", "security-hive"),
        ("/users/a/ntuser.dat", "ntuser-hive"), ("/windows/system32/config/software", "software-hive"),
    ):  # fmt: skip
        assert [known.name for known in ARTEFACTS if known.wants(folder + path)] == [name]
