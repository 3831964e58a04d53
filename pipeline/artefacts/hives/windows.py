r"""SOFTWARE: the installed Windows, its users' profiles, and which event channels and records were switched on.

SOURCE: Microsoft documentation of ``Windows NT\CurrentVersion`` (InstallDate in seconds since 1970, InstallTime a
FILETIME), ``ProfileList\<SID>`` (LocalProfileLoadTimeHigh and -Low: halves of a FILETIME), ``WINEVT\Channels\<name>``
(Enabled, MaxSize), group policy (ScriptBlockLogging, Transcription, ModuleLogging, RemovableStorageDevices).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, keys, number_of, text_of, when
from pipeline.artefacts.hive_artefact import Scene, setting, state
from pipeline.artefacts.times import from_filetime, from_unix_us

__all__ = ["channels", "last_user", "policies", "profiles", "windows_version"]

_VERSION: Final = "Microsoft\\Windows NT\\CurrentVersion"
_POLICIES: Final = (
    ("Policies\\Microsoft\\Windows\\PowerShell\\ScriptBlockLogging", "EnableScriptBlockLogging", "powershell-scripts"),
    ("Policies\\Microsoft\\Windows\\PowerShell\\ModuleLogging", "EnableModuleLogging", "powershell-modules"),
    ("Policies\\Microsoft\\Windows\\PowerShell\\Transcription", "EnableTranscripting", "powershell-transcripts"),
    ("Policies\\Microsoft\\Windows\\System", "PublishUserActivities", "activities-cache"),
    ("Policies\\Microsoft\\Windows\\System", "EnableActivityFeed", "activities-cache"),
    ("Policies\\Microsoft\\Windows\\RemovableStorageDevices", "Deny_All", "removable-storage-denied"),
    ("Microsoft\\Windows\\CurrentVersion\\Policies\\System\\Audit", "ProcessCreationIncludeCmdLine_Enabled",
     "command-lines"),
    ("Microsoft\\Windows\\Windows Error Reporting", "Disabled", "error-reports-off"),
)  # fmt: skip


def windows_version(scene: Scene) -> Iterator[Event]:
    """Yield the system and when it was installed; a feature update counts as an installation."""
    key = at(scene.root, _VERSION)
    product = text_of(key, "ProductName")
    if not product:
        return
    detail: dict[str, str | int] = {"governs": "operating-system"}
    for name in ("CurrentBuild", "DisplayVersion", "ReleaseId", "CSDVersion", "RegisteredOwner", "EditionID"):
        detail |= {name.lower(): text} if (text := text_of(key, name)) else {}
    seconds = number_of(key, "InstallDate")
    time = from_filetime(number_of(key, "InstallTime") or 0) or from_unix_us((seconds or 0) * 1_000_000)
    yield Event(
        time=time, time_meaning="this Windows installed", action=Action.SETTING, subject=product, place=_VERSION,
        detail=detail,
    )  # fmt: skip


def profiles(scene: Scene) -> Iterator[Event]:
    """Yield the users with a profile on the host, and when each was last loaded and unloaded."""
    place = f"{_VERSION}\\ProfileList"
    for key in keys(at(scene.root, place)):
        sid, folder = key.get_name() or "", text_of(key, "ProfileImagePath")
        account = folder.rpartition("\\")[2]
        detail: dict[str, str | int] = {"sid": sid, "account": account, "path": folder}
        yield state(Action.ACCOUNT_KNOWN, account or sid, f"{place}\\{sid}", detail)
        for name, action, meaning in (
            ("LocalProfileLoadTime", Action.LOGON, "profile last loaded"),
            ("LocalProfileUnloadTime", Action.LOGOFF, "profile last unloaded"),
        ):
            time = _halves(key, name)
            if time is not None:
                yield Event(
                    time=time, time_meaning=meaning, action=action, subject=account or sid, actor=account,
                    place=f"{place}\\{sid}\\{name}", precision_us=1, detail=detail,
                )  # fmt: skip


def _halves(key: Any, name: str) -> datetime | None:
    high, low = number_of(key, f"{name}High"), number_of(key, f"{name}Low")
    return from_filetime(high << 32 | low) if high and low is not None else None


def last_user(scene: Scene) -> Iterator[Event]:
    """Yield who was shown last at the log-on screen."""
    place = "Microsoft\\Windows\\CurrentVersion\\Authentication\\LogonUI"
    key = at(scene.root, place)
    user = text_of(key, "LastLoggedOnUser")
    if user:
        detail: dict[str, str | int] = {"account": user.rpartition("\\")[2], "sid": text_of(key, "LastLoggedOnUserSID")}
        yield Event(
            time=when(key), time_meaning="log-on screen last changed", action=Action.LOGON, subject=user,
            actor=str(detail["account"]), place=place, precision_us=1, detail=detail,
        )  # fmt: skip


def channels(scene: Scene) -> Iterator[Event]:
    """Yield for every event channel whether it was switched on; its log proves nothing where it was not."""
    place = "Microsoft\\Windows\\CurrentVersion\\WINEVT\\Channels"
    for key in keys(at(scene.root, place)):
        enabled, name = number_of(key, "Enabled"), key.get_name() or ""
        if enabled is not None:
            detail: dict[str, str | int] = {"governs": name, "state": "on" if enabled else "off"}
            size = number_of(key, "MaxSize")
            yield setting(name, key, f"{place}\\{name}", detail | ({"bytes": size} if size is not None else {}))


def policies(scene: Scene) -> Iterator[Event]:
    """Yield policies that switch a record or a channel on or off."""
    for place, name, governs in _POLICIES:
        key = at(scene.root, place)
        value = number_of(key, name)
        if value is not None:
            detail: dict[str, str | int] = {"governs": governs, "state": "on" if value else "off", "value": value}
            yield setting(name, key, f"{place}\\{name}", detail)
