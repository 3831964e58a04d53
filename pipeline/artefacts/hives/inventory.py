r"""Amcache.hve: programs, their files with SHA-1, and devices that the inventory of the system saw.

An entry shows that a program's file was there when it was written, not that it ran; Windows 8 wrote ``File`` entries
mostly at a first start. SHA-1 is of the first 31,457,280 bytes at most.

SOURCE: Blanche Lagny, "Analysis of the AmCache" (ANSSI, 2019); libyal winreg-kb, "AMCache" (``File\<volume>\<sequence
0000 record>``: 15 path, 101 SHA-1 behind four zeros, 0 product, 1 company, 6 size, 11 changed, 12 made, 17 changed
again; ``Programs``: 0 name, 1 version, 2 publisher, a installed in seconds since 1970, d folders).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, data_of, keys, number_of, text_of, when
from pipeline.artefacts.hive_artefact import Scene
from pipeline.artefacts.hives.devices import STORAGE_SERVICES
from pipeline.artefacts.setupapi import serial_of
from pipeline.artefacts.times import from_filetime, from_unix_us

__all__ = ["old_files", "old_programs", "seen_applications", "seen_devices", "seen_files"]

_SHOWS: Final = "the program's file was there; a start is not shown by this"
_REFERENCE: Final = re.compile(r"([1-9a-f][0-9a-f]{0,3})0000([1-9a-f][0-9a-f]*)")
_MOVABLE: Final = ("usbstor/", "swd/wpdbusenum/", "wpdbusenumroot/")


def _present(key: Any, subject: str, place: str, detail: dict[str, str | int], meaning: str) -> Event:
    return Event(
        time=when(key), time_meaning=meaning, action=Action.PROGRAM_PRESENT, subject=subject, precision_us=1,
        place=f"{place}\\{key.get_name()}", detail=detail,
    )  # fmt: skip


def _texts(key: Any, fields: tuple[tuple[str, str], ...]) -> dict[str, str | int]:
    return {label: text for name, label in fields if (text := text_of(key, name))}


def _hash(text: str) -> dict[str, str | int]:
    """Return the SHA-1 in a file identifier: forty digits behind four zeros."""
    return {"sha1": text[4:].lower()} if len(text) == 44 and text.startswith("0000") else {}


def old_files(scene: Scene) -> Iterator[Event]:
    """Yield files of the layout of Windows 8 to 10 1607, by volume and place in the MFT."""
    for volume in keys(at(scene.root, "Root\\File")):
        place = f"Root\\File\\{volume.get_name()}"
        for key in keys(volume):
            name = key.get_name() or ""
            path = text_of(key, "15")
            detail: dict[str, str | int] = {"shows": _SHOWS, "volume_guid": volume.get_name() or ""}
            detail |= _texts(key, (("0", "product"), ("1", "company"), ("100", "program_id")))
            detail |= _hash(text_of(key, "101")) | ({"program": path} if path else {})
            size, found = number_of(key, "6"), _REFERENCE.fullmatch(name)
            detail |= {"bytes": size} if size is not None else {}
            if found is not None and name.count("0000") == 1:
                detail |= {"mft_sequence": int(found[1], 16), "mft_record": int(found[2], 16)}
            for label, value in (("target_created", "12"), ("target_modified", "11")):
                time = from_filetime(number_of(key, value) or 0)
                detail |= {label: time.isoformat()} if time is not None else {}
            yield _present(key, path or name, place, detail, "entry written")


def old_programs(scene: Scene) -> Iterator[Event]:
    """Yield installed programs of the same layout."""
    for key in keys(at(scene.root, "Root\\Programs")):
        detail = _texts(key, (("1", "version"), ("2", "publisher"), ("6", "kind"), ("d", "folder")))
        installed = from_unix_us((number_of(key, "a") or 0) * 1_000_000)
        detail |= {"installed": installed.isoformat()} if installed is not None else {}
        name = text_of(key, "0")
        yield _present(key, name or key.get_name(), "Root\\Programs", detail | {"program": name}, "entry written")


def seen_files(scene: Scene) -> Iterator[Event]:
    """Yield files of the layout of Windows 10 and later."""
    place = "Root\\InventoryApplicationFile"
    for key in keys(at(scene.root, place)):
        path = text_of(key, "LowerCaseLongPath")
        detail: dict[str, str | int] = {"shows": _SHOWS, "program": path}
        detail |= _texts(key, (
            ("ProductName", "product"), ("Publisher", "company"), ("Version", "version"), ("LinkDate", "linked"),
            ("ProgramId", "program_id"), ("BinaryType", "binary"),
        )) | _hash(text_of(key, "FileId"))  # fmt: skip
        size = _size(key)
        detail |= {"bytes": size} if size is not None else {}
        yield _present(key, path or key.get_name(), place, detail, "entry written by the inventory")


def _size(key: Any) -> int | None:
    """Return the size of a file: a number, or hexadecimal text in early builds."""
    data = data_of(key, "Size")
    if len(data) in {4, 8} and data[1:2] == b"\0" and data[:1] == b"0":
        return None
    text = text_of(key, "Size")
    if re.fullmatch(r"0x[0-9a-fA-F]{1,15}", text):
        return int(text, 16)
    return number_of(key, "Size")


def seen_applications(scene: Scene) -> Iterator[Event]:
    """Yield installed applications of the same layout."""
    place = "Root\\InventoryApplication"
    for key in keys(at(scene.root, place)):
        name = text_of(key, "Name")
        detail = _texts(key, (
            ("Version", "version"), ("Publisher", "publisher"), ("InstallDate", "installed"), ("Source", "kind"),
            ("RootDirPath", "folder"), ("ProgramId", "program_id"),
        ))  # fmt: skip
        yield _present(key, name or key.get_name(), place, detail | {"program": name}, "entry written by the inventory")


def seen_devices(scene: Scene) -> Iterator[Event]:
    """Yield USB and portable devices; their names are in lower case here, so serials are given in upper case."""
    place = "Root\\InventoryDevicePnp"
    for key in keys(at(scene.root, place)):
        name = key.get_name() or ""
        service = text_of(key, "Service").lower()
        if not name.lower().startswith(_MOVABLE) and service not in STORAGE_SERVICES:
            continue
        parts = [part for part in re.split(r"[/#]", name) if not part.startswith("{")]
        serial, origin = serial_of(parts[-1].upper())
        detail: dict[str, str | int] = {"serial_origin": origin, "serial_case": "lost"}
        detail |= _texts(key, (
            ("Model", "friendlyname"), ("Manufacturer", "manufacturer"), ("ContainerId", "containerid"),
            ("Service", "service"), ("FirstInstallDate", "first_installed"), ("InstallDate", "installed"),
        ))  # fmt: skip
        yield Event(
            time=when(key), time_meaning="entry written by the inventory", action=Action.DEVICE_CONFIGURED,
            subject=str(detail.get("friendlyname", name)), device=serial, place=f"{place}\\{name}", precision_us=1,
            detail=detail,
        )  # fmt: skip
