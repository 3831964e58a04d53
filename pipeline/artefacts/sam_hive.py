"""The SAM hive: the accounts of the host. Log-ons of domain accounts are not counted in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.artefacts.hive_artefact import HiveArtefact, Section
from pipeline.artefacts.hives import accounts

__all__ = ["SamHive"]


@dataclass(frozen=True)
class SamHive(HiveArtefact):
    """Reads local accounts; hashes of passwords are not read."""

    name: str = "sam-hive"
    version: int = 2
    required: ClassVar[str] = "SAM\\Domains\\Account\\Users"
    patterns: ClassVar[tuple[str, ...]] = (
        "/windows/system32/config/sam", "/windows/system32/config/regback/sam", "/windows/repair/sam",
        "/winnt/system32/config/sam",
    )  # fmt: skip
    sections: ClassVar[tuple[Section, ...]] = (accounts.accounts,)
