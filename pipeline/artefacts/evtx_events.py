"""Which records of which Windows log become events: :mod:`evtx_meanings` and :mod:`evtx_use`, and what needs more.

SOURCE: [MS-FSCC] 2.6 and winnt.h (access rights of files); Microsoft, "Audit Removable Storage" (task 12812).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from pipeline.artefacts.base import Action
from pipeline.artefacts.boot_record import describe_boot_record
from pipeline.artefacts.commands import action_of, mask_secrets
from pipeline.artefacts.evtx_meanings import SYSTEM, Meaning
from pipeline.artefacts.evtx_use import USE
from pipeline.artefacts.upload_sites import without_query

__all__ = ["KNOWN", "NUMBERS", "Meaning", "Told", "tell"]


@dataclass(frozen=True, slots=True)
class Told:
    """An event without its time and place."""

    action: Action
    subject: str
    actor: str
    device: str
    detail: dict[str, str | int]


KNOWN: Final[Mapping[tuple[str, int], Meaning]] = {
    (provider, number): meaning
    for table in (SYSTEM, USE)
    for provider, numbers in table.items()
    for number, meaning in numbers.items()
}
NUMBERS: Final = frozenset(number for _, number in KNOWN)
_POWER_NAMES: Final = {
    12: "started", 13: "stopped", 1: "woke", 41: "was not stopped cleanly", 42: "slept", 107: "woke", 506: "slept",
    507: "woke", 1074: "was told to stop or restart", 6008: "was not stopped cleanly",
}  # fmt: skip
_INTERNAL_BUSES: Final = frozenset({"3", "8", "10", "11", "17"})
"""ATA, RAID, SAS, SATA, NVMe. SOURCE: STORAGE_BUS_TYPE, winioctl.h."""
_LONGEST: Final = 400
_OFFICE: Final = re.compile(r"microsoft office(?: \d+)? alerts")
_WRITES, _DELETES, _READS = 0x2 | 0x4, 0x10000 | 0x40, 0x1
"""WriteData and AppendData; DELETE and DeleteChild; ReadData."""
_REMOVABLE_TASK: Final = "12812"
_HOST: Final = re.compile(r"HostApplication=([^\r\n]*)")
_RECORDERS: Final = frozenset({"eventlog", "sysmain", "vss", "wsearch", "dps", "pcasvc", "diagtrack", "sysmon64"})
"""Short names of services that keep records: event log, prefetch, shadow copies, search, SRUM, compatibility."""
_NEVER_IDLE: Final = frozenset({"eventlog", "sysmon64", "sysmon"})
"""Those that Windows itself does not stop while it runs."""


def tell(provider: str, number: int, channel: str, fields: Mapping[str, str]) -> Told | None:
    """Return what a record says; None where it is not one of :data:`KNOWN`, or says nothing that matters."""
    meaning = KNOWN.get((_OFFICE.sub("microsoft office alerts", provider.lower()), number))
    if meaning is None:
        return None
    detail: dict[str, str | int] = {"event_id": number, "channel": channel}
    detail |= {_snake(name): fields[name][:_LONGEST] for name in meaning.keep if fields.get(name)}
    subject, device = _first(fields, meaning.subject), _first(fields, meaning.device).strip()
    told = Told(meaning.action, subject, _first(fields, meaning.actor), device, detail)
    if number in _POWER_NAMES and meaning.action is Action.POWER:
        told = replace(told, subject=_POWER_NAMES[number])
    elif number in _FURTHER:
        found = _FURTHER[number](told, number, fields)
        if found is None:
            return None
        told = found
    elif meaning.action is Action.COMMAND_RUN:
        told = _command(told, number, fields)
    return replace(told, subject=told.subject[:_LONGEST]) if len(told.subject) > _LONGEST else told


def _first(fields: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((fields[name] for name in names if fields.get(name)), "")


def _snake(name: str) -> str:
    return "".join(
        f"_{letter.lower()}" if letter.isupper() and at else letter.lower() for at, letter in enumerate(name)
    ).replace(" ", "")


def _disk(told: Told, number: int, fields: Mapping[str, str]) -> Told:
    """Partition 1006: no capacity is a removal; internal disks are only prepared; boot records name the volumes."""
    del number
    action = Action.DEVICE_REMOVED if fields.get("Capacity", "") == "0" else told.action
    if fields.get("BusType", "") in _INTERNAL_BUSES:
        action = Action.DEVICE_CONFIGURED
    return replace(told, action=action, detail=told.detail | _boot_records(fields))


def _cleared(told: Told, number: int, fields: Mapping[str, str]) -> Told:
    """1102 is the security log's own record; RDP's client uses the same number."""
    del fields
    if told.action is not Action.LOG_CLEARED:
        return told
    return replace(told, subject=told.subject or ("Security" if number == 1102 else str(told.detail["channel"])))


def _command(told: Told, number: int, fields: Mapping[str, str]) -> Told:
    del number, fields
    found = _HOST.search(told.subject)
    text = found.group(1) if found is not None else told.subject
    return replace(told, action=action_of(text), subject=mask_secrets(text))


def _object(told: Told, number: int, fields: Mapping[str, str]) -> Told | None:
    """4656 asks for a file, 4663 uses it: what for stands in the access mask."""
    if fields.get("ObjectType", "File") != "File":
        return None
    mask = _hexadecimal(fields.get("AccessMask", ""))
    kinds = ((_DELETES, Action.ENTRY_DELETED), (_WRITES, Action.ENTRY_MODIFIED), (_READS, Action.ENTRY_ACCESSED))
    action = next((kind for bits, kind in kinds if mask & bits), Action.ENTRY_CHANGED)
    if fields.get("Task") == _REMOVABLE_TASK:
        told = replace(told, detail=told.detail | {"drive_type": "removable"})
    return replace(told, action=Action.ENTRY_ACCESSED if number == 4656 else action)


def _share(told: Told, number: int, fields: Mapping[str, str]) -> Told:
    del number
    name = fields.get("RelativeTargetName", "")
    return replace(told, subject=f"{told.subject}\\{name}" if name else told.subject)


def _session(told: Told, number: int, fields: Mapping[str, str]) -> Told:
    """A session whose address is LOCAL is one at the host itself."""
    if fields.get("Address", "").upper() not in ("LOCAL", "ローカル"):
        return told
    return replace(told, action=Action.LOGON if number in (21, 22, 25) else Action.LOGOFF, subject=told.actor)


def _service(told: Told, number: int, fields: Mapping[str, str]) -> Told | None:
    """7036 and 7040 matter for services that keep records; the bytes of 7036 end with ``/1`` where one stopped."""
    raw = _bytes(fields.get("Binary", "")).decode("utf-16-le", "replace").rstrip("\0")
    short, _, state = raw.partition("/")
    if number == 7036 and (short.lower() not in _NEVER_IDLE or state != "1"):
        return None
    if number == 7040 and fields.get("param4", "").lower() not in _RECORDERS:
        return None
    return replace(told, subject=short or fields.get("param4", ""))


def _address(told: Told, number: int, fields: Mapping[str, str]) -> Told:
    del number, fields
    return replace(told, subject=without_query(told.subject))


_FURTHER: Final[Mapping[int, Callable[[Told, int, Mapping[str, str]], Told | None]]] = {
    1006: _disk, 1102: _cleared, 104: _cleared, 4656: _object, 4663: _object, 5145: _share, 7036: _service,
    7040: _service, 59: _address, 60: _address, 61: _address, **dict.fromkeys((21, 22, 23, 24, 25), _session),
}  # fmt: skip
"""By number: of the providers that are known, only one uses it, or the function tells them apart."""


def _hexadecimal(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0


def _boot_records(fields: Mapping[str, str]) -> dict[str, str | int]:
    """Describe the volume boot records (Vbr0 to Vbr3) of a disk, and the disk signature of its first sector."""
    found: dict[str, str | int] = {}
    for number in range(4):
        told = describe_boot_record(_bytes(fields.get(f"Vbr{number}", "")))
        found |= {f"{key}_{number}" if number else key: value for key, value in told.items()}
    sector = _bytes(fields.get("Mbr", ""))
    if len(sector) >= 444:
        found["disk_signature"] = f"{int.from_bytes(sector[440:444], 'little'):08X}"
    return found


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
