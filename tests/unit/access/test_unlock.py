"""Laws of encrypted volumes among the others: rows, states, messages, what lies inside, and the clear image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.access import unlock
from pipeline.access.clear import ClearImage
from pipeline.access.content import Opener
from pipeline.access.interfaces import FileSystemOptions, Image, Readable
from pipeline.access.reconcile import list_volume
from pipeline.access.sealed import Opened, Protection
from pipeline.access.volumes import open_volume, scan_volumes
from pipeline.records import Diagnostic, ExtentClass, FileEntry, Run, Severity, Volume
from pipeline.volume_keys import KeyKind, VolumeKey, VolumeKeys
from tests.builders.bitlocker import Protector, bek_file, bitlocker
from tests.builders.disks import Medium, gpt_disk, lvm_disk
from tests.builders.file_systems import TEXT, make_ext, run
from tests.builders.luks import luks1
from tests.builders.reading_volumes import Listed

STARTUP = (Protector("startup"),)


def key(secret: bytes, place: str = "*", kind: KeyKind = KeyKind.PASSWORD) -> VolumeKey:
    return VolumeKey(place=place, kind=kind, secret=secret)


BEK = key(bek_file(), kind=KeyKind.FILE)


def options(*keys: VolumeKey) -> FileSystemOptions:
    return FileSystemOptions(keys=VolumeKeys(keys))


def scanned(image: Image, given: FileSystemOptions) -> tuple[dict[str, Volume], list[Diagnostic]]:
    rows = list(scan_volumes(image, "EX-01", given))
    volumes = {row.address: row for row in rows if isinstance(row, Volume)}
    return volumes, [row for row in rows if isinstance(row, Diagnostic)]


@pytest.fixture(scope="module")
def fat(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("fat")
    volume = folder / "volume"
    volume.write_bytes(bytes(3 << 20))
    run("mkfs.fat", "-F", "12", volume)
    (folder / "x.txt").write_bytes(TEXT)
    run("mcopy", "-i", volume, folder / "x.txt", "::x.txt")
    return volume.read_bytes()


def medium(tmp_path: Path, data: bytes) -> Medium:
    path = tmp_path / "image"
    path.write_bytes(data)
    return Medium(path)


@pytest.mark.tools
@pytest.mark.parametrize("to_go", [False, True])
def test_volume_inside_bitlocker_is_a_volume_of_its_own(tmp_path: Path, fat: bytes, to_go: bool) -> None:
    image = medium(tmp_path, gpt_disk([bitlocker(fat, STARTUP, to_go=to_go)]))
    given = options(BEK)
    volumes, remarks = scanned(image, given)
    assert [(row.code, row.severity) for row in remarks] == [("unlocked", Severity.NOTE)]
    outer, inner = volumes["EX-01!part:p1"], volumes["EX-01!part:p1!unlocked:bitlocker"]
    assert (outer.state, outer.encryption, outer.reader) == ("open", "BitLocker AES-XTS-128", "layer")
    assert (inner.state, inner.file_system, inner.encryption) == ("open", "FAT12", "BitLocker AES-XTS-128")
    assert (inner.direct, inner.length, sum(part.length for part in inner.runs)) == (False, 3 << 20, 3 << 20)
    (entry,) = [row for row in list_volume(image, inner, given) if isinstance(row, FileEntry) and row.kind == "file"]
    assert (entry.reader, entry.listed_by) == ("file-system", "own+tsk")
    assert Opener(image, volumes, given).open(entry).read(0, 9999) == TEXT
    assert image.read(entry.runs[0].start, 5000) != TEXT
    assert ClearImage(image, volumes, given).read(entry.runs[0].start, 5000) == TEXT


@pytest.mark.tools
def test_logical_volume_in_a_luks_partition_is_reached(tmp_path: Path) -> None:
    volume = make_ext(tmp_path, "-b", "1024", kind="ext2", size=2 << 20).read_bytes()
    clear = tmp_path / "pv"
    clear.write_bytes(lvm_disk([("home", (3, 1), volume)], extents=4))
    image = medium(tmp_path, gpt_disk([luks1(tmp_path, clear, "open-sesame").read_bytes()]))
    given = options(key(b"open-sesame"))
    volumes, _ = scanned(image, given)
    assert [row.file_system for row in volumes.values()] == ["LUKS1", "LVM", "ext2"]
    logical = list(volumes.values())[-1]
    assert logical.encryption == "LUKS1 aes-xts-plain64 512 pbkdf2"
    entries = [row for row in list_volume(image, logical, given) if isinstance(row, FileEntry)]
    (entry,) = [row for row in entries if row.path == "/x.txt"]
    assert Opener(image, volumes, given).open(entry).read(0, 9999) == TEXT
    assert ClearImage(image, volumes, given).read(entry.runs[0].start, 1024) == TEXT[:1024]


@pytest.mark.tools
@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ((), "no key is given for it; it is protected by start-up key {8CB1D475"),
        ((key(b"secret-word"),), "a password is given, but it has no such protector"),
        ((key(b"secret-word", "EX-02"),), "no key is given for it"),
        ((key(bek_file()[:60], kind=KeyKind.FILE),), r"the given key file is wrong (1 tried)"),
    ],
)
def test_locked_volume_is_a_loss_that_says_why(
    tmp_path: Path, fat: bytes, keys: tuple[VolumeKey, ...], message: str
) -> None:
    image = medium(tmp_path, gpt_disk([bitlocker(fat, STARTUP)]))
    volumes, (remark,) = scanned(image, options(*keys))
    assert [(row.state, row.reader) for row in volumes.values()] == [("locked", "")]
    assert (remark.code, remark.severity) == ("locked", Severity.LOSS)
    assert message in remark.message
    assert "secret-word" not in remark.message


def test_damaged_luks_header_stays_locked_and_says_so(tmp_path: Path) -> None:
    image = medium(tmp_path, b"LUKS\xba\xbe\x00\x02".ljust(1 << 20, b"\0"))
    volumes, (remark,) = scanned(image, options())
    assert (volumes["EX-01"].state, volumes["EX-01"].encryption) == ("locked", "LUKS2")
    assert "no copy of its LUKS header is whole" in remark.message


def test_file_vault_without_readable_metadata_is_locked_and_said(tmp_path: Path) -> None:
    head = bytearray(1 << 20)
    head[8:12], head[88:90] = b"\x01\x00\x10\x00", b"CS"
    volumes, (remark,) = scanned(medium(tmp_path, bytes(head)), options(key(b"open-sesame")))
    assert (volumes["EX-01"].state, volumes["EX-01"].encryption) == ("locked", "FileVault")
    assert "CoreStorage metadata cannot be read" in remark.message


class Clear:
    """An unlocker whose volume lies nobody knows where, as libfvde's does."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def read(self, start: int, length: int) -> bytes:
        return self.data[start : start + length]

    def describe(self, data: Readable) -> Protection:
        return Protection(method="FileVault AES-XTS-128")

    def unlock(self, data: Readable, keys: Sequence[VolumeKey]) -> Opened:
        return Opened(data=self, opened_by="password", runs=())


