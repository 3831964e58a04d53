"""Secrets of a case: the tag key, the ledger's signing key, passwords. They live outside ``out/`` and stay there."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
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

__all__ = ["KeyRing", "create_keys", "open_keys"]

_TAG_KEY: Final = "case.key"
_SIGNING_KEY: Final = "ledger.pem"
_PASSWORDS: Final = "passwords.txt"
_KEY_LENGTH: Final = 32


class KeyRing:
    """The keys of one case; its ``repr`` shows none of them."""

    def __init__(self, tag_key: bytes, signing_key: Ed25519PrivateKey, passwords: Mapping[str, str]) -> None:
        self.tag_key = tag_key
        self.signing_key = signing_key
        self.passwords = passwords

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
    return KeyRing(tag_key, signing, _passwords(directory / _PASSWORDS))


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


def _passwords(path: Path) -> Mapping[str, str]:
    """Read ``ADDRESS password`` lines: passwords and recovery keys by the volume or file that they open."""
    if not path.exists():
        return {}
    lines = (line for line in _read_secret(path).decode("utf-8").splitlines() if line.strip())
    pairs = (line.split(maxsplit=1) for line in lines if not line.startswith("#"))
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
