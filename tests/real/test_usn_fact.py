"""A real change journal, stream ``$J`` of ``/$Extend/$UsnJrnl`` in an NTFS volume, becomes activity of the case."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.store import Store
from tests.e2e.conftest import akashi
from tests.real_data import real_path

NAMES = (("QExtend", "$Extend"), ("QUsnJrnl", "$UsnJrnl"))
"""Names that the driver refuses, under which the file is written first."""


def volume(folder: Path, journal: bytes) -> bytes:
    image, point = folder / "volume", folder / "mounted"
    image.write_bytes(bytes(24 << 20))
    point.mkdir()
    subprocess.run(["mkntfs", "-q", "-F", image], check=True, capture_output=True)
    mounted = subprocess.run(
        ["ntfs-3g", "-o", "streams_interface=windows", image, point], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("left out: no volume can be mounted here (FUSE)")
    try:
        (point / "QExtend").mkdir()
        (point / "QExtend" / "QUsnJrnl").touch()
        (point / "QExtend" / "QUsnJrnl:$J").write_bytes(journal)
    finally:
        subprocess.run(["umount", point], check=True)
    data = image.read_bytes()
    for name, wanted in NAMES:
        data = data.replace(name.encode("utf-16-le"), wanted.encode("utf-16-le"))
    return data


def test_all_records_listed_and_three_more_are_events(tmp_path: Path, tools: Callable[..., None]) -> None:
    tools("mkntfs", "ntfs-3g", "umount")
    journal = real_path("dfir_ntfs/test_data/usnjrnlj.bin").read_bytes()
    text = real_path("dfir_ntfs/test_data/usnjrnlj.fsutil.txt").read_text()
    folder = tmp_path / "case"
    akashi("init", folder, check=0)
    (folder / "disk.raw").write_bytes(volume(tmp_path, journal))
    settings = folder / "case.toml"
    exhibit = '\n[[exhibit]]\nlabel = "PC-01"\nrole = "workstation"\nimage = "disk.raw"\n'
    settings.write_text(settings.read_text(encoding="utf-8") + exhibit, encoding="utf-8")
    akashi("run", folder, "--stage", "activity", "--workers", "1")
    store = Store(folder / "out")
    events = [row for row in store.mapped("activity", "activity").to_pylist() if row["artefact"] == "usn-journal"]
    found = {int(re.search(r"usn (\d+)$", row["address"]).group(1)) for row in events}  # type: ignore[union-attr]
    assert found == {int(usn) for usn in re.findall(r"^Usn +: (\d+)$", text, re.MULTILINE)} | {29792, 29880, 29968}
    (source,) = (row for row in store.mapped("activity", "sources").to_pylist() if row["artefact"] == "usn-journal")
    assert (source["records"], source["status"], source["gaps"]) == (271, "read", [])