@pytest.mark.tools
def test_unlocked_volume_that_cannot_be_placed_claims_no_byte_of_the_image(
    tmp_path: Path, fat: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(unlock._SCHEMES, "FileVault", ("filevault", Clear(fat)))  # type: ignore[arg-type]
    head = bytearray(len(fat) + (1 << 20))
    head[8:12], head[88:90] = b"\x01\x00\x10\x00", b"CS"
    listed = Listed(medium(tmp_path, bytes(head)))
    assert [row.code for row in listed.remarks] == ["unlocked", "raw-enciphered"]
    entry = listed.named("/x.txt")
    assert (entry.reader, listed.read(entry), listed.through(entry)) == ("file-system", TEXT, TEXT)
    assert listed.regions == []
    assert set(listed.account()) == {ExtentClass.UNLISTED}


@pytest.mark.tools
def test_clear_image_tells_the_bytes_of_a_volume_from_those_beside_it(tmp_path: Path, fat: bytes) -> None:
    image = medium(tmp_path, gpt_disk([bitlocker(fat, STARTUP)]))
    given = options(BEK)
    volumes, _ = scanned(image, given)
    inner = volumes["EX-01!part:p1!unlocked:bitlocker"]
    clear, start = ClearImage(image, volumes, given), volumes["EX-01!part:p1"].start
    assert (clear.place(0), clear.place(start)) == (None, None)
    place = clear.place(start + 8192)
    assert place is not None
    assert (place.volume, place.offset) == (inner, 8192)
    header = start + (3 << 20) - (512 << 10) + 65536
    assert clear.read(header, 512) == fat[:512]
    assert clear.place(header + 8192 - 1) is not None
    assert not clear.within_one(header + 8190, 4)
    assert not clear.within_one(start + 8190, 4)
    assert clear.within_one(start + 8190, 2)
    whole = open_volume(image, inner, given)
    assert clear.read(start + 100, 20_000) == image.read(start + 100, 8092) + whole.read(8192, 20_000 - 8092)


def test_deeper_volumes_win_over_those_that_carry_them() -> None:
    def volume(address: str, *runs: tuple[int, int]) -> Volume:
        return Volume(
            address=address, exhibit="EX", start=0, length=100, direct=False, scheme="", part_type="", file_system="",
            label="", serial="", block_size=0, encryption="x", state="open", reader="",
            runs=tuple(Run(start=start, length=length) for start, length in runs), opened_by="password",
        )  # fmt: skip

    rows = [volume("EX!a", (0, 100)), volume("EX!a!b!c", (40, 10), (-1, 5), (20, 10))]

    class Empty:
        format, segments, stored, unreadable, size = "raw", (), {}, (), 100

        def read(self, start: int, length: int) -> bytes:
            return bytes(length)

        def close(self) -> None:
            """Nothing to close."""

    clear = ClearImage(Empty(), {row.address: row for row in rows}, options())
    places = [clear.place(at) for at in (0, 19, 20, 29, 30, 40, 49, 50, 99)]
    assert [(place.volume.address, place.offset, place.length) for place in places if place is not None] == [
        ("EX!a", 0, 20), ("EX!a", 19, 1), ("EX!a!b!c", 15, 10), ("EX!a!b!c", 24, 1), ("EX!a", 30, 10),
        ("EX!a!b!c", 0, 10), ("EX!a!b!c", 9, 1), ("EX!a", 50, 50), ("EX!a", 99, 1),
    ]  # fmt: skip
