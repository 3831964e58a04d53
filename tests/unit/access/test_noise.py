"""Laws of noise: ciphers give it, compression, text, pictures and programs do not; what is short is not judged."""

from __future__ import annotations

import bz2
import hashlib
import subprocess
import zlib
from pathlib import Path

import pytest

from pipeline.access.interfaces import FileSystemOptions
from pipeline.access.noise import BLOCK, WINDOW, Noise, is_noise, noisy_windows
from pipeline.access.volumes import scan_volumes
from pipeline.records import Diagnostic, Severity, Volume
from tests.builders.disks import Medium
from tests.builders.file_systems import make_ext, tool
from tests.builders.luks import luks1

CODE = b"".join(path.read_bytes() for path in sorted(Path(__file__).parents[3].glob("pipeline/**/*.py"))) * 4


def random(length: int, name: str = "noise") -> bytes:
    return hashlib.shake_256(name.encode()).digest(length)


@pytest.mark.tools
@pytest.mark.parametrize("cipher", ["-aes-256-cbc", "-aes-128-ctr", "-chacha20", "-camellia-256-cbc"])
def test_what_a_cipher_writes_is_noise(cipher: str) -> None:
    command = [tool("openssl"), "enc", cipher, "-K", "11" * 32, "-iv", "22" * 16]
    command[4] = "11" * (16 if "128" in cipher else 32)
    sealed = subprocess.run(command, input=CODE[: 1 << 20], capture_output=True, check=True).stdout
    assert is_noise(sealed)
    assert list(noisy_windows(sealed, 0)) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "data",
    [
        zlib.compress(CODE, 9), bz2.compress(CODE), CODE, bytes(1 << 20), bytes(range(256)) * 4096,
        random(1 << 19).hex().encode(),
    ],
    ids=["deflate", "bzip2", "text", "zeros", "counting", "hexadecimal"],
)  # fmt: skip
def test_what_has_structure_is_no_noise(data: bytes) -> None:
    noise = Noise()
    for at in range(0, len(data), 100_000):
        noise.feed(data[at : at + 100_000])
    assert not noise.holds
    assert list(noisy_windows(data, 0)) == []


def test_random_bytes_are_noise_however_they_come() -> None:
    for name in map(str, range(40)):
        data = random(WINDOW + 1, name)
        assert is_noise(data)
        noise = Noise()
        for at in range(0, len(data), 77_777):
            noise.feed(data[at : at + 77_777])
        assert noise.holds


def test_a_head_in_clear_and_a_short_content_are_not_judged() -> None:
    noise = Noise()
    noise.feed(b"name,phone\n" * 6000 + random(1 << 20))
    assert not noise.holds
    short = Noise()
    short.feed(random(BLOCK - 1))
    assert not short.holds


def test_windows_are_those_that_lie_wholly_in_the_bytes() -> None:
    data = bytes(100_000) + random(4 * WINDOW) + bytes(100_000)
    assert list(noisy_windows(data, WINDOW - 100_000)) == [1, 2, 3, 4]
    assert list(noisy_windows(data, WINDOW - 50_000)) == [2, 3, 4]


def described(tmp_path: Path, data: bytes) -> tuple[Volume, Diagnostic]:
    (tmp_path / "image").write_bytes(data)
    volume, remark = scan_volumes(Medium(tmp_path / "image"), "EX-01", FileSystemOptions())
    assert isinstance(volume, Volume)
    assert isinstance(remark, Diagnostic)
    return volume, remark


def test_volume_that_is_all_noise_is_possibly_encrypted_and_never_open(tmp_path: Path) -> None:
    volume, remark = described(tmp_path, random(2 << 20))
    assert (volume.state, volume.encryption) == ("unsupported", "possibly encrypted")
    assert (remark.code, remark.severity) == ("possibly-encrypted", Severity.LOSS)


@pytest.mark.tools
def test_plain_dm_crypt_on_an_empty_disk_is_possibly_encrypted(tmp_path: Path) -> None:
    # The payload of a LUKS volume without its header is what `cryptsetup open --type plain` writes; blocks that were
    # never written stay zeros.
    clear = make_ext(tmp_path, "-b", "4096", size=4 << 20, files=12)
    sealed = luks1(tmp_path, clear, "open-sesame").read_bytes()[-(4 << 20) :]
    plain = clear.read_bytes()
    blocks = range(0, 4 << 20, 4096)
    data = b"".join(sealed[at : at + 4096] if plain[at : at + 4096].strip(b"\0") else bytes(4096) for at in blocks)
    volume, remark = described(tmp_path, data)
    assert (remark.code, volume.encryption) == ("possibly-encrypted", "possibly encrypted")


def test_volume_without_a_beginning_is_not_called_encrypted(tmp_path: Path) -> None:
    volume, remark = described(tmp_path, CODE[: 2 << 20])
    assert (volume.encryption, remark.code) == ("", "no-file-system")
