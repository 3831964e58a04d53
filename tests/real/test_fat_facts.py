"""What the field's own FAT and exFAT images hold (facts R022, R024, R026)."""

from __future__ import annotations

import gzip

from pipeline.access.exfat import open_exfat
from pipeline.access.fat import open_fat
from pipeline.access.interfaces import FileSystemOptions
from pipeline.records import FileEntry, Origin
from tests.real_data import real_path
from tests.unit.access.test_fat import _Bytes, _volume

_FOLDER = "dfir_ntfs/test_data/"


def test_fat12_listing_is_complete() -> None:
    data = gzip.decompress(real_path(f"{_FOLDER}fat12.raw.gz").read_bytes())
    reader = open_fat(_Bytes(data), _volume(len(data)), FileSystemOptions())
    rows = [row for row in reader.entries() if isinstance(row, FileEntry)]
    lines = real_path(f"{_FOLDER}fat12_full_test.txt").read_text().splitlines()
    assert sorted(row.path for row in rows) == sorted(line.split("\t")[0] for line in lines)
    found = next(row for row in rows if row.path == "/265/find_me.txt")
    assert reader.read(found, 0, found.size) == b"\xfe" * 8192 + b"the end"


def test_exfat_encrypted_names_stay_data() -> None:
    data = gzip.decompress(real_path(f"{_FOLDER}exfat_encrypted.raw.gz").read_bytes())
    reader = open_exfat(_Bytes(data), _volume(len(data)), FileSystemOptions())
    live = {row.path for row in reader.entries() if isinstance(row, FileEntry) and row.origin == Origin.ALLOCATED}
    assert reader.describe()["label"] == "encrypted"
    assert live >= {
        "/System Volume Information/WPSettings.dat", "/encrypted_dir/1.bin.PFILE", "/usual_dir/2.bin.PFILE",
    }  # fmt: skip


def test_exfat_listing_is_complete() -> None:
    data = gzip.decompress(real_path(f"{_FOLDER}exfat_lin_part.raw.gz").read_bytes())[2048 * 512 :]
    reader = open_exfat(_Bytes(data), _volume(len(data)), FileSystemOptions())
    lines = real_path(f"{_FOLDER}exfat_lin_part.txt").read_text(encoding="utf-8").splitlines()
    listed = [line.split(":\t")[1].split("\t") for line in lines if "$" not in line and "Volume Label" not in line]
    rows = [row for row in reader.entries() if isinstance(row, FileEntry)]
    assert reader.describe()["label"] == "1234567890abcde"
    assert {row.path[1:] for row in rows} >= {line[0] for line in listed}
