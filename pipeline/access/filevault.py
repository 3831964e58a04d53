"""FileVault 2 (CoreStorage) through libfvde: password, recovery key, or EncryptedRoot.plist.wipekey.

libfvde gives a logical volume's clear bytes, not where each lies on the medium; so the volume has no runs.

Source: Metz, *FileVault Drive Encryption (FVDE) format* (libfvde); the bindings' own documentation.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyfvde

from pipeline.access.interfaces import Readable
from pipeline.access.layers import FileLike, LayerReadable
from pipeline.access.sealed import LockedError, Opened, Protection
from pipeline.errors import UnreadableError
from pipeline.volume_keys import KeyKind, VolumeKey

__all__ = ["FileVault"]

_FAILURES: Final = (OSError, ValueError, OverflowError, MemoryError, IndexError, RuntimeError)
_PASSWORD_OR_PLIST: Final = ("password", "recovery key (six groups of four characters)", "EncryptedRoot.plist.wipekey")


@dataclass(frozen=True, slots=True)
class _Handles:
    """What must stay open while a logical volume is read."""

    volume: Any
    group: Any
    logical: Any


class FileVault:
    """The unlocker of CoreStorage volumes."""

    def describe(self, data: Readable) -> Protection:
        """Return what the metadata tells."""
        handles = _handles(data, None)
        try:
            identifier, label = str(handles.logical.identifier), str(handles.logical.name or "")
            count = int(handles.group.number_of_logical_volumes)
        except _FAILURES as error:
            raise UnreadableError(f"its CoreStorage metadata cannot be read ({error})") from error
        remarks = (f"it has {count} logical volumes, of which the first is opened",) if count > 1 else ()
        return Protection(
            method="FileVault AES-XTS-128", identifier=identifier, label=label, names=(identifier,),
            protectors=_PASSWORD_OR_PLIST, remarks=remarks,
        )  # fmt: skip

    def unlock(self, data: Readable, keys: Sequence[VolumeKey]) -> Opened:
        """Open the first logical volume with the first key that fits."""
        for handles, how in _attempts(data, keys):
            try:
                locked = handles.logical.is_locked()
                size = int(handles.logical.size)
            except _FAILURES:
                continue
            if not locked:
                return Opened(data=LayerReadable(handles, handles.logical, size), opened_by=how, runs=())
        if not keys:
            raise LockedError("no key is given for it")
        raise LockedError(f"none of the given keys fits ({len(keys)} tried)")


def _handles(data: Readable, plist: str | None) -> _Handles:
    try:
        volume = pyfvde.volume()
        if plist is not None:
            volume.read_encrypted_root_plist(plist)
        volume.open_file_object(FileLike(data))
        volume.open_physical_volume_files_as_file_objects([FileLike(data)])
        group = volume.get_volume_group()
        return _Handles(volume, group, group.get_logical_volume(0))
    except _FAILURES as error:
        raise UnreadableError(f"its CoreStorage metadata cannot be read ({error})") from error


def _attempts(data: Readable, keys: Sequence[VolumeKey]) -> Iterator[tuple[_Handles, str]]:
    """Yield the logical volume after each attempt: without a key, by each password and by each key file with them."""
    yield _handles(data, None), "no key: it is not encrypted"
    passwords = [key for key in keys if key.kind == KeyKind.PASSWORD]
    for key in passwords:
        yield from _typed(_handles(data, None), key)
    for key in (item for item in keys if item.kind == KeyKind.FILE):
        for password in passwords:
            yield from ((handles, f"{how} with its key file") for handles, how in _with_file(data, key, password))


def _typed(handles: _Handles, key: VolumeKey) -> Iterator[tuple[_Handles, str]]:
    for setter, how in (
        (handles.logical.set_password, "password"),
        (handles.logical.set_recovery_password, "recovery key"),
    ):
        try:
            setter(key.text)
            handles.logical.unlock()
        except _FAILURES:
            continue
        yield handles, how


def _with_file(data: Readable, key: VolumeKey, password: VolumeKey) -> Iterator[tuple[_Handles, str]]:
    """Yield attempts with a key file; libfvde takes it by its path only, so it is lent one of mode 0600."""
    handle, path = tempfile.mkstemp()
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(key.secret)
        yield from _typed(_handles(data, path), password)
    except UnreadableError:
        return
    finally:
        os.unlink(path)  # noqa: PTH108 - mkstemp gives a name
