"""Detectors of personal data: rules run on bytes and on text."""

from pipeline.detectors.engine import Scanner
from pipeline.detectors.hits import OVERLAP, Hit, Table, Window

__all__ = ["OVERLAP", "Hit", "Scanner", "Table", "Window"]
