r"""SYSTEM: what the host is and what it was set up to record and share.

SOURCE: Microsoft documentation of ``Control\ComputerName``, ``Control\TimeZoneInformation`` (Bias in minutes, UTC =
local + bias), ``Control\Windows\ShutdownTime`` (FILETIME), ``Control\FileSystem\NtfsDisableLastAccessUpdate`` (bit 0:
off, bit 1: managed by the system), ``Session Manager\Memory Management\PrefetchParameters\EnablePrefetcher`` (1
programs, 2 boot, 3 both), ``Terminal Server\fDenyTSConnections``, ``Services\LanmanServer\Shares`` (REG_MULTI_SZ),
``Services\Tcpip\Parameters\Interfaces`` (LeaseObtainedTime in seconds since 1970), ``Select``, ``Services\*\Start``
(2 automatic, 3 on demand, 4 disabled).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

from pipeline.artefacts.base import Action, Event
from pipeline.artefacts.hive import at, data_of, keys, number_of, text_of, values, when
from pipeline.artefacts.hive_artefact import STATE, Scene, setting
from pipeline.artefacts.times import from_filetime, from_unix_us

__all__ = ["computer_names", "earlier_systems", "host_settings", "interfaces", "last_shutdown", "recording", "shares"]

_NAMES: Final = ("ComputerName", "ActiveComputerName")
_RECORDERS: Final = {
    "eventlog": "event logs", "wsearch": "windows-search", "sysmain": "prefetch", "usbstor": "usb-storage",
    "bam": "bam", "dps": "srum", "diagtrack": "event-transcript", "spooler": "print", "vss": "volume-snapshots",
    "lanmanserver": "shares", "termservice": "remote-desktop", "wpdbusenum": "portable-devices", "sshd": "ssh-server",
}  # fmt: skip
"""Services whose start mode decides whether a source was written, or a channel was open; lower-case."""


def computer_names(scene: Scene) -> Iterator[Event]:
    """Yield the names that the control sets hold."""
    known: set[str] = set()
    for control in keys(scene.root):
        for kind in _NAMES:
            place = f"Control\\ComputerName\\{kind}"
            key = at(control, place)
            name = text_of(key, "ComputerName")
            if name and name not in known:
                known.add(name)
                where = f"{control.get_name()}\\{place}"
                yield setting(name, key, where, {"governs": "computer-name", "host": name})


def host_settings(scene: Scene) -> Iterator[Event]:
    """Yield control sets and time zone."""
    select = at(scene.root, "Select")
    chosen: dict[str, str | int] = {
        name.lower(): number for name in ("Current", "Default", "Failed", "LastKnownGood")
        if (number := number_of(select, name)) is not None
    }  # fmt: skip
    if chosen:
        yield setting(f"control set {chosen.get('current', 0)}", select, "Select", {"governs": "control-set", **chosen})
    place = f"{scene.control}\\Control\\TimeZoneInformation"
    zone = at(scene.root, place)
    name = text_of(zone, "TimeZoneKeyName") or text_of(zone, "StandardName")
    if name:
        biases: dict[str, str | int] = {
            label: _signed(data) for label in ("Bias", "ActiveTimeBias")
            if len(data := data_of(zone, label)) == 4
        }  # fmt: skip
        shown = {key.lower() + "_minutes": value for key, value in biases.items()}
        yield setting(name, zone, place, {"governs": "time-zone", **shown})


def _signed(data: bytes) -> int:
    return int(struct.unpack("<i", data)[0])


def earlier_systems(scene: Scene) -> Iterator[Event]:
    """Yield each Windows that a feature update took the place of; such an update empties some event logs."""
    for key in keys(at(scene.root, "Setup")):
        name = key.get_name() or ""
        seconds = number_of(key, "InstallDate")
        if name.startswith("Source OS"):
            detail: dict[str, str | int] = {"governs": "operating-system", "currentbuild": text_of(key, "CurrentBuild")}
            installed = from_unix_us((seconds or 0) * 1_000_000)
            detail |= {"installed": installed.isoformat()} if installed is not None else {}
            yield Event(
                time=when(key), time_meaning="this Windows was updated", action=Action.SETTING,
                subject=text_of(key, "ProductName") or name, place=f"Setup\\{name}", precision_us=1, detail=detail,
            )  # fmt: skip


def last_shutdown(scene: Scene) -> Iterator[Event]:
    """Yield the last orderly shutdown."""
    place = f"{scene.control}\\Control\\Windows"
    data = data_of(at(scene.root, place), "ShutdownTime")
    if len(data) == 8:
        yield Event(
            time=from_filetime(int.from_bytes(data, "little")), time_meaning="last orderly shutdown", precision_us=1,
            action=Action.POWER, subject="the host was shut down", place=f"{place}\\ShutdownTime",
        )  # fmt: skip


def recording(scene: Scene) -> Iterator[Event]:
    """Yield the settings that decide whether sources on this host were written."""
    control = f"{scene.control}\\Control"
    for place, name, governs, on, mask in (
        ("FileSystem", "NtfsDisableLastAccessUpdate", "last-access-times", 0, 1),
        ("Session Manager\\Memory Management\\PrefetchParameters", "EnablePrefetcher", "prefetch", 1, 1),
        ("Terminal Server", "fDenyTSConnections", "remote-desktop", 0, 0xFFFFFFFF),
    ):
        key = at(scene.root, f"{control}\\{place}")
        value = number_of(key, name)
        if value is not None:
            switched = "on" if value & mask == on else "off"
            detail: dict[str, str | int] = {"governs": governs, "state": switched, "value": value}
            yield setting(name, key, f"{control}\\{place}\\{name}", detail)
    yield from _services(scene)


def _services(scene: Scene) -> Iterator[Event]:
    place = f"{scene.control}\\Services"
    for service, governs in sorted(_RECORDERS.items()):
        key = at(scene.root, f"{place}\\{service}")
        start = number_of(key, "Start")
        if start is not None:
            detail: dict[str, str | int] = {"governs": governs, "state": "off" if start == 4 else "on", "value": start}
            yield setting(f"service {service}", key, f"{place}\\{service}\\Start", detail)


def shares(scene: Scene) -> Iterator[Event]:
    """Yield the folders that this host offered to others."""
    place = f"{scene.control}\\Services\\LanmanServer\\Shares"
    key = at(scene.root, place)
    for name, data in values(key):
        parts = [part for part in data[:65536].decode("utf-16-le", "replace").split("\0") if "=" in part]
        known = dict(part.split("=", 1) for part in parts)
        detail: dict[str, str | int] = {"governs": "share", "state": "on", "path": known.get("Path", "")}
        yield setting(name, key, f"{place}\\{name}", detail)


def interfaces(scene: Scene) -> Iterator[Event]:
    """Yield the addresses that network interfaces were given."""
    place = f"{scene.control}\\Services\\Tcpip\\Parameters\\Interfaces"
    for interface in keys(at(scene.root, place)):
        yield from _interface(interface, f"{place}\\{interface.get_name()}")
        for network in keys(interface):
            yield from _interface(network, f"{place}\\{interface.get_name()}\\{network.get_name()}")


def _interface(key: Any, place: str) -> Iterator[Event]:
    address = text_of(key, "DhcpIPAddress") or text_of(key, "IPAddress")
    if not address or address == "0.0.0.0":  # noqa: S104  no address is meant, nothing is bound
        return
    leased = number_of(key, "LeaseObtainedTime")
    detail: dict[str, str | int] = {
        name.lower(): text for name in ("DhcpServer", "DhcpDomain", "DhcpDefaultGateway", "NameServer")
        if (text := text_of(key, name))
    }  # fmt: skip
    time = from_unix_us(leased * 1_000_000) if leased else None
    yield Event(
        time=time, time_meaning="address leased" if time else STATE,
        action=Action.NETWORK_JOINED, subject=address, place=place, detail=detail,
    )  # fmt: skip
