"""Which artefacts want a file: asked once a folder, for a listing has many files and few folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pipeline.artefacts.base import Artefact

__all__ = ["Finder"]

_MOST_FOLDERS: Final = 20_000
_OLD: Final = re.compile(r"/windows\.old[^/]*(?=/|$)")
"""Where Windows keeps what it was before an upgrade; a second one has a number."""
_Rule = tuple[int, str, str]
"""Number of an artefact, folder and name of one of its patterns."""


def _form(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", "[^/]*")


class Finder:
    """Gives the same answer as asking each artefact ``wants``, in the same order."""

    def __init__(self, artefacts: Sequence[Artefact]) -> None:
        self._artefacts = artefacts
        self._asked = [number for number, known in enumerate(artefacts) if type(known).wants is not Artefact.wants]
        self._folders: dict[str, list[tuple[int, re.Pattern[str]]]] = {}
        self._rules: dict[str, list[_Rule]] = {}
        for number, known in enumerate(artefacts):
            for pattern in known.patterns if number not in self._asked else ():
                folder, _, name = pattern.rpartition("/")
                self._rules.setdefault(_first(folder), []).append((number, folder, name))
        self._any = {first: _folder_form(rules) for first, rules in self._rules.items()}

    def of(self, path: str, stream: str = "") -> list[Artefact]:
        """Return the artefacts that want a lower-case path of a volume, and a stream of the file there."""
        slashed = path if path.startswith("/") else f"/{path}"
        folder, _, name = slashed.rpartition("/")
        if folder not in self._folders:
            if len(self._folders) >= _MOST_FOLDERS:
                self._folders.clear()
            self._folders[folder] = self._within(folder)
        found = [number for number, names in self._folders[folder] if names.fullmatch(name)]
        found += [number for number in self._asked if self._artefacts[number].wants(path)]
        return [self._artefacts[number] for number in sorted(found) if self._artefacts[number].stream == stream]

    def _within(self, folder: str) -> list[tuple[int, re.Pattern[str]]]:
        """Return what is wanted of a folder: the artefact's number and the names."""
        found = _OLD.match(folder)
        place = folder[found.end() :] if found is not None else folder
        names: dict[int, list[str]] = {}
        for first in {_first(place), "*"} & self._rules.keys():
            if self._any[first].fullmatch(place) is None:
                continue
            for number, form, name in self._rules[first]:
                if re.fullmatch(_form(form), place, re.DOTALL) is not None:
                    names.setdefault(number, []).append(_form(name))
        return [(number, re.compile("|".join(dict.fromkeys(forms)), re.DOTALL)) for number, forms in names.items()]


def _first(folder: str) -> str:
    """Return the first part of a folder; a star where it is a pattern."""
    part = folder[1:].partition("/")[0]
    return "*" if "*" in part else part


def _folder_form(rules: Sequence[_Rule]) -> re.Pattern[str]:
    return re.compile("|".join(dict.fromkeys(_form(folder) for _, folder, _ in rules)), re.DOTALL)
