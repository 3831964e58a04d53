"""The path that a list of shell items spells: where a link has no other target (phones, folders of the shell)."""

from __future__ import annotations

from typing import Final

from pipeline.artefacts.shell_entries import joined, shell_entries

__all__ = ["path_of"]

_PLACES: Final = frozenset({"volume", "folder", "file", "share", "network"})


def path_of(data: bytes) -> str:
    """Return the names of the items, joined; items that are no place in a file system are left out."""
    return joined([entry for entry in shell_entries(data) if entry.kind in _PLACES])
