"""One door for every encrypted volume: its protection, and what lies inside where a key of the case opens it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

from pipeline.access.bitlocker import BitLocker
from pipeline.access.filevault import FileVault
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.luks import Luks
from pipeline.access.mapped import carried_over
from pipeline.access.mapping import inner_volume
from pipeline.access.pool import Found
from pipeline.access.sealed import Opened, Protection, Unlocker
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, ExtentClass, Region, Run, Severity, Volume, VolumeState, diagnose
from pipeline.volume_keys import VolumeKey

__all__ = ["describe_sealed", "unlocked_volumes"]

_STAGE: Final = "volumes"
_SCHEMES: Final[Mapping[str, tuple[str, Unlocker]]] = {
    "BitLocker": ("bitlocker", BitLocker()),
    "BitLocker To Go": ("bitlocker", BitLocker()),
    "FileVault": ("filevault", FileVault()),
    "LUKS1": ("luks", Luks()),
    "LUKS2": ("luks", Luks()),
}


def describe_sealed(
    data: Readable, name: str, row: Volume, options: FileSystemOptions
) -> tuple[Volume, list[Diagnostic]]:
    """Return the row of an encrypted volume: open where a key fits, else locked with what is missing or wrong."""
    if name not in _SCHEMES:
        locked = replace(row, state=VolumeState.LOCKED, encryption=name, file_system=name)
        message = f"{row.address}: volume is locked ({name}), which this version does not unlock; give it an open copy"
        return locked, [diagnose(_STAGE, row.address, "locked", message, Severity.LOSS)]
    try:
        protection = _protection(data, name)
    except UnreadableError as error:
        message = f"{row.address}: volume is locked ({name}), and {error}; its bytes stay unexamined"
        locked = replace(row, state=VolumeState.LOCKED, encryption=name, file_system=name)
        return locked, [diagnose(_STAGE, row.address, "locked", message, Severity.LOSS)]
    remarks = [
        diagnose(_STAGE, row.address, "encryption-odd", f"{row.address}: {protection.method}: {remark}")
        for remark in protection.remarks
    ]
    described = replace(
        row, encryption=protection.method, file_system=name, label=protection.label or row.label,
        serial=protection.identifier.replace("-", ""), reader="layer",
    )  # fmt: skip
    keys = options.keys.for_volume(row.address, protection.names)
    try:
        opened = _open(data, name, keys)
    except UnreadableError as error:
        locked = replace(described, state=VolumeState.LOCKED, reader="")
        return locked, [*remarks, _locked(locked, protection, str(error))]
    message = f"{row.address}: unlocked ({protection.method}) by {opened.opened_by}"
    remarks.append(diagnose(_STAGE, row.address, "unlocked", message, Severity.NOTE))
    if not opened.runs:
        message = f"{row.address}: only the files inside are read in clear; its free space and slack stay enciphered"
        remarks.append(diagnose(_STAGE, row.address, "raw-enciphered", message, Severity.LOSS))
    return described, remarks


def _locked(row: Volume, protection: Protection, reason: str) -> Diagnostic:
    by = ", ".join(protection.protectors[:16]) or "nothing that can be read"
    message = (
        f"{row.address}: volume is locked ({protection.method}): {reason}; it is protected by {by}; add "
        f"`{row.address} = key` to passwords.txt in the case's key directory, or the key file beside it"
    )
    return diagnose(_STAGE, row.address, "locked", message, Severity.LOSS)


def unlocked_volumes(data: Readable, volume: Volume, options: FileSystemOptions) -> Iterator[Found | Region]:
    """Yield an unlocked volume's own structures and the volume inside it; nothing where it is locked or another's."""
    if volume.file_system not in _SCHEMES or volume.reader != "layer":
        return
    kind, _ = _SCHEMES[volume.file_system]
    protection = _protection(data, volume.file_system)
    yield from _regions(data, volume, protection)
    opened = _open(data, volume.file_system, options.keys.for_volume(volume.address, protection.names))
    row = inner_volume(
        volume, "unlocked", kind, opened.runs, scheme=kind, label=volume.label, length=opened.data.size
    )  # fmt: skip
    yield Found(replace(row, opened_by=opened.opened_by), opened.data)


def _regions(data: Readable, volume: Volume, protection: Protection) -> Iterator[Region]:
    """Yield an encrypted volume's own structures, in image offsets."""
    place = (Run(start=volume.start, length=volume.length),) if volume.direct else volume.runs
    for start, length, name in protection.metadata:
        own = Region(
            exhibit=volume.exhibit, volume=volume.address, start=start, length=min(length, data.size - start),
            class_=ExtentClass.VOLUME_METADATA, name=name,
        )  # fmt: skip
        yield from (row for row in carried_over(replace(volume, runs=place), [own]) if isinstance(row, Region))


def _protection(data: Readable, name: str) -> Protection:
    return _SCHEMES[name][1].describe(data)


def _open(data: Readable, name: str, keys: tuple[VolumeKey, ...]) -> Opened:
    """Open a volume; deriving a key takes seconds, so what a process tried once it remembers.

    Raises:
        UnreadableError: it stays locked; LockedError says why.
    """
    try:
        result = _remembered(data, name, keys)  # type: ignore[arg-type]  # most readables are values and hash as such
    except TypeError:
        return _SCHEMES[name][1].unlock(data, keys)
    if isinstance(result, Opened):
        return result
    raise type(result)(str(result))


@lru_cache(maxsize=32)
def _remembered(data: Readable, name: str, keys: tuple[VolumeKey, ...]) -> Opened | UnreadableError:
    try:
        return _SCHEMES[name][1].unlock(data, keys)
    except UnreadableError as error:
        return error
