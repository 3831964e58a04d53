"""Encrypted APFS: libfsapfs opens what the builder encrypts, and so does a scan with the right key, and only then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyfsapfs  # type: ignore[import-untyped,import-not-found,unused-ignore]
import pytest

from pipeline.access.filesystems import open_file_system
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.reconcile import list_volume
from pipeline.access.volumes import scan_volumes
from pipeline.records import Diagnostic, FileEntry, Severity, Volume
from pipeline.volume_keys import KeyKind, VolumeKey, VolumeKeys
from tests.builders.apfs_vault import encrypted
from tests.real_data import real_path

PASSWORD, RECOVERY = "not a real one", "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a real image whose volume is encrypted."""
    path = tmp_path_factory.mktemp("vault") / "apfs.raw"
    path.write_bytes(encrypted(real_path("dfvfs/test_data/apfs.raw").read_bytes(), PASSWORD, RECOVERY))
    return path


def scan(path: Path, text: str | None) -> tuple[FileSystemOptions, Volume, list[Diagnostic]]:
    """Return the APFS volume as a scan with a key finds it."""
    given = () if text is None else (VolumeKey(place="*", kind=KeyKind.PASSWORD, secret=text.encode()),)
    options = FileSystemOptions(keys=VolumeKeys(given))
    rows = list(scan_volumes(open_image(path), "EX-01", options))
    (volume,) = [row for row in rows if isinstance(row, Volume) and row.address == "EX-01!volume:1"]
    return options, volume, [row for row in rows if isinstance(row, Diagnostic)]


@pytest.mark.parametrize(
    ("setter", "text", "opens"),
    [("set_password", PASSWORD, True), ("set_password", "wrong", False), ("set_recovery_password", RECOVERY, True)],
)
def test_another_reader_takes_the_image_for_an_encrypted_volume(
    vault: Path, setter: str, text: str, opens: bool
) -> None:
    container: Any = pyfsapfs.container()
    container.open(str(vault))
    volume = container.get_volume(0)
    assert volume.is_locked()
    getattr(volume, setter)(text)
    assert volume.unlock() == opens
    assert volume.is_locked() != opens


@pytest.mark.parametrize(("text", "how"), [(PASSWORD, "password"), (RECOVERY, "recovery key")])
def test_files_of_an_unlocked_volume_are_listed_and_read(vault: Path, text: str, how: str) -> None:
    options, volume, remarks = scan(vault, text)
    assert (volume.state, volume.opened_by, volume.encryption) == ("open", how, "APFS AES-XTS-128")
    assert [(row.code, row.severity) for row in remarks] == [("raw-enciphered", Severity.LOSS)]
    image = open_image(vault)
    rows = list(list_volume(image, volume, options))
    entries = {row.path: row for row in rows if isinstance(row, FileEntry)}
    assert {"/passwords.txt", "/a_directory/a_file", "/a_directory/another_file"} <= set(entries)
    entry = entries["/passwords.txt"]
    clear = open_file_system(image, volume, options).read(entry, 0, entry.size)
    assert (len(clear), entry.runs) == (116, ())
    assert clear.startswith(b"place,user,password")
    assert clear not in vault.read_bytes()


@pytest.mark.parametrize(("text", "why"), [(None, "no key is given"), ("wrong", "the given password is wrong")])
def test_volume_stays_locked_without_its_key_and_says_so(vault: Path, text: str | None, why: str) -> None:
    _, volume, remarks = scan(vault, text)
    assert (volume.state, volume.reader, volume.opened_by) == ("locked", "", "")
    (locked,) = [row for row in remarks if row.code == "locked"]
    assert why in locked.message
    assert "a user's password or the recovery key opens it" in locked.message
    assert locked.severity == Severity.LOSS
