"""Laws of LUKS volumes: what QEMU and cryptsetup wrote is read; what a header may ask of us is bounded."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.access.luks import Luks
from pipeline.access.luks_headers import read_header
from pipeline.access.luks_keys import Derivation, merge_stripes
from pipeline.access.sealed import LockedError
from pipeline.errors import UnreadableError
from pipeline.volume_keys import KeyKind, VolumeKey
from tests.builders.disks import Bytes
from tests.builders.file_systems import make_ext, run
from tests.builders.luks import luks1, luks2

QUICK = ("--pbkdf", "argon2id", "--pbkdf-memory", "16384", "--pbkdf-force-iterations", "4", "--pbkdf-parallel", "2")


def key(secret: bytes, kind: KeyKind = KeyKind.PASSWORD) -> VolumeKey:
    return VolumeKey(place="*", kind=kind, secret=secret)


def _clear(folder: Path, block: str = "1024") -> Path:
    return make_ext(folder, "-b", block, kind="ext2", size=3 << 20)


@pytest.mark.tools
@pytest.mark.parametrize(
    ("options", "method"),
    [
        ((), "LUKS1 aes-xts-plain64 512 pbkdf2"),
        (("cipher-alg=aes-128", "cipher-mode=xts", "hash-alg=sha1"), "LUKS1 aes-xts-plain64 256 pbkdf2"),
        (
            ("cipher-alg=aes-256", "cipher-mode=cbc", "ivgen-alg=essiv", "ivgen-hash-alg=sha256"),
            "LUKS1 aes-cbc-essiv:sha256 256 pbkdf2",
        ),
        (("cipher-alg=aes-128", "cipher-mode=cbc", "ivgen-alg=plain64"), "LUKS1 aes-cbc-plain64 128 pbkdf2"),
    ],
)
def test_what_qemu_encrypted_is_read(tmp_path: Path, options: tuple[str, ...], method: str) -> None:
    clear = _clear(tmp_path)
    data = Bytes(luks1(tmp_path, clear, "open-sesame", *options).read_bytes())
    assert Luks().describe(data).method == method
    opened = Luks().unlock(data, [key(b"wrong"), key(b"open-sesame")])
    assert opened.opened_by == "password, key slot 0"
    assert opened.data.read(0, opened.data.size) == clear.read_bytes()
    assert opened.data.read(70_001, 5_000) == clear.read_bytes()[70_001:75_001]


@pytest.mark.tools
@pytest.mark.parametrize(
    ("options", "method"),
    [
        (QUICK, "LUKS2 aes-xts-plain64 512 argon2id"),
        (("--sector-size", "4096", *QUICK), "LUKS2 aes-xts-plain64 512 argon2id"),
        (
            ("--cipher", "aes-cbc-essiv:sha256", "--key-size", "256", "--pbkdf", "pbkdf2",
             "--pbkdf-force-iterations", "1000"), "LUKS2 aes-cbc-essiv:sha256 256 pbkdf2",
        ),
        (("--cipher", "aes-cbc-plain64", "--key-size", "128", "--pbkdf", "argon2i", *QUICK[2:]),
         "LUKS2 aes-cbc-plain64 128 argon2i"),
    ],
)  # fmt: skip
def test_what_cryptsetup_encrypted_is_read(tmp_path: Path, options: tuple[str, ...], method: str) -> None:
    clear = _clear(tmp_path, "4096")
    data = Bytes(luks2(tmp_path, clear, "open-sesame", *options).read_bytes())
    assert Luks().describe(data).method == method
    opened = Luks().unlock(data, [key(b"open-sesame")])
    assert opened.data.read(0, 3 << 20) == clear.read_bytes()
    assert [(run.start, run.length) for run in opened.runs] == [(16 << 20, data.size - (16 << 20))]


@pytest.mark.tools
def test_keys_of_every_kind_open_and_each_is_named(tmp_path: Path) -> None:
    path = luks2(tmp_path, _clear(tmp_path), "open-sesame", *QUICK)
    (tmp_path / "file").write_bytes(b"\0\xffbinary\n")
    (tmp_path / "old").write_bytes(b"open-sesame")
    run("cryptsetup", "luksAddKey", "-q", *QUICK, "--key-file", tmp_path / "old", path, tmp_path / "file")
    dump = ("--dump-volume-key", "--volume-key-file", tmp_path / "master", "--key-file", tmp_path / "old", path)
    run("cryptsetup", "luksDump", "-q", *dump)
    data = Bytes(path.read_bytes())
    for given, how in (
        (key(b"\0\xffbinary\n", KeyKind.FILE), "key file, key slot 1"),
        (key(b"open-sesame\r\n", KeyKind.FILE), "key file, key slot 0"),
        (key((tmp_path / "master").read_bytes(), KeyKind.VOLUME_KEY), "volume key"),
    ):
        assert Luks().unlock(data, [given]).opened_by == how
    with pytest.raises(LockedError, match="the given password is wrong"):
        Luks().unlock(data, [key(b"binary")])
    with pytest.raises(LockedError, match="no key is given"):
        Luks().unlock(data, [])


@pytest.mark.tools
def test_second_copy_of_the_header_stands_in_for_the_first(tmp_path: Path) -> None:
    whole = luks2(tmp_path, _clear(tmp_path), "open-sesame", *QUICK).read_bytes()
    broken = Bytes(b"\xff" * 16384 + whole[16384:])
    assert read_header(broken).remarks == ("only the second copy of its header is whole",)
    assert Luks().unlock(broken, [key(b"open-sesame")]).data.read(1080, 2) == b"\x53\xef"
    with pytest.raises(UnreadableError, match="no copy"):
        read_header(Bytes(b"\xff" * 32768 + whole[32768:]))


def _patched(whole: bytes, old: bytes, new: bytes) -> Bytes:
    """Return a LUKS2 volume whose JSON was changed, with a checksum that holds again."""
    head = bytearray(whole[:16384])
    area = bytes(head[4096:]).split(b"\0", 1)[0]
    assert old in area
    json.loads(changed := area.replace(old, new))
    head[4096:] = changed.ljust(len(head) - 4096, b"\0")
    head[448:512] = bytes(64)
    head[448:480] = hashlib.sha256(head).digest()
    return Bytes(bytes(head) + bytes(16384) + whole[32768:])


@pytest.mark.tools
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"memory":16384', b'"memory":9999999', "9999999 KiB of memory; the bound"),
        (b'"time":4', b'"time":400000', "KiB of memory times passes; the bound"),
        (b'"cpus":2', b'"cpus":0', "0 lanes"),
        (b'"stripes":4000', b'"stripes":4000000', "impossible sizes"),
        (b'"type":"argon2id"', b'"type":"scrypt"', "scrypt is not supported"),
        (b'"iterations":1000', b'"iterations":99000000000', "iterations; the bound"),
        (b'"offset":"32768"', b'"offset":"99999999999"', "outside the medium"),
    ],
)
def test_what_a_hostile_header_asks_for_is_refused_by_name(
    luks_volume: bytes, old: bytes, new: bytes, message: str
) -> None:
    with pytest.raises(UnreadableError, match=message):
        Luks().unlock(_patched(luks_volume, old, new), [key(b"open-sesame")])


@pytest.fixture(scope="module")
def luks_volume(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("luks")
    return luks2(folder, _clear(folder), "open-sesame", *QUICK).read_bytes()


@pytest.mark.tools
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"type":"crypt"', b'"type":"linear"', "not plainly encrypted"),
        (b'"offset":"16777216"', b'"offset":"-1"', "lies outside"),
        (b'"sector_size":512', b'"sector_size":513', "sector size 513"),
        (b'"digests":{', b'"digested":{', "cannot be understood"),
        (b'"keyslots":["0"]', b'"keyslots":["9"]', "cannot be understood"),
    ],
)
def test_header_that_says_nonsense_is_refused(luks_volume: bytes, old: bytes, new: bytes, message: str) -> None:
    with pytest.raises(UnreadableError, match=message):
        Luks().unlock(_patched(luks_volume, old, new), [key(b"open-sesame")])


def test_stripes_merge_to_the_key_that_was_split() -> None:
    # The splitter of the LUKS1 specification, §2.4, run forward over four stripes.
    secret, pieces, block = b"k" * 40, [bytes([number]) * 40 for number in (1, 2, 3)], bytes(40)
    for piece in pieces:
        mixed = bytes(a ^ b for a, b in zip(block, piece, strict=True))
        halves = [hashlib.sha256(bytes(4) + mixed[:32]).digest(), hashlib.sha256(b"\0\0\0\1" + mixed[32:]).digest()[:8]]
        block = b"".join(halves)
    last = bytes(a ^ b for a, b in zip(block, secret, strict=True))
    assert merge_stripes(b"".join(pieces) + last, 40, 4, "sha256") == secret


def test_derivations_are_those_of_the_standards() -> None:
    # RFC 7914 §11 (PBKDF2-HMAC-SHA256, "passwd", "salt", 1); RFC 9106 §5 lets no key-less vector be quoted here.
    derived = Derivation(kind="pbkdf2", salt=b"salt", hash="sha256", iterations=1).key(b"passwd", 64)
    assert derived.hex().startswith("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc")
