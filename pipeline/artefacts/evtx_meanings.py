"""What the records of Windows logs mean: logs and clock, power, devices and volumes.

SOURCE: Microsoft, audit event pages (1100 to 1108, 4616, 4719, 4912, 6416 to 6424); the manifests of the providers, as
published by Windows (``wevtutil gp``): Partition, Kernel-PnP, UserPnp, DriverFrameworks-UserMode, Ntfs, StorageSpaces,
ClassPnP, DeviceSetupManager, VHDMP, BitLocker-API, Kernel-General, Kernel-Power, Time-Service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.artefacts.base import Action

__all__ = ["SYSTEM", "USER", "Meaning", "Meanings"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a record says: action, fields that give subject, actor and device, and fields kept as detail."""

    action: Action
    subject: tuple[str, ...] = ()
    actor: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()


Meanings = Mapping[str, Mapping[int, Meaning]]
"""By provider, lower-case, and number."""

USER: Final = ("SubjectUserName", "TargetUserName", "UserName", "Param3", "SubjectUserSid")
_PNP: Final = ("DeviceInstanceId", "InstanceId", "DeviceInstanceID", "DeviceInstance", "instance", "lifetime")
_POWER: Final = Meaning(Action.POWER, keep=("StartTime", "StopTime", "SleepTime", "WakeTime"))
_PREPARED: Final = Meaning(
    Action.DEVICE_CONFIGURED, _PNP, device=_PNP, keep=("DriverName", "ClassGuid", "ServiceName", "Status", "Problem")
)
_CAME: Final = Meaning(Action.DEVICE_CONNECTED, _PNP, device=_PNP)
_AUDITED: Final = Meaning(
    Action.DEVICE_CONNECTED, ("DeviceDescription",), USER, ("DeviceId",), ("ClassName", "HardwareIds")
)
_BLOCKED: Final = Meaning(
    Action.DEVICE_CONFIGURED, ("DeviceDescription",), USER, ("DeviceId",), ("ClassName", "HardwareIds")
)
_NTFS: Final = Meaning(
    Action.VOLUME_MOUNTED, ("VolumeName", "DriveName", "DeviceName"), device=("DeviceSerialNumber",),
    keep=("DriveName", "DeviceName", "VolumeLabel", "VolumeGuid", "VolumeCorrelationId", "VendorId", "ProductId"),
)  # fmt: skip
_SPACES: Final = Meaning(
    Action.DEVICE_CONNECTED, ("DriveModel",), device=("DriveSerial",), keep=("DriveManufacturer", "DriveId")
)
_LOCKER: Final = Meaning(
    Action.DEVICE_CONFIGURED, ("VolumeName", "Volume", "VolumeMountPoint", "MountPoint"),
    keep=("IdentificationGUID", "ProtectorGUID", "ProtectorType", "VolumeName"),
)  # fmt: skip
_SYNCED: Final = Meaning(Action.TIME_CHECKED, ("TimeSource",), keep=("TimeSourceRefId", "CurrentStratumNumber"))
_STOPPED: Final = Meaning(Action.LOGGING_STOPPED)
_POLICY: Final = Meaning(
    Action.AUDIT_CHANGED, ("SubcategoryGuid",), USER, keep=("AuditPolicyChanges",)
)  # fmt: skip

SYSTEM: Final[Meanings] = {
    "microsoft-windows-eventlog": {
        1102: Meaning(Action.LOG_CLEARED, ("Channel",), USER),
        104: Meaning(Action.LOG_CLEARED, ("Channel",), USER, keep=("BackupPath",)),
        1100: _STOPPED, 1104: _STOPPED, 1108: _STOPPED,
    },
    "microsoft-windows-kernel-general": {
        1: Meaning(Action.TIME_CHANGED, keep=("OldTime", "NewTime", "Reason")), 12: _POWER, 13: _POWER,
    },
    "microsoft-windows-time-service": {
        35: _SYNCED, 37: _SYNCED, 52: Meaning(Action.TIME_CHANGED, keep=("TimeOffsetSeconds",)),
    },
    "microsoft-windows-power-troubleshooter": {1: _POWER},
    "microsoft-windows-kernel-power": {41: _POWER, 42: _POWER, 107: _POWER, 506: _POWER, 507: _POWER},
    "eventlog": {6008: _POWER},
    "user32": {1074: Meaning(Action.POWER, actor=("param7",), keep=("param1", "param5"))},
    "microsoft-windows-partition": {
        1006: Meaning(
            Action.DEVICE_CONNECTED, ("Model",), device=("SerialNumber",),
            keep=("Manufacturer", "Revision", "Capacity", "DiskNumber", "BusType", "ParentId", "RegistryId", "DiskId"),
        ),
    },
    "microsoft-windows-kernel-pnp": {
        **dict.fromkeys((400, 401, 403, 410, 411, 420, 430, 440, 441, 442), _PREPARED),
        225: Meaning(Action.DEVICE_CONFIGURED, ("ProcessName",), device=_PNP, keep=("ProcessName",)),
        1010: Meaning(Action.DEVICE_REMOVED, _PNP, device=_PNP),
    },
    "microsoft-windows-userpnp": {20001: _PREPARED, 20003: _PREPARED},
    "microsoft-windows-driverframeworks-usermode": {
        2003: _CAME, 2010: _CAME, 2100: _PREPARED, 2102: Meaning(Action.DEVICE_REMOVED, _PNP, device=_PNP),
    },
    "microsoft-windows-ntfs": {4: _NTFS, 9: _NTFS, 10: _NTFS, 98: _NTFS, 142: _NTFS, 145: _NTFS},
    "microsoft-windows-storagespaces-driver": {207: _SPACES},
    "microsoft-windows-storage-classpnp": {
        507: Meaning(
            Action.DEVICE_CONFIGURED, ("Model",), device=("SerialNumber",),
            keep=("Vendor", "FirmwareVersion", "DeviceNumber", "DeviceGUID"),
        ),
    },
    "microsoft-windows-devicesetupmanager": {
        112: Meaning(Action.DEVICE_CONFIGURED, ("Prop_DeviceName",), keep=("Prop_ContainerId",)),
    },
    "microsoft-windows-vhdmp": {
        1: Meaning(Action.VOLUME_MOUNTED, ("VhdFileName", "VhdFile"), keep=("VhdDiskNumber", "DiskNumber")),
    },
    "microsoft-windows-bitlocker-api": dict.fromkeys((768, 769, 770, 771, 773, 775, 776, 778, 782, 796), _LOCKER),
    "disk": {157: Meaning(Action.DEVICE_REMOVED, ("Data",))},
    "cdrom": {133: Meaning(Action.BURNED, ("Data",))},
    "microsoft-windows-security-auditing": {
        4616: Meaning(Action.TIME_CHANGED, ("ProcessName",), USER, keep=("PreviousTime", "NewTime")),
        4719: _POLICY, 4912: _POLICY,
        6416: _AUDITED, **dict.fromkeys((6419, 6420, 6421, 6422, 6423, 6424), _BLOCKED),
    },
}  # fmt: skip
