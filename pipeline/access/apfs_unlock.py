"""Encrypted APFS volumes: which key of the case opens one, through libfsapfs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import pyfsapfs  # type: ignore[import-untyped,import-not-found,unused-ignore]

from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.libyal import FileLike
from pipeline.access.pool import Found
from pipeline.records import Diagnostic, Severity, Volume, VolumeState, diagnose
from pipeline.volume_keys import KeyKind, VolumeKey

__all__ = ["open_key", "sealed_apfs"]

_FAILURES: Final = (OSError, ValueError, OverflowError, MemoryError, IndexError, RuntimeError)
_METHOD: Final = "APFS AES-XTS-128"
"""What macOS encrypts volumes with (*Apple File System Reference*, "Encryption")."""

_SETTERS: Final = (("set_password", "password"), ("set_recovery_password", "recovery key"))
"""libfsapfs tries what either is given on every unlock record; so which comes first, and is named, is told by form."""

_RECOVERY: Final = re.compile(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){5}")
"""A personal recovery key as macOS shows it: six groups of four letters and digits."""


def sealed_apfs(data: Readable, row: Volume, number: int, options: FileSystemOptions) -> Iterator[Found | Diagnostic]:
    """Yield an encrypted volume's row: open where a key fits, else locked with what is missing or wrong."""
    keys = options.keys.for_volume(row.address, (row.serial,))
    opened = open_key(data, number, keys)
    sealed = replace(row, runs=(), encryption=_METHOD)
    if opened is not None:
        yield Found(replace(sealed, reader="dfvfs", opened_by=opened[1]), data)
        message = (
            f"{row.address}: unlocked ({_METHOD}) by {opened[1]}; only its files are read in clear, its free space and "
            "slack stay enciphered"
        )
        yield diagnose("volumes", row.address, "raw-enciphered", message, Severity.LOSS)
        return
    yield Found(replace(sealed, state=VolumeState.LOCKED, reader=""))
    typed = sum(key.kind == KeyKind.PASSWORD for key in keys)
    reason = f"the given password is wrong ({typed} tried)" if typed else "no key is given for it"
    message = (
        f"{row.address}: volume is locked ({_METHOD}): {reason}; a user's password or the recovery key opens it, "
        f"unless a security chip holds the key; add `{row.address} = key` to passwords.txt in the case's key directory"
    )
    yield diagnose("volumes", row.address, "locked", message, Severity.LOSS)


def open_key(data: Readable, number: int, keys: tuple[VolumeKey, ...]) -> tuple[VolumeKey, str] | None:
    """Return the key that opens a container's volume (from 1), and its kind; None where none does."""
    try:
        return _tried(data, number, keys)  # type: ignore[arg-type]  # most readables are values and hash as such
    except TypeError:
        return _search(data, number, keys)


@lru_cache(maxsize=16)
def _tried(data: Readable, number: int, keys: tuple[VolumeKey, ...]) -> tuple[VolumeKey, str] | None:
    return _search(data, number, keys)


def _search(data: Readable, number: int, keys: tuple[VolumeKey, ...]) -> tuple[VolumeKey, str] | None:
    for key in keys:
        if key.kind != KeyKind.PASSWORD:
            continue
        for setter, how in sorted(_SETTERS, reverse=_RECOVERY.fullmatch(key.text) is not None):
            try:
                container: Any = pyfsapfs.container()
                container.open_file_object(FileLike(data))
                volume = container.get_volume(number - 1)
                getattr(volume, setter)(key.text)
                if volume.unlock() and not volume.is_locked():
                    return key, how
            except _FAILURES:
                continue
    return None
