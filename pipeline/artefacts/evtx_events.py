"""Which records of which Windows log become events, and what they mean.

SOURCE: Microsoft's audit event pages (1100, 1102, 4616, 4624, 4625, 4634, 4688, 4719), the providers' manifests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.artefacts.base import Action
from pipeline.artefacts.boot_record import describe_boot_record
from pipeline.artefacts.commands import action_of, mask_secrets

__all__ = ["KNOWN", "NUMBERS", "Meaning", "Told", "tell"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a record says: action, fields that give subject, actor and device, and fields kept as detail."""

    action: Action
    subject: tuple[str, ...] = ()
    actor: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """An event without its time and place."""

    action: Action
    subject: str
    actor: str
    device: str
    detail: dict[str, str | int]


_USER: Final = ("SubjectUserName", "TargetUserName", "UserName", "Param3", "SubjectUserSid")
_LOGON: Final = ("LogonType", "IpAddress", "WorkstationName")
_PNP: Final = ("DeviceInstanceId", "InstanceId", "DeviceInstanceID", "instance", "lifetime")
_POWER: Final = Meaning(Action.POWER, keep=("StartTime", "StopTime", "SleepTime", "WakeTime"))

KNOWN: Final[Mapping[tuple[str, int], Meaning]] = {
    ("microsoft-windows-eventlog", 1102): Meaning(Action.LOG_CLEARED, ("Channel",), _USER),
    ("microsoft-windows-eventlog", 104): Meaning(Action.LOG_CLEARED, ("Channel",), _USER, keep=("BackupPath",)),
    ("microsoft-windows-eventlog", 1100): Meaning(Action.LOGGING_STOPPED),
    ("microsoft-windows-security-auditing", 4719): Meaning(
        Action.AUDIT_CHANGED, ("SubcategoryGuid",), _USER, keep=("AuditPolicyChanges",)
    ),
    ("microsoft-windows-security-auditing", 4616): Meaning(
        Action.TIME_CHANGED, ("ProcessName",), _USER, keep=("PreviousTime", "NewTime")
    ),
    ("microsoft-windows-kernel-general", 1): Meaning(Action.TIME_CHANGED, keep=("OldTime", "NewTime", "Reason")),
    ("microsoft-windows-partition", 1006): Meaning(
        Action.DEVICE_CONNECTED, ("Model",), device=("SerialNumber",),
        keep=("Manufacturer", "Revision", "Capacity", "DiskNumber", "BusType", "ParentId", "RegistryId", "DiskId"),
    ),
    ("microsoft-windows-kernel-pnp", 400): Meaning(
        Action.DEVICE_CONFIGURED, _PNP, device=_PNP, keep=("DriverName", "ClassGuid")
    ),
    ("microsoft-windows-kernel-pnp", 410): Meaning(Action.DEVICE_CONFIGURED, _PNP, device=_PNP, keep=("DriverName",)),
    ("microsoft-windows-kernel-pnp", 420): Meaning(Action.DEVICE_CONFIGURED, _PNP, device=_PNP),
    ("microsoft-windows-kernel-pnp", 430): Meaning(Action.DEVICE_CONFIGURED, _PNP, device=_PNP),
    ("microsoft-windows-driverframeworks-usermode", 2003): Meaning(Action.DEVICE_CONNECTED, _PNP, device=_PNP),
    ("microsoft-windows-driverframeworks-usermode", 2010): Meaning(Action.DEVICE_CONNECTED, _PNP, device=_PNP),
    ("microsoft-windows-driverframeworks-usermode", 2100): Meaning(Action.DEVICE_CONFIGURED, _PNP, device=_PNP),
    ("microsoft-windows-driverframeworks-usermode", 2102): Meaning(Action.DEVICE_REMOVED, _PNP, device=_PNP),
    ("microsoft-windows-security-auditing", 6416): Meaning(
        Action.DEVICE_CONNECTED, ("DeviceDescription",), _USER, ("DeviceId",), ("ClassName",)
    ),
    ("microsoft-windows-printservice", 307): Meaning(
        Action.PRINTED, ("Param2",), ("Param3",), keep=("Param4", "Param5", "Param6", "Param7", "Param8")
    ),
    ("microsoft-windows-security-auditing", 4624): Meaning(
        Action.LOGON, ("TargetUserName",), ("TargetUserName",), keep=_LOGON
    ),
    ("microsoft-windows-security-auditing", 4625): Meaning(
        Action.LOGON_FAILED, ("TargetUserName",), ("TargetUserName",), keep=_LOGON
    ),
    ("microsoft-windows-security-auditing", 4634): Meaning(
        Action.LOGOFF, ("TargetUserName",), ("TargetUserName",), keep=_LOGON
    ),
    ("microsoft-windows-security-auditing", 4688): Meaning(
        Action.COMMAND_RUN, ("CommandLine", "NewProcessName"), _USER, keep=("NewProcessName", "ParentProcessName")
    ),
    ("microsoft-windows-powershell", 4104): Meaning(
        Action.COMMAND_RUN, ("ScriptBlockText",), keep=("Path", "MessageNumber", "MessageTotal")
    ),
    ("microsoft-windows-kernel-general", 12): _POWER,
    ("microsoft-windows-kernel-general", 13): _POWER,
    ("microsoft-windows-power-troubleshooter", 1): _POWER,
    ("microsoft-windows-kernel-power", 42): _POWER,
    ("microsoft-windows-kernel-power", 107): _POWER,
}  # fmt: skip
NUMBERS: Final = frozenset(number for _, number in KNOWN)
_POWER_NAMES: Final = {12: "started", 13: "stopped", 1: "woke", 42: "slept", 107: "woke"}
_INTERNAL_BUSES: Final = frozenset({"3", "8", "10", "11", "17"})
"""ATA, RAID, SAS, SATA, NVMe. SOURCE: STORAGE_BUS_TYPE, winioctl.h."""
_LONGEST: Final = 400


def tell(provider: str, number: int, channel: str, fields: Mapping[str, str]) -> Told | None:
    """Return what a record says; None where it is not one of :data:`KNOWN`."""
    meaning = KNOWN.get((provider.lower(), number))
    if meaning is None:
        return None
    subject = _first(fields, meaning.subject)
    detail: dict[str, str | int] = {"event_id": number, "channel": channel}
    detail |= {_snake(name): fields[name][:_LONGEST] for name in meaning.keep if fields.get(name)}
    action, device = meaning.action, _first(fields, meaning.device).strip()
    if number == 1006:
        if fields.get("BusType", "") in _INTERNAL_BUSES:
            action = Action.DEVICE_CONFIGURED
        elif fields.get("Capacity", "") == "0":
            action = Action.DEVICE_REMOVED
        detail |= _boot_records(fields)
    elif action is Action.LOG_CLEARED:
        subject = subject or ("Security" if number == 1102 else channel)
    elif action is Action.POWER:
        subject = _POWER_NAMES[number]
    elif action is Action.COMMAND_RUN:
        action, subject = action_of(subject), mask_secrets(subject)
    return Told(action, subject[:_LONGEST], _first(fields, meaning.actor), device, detail)


def _first(fields: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((fields[name] for name in names if fields.get(name)), "")


def _snake(name: str) -> str:
    return "".join(
        f"_{letter.lower()}" if letter.isupper() and at else letter.lower() for at, letter in enumerate(name)
    )


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
