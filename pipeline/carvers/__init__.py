"""The family of carvers: objects found in raw space."""

from __future__ import annotations

from typing import Final

from pipeline.carvers.archives import Zip
from pipeline.carvers.base import Carved, Carver, SpentError, View
from pipeline.carvers.databases import Sqlite
from pipeline.carvers.documents import Pdf
from pipeline.carvers.engine import BLOCK, WINDOW_OVERLAP, Engine, Finder, Found, Missed, literals, outermost
from pipeline.carvers.evtx import EventChunks, EventLog
from pipeline.carvers.images import Jpeg, Png
from pipeline.carvers.prefetch import Prefetch
from pipeline.carvers.registry import Hive, HiveBins, HiveCells
from pipeline.carvers.shortcuts import ShellLink
from pipeline.carvers.space import CARVE_LIMIT, Chain, Space, Stretch
from pipeline.carvers.sqlite_parts import SqliteJournal, SqliteLog, SqlitePages

__all__ = [
    "BLOCK",
    "CARVERS",
    "CARVE_LIMIT",
    "LITERALS",
    "WINDOW_OVERLAP",
    "Carved",
    "Carver",
    "Chain",
    "Engine",
    "Finder",
    "Found",
    "Missed",
    "Space",
    "SpentError",
    "Stretch",
    "View",
    "outermost",
]

CARVERS: Final[tuple[Carver, ...]] = (
    EventChunks(), EventLog(), Hive(), HiveBins(), HiveCells(), Jpeg(), Pdf(), Png(), Prefetch(), ShellLink(), Sqlite(),
    SqliteJournal(), SqliteLog(), SqlitePages(), Zip(),
)  # fmt: skip
LITERALS: Final = literals(CARVERS)
"""What the engine's finder must find."""
