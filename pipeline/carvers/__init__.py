"""The family of carvers: objects found in raw space."""

from __future__ import annotations

from typing import Final

from pipeline.carvers.archives import Zip
from pipeline.carvers.base import Carved, Carver, SpentError, View
from pipeline.carvers.databases import Sqlite
from pipeline.carvers.documents import Pdf
from pipeline.carvers.engine import BLOCK, WINDOW_OVERLAP, Engine, Finder, Found, Missed, literals, outermost
from pipeline.carvers.images import Jpeg, Png
from pipeline.carvers.prefetch import Prefetch
from pipeline.carvers.space import CARVE_LIMIT, Chain, Space, Stretch

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

CARVERS: Final[tuple[Carver, ...]] = (Jpeg(), Pdf(), Png(), Prefetch(), Sqlite(), Zip())
LITERALS: Final = literals(CARVERS)
"""What the engine's finder must find."""
