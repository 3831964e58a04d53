"""Amcache.hve: which programs and devices were on the host, with the SHA-1 of program files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.artefacts.hive_artefact import HiveArtefact, Section
from pipeline.artefacts.hives import inventory

__all__ = ["ProgramInventory"]


@dataclass(frozen=True)
class ProgramInventory(HiveArtefact):
    """Reads both layouts; a hive of Windows 10 1607 holds both."""

    name: str = "amcache"
    version: int = 2
    required: ClassVar[str] = "Root"
    patterns: ClassVar[tuple[str, ...]] = ("/windows/appcompat/programs/amcache.hve",)
    sections: ClassVar[tuple[Section, ...]] = (
        inventory.old_files, inventory.old_programs, inventory.seen_files, inventory.seen_applications,
        inventory.seen_devices,
    )  # fmt: skip
