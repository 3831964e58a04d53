"""The family of carvers: objects found in raw space."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.carvers.archives import Zip
from pipeline.carvers.base import Carved, Carver
from pipeline.carvers.databases import Sqlite
from pipeline.carvers.documents import Pdf
from pipeline.carvers.images import Jpeg, Png
from pipeline.carvers.prefetch import Prefetch

__all__ = ["CARVERS", "WINDOW_OVERLAP", "Carved", "Carver", "find"]

CARVERS: Final[tuple[Carver, ...]] = (Jpeg(), Pdf(), Png(), Prefetch(), Sqlite(), Zip())
WINDOW_OVERLAP: Final = 64
"""Bytes of context that hold any header whole."""
_BY_LITERAL: Final = {literal: (offset, carver) for carver in CARVERS for literal, offset in carver.headers}
_HEADERS: Final = re.compile(b"|".join(re.escape(literal) for literal in sorted(_BY_LITERAL)))


def find(data: bytes, start: int) -> Iterator[tuple[int, Carver]]:
    """Yield (offset of the object, carver) for each header; ``start`` is the offset of ``data``."""
    for match in _HEADERS.finditer(data):
        offset, carver = _BY_LITERAL[match.group()]
        yield start + match.start() - offset, carver
