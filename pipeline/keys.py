"""Secrets of a case: the tag key, the ledger's signing key, volume keys. They live outside ``out/`` and stay there."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from pipeline.clock import random_key
from pipeline.errors import SettingsError
from pipeline.volume_keys import KeyKind, VolumeKey, VolumeKeys, parse_line, recovery_texts

__all__ = ["KeyRing", "create_keys", "open_keys"]

_TAG_KEY: Final = "case.key"
_SIGNING_KEY: Final = "ledger.pem"
_PASSWORDS: Final = "passwords.txt"
_KEY_LENGTH: Final = 32
_MAX_KEY_FILE: Final = 8 << 20  # cryptsetup's own bound of a key file (cryptsetup --help, "Maximum keyfile size")
_OWN_KINDS: Final = frozenset({".bek", ".wipekey"})


class KeyRing:
    """The keys of one case; its ``repr`` shows none of them."""

    def __init__(self, tag_key: bytes, signing_key: Ed25519PrivateKey, volume_keys: VolumeKeys) -> None:
        self.tag_key = tag_key
        self.signing_key = signing_key
        self.volume_keys = volume_keys

    def __repr__(self) -> str:
        return f"KeyRing(public={self.public_hex[:16]}…)"

    @property
    def public_hex(self) -> str:
        """The ledger's public key, 32 bytes in hexadecimal."""
        raw = self.signing_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return raw.hex()


def create_keys(directory: Path) -> KeyRing:
    """Make the keys that a case lacks, mode 0600 in a folder of mode 0700, and open them."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (directory / _TAG_KEY).exists():
        _write_secret(directory / _TAG_KEY, random_key(_KEY_LENGTH))
    if not (directory / _SIGNING_KEY).exists():
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write_secret(directory / _SIGNING_KEY, pem)
    return open_keys(directory)


def open_keys(directory: Path) -> KeyRing:
    """Read the keys of a case.

    Raises:
        SettingsError: one is missing, has a wrong form, or can be read by others.
    """
    tag_key = _read_secret(directory / _TAG_KEY)
    if len(tag_key) != _KEY_LENGTH:
        raise SettingsError(f"{directory / _TAG_KEY}: {len(tag_key)} bytes; a case key has {_KEY_LENGTH}")
    try:
        signing = load_pem_private_key(_read_secret(directory / _SIGNING_KEY), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{directory / _SIGNING_KEY}: not a private key in PEM form") from error
    if not isinstance(signing, Ed25519PrivateKey):
        raise SettingsError(f"{directory / _SIGNING_KEY}: the ledger needs an Ed25519 key")
    return KeyRing(tag_key, signing, VolumeKeys(tuple(_volume_keys(directory))))


def _write_secret(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _read_secret(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: the case's key cannot be read ({error.strerror}); run `akashi init`") from error
    if stat.S_IMODE(mode) & 0o077:
        raise SettingsError(f"{path}: others can read this key (mode {stat.S_IMODE(mode):o}); chmod 600 it")
    return data


def _volume_keys(directory: Path) -> Iterator[VolumeKey]:
    """Yield what ``passwords.txt`` says line by line, then the key files that are known by their names."""
    path = directory / _PASSWORDS
    if path.exists():
        for number, line in enumerate(re.split(r"\r\n|[\r\n]", _text(path)), start=1):
            for place, value in parse_line(line):
                yield _key(directory, place, value, f"{path}:{number}")
    for file in sorted(item for item in directory.iterdir() if item.is_file() and item.name != _PASSWORDS):
        if file.suffix.lower() in _OWN_KINDS:
            yield VolumeKey(place="*", kind=KeyKind.FILE, secret=_key_file(file), name=file.name)
        elif file.suffix.lower() == ".txt":
            for text in recovery_texts(_key_file(file)):
                yield VolumeKey(place="*", kind=KeyKind.PASSWORD, secret=text.encode(), name=file.name)


def _key(directory: Path, place: str, value: str, where: str) -> VolumeKey:
    """Return the key that a line names: typed, in a file of the key directory, or a volume's own in hexadecimal."""
    kind, separator, rest = value.partition(":")
    if separator and kind == "file":
        file = directory / rest.strip()
        if file.resolve().parent != directory.resolve():
            raise SettingsError(f"{where}: a key file lies in the key directory itself")
        return VolumeKey(place=place, kind=KeyKind.FILE, secret=_key_file(file), name=file.name)
    if separator and kind == "key":
        try:
            return VolumeKey(place=place, kind=KeyKind.VOLUME_KEY, secret=bytes.fromhex(rest))
        except ValueError as error:
            raise SettingsError(f"{where}: a volume key is written in hexadecimal behind key:") from error
    return VolumeKey(place=place, kind=KeyKind.PASSWORD, secret=value.encode())


def _key_file(path: Path) -> bytes:
    data = _read_secret(path)
    if len(data) > _MAX_KEY_FILE:
        raise SettingsError(f"{path}: a key file holds at most {_MAX_KEY_FILE} bytes")
    return data


def _text(path: Path) -> str:
    try:
        return _read_secret(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8; save the file as UTF-8") from error
