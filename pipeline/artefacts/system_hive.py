"""The SYSTEM hive: devices, volumes, programs seen, and what the host was set up to record and share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pipeline.artefacts.base import Candidate
from pipeline.artefacts.hive import at, number_of, text_of
from pipeline.artefacts.hive_artefact import HiveArtefact, Scene, Section
from pipeline.artefacts.hives import background, deleted, devices, host, mounted, shimcache

__all__ = ["SystemHive"]


@dataclass(frozen=True)
class SystemHive(HiveArtefact):
    """Reads the current control set, and devices of the older ones."""

    name: str = "system-hive"
    version: int = 5
    required: ClassVar[str] = "Select"
    patterns: ClassVar[tuple[str, ...]] = (
        "/windows/system32/config/system", "/windows/system32/config/regback/system", "/windows/repair/system",
        "/winnt/system32/config/system",
    )  # fmt: skip
    sections: ClassVar[tuple[Section, ...]] = (
        devices.devices, devices.device_classes, devices.device_containers, mounted.mounted_devices,
        host.computer_names, host.host_settings, host.earlier_systems, host.last_shutdown, host.recording,
        host.shares, host.interfaces, shimcache.shim_cache, background.background_activity,
        deleted.deleted_devices,
    )  # fmt: skip

    def scene(self, root: Any, candidate: Candidate) -> Scene:
        """Name the current control set; the host is the owner."""
        current = number_of(at(root, "Select"), "Current")
        control = f"ControlSet{current:03}" if current is not None and current < 1000 else "ControlSet001"
        owner = text_of(at(root, f"{control}\\Control\\ComputerName\\ComputerName"), "ComputerName")
        return Scene(root, control=control, owner=owner, timezone=candidate.timezone)
