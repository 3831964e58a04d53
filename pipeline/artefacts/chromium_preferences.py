"""Preferences of a Chromium profile: the folder a file was last chosen from for a page, and last saved to.

SOURCE: chromium chrome/common/pref_names.h (``selectfile.last_directory``, ``savefile.default_directory``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble
from pipeline.artefacts.chromium import PROFILE_FOLDERS, product_of, profile_of

__all__ = ["ChromiumPreferences"]

_LARGEST: Final = 32 << 20
_KEYS: Final = (
    (("selectfile", "last_directory"), Action.UPLOAD_HINT, "a file of this folder was chosen for a page, or saved"),
    (("savefile", "default_directory"), Action.FOLDER_OPENED, "pages were saved to this folder"),
    (("download", "default_directory"), Action.FOLDER_OPENED, "downloads go to this folder"),
)


@dataclass(frozen=True)
class ChromiumPreferences(Artefact):
    """Reads the folders last chosen; a state without a time."""

    name: str = "chromium-preferences"
    version: int = 1
    patterns: ClassVar[tuple[str, ...]] = tuple(f"{folder}/preferences" for folder in PROFILE_FOLDERS)

    def read(self, candidate: Candidate) -> Iterator[Fact]:
        """Yield an event per folder, then the audit."""
        owner, found, status = profile_of(candidate.path), 0, "read"
        try:
            tree = _load(candidate)
        except (ValueError, RecursionError) as error:
            tree, status = {}, "unreadable"
            yield Trouble("preferences-damaged", f"not JSON ({type(error).__name__}); last chosen folders are unknown")
        for keys, action, shows in _KEYS:
            folder = _at(tree, keys)
            if folder:
                found += 1
                yield Event(
                    time=None, time_meaning="state without a time", action=action, subject=folder, actor=owner,
                    place=".".join(keys), detail={"shows": shows},
                )  # fmt: skip
        yield Audit(
            system=product_of(candidate.path), owner=owner, first=None, last=None, records=found, gaps=(),
            enabled="unknown", state_only=True, status=status,
        )  # fmt: skip


def _load(candidate: Candidate) -> Mapping[str, Any]:
    if candidate.content.size > _LARGEST:
        message = "larger than any preferences file"
        raise ValueError(message)
    tree = json.loads(candidate.content.read(0, candidate.content.size))
    return tree if isinstance(tree, dict) else {}


def _at(tree: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    value: Any = tree
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
