"""Which name an inode had, by the directory blocks that the journal and the volume hold: live folders and deleted ones.

A name in use in a copy of a directory block is that of the inode's owner in that transaction. A name that deleting left
behind may be of an earlier owner: it is used where nothing speaks against it, and is marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from pipeline.access.ext_dir import dir_names, own_inode
from pipeline.access.ext_history import History, State
from pipeline.access.ext_inode import InodeTables
from pipeline.access.ext_journal import Journal
from pipeline.errors import UnreadableError

__all__ = ["Folders", "Named", "Names"]

NOW: Final = 1 << 40
"""A transaction behind all others: what the volume holds."""
_ORPHANS: Final = "/$OrphanFiles"
_DEEPEST: Final = 4096
_MAX_NAMES: Final = 4_000_000
_MAX_BLOCKS: Final = 1 << 17
"""Blocks of one folder that are looked at; 200,000 names take some thousand."""
_KINDS: Final = {1: "file", 2: "directory", 7: "link"}

_Key = tuple[int, str, bool, int]
"""Folder, name, whether it was in use, type."""


@dataclass(frozen=True, slots=True)
class Folders:
    """The live folders: paths by inode, and which inode's each of their blocks is."""

    paths: Mapping[int, str]
    blocks: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Named:
    """A path; ``sure`` unless a part of it is a name that was no longer in use where it was found."""

    path: str
    sure: bool


class Names:
    """Names by inode, each with the first and the last transaction it was seen in."""

    def __init__(self, tables: InodeTables, journal: Journal, history: History, folders: Folders) -> None:
        self._tables, self._journal, self._history, self._folders = tables, journal, history, folders
        self._seen: dict[int, dict[_Key, list[int]]] = {}
        self._left = _MAX_NAMES
        self._owners = self._owned()
        self._harvest()

    @property
    def complete(self) -> bool:
        """Whether all names could be kept."""
        return self._left > 0

    # -- where names are ---------------------------------------------------------------------------------------------

    def _owned(self) -> dict[int, list[tuple[int, int]]]:
        """Return which folder a block was of, from which transaction on, by the copies of folders' inodes."""
        owners: dict[int, list[tuple[int, int]]] = {}
        for state in self._history.owners():
            if state.inode.kind == "directory":
                for block in self._blocks(state):
                    owners.setdefault(block, []).append((state.first, state.inode.number))
        for known in owners.values():
            known.sort()
        return owners

    def _blocks(self, state: State) -> Iterator[int]:
        size = self._tables.layout.block
        try:
            stream, _ = self._history.stream(state)
        except (UnreadableError, ValueError):
            return iter(())
        runs = (range(start // size, (start + length) // size) for start, length in stream.runs if start >= 0)
        return islice(chain.from_iterable(runs), _MAX_BLOCKS)

    def _owner(self, block: int, sequence: int, raw: bytes) -> int:
        """Return whose block it was: its first record says, or the newest owner known then, or the first one after."""
        own = own_inode(raw)
        if own:
            return own
        known = self._owners.get(block, [])
        before = [number for first, number in known if first <= sequence]
        if before:
            return before[-1]
        return known[0][1] if known else self._folders.blocks.get(block, 0)

    def _harvest(self) -> None:
        for block in sorted(set(self._journal.copies) - self._history.table_blocks):
            for copy in self._journal.copies[block]:
                raw = self._journal.read(copy)
                self._take(raw, self._owner(block, copy.sequence, raw), copy.sequence, live=True)
        for block, folder in sorted(self._folders.blocks.items()):
            self._take(self._now(block), folder, NOW, live=True)
        for state in self._history.gone():
            if state.inode.kind == "directory":
                for block in self._blocks(state):
                    raw = self._now(block)
                    if block not in self._folders.blocks and own_inode(raw) in {0, state.inode.number}:
                        self._take(raw, state.inode.number, state.last, live=False)

    def _now(self, block: int) -> bytes:
        try:
            return self._tables.block(block)
        except UnreadableError:
            return b""

    def _take(self, raw: bytes, folder: int, sequence: int, *, live: bool) -> None:
        """Note the names of a block; ``live``: it was a folder's in that transaction."""
        if not folder or self._left <= 0:
            return
        for name in dir_names(raw):
            seen, key = self._seen.setdefault(name.inode, {}), (folder, name.name, live and name.live, name.type)
            self._left -= key not in seen
            span = seen.setdefault(key, [sequence, sequence])
            span[0], span[1] = min(span[0], sequence), max(span[1], sequence)

    # -- whose they are ----------------------------------------------------------------------------------------------

    def of(self, state: State) -> Named:
        """Return the path of a state of an inode."""
        number, sequence, sure = state.inode.number, state.last, True
        steps: list[str] = []
        visited: set[int] = set()
        while number not in visited and len(steps) < _DEEPEST:
            visited.add(number)
            top = self._live_path(number, sequence) if steps else None
            if top is not None:
                return Named("/".join([top, *reversed(steps)]), sure)
            chosen = self._chosen(number, sequence)
            if chosen is None:
                break
            number, name, sequence, certain = chosen
            sure = sure and certain
            steps.append(name)
        return Named("/".join([_ORPHANS, f"inode-{number}", *reversed(steps)]), sure)

    def _live_path(self, number: int, sequence: int) -> str | None:
        path = self._folders.paths.get(number)
        then, now = self._history.generation(number, sequence), self._history.current(number)
        return path if then is None or (now is not None and now.generation == then) else None

    def _chosen(self, number: int, sequence: int) -> tuple[int, str, int, bool] | None:
        """Return (folder, name, transaction, whether it is sure) of an inode's name in a transaction."""
        generation = self._history.generation(number, sequence)
        ranked = [
            (live, point, folder, name)
            for (folder, name, live, kind), span in self._seen.get(number, {}).items()
            for point in span
            if self._fits(number, sequence, point, generation, live=live) and self._is_of(number, sequence, kind)
        ]
        if not ranked:
            return None
        live, point, folder, name = max(ranked)
        return folder, name, point, live

    def _fits(self, number: int, sequence: int, point: int, generation: int | None, *, live: bool) -> bool:
        """Tell whether a name seen in a transaction can be of the owner that the inode has in another."""
        same = self._history.generation(number, point) == generation
        return same if live else same and point >= sequence

    def _is_of(self, number: int, sequence: int, kind: int) -> bool:
        state = self._history.at(number, sequence)
        return state is None or not kind or _KINDS.get(kind, "other") == state.inode.kind
