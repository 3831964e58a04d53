"""Detectors of personal data: rules run on bytes and on text."""

from typing import Final

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
