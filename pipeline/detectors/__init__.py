"""Detectors of personal data: rules run on bytes and on text. Each is loaded when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pipeline.detectors.batches import ColumnHits, Found, columns_of
    from pipeline.detectors.encodings import decode_bytes
    from pipeline.detectors.engine import Scanner
    from pipeline.detectors.hits import OVERLAP, Hit, Table, Window
    from pipeline.detectors.masking import Masker
    from pipeline.rules_values import value_tag

__all__ = [
    "OVERLAP",
    "VERSION",
    "ColumnHits",
    "Found",
    "Hit",
    "Masker",
    "Scanner",
    "Table",
    "Window",
    "columns_of",
    "decode_bytes",
    "value_tag",
]

VERSION: Final = 3
"""Raised when equal bytes and rules may give different hits."""

_HOMES: Final = {
    "ColumnHits": "pipeline.detectors.batches",
    "Found": "pipeline.detectors.batches",
    "Hit": "pipeline.detectors.hits",
    "Masker": "pipeline.detectors.masking",
    "OVERLAP": "pipeline.detectors.hits",
    "Scanner": "pipeline.detectors.engine",
    "Table": "pipeline.detectors.hits",
    "Window": "pipeline.detectors.hits",
    "columns_of": "pipeline.detectors.batches",
    "decode_bytes": "pipeline.detectors.encodings",
    "value_tag": "pipeline.rules_values",
}


def __getattr__(name: str) -> object:
    """Load what is asked for: carving needs the literals only, not the rules (0.2 s)."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name]), name)
