"""Paths of MFT records by parent reference, each reference checked by its sequence number.

All folders are held in columns. Whole generations of them get their paths at once; what is in a circle, too long or not
valid Unicode is worked out one by one, when it is asked for.

Sources: [MS-FSCC] 2.4.13.1 (a record's sequence rises when it is freed); Carrier, *File System Forensic Analysis*,
ch. 13. The longest path of NTFS is 32,767 characters (Windows, "Maximum Path Length Limitation").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.access.ntfs_faults import Faults
from pipeline.access.ntfs_text import escaped
from pipeline.records import Origin

__all__ = ["ORPHANS", "ROOT", "FolderColumns", "Folders", "safe_name"]

ROOT: Final = 5
ORPHANS: Final = "/$OrphanFiles"
_LONGEST: Final = 32_767
_BUDGET: Final = 1 << 27  # characters of all folders' paths together
_AT_ROOT: Final = 0  # slots of the root and of the orphans' folder among the paths; others follow
_AT_ORPHANS: Final = 1
_ALONE: Final = -1
_ORIGINS: Final = (Origin.ALLOCATED, Origin.DELETED, Origin.ORPHAN)


def safe_name(name: str) -> str:
    """Return a name with ``/``, the separator of paths, written as U+2215; all else stays data."""
    return name.replace("/", "\u2215") if "/" in name else name


@dataclass(frozen=True, slots=True)
class FolderColumns:
    """Folders of a batch, ascending; ``names`` are null where ``odd`` holds them, for UTF-8 cannot."""

    number: NDArray[np.int64]
    sequence: NDArray[np.int64]
    live: NDArray[np.bool_]
    parent: NDArray[np.int64]
    parent_sequence: NDArray[np.int64]
    names: pa.Array
    odd: dict[int, str]


class Folders:
    """The tree of folders. ``paths``, ``escaped``, ``origins`` and ``numbers`` are by slot, as ``places`` gives it."""

    def __init__(self, columns: list[FolderColumns], faults: Faults) -> None:
        self._faults = faults
        none = np.zeros(0, np.int64)
        self._number = np.concatenate([none, *(one.number for one in columns)])
        self._sequence = np.concatenate([none, *(one.sequence for one in columns)])
        self._live = np.concatenate([np.zeros(0, np.bool_), *(one.live for one in columns)])
        self._parent = np.concatenate([none, *(one.parent for one in columns)])
        self._parent_sequence = np.concatenate([none, *(one.parent_sequence for one in columns)])
        self._names = pa.concat_arrays([pa.array([], pa.string()), *(one.names for one in columns)])
        self._odd = {number: name for one in columns for number, name in one.odd.items()}
        root = np.flatnonzero(self._number == ROOT)
        self._root_sequence = int(self._sequence[root[0]]) if len(root) else None
        self._alone: dict[int, tuple[str, Origin]] = {}
        self._slot = np.full(len(self._number), _ALONE)
        self._spent = 0
        self._grow()

    # -- many at once --------------------------------------------------------------------------------------------

    def places(self, parent: NDArray[np.int64], sequence: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the slot of the folder that each reference names; -1 where :meth:`place` must be asked."""
        row = self._rows(parent, sequence)
        return np.where(row < 0, row + _AT_ORPHANS + 1, self._slot[np.maximum(row, 0)] if len(self._slot) else 0)

    def _rows(self, parent: NDArray[np.int64], sequence: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row of the folder that each reference names: -2 for the root, -1 for none.

        A freed folder's sequence is one higher than when it lived.
        """
        row = np.full(len(parent), -1)
        if len(self._number):
            near = np.minimum(np.searchsorted(self._number, parent), len(self._number) - 1)
            held = self._sequence[near]
            same = (held == sequence) | (~self._live[near] & (held == sequence + 1))
            row = np.where((self._number[near] == parent) & same, near, -1)
        at_root = (parent == ROOT) & ((self._root_sequence is None) | (sequence == (self._root_sequence or 0)))
        return np.where(parent == ROOT, np.where(at_root, -2, -1), row)

    def _grow(self) -> None:
        """Give paths to generation after generation of folders, below the root and below the orphans' folder."""
        above = self._rows(self._parent, self._parent_sequence)
        usable = (self._number != ROOT) & np.asarray(self._names.is_valid())
        order = np.argsort(above, kind="stable")
        first = np.searchsorted(above[order], np.arange(-2, len(above) + 1))
        paths, origins = [pa.array(["", ORPHANS], pa.string())], [np.array([0, 2], np.int8)]
        numbers = [np.array([ROOT, -1])]
        rows, slots = np.array([-2, -1]), 2
        generation, kind = paths[0], origins[0]
        while len(rows):
            low, high = first[rows + 2], first[rows + 3]
            parent = np.repeat(np.arange(len(rows)), high - low)
            child = order[np.arange(len(parent)) - np.repeat(np.cumsum(high - low) - high, high - low)]
            keep = usable[child]
            parent, child = parent[keep], child[keep]
            below = pc.binary_join_element_wise(
                generation.take(pa.array(parent)), self._names.take(pa.array(child)), "/"
            )
            keep = self._affordable(below)
            parent, rows = parent[keep], child[keep]
            generation = below if keep.all() else below.filter(pa.array(keep))
            kind = kind[parent]
            kind = np.where((kind == 0) & ~self._live[rows], 1, kind).astype(np.int8)
            self._slot[rows] = np.arange(slots, slots + len(rows))
            slots += len(rows)
            paths.append(generation)
            origins.append(kind)
            numbers.append(self._number[rows])
        self.paths = pa.concat_arrays(paths)
        self.escaped = escaped(self.paths)
        self.origins, self.numbers = np.concatenate(origins), np.concatenate(numbers)
        if not self._odd and (self._slot[self._number != ROOT] >= 0).all():
            self._names = pa.nulls(0, pa.string())  # every folder has its path

    def _affordable(self, paths: pa.Array) -> NDArray[np.bool_]:
        """Tell which paths are short enough, each and all together."""
        lengths = pc.utf8_length(paths).to_numpy().astype(np.int64)
        fits: NDArray[np.bool_] = (lengths <= _LONGEST) & (self._spent + np.cumsum(lengths) <= _BUDGET)
        self._spent += int(lengths[fits].sum())
        return fits

    # -- one by one ----------------------------------------------------------------------------------------------

    def place(self, parent: int, sequence: int) -> tuple[str, Origin, int]:
        """Return (path, origin, number) of the folder that a reference names, or of the orphans' folder."""
        row = int(self._rows(np.array([parent]), np.array([sequence]))[0])
        if row == -2:
            return "", Origin.ALLOCATED, parent
        if row == -1:
            return ORPHANS, Origin.ORPHAN, -1
        return *self._path(row), parent

    def _path(self, row: int) -> tuple[str, Origin]:
        slot = int(self._slot[row])
        if slot >= 0:
            return self.paths[slot].as_py(), _ORIGINS[self.origins[slot]]
        return self._alone.get(row) or self._climb(row)

    def _climb(self, row: int) -> tuple[str, Origin]:
        chain: list[int] = []
        seen: set[int] = set()
        base: tuple[str, Origin] = ORPHANS, Origin.ORPHAN
        while True:
            if row == -2:
                base = "", Origin.ALLOCATED
                break
            if row == -1:
                break
            if self._slot[row] >= 0 or row in self._alone:
                base = self._path(row)
                break
            if row in seen:
                self._faults.add("folder-cycle", int(self._number[row]))
                break
            chain.append(row)
            seen.add(row)
            row = int(self._rows(self._parent[row : row + 1], self._parent_sequence[row : row + 1])[0])
        for row in reversed(chain):
            base = self._alone[row] = self._below(row, base)
        return base

    def _below(self, row: int, base: tuple[str, Origin]) -> tuple[str, Origin]:
        number = int(self._number[row])
        name = self._odd.get(number) or self._names[row].as_py()
        path, origin = f"{base[0]}/{name}", base[1]
        self._spent += len(path)
        if len(path) > _LONGEST or self._spent > _BUDGET:
            self._faults.add("path-too-long", number)
            return f"{ORPHANS}/{name}", Origin.ORPHAN
        return path, Origin.DELETED if origin == Origin.ALLOCATED and not self._live[row] else origin
