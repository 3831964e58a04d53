"""A prefetch file in a raw image of the field becomes a file of the case, with its program's name as path."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.store import Store
from tests.e2e.conftest import akashi
from tests.real_data import real_path


def test_rundll32_is_a_carved_file_of_the_case(tmp_path: Path) -> None:
    source = real_path("bulk_extractor/src/tests/test_winprefetch.raw")
    folder = tmp_path / "case"
    akashi("init", folder, check=0)
    shutil.copy(source, folder / "disk.raw")
    exhibit = '\n[[exhibit]]\nlabel = "PC-01"\nrole = "workstation"\nimage = "disk.raw"\n'
    settings = folder / "case.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + exhibit, encoding="utf-8")
    akashi("run", folder, "--stage", "examine", "--workers", "1", check=3)
    files = Store(folder / "out").mapped("examine", "files").to_pylist()
    (found,) = (row for row in files if row["type"] == "prefetch")
    assert (found["origin"], found["path"], found["meta"], found["size"]) == ("carved", "RUNDLL32.EXE", 3584, 16584)
    assert found["address"] == "PC-01!carved:3584+16584"
