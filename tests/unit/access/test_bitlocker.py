"""Laws of BitLocker volumes. The builder follows the format's document; libbde, cryptsetup and dislocker judge it."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pybde
import pytest

from pipeline.access.bitlocker import BitLocker
from pipeline.access.sealed import LockedError
from pipeline.errors import UnreadableError
from pipeline.volume_keys import KeyKind, VolumeKey
from tests.builders.bitlocker import METHODS, RECOVERY, Protector, bek_file, bitlocker, identifier
from tests.builders.disks import Bytes
from tests.builders.file_systems import make_ntfs, run, tool

ALL = (Protector("password", "open-sesame"), Protector("recovery", RECOVERY), Protector("startup"), Protector("tpm"))
STARTUP = (Protector("startup"),)
END = 3 << 19  # clear bytes up to here are stored; the builder keeps its metadata behind


def key(secret: bytes, kind: KeyKind = KeyKind.PASSWORD) -> VolumeKey:
    return VolumeKey(place="*", kind=kind, secret=secret)


BEK = key(bek_file(), KeyKind.FILE)


@pytest.fixture(scope="module")
def clear(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_ntfs(tmp_path_factory.mktemp("ntfs"), size=2 << 20).read_bytes()


@pytest.fixture(scope="module")
def volume(clear: bytes) -> bytes:
    return bitlocker(clear, ALL)


@pytest.mark.tools
@pytest.mark.parametrize("method", METHODS)
def test_every_method_reads_as_libbde_reads_it(tmp_path: Path, clear: bytes, method: str) -> None:
    data = bitlocker(clear, STARTUP, method=method)
    (tmp_path / "volume").write_bytes(data)
    (tmp_path / "key.bek").write_bytes(bek_file())
    judge = pybde.volume()
    judge.read_startup_key(str(tmp_path / "key.bek"))
    judge.open(str(tmp_path / "volume"))
    opened = BitLocker().unlock(Bytes(data), [BEK]).data
    whole = opened.read(0, opened.size)
    assert whole == judge.read_buffer_at_offset(judge.get_size(), 0)
    assert whole[:32768] == clear[:32768]
    assert opened.read(777, 12_345) == whole[777 : 777 + 12_345]


@pytest.mark.tools
def test_each_key_opens_its_protector_and_is_named_by_kind_and_identifier(volume: bytes, clear: bytes) -> None:
    for given, kind, name in (
        (key(b"open-sesame"), "password", "password"),
        (key(RECOVERY.encode()), "recovery password", "recovery"),
        (key(RECOVERY.replace("-", "－").encode()), "recovery password", "recovery"),
        (BEK, "start-up key", "startup"),
    ):
        opened = BitLocker().unlock(Bytes(volume), [given])
        guid = str(identifier(f"protector {name}")).upper()
        assert (opened.opened_by, opened.data.read(0, END)) == (f"{kind} {{{guid}}}", clear[:END])


@pytest.mark.tools
def test_other_readers_accept_what_the_builder_writes(tmp_path: Path, volume: bytes, clear: bytes) -> None:
    path = tmp_path / "volume"
    path.write_bytes(volume)
    check = [tool("cryptsetup"), "bitlkOpen", "--test-passphrase", str(path)]
    assert subprocess.run(check, input=b"open-sesame", capture_output=True, check=False).returncode == 0
    assert subprocess.run(check, input=b"wrong", capture_output=True, check=False).returncode != 0
    run("dislocker-file", "-V", path, f"-p{RECOVERY}", "--", tmp_path / "clear")
    assert (tmp_path / "clear").read_bytes()[:END] == clear[:END]


@pytest.mark.tools
def test_locked_volume_says_what_is_missing_or_wrong(volume: bytes) -> None:
    protection = BitLocker().describe(Bytes(volume))
    assert protection.method == "BitLocker AES-XTS-128"
    assert [text.split(" {")[0] for text in protection.protectors] == [
        "password", "recovery password", "start-up key", "TPM",
    ]  # fmt: skip
    other = RECOVERY.replace("471207", "471196")
    for keys, message in (
        ([], "no key is given"),
        ([key(b"wrong")], r"the given password is wrong \(1 tried\)"),
        ([key(other.encode())], r"the given recovery password is wrong \(1 tried\)"),
    ):
        with pytest.raises(LockedError, match=message):
            BitLocker().unlock(Bytes(volume), keys)


@pytest.mark.tools
def test_key_without_its_protector_is_said(clear: bytes) -> None:
    data = Bytes(bitlocker(clear, STARTUP))
    with pytest.raises(LockedError, match="a password is given, but it has no such protector"):
        BitLocker().unlock(data, [key(b"open-sesame")])


@pytest.mark.tools
def test_suspended_protection_opens_without_a_key_and_is_said(clear: bytes) -> None:
    data = Bytes(bitlocker(clear, (Protector("clear"),)))
    protection = BitLocker().describe(data)
    assert (protection.method, protection.remarks) == (
        "BitLocker AES-XTS-128 (suspended)", ("its protection is suspended: the key lies beside the data",),
    )  # fmt: skip
    opened = BitLocker().unlock(data, [])
    assert (opened.opened_by.split(" {")[0], opened.data.read(0, END)) == ("clear key", clear[:END])


def test_volume_on_a_stick_with_fat_inside_is_opened_too() -> None:
    # libbde refuses a clear volume that is not NTFS; the most common stick has none.
    fat = bytearray(os.urandom(2 << 20))
    fat[:512] = b"\xeb\x3c\x90MSDOS5.0".ljust(510, b"\0") + b"\x55\xaa"
    data = Bytes(bitlocker(bytes(fat), STARTUP, to_go=True, method="AES-CBC-128"))
    opened = BitLocker().unlock(data, [BEK])
    assert opened.data.read(0, END) == bytes(fat)[:END]
    assert opened.data.read(END, 65536 + 8192) == bytes(65536 + 8192)


def test_metadata_is_found_again_where_the_header_is_wiped_and_taken_from_a_whole_copy() -> None:
    clear = os.urandom(2 << 20)
    data = bytearray(bitlocker(clear, STARTUP))
    data[END : END + 4096] = bytes(4096)
    assert BitLocker().describe(Bytes(bytes(data))).remarks == ("not all of its metadata blocks are whole",)
    assert BitLocker().unlock(Bytes(bytes(data)), [BEK]).data.read(8192, 4096) == clear[8192:12288]
    data[160:200] = bytes(40)
    assert BitLocker().unlock(Bytes(bytes(data)), [BEK]).data.read(8192, 4096) == clear[8192:12288]


def test_partly_encrypted_volume_reads_its_plain_rest_as_it_lies() -> None:
    clear = os.urandom(4 << 20)
    data = bytearray(bitlocker(clear, STARTUP))
    bound = 2 << 20
    data[bound : 7 << 19] = clear[bound : 7 << 19]
    for place in (7 << 19, 15 << 18, 31 << 17):
        data[place + 16 : place + 24] = struct.pack("<Q", bound)
    header = (7 << 19) + 65536
    assert BitLocker().describe(Bytes(bytes(data))).method == "BitLocker AES-XTS-128 (partly)"
    opened = BitLocker().unlock(Bytes(bytes(data)), [BEK]).data
    assert opened.read(8192, (7 << 19) - 8192) == clear[8192 : 7 << 19]
    assert header


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:176] + struct.pack("<3Q", *[1 << 62] * 3) + raw[200:END] + bytes(len(raw) - END),
        lambda raw: raw[:11] + b"\0\0" + raw[13:],
        lambda raw: raw[:END],
        lambda raw: raw[:100],
    ],
)
def test_damaged_metadata_is_refused(damage: Callable[[bytes], bytes]) -> None:
    raw = bitlocker(bytes(2 << 20), STARTUP)
    with pytest.raises(UnreadableError):
        BitLocker().unlock(Bytes(damage(raw)), [BEK])


def test_header_block_outside_the_volume_is_refused() -> None:
    raw = bytearray(bitlocker(bytes(2 << 20), STARTUP))
    at = bytes(raw).find(struct.pack("<QQ", END + 65536, 8192), END)
    for copy in (END, (2 << 20) - (256 << 10), (2 << 20) - (128 << 10)):
        raw[copy + at - END : copy + at - END + 8] = struct.pack("<Q", 1 << 60)
    with pytest.raises(UnreadableError, match="puts the volume's beginning"):
        BitLocker().unlock(Bytes(bytes(raw)), [BEK])
