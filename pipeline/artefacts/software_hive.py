"""The SOFTWARE hive: volumes, networks, programs, profiles, and which channels were recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.artefacts.hive_artefact import HiveArtefact, Section
from pipeline.artefacts.hives import networks, programs, volumes, windows

__all__ = ["SoftwareHive"]


@dataclass(frozen=True)
class SoftwareHive(HiveArtefact):
    """Reads what the system keeps for all users."""

    name: str = "software-hive"
    version: int = 2
    required: ClassVar[str] = "Microsoft"
    patterns: ClassVar[tuple[str, ...]] = (
        "/windows/system32/config/software", "/windows/system32/config/regback/software",
        "/windows/repair/software", "/winnt/system32/config/software",
    )  # fmt: skip
    sections: ClassVar[tuple[Section, ...]] = (
        windows.windows_version, windows.profiles, windows.last_user, windows.policies, volumes.tested_volumes,
        volumes.search_volumes, volumes.portable_devices, networks.networks, programs.installed_programs,
        programs.started_programs, windows.channels,
    )  # fmt: skip
