"""What the field's own FAT and exFAT images hold (facts R022, R024, R026)."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

from pipeline.access.exfat import open_exfat
from pipeline.access.fat import open_fat
from pipeline.access.interfaces import FileSystemOptions
from pipeline.decoders import type_of
from pipeline.records import Diagnostic, FileEntry, Origin
from tests.real_data import real_path
from tests.unit.access.test_fat import _Bytes, _volume

_FOLDER = "dfir_ntfs/test_data/"


def _local(when: datetime | None, hours: int = 9) -> str:
    """Time as the listings have it, to the second: what the medium says, which was read as Japanese time."""
    return "" if when is None else f"{when + timedelta(hours=hours):%Y-%m-%d %H:%M:%S}"


def test_fat12_listing_is_complete() -> None:
    """The listing was taken on a computer of Moscow time (+3 h) that read the medium's times as UTC."""
    data = gzip.decompress(real_path(f"{_FOLDER}fat12.raw.gz").read_bytes())
    reader = open_fat(_Bytes(data), _volume(len(data)), FileSystemOptions())
    rows = [row for row in reader.entries() if isinstance(row, FileEntry)]
    lines = real_path(f"{_FOLDER}fat12_full_test.txt").read_text().splitlines()
    wanted = [(path, stamp[:19].replace("+", " ")) for path, stamp in (line.split("\t")[:2] for line in lines)]
    assert sorted((row.path, _local(row.modified, 9 + 3)) for row in rows) == sorted(wanted)
    assert len(rows) == 1025
    assert {(row.origin, row.modified_zone) for row in rows} == {(Origin.ALLOCATED, "local Asia/Tokyo")}
    found = next(row for row in rows if row.path == "/265/find_me.txt")
    assert found.size == 8199
    assert reader.read(found, 0, found.size) == b"\xfe" * 8192 + b"the end"


def test_exfat_encrypted_names_stay_data() -> None:
    data = gzip.decompress(real_path(f"{_FOLDER}exfat_encrypted.raw.gz").read_bytes())
    reader = open_exfat(_Bytes(data), _volume(len(data)), FileSystemOptions())
    rows = [row for row in reader.entries() if isinstance(row, FileEntry)]
    live = {row.path: row.size for row in rows if row.origin == Origin.ALLOCATED and row.kind == "file"}
    assert reader.describe()["label"] == "encrypted"
    numbers = {"1": 4112, "3": 4112, "15": 4112, "16": 4112, "17": 4128, "18": 4128, "32": 4128, "31": 4128}
    assert live == {f"/encrypted_dir/{number}.bin.PFILE": size for number, size in numbers.items()} | {
        "/System Volume Information/WPSettings.dat": 12, "/System Volume Information/IndexerVolumeGuid": 76,
        "/encrypted_dir/$EFS": 680, "/usual_dir/2.bin.PFILE": 4112, "/usual_dir/0.bin.PFILE": 4096,
    }  # fmt: skip
    kinds = {type_of(reader.read(row, 0, 4096)) for row in rows if row.path.startswith("/enc") and row.path in live}
    assert kinds == {"efs"}
    settings = next(row for row in rows if row.path == "/System Volume Information/WPSettings.dat")
    assert (settings.modified, settings.modified_zone) == (
        datetime(2022, 1, 25, 22, 13, 32, tzinfo=UTC), "recorded +03:00",
    )  # fmt: skip


def _listed(line: str) -> tuple[str, str, int, str, str]:
    """Kind, path, size, modified and created (to 2 s) of one line of the listing; a deleted one would bear a star."""
    kind, rest = line.split(" ", 1)
    fields = rest.split(":\t")[1].split("\t")
    assert "*" not in line.partition(":\t")[0]
    return {"r/r": "file", "d/d": "directory"}[kind], fields[0], int(fields[5]), fields[1][:19], fields[4][:19]


def _row(row: FileEntry) -> tuple[str, str, int, str, str]:
    created = row.created and row.created - timedelta(seconds=row.created.second % 2)
    return row.kind, row.path[1:], row.size, _local(row.modified), _local(created)


def test_exfat_listing_is_complete() -> None:
    """One live directory more than the listing: Linux gave it 256 units and the length byte, 1 to 255, became 0.

    Its set is in use, its checksum holds and its cluster is allocated; another reader's listing leaves it out. It is
    listed with a flag and told of, since nothing that may hold evidence is dropped in silence.
    """
    data = gzip.decompress(real_path(f"{_FOLDER}exfat_lin_part.raw.gz").read_bytes())[2048 * 512 :]
    reader = open_exfat(_Bytes(data), _volume(len(data)), FileSystemOptions())
    lines = real_path(f"{_FOLDER}exfat_lin_part.txt").read_text(encoding="utf-8").splitlines()
    every = list(reader.entries())
    rows = [row for row in every if isinstance(row, FileEntry)]
    assert reader.describe()["label"] == "1234567890abcde"
    sound = [row for row in rows if not row.flags]
    assert sorted(_row(row) for row in sound) == sorted(_listed(line) for line in lines if not line.startswith("#"))
    assert {row.origin for row in rows} == {Origin.ALLOCATED}
    odd = [row for row in rows if row.flags]
    assert [(row.meta, row.kind, row.size, row.flags) for row in odd] == [
        (144352, "directory", 4096, "name-length-wrong")
    ]  # fmt: skip
    assert odd[0].path == "/" + "test" * 63 + "tttt"
    told = [row for row in every if isinstance(row, Diagnostic)]
    assert len(told) == 1
    assert "name length of a live entry set is not allowed" in told[0].message
    assert "EX-01!part:p1!bytes:144352+32" in told[0].message
