"""Messages of the kernel and of system services: devices, mounts, power, the clock and the log itself.

SOURCE: Linux drivers/usb/core/hub.c (``announce_device``), drivers/usb/storage/usb.c, drivers/scsi/sd.c,
fs/ext4/super.c, fs/fat, fs/exfat; udisks2 udiskslinuxfilesystem.c; ntfs-3g.c; systemd core/manager.c and timesyncd;
rsyslogd.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.artefacts.base import Action
from pipeline.artefacts.messages import Memory, Told, remember

__all__ = ["clock", "kernel", "logger", "mounts", "power"]

_HEAD: Final = re.compile(r"(?:\[ *\d+\.\d+\] ?)?")
_USB: Final = re.compile(r"usb (\d{1,3}-[\d.]{1,40}): (.*)", re.DOTALL)
_FOUND: Final = re.compile(r"New USB device found, idVendor=([0-9a-f]{4}), idProduct=([0-9a-f]{4})")
_STRINGS: Final = re.compile(r"New USB device strings: Mfr=\d+, Product=\d+, SerialNumber=(\d+)")
_NAMED: Final = re.compile(r"(Product|Manufacturer|SerialNumber): (.{0,256})")
_STORAGE: Final = re.compile(
    r"(?:usb-storage|uas) (\d{1,3}-[\d.]{1,40}):[\d.]+: (?:USB Mass Storage device detected|USB device)?"
)
_DISK: Final = re.compile(
    r"sd [\d:]+: \[(sd[a-z]{1,3})\] (Attached SCSI removable disk|(\d{1,18}) (\d{2,6})-byte logical blocks)"
)
_MOUNTED: Final = re.compile(
    r"(?:EXT[234]-fs|XFS|BTRFS|FAT-fs|exFAT-fs|ntfs3?|F2FS-fs|hfsplus|UDF-fs|ISOFS)[ :]*\(?(?:device )?((?:sd|nvme|mmcblk|dm-|sr)\w{0,12})\)?: "  # noqa: E501
    r"(?:mounted filesystem|Mounting|Volume was not properly unmounted|re-mounted|Ending clean mount)"
)
_BOOT: Final = re.compile(r"Linux version (\S{1,100})")


def kernel(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """Devices as the kernel meets them, joined by the port they are plugged to."""
    del process
    text = text[_HEAD.match(text).end() :]  # type: ignore[union-attr]
    if (found := _USB.match(text)) is not None:
        yield from _port(f"usb {found[1]}", found[2], memory)
    elif (found := _STORAGE.match(text)) is not None:
        known = memory.get(f"usb {found[1]}", {})
        yield Told(Action.DEVICE_CONFIGURED, _name(known), "", _said(known, "usb-storage"), known.get("serial", ""))
    elif (found := _DISK.match(text)) is not None:
        detail: dict[str, str | int] = {"node": found[1]}
        detail |= {"size": int(found[3]) * int(found[4])} if found[3] else {"drive_type": "removable"}
        yield Told(Action.DEVICE_CONFIGURED, found[1], "", detail)
    elif (found := _MOUNTED.match(text)) is not None:
        yield Told(Action.VOLUME_MOUNTED, found[1], "", {"node": found[1], "program": "kernel"})
    elif (found := _BOOT.match(text)) is not None:
        memory.clear()
        yield Told(Action.POWER, "start", "", {"program": found[1]})


def _port(port: str, text: str, memory: Memory) -> Iterator[Told]:
    known: dict[str, str] = memory.get(port, {})
    if (found := _FOUND.match(text)) is not None:
        remember(memory, port, {"vendor": found[1], "product_id": found[2]})
    elif (found := _STRINGS.match(text)) is not None and found[1] == "0":
        yield Told(Action.DEVICE_CONNECTED, _name(known), "", _said(known, "no serial number"))
    elif (found := _NAMED.match(text)) is not None:
        known = {**known, {"Product": "product", "Manufacturer": "maker"}.get(found[1], "serial"): found[2].strip()}
        remember(memory, port, known)
        if found[1] == "SerialNumber":
            yield Told(Action.DEVICE_CONNECTED, _name(known), "", _said(known, ""), known["serial"])
    elif text.startswith("USB disconnect"):
        yield Told(Action.DEVICE_REMOVED, _name(known), "", _said(known, ""), known.get("serial", ""))
        memory.pop(port, None)


def _name(known: dict[str, str]) -> str:
    return " ".join(known[key] for key in ("maker", "product") if key in known) or "USB device"


def _said(known: dict[str, str], shows: str) -> dict[str, str | int]:
    detail: dict[str, str | int] = {key: known[key] for key in ("vendor", "product_id") if key in known}
    return detail | ({"shows": shows} if shows else {})


_UDISKS: Final = re.compile(
    r"(Mounted|Unmounted) (/dev/\S{1,200})(?: \(.{0,40}?\))?(?: at (/.{1,1024}?))? on behalf of uid (\d{1,10})"
)
_NTFS: Final = re.compile(
    r'(Mounted|Unmounting) (/dev/\S{1,200}) \((?:Read-(?:Write|Only), label "(.{0,64}?)"|(.{0,64}?)\))'
)


def mounts(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """Mounts that a user's desktop asked for."""
    del process, memory
    if (found := _UDISKS.match(text)) is not None:
        kind, node, place, uid = found.groups()
        detail: dict[str, str | int] = {"node": node, "uid": int(uid), "program": "udisksd", "state": kind.lower()}
        detail |= {"volume_label": place.rpartition("/")[2]} if place else {}
        yield Told(Action.VOLUME_MOUNTED, place or node, f"uid {uid}", detail)
    elif (found := _NTFS.match(text)) is not None:
        detail = {"node": found[2], "volume_label": found[3] or found[4] or "", "program": "ntfs-3g"}
        yield Told(Action.VOLUME_MOUNTED, found[2], "", detail | {"state": found[1].lower()})


