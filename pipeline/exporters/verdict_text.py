"""Sentences of ``verdict.json`` in the language asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["text_of", "texts_of"]

_BOTH: Final = ("{}s", "{}_by_language", "{}s_by_language")


def text_of(entry: Mapping[str, Any], key: str, language: str) -> str:
    """Return a sentence of an entry; empty where it has none."""
    value = _in_language(entry, key, language)
    return "" if value is None else str(value)


def texts_of(entry: Mapping[str, Any], key: str, language: str) -> list[str]:
    """Return a list of sentences of an entry."""
    value = _in_language(entry, key, language)
    return [str(item) for item in value or ()]


def _in_language(entry: Mapping[str, Any], key: str, language: str) -> Any:
    """Return the value in a language: from the value itself, or from the entry's key that holds both languages."""
    for name in (key, *(form.format(key) for form in _BOTH)):
        value = entry.get(name)
        if isinstance(value, Mapping) and language in value:
            return value[language]
    return entry.get(key)
