"""Rows of what was examined, how, and with what outcome."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Coverage", "Examination"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What one examination did to one thing: a file, or a run of raw bytes. Feeds the coverage table."""

    exhibit: str
    volume: str
    address: str
    subject: str
    class_: str
    bytes: int
    examined_by: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """A class of bytes and what an examination made of it. Outcomes: ``examined``, ``partial``, ``not-examined``."""

    exhibit: str
    volume: str
    class_: str
    bytes: int
    items: int
    examined_by: str
    outcome: str
    reason: str
