"""The report's words for the vocabulary of the tables, in Japanese and English."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable

from pipeline.errors import SettingsError

__all__ = ["Words", "fixed_texts"]

_COLUMNS = {"ja": 0, "en": 1}
_OPEN = frozenset({"artefact", "code", "kind", "extent", "examination", "examination_text", "action", "meaning"})
"""Vocabularies that plug-ins and rules extend: a word that is not listed stands for itself."""


@dataclass(frozen=True)
class Words:
    """Labels in one language."""

    language: str

    def label(self, group: str, key: str) -> str:
        """Return the label of a word.

        Raises:
            SettingsError: the vocabulary is closed and does not hold it, or the language is not written.
        """
        known = self._groups[group].get(key)
        if known is not None:
            return known[self._column]
        if group in _OPEN:
            return key
        raise SettingsError(f"{key!r}: not a {group} that this report knows; run the case with this version")

    def keys(self, group: str) -> tuple[str, ...]:
        """Return the words of a vocabulary in the order in which reports show them."""
        return tuple(self._groups[group])

    def rank(self, group: str, key: str) -> tuple[int, str]:
        """Return what sorts words as reports show them; unknown ones come last."""
        keys = self.keys(group)
        return (keys.index(key) if key in keys else len(keys), key)

    def pick(self, japanese: str, english: str) -> str:
        """Return the text in the report's language."""
        return (japanese, english)[self._column]

    @cached_property
    def _groups(self) -> Mapping[str, Mapping[str, list[str]]]:
        text = resources.files("pipeline.exporters").joinpath("words.json").read_text(encoding="utf-8")
        groups: dict[str, dict[str, list[str]]] = json.loads(text)
        return groups

    @property
    def _column(self) -> int:
        if self.language not in _COLUMNS:
            raise SettingsError(f"{self.language!r}: reports are written in {', '.join(sorted(_COLUMNS))}")
        return _COLUMNS[self.language]


def fixed_texts() -> str:
    """Return all that reports say of themselves: labels and templates, whatever the case."""
    folder = resources.files("pipeline.exporters")
    templates = (path for path in _files(folder.joinpath("templates")) if path.name.endswith(".j2"))
    texts = [path.read_text(encoding="utf-8") for path in sorted(templates, key=lambda path: path.name)]
    return "\n".join([folder.joinpath("words.json").read_text(encoding="utf-8"), *texts])


def _files(folder: Traversable) -> Iterator[Traversable]:
    for path in folder.iterdir():
        yield from _files(path) if path.is_dir() else (path,)