_POWER: Final = (
    (re.compile(r"System is (?:powering down|rebooting|halting)|Shutting down\.|Reached target (?:System )?(?:Power-?Off|Reboot|Shutdown)"), "stop"),  # noqa: E501
    (re.compile(r"Entering sleep state|Suspending system|The system will suspend now"), "sleep"),
    (re.compile(r"System resumed|System returned from sleep"), "wake"),
    (re.compile(r"systemd \S+ running in system mode|Startup finished in"), "start"),
)  # fmt: skip


def power(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """Starts, stops and sleep as systemd tells them, and a clock that was set."""
    for pattern, state in _POWER:
        if pattern.match(text) is not None:
            remember(memory, "stopping", state == "stop")
            yield Told(Action.POWER, state)
            return
    yield from clock(process, text, memory)


_SYNCHRONISED_S: Final = 300
_CLOCK: Final = re.compile(
    r"(?:Time has been changed|Changed local time to|Clock change detected|System clock (?:was stepped|time unset)"
    r"|(?:clock|time) (?:was )?step(?:ped)?|System clock wrong by)[^\d+-]*(?:by )?([+-]?\d{1,12}(?:\.\d+)?)?"
)


def clock(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """A clock that was set by more than five minutes, or nobody says by how much."""
    del process, memory
    found = _CLOCK.match(text)
    if found is not None and (not found[1] or abs(float(found[1])) > _SYNCHRONISED_S):
        yield Told(Action.TIME_CHANGED, "clock set", "", {"seconds": found[1]} if found[1] else {})


_LOGGER: Final = re.compile(
    r"\[origin.*?\] (?:exiting on signal \d+|start)|exiting on signal \d+|Journal stopped|Received SIGTERM from PID"
)


def logger(process: str, text: str, memory: Memory) -> Iterator[Told]:
    """A log that stops while the host does not."""
    del process
    found = _LOGGER.match(text)
    if found is not None and not found[0].endswith("start") and not memory.get("stopping"):
        yield Told(Action.LOGGING_STOPPED, "log service", "", {"shows": "no shutdown of the host was recorded before"})
