"""Sentences of ``verdict.json`` in the language asked for: it holds both beside those of the case's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["sentence_of", "text_of", "texts_of"]


def sentence_of(entry: Mapping[str, Any], language: str) -> str:
    """Return the sentence of the overall answer or of a question's."""
    return str(entry["sentences"][language])


def text_of(entry: Mapping[str, Any], key: str, language: str) -> str:
    """Return a text of a question."""
    return str(entry[f"{key}_by_language"][language])


def texts_of(entry: Mapping[str, Any], key: str, language: str) -> list[str]:
    """Return a list of texts of a question."""
    return [str(item) for item in entry[f"{key}_by_language"][language]]
