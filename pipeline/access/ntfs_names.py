"""Paths of MFT records by parent reference, each reference checked by its sequence number.

Sources: [MS-FSCC] 2.4.13.1 (a record's sequence rises when it is freed); Carrier, *File System Forensic Analysis*,
ch. 13. The longest path of NTFS is 32,767 characters (Windows, "Maximum Path Length Limitation").
"""

from __future__ import annotations

from typing import Final

from pipeline.access.ntfs_faults import Faults
from pipeline.records import Origin

__all__ = ["ORPHANS", "ROOT", "Folders", "safe_name"]

ROOT: Final = 5
ORPHANS: Final = "/$OrphanFiles"
_LONGEST: Final = 32_767
_BUDGET: Final = 1 << 27  # characters of all folders' paths together


def safe_name(name: str) -> str:
    """Return a name with ``/``, the separator of paths, written as U+2215; all else stays data."""
    return name.replace("/", "\u2215") if "/" in name else name


class Folders:
    """The tree of folders; paths are worked out when asked for, and kept."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._known: dict[int, tuple[str, int, int, int, bool]] = {}
        self._paths: dict[int, tuple[str, Origin]] = {}
        self._root_sequence: int | None = None
        self._spent = 0

    def add(self, number: int, sequence: int, live: bool, name: tuple[str, int, int]) -> None:
        """Add a folder; ``name`` is its text, its parent's number and the sequence the parent had."""
        if number == ROOT:
            self._root_sequence = sequence
            return
        text, parent, parent_sequence = name
        self._known[number] = (safe_name(text), parent, parent_sequence, sequence, live)

    def place(self, parent: int, sequence: int) -> tuple[str, Origin, int]:
        """Return (path, origin, number) of the folder that a reference names, or of the orphans' folder."""
        if not self._matches(parent, sequence):
            return ORPHANS, Origin.ORPHAN, -1
        path, origin = self._paths.get(parent) or self._climb(parent)
        return path, origin, parent

    def _matches(self, parent: int, sequence: int) -> bool:
        """Tell whether a reference still means this folder: a freed one's sequence is one higher than when it lived."""
        if parent == ROOT:
            return self._root_sequence is None or self._root_sequence == sequence
        known = self._known.get(parent)
        if known is None:
            return False
        return known[3] == sequence or (not known[4] and known[3] == sequence + 1)

    def _climb(self, number: int) -> tuple[str, Origin]:
        chain: list[int] = []
        seen: set[int] = set()
        base: tuple[str, Origin] = ORPHANS, Origin.ORPHAN
        while True:
            if number == ROOT:
                base = "", Origin.ALLOCATED
                break
            if number in self._paths:
                base = self._paths[number]
                break
            if number in seen:
                self._faults.add("folder-cycle", number)
                break
            chain.append(number)
            seen.add(number)
            _, parent, sequence, _, _ = self._known[number]
            if not self._matches(parent, sequence):
                break
            number = parent
        for number in reversed(chain):
            base = self._paths[number] = self._below(number, base)
        return base

    def _below(self, number: int, base: tuple[str, Origin]) -> tuple[str, Origin]:
        name, _, _, _, live = self._known[number]
        path, origin = f"{base[0]}/{name}", base[1]
        self._spent += len(path)
        if len(path) > _LONGEST or self._spent > _BUDGET:
            self._faults.add("path-too-long", number)
            return f"{ORPHANS}/{name}", Origin.ORPHAN
        return path, Origin.DELETED if origin == Origin.ALLOCATED and not live else origin
