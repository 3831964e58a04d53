"""The SECURITY hive: which kinds of event the Security log recorded. Without it, that log carries no negative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.artefacts.hive_artefact import HiveArtefact, Section
from pipeline.artefacts.hives import audit_policy

__all__ = ["SecurityHive"]


@dataclass(frozen=True)
class SecurityHive(HiveArtefact):
    """Reads the audit policy as it stood last; changes before are events 4719 of the Security log."""

    name: str = "security-hive"
    version: int = 2
    required: ClassVar[str] = "Policy"
    patterns: ClassVar[tuple[str, ...]] = (
        "/windows/system32/config/security", "/windows/system32/config/regback/security",
        "/windows/repair/security", "/winnt/system32/config/security",
    )  # fmt: skip
    sections: ClassVar[tuple[Section, ...]] = (audit_policy.audit_policy, audit_policy.machine_identifier)
