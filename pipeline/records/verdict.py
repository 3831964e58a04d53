"""Rows of the verdict: claims, their texts, and what they rest on."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Claim", "Ground", "VerdictText"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A sentence of the verdict with its type: ``fact``, ``inference`` or ``opinion``."""

    id: str
    question: str
    exhibit: str
    channel: str
    kind: str
    level: str
    strength: str
    sentence_ja: str
    sentence_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictText:
    """The verdict as canonical JSON, as ``verdict.json`` holds it."""

    case: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One edge of the evidence chain: a claim and a row that supports or contradicts it."""

    claim: str
    relation: str
    table: str
    row: str
    note: str
