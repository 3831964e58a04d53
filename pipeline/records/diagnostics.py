"""Rows of what could not be read or decided."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.records.kinds import Severity, identify

__all__ = ["Diagnostic", "diagnose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """What could not be read or decided: place, reason and remedy."""

    id: str
    stage: str
    address: str
    code: str
    severity: str
    message: str


def diagnose(stage: str, address: str, code: str, message: str, severity: str = Severity.WARNING) -> Diagnostic:
    """Return the diagnostic of one loss; ``message`` says what, why and what to do."""
    key = identify("diagnostic", stage, address, code, message)
    return Diagnostic(id=key, stage=stage, address=address, code=code, severity=severity, message=message)
