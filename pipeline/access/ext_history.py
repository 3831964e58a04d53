"""What the journal's copies of inode tables say an inode was, transaction by transaction.

What is left of the journal is its newest part, without a gap unless a mount began it anew (``Journal.broken_after``):
so what happened to an inode after its first copy that is left shows in a later one; only what one and the same
transaction did and undid does not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.access.ext_inode import ExtInode, InodeTables, mapped, parse_inode
from pipeline.access.ext_journal import Journal
from pipeline.access.found import Stream
from pipeline.errors import ParseError, UnreadableError

__all__ = ["FIRST_INODE", "History", "State"]

FIRST_INODE: Final = 11
_MAX_STATES: Final = 4_000_000


@dataclass(slots=True)
class State:
    """An inode as the copies from one transaction to another show it."""

    first: int
    last: int
    inode: ExtInode


class History:
    """The states of inodes, oldest first; ``complete`` unless there were more than can be kept."""

    def __init__(self, tables: InodeTables, journal: Journal) -> None:
        self._tables, self._journal = tables, journal
        self.states: dict[int, list[State]] = {}
        self.complete = True
        self._newest = max((copies[0].sequence for copies in journal.copies.values()), default=0)
        self.table_blocks: set[int] = set()
        left = _MAX_STATES
        for block, first in self._copied():
            self.table_blocks.add(block)
            left -= self._take(block, first) if left > 0 else 0
        self.complete = left > 0

    def _copied(self) -> Iterator[tuple[int, int]]:
        """Yield (block, its first inode) of the blocks of inode tables that the journal has copies of."""
        layout = self._tables.layout
        starts = sorted((group.inodes, number) for number, group in enumerate(self._tables.groups))
        for block in sorted(self._journal.copies):
            at = bisect_right(starts, (block, len(starts))) - 1
            if at >= 0 and block - starts[at][0] < layout.inode_blocks:
                inside = (block - starts[at][0]) * (layout.block // layout.inode_size)
                yield block, starts[at][1] * layout.inodes_per_group + inside + 1

    def _take(self, block: int, first: int) -> int:
        """Take the copies of a block of inodes, oldest first; return how many states they add."""
        size, whole, added = self._tables.layout.inode_size, self._tables.layout.block, 0
        before: dict[int, bytes] = {}
        for copy in reversed(self._journal.copies[block]):
            raw = self._journal.read(copy)
            for number, at in enumerate(range(0, whole if len(raw) == whole else 0, size), first):
                piece = raw[at : at + size]
                if piece == before.get(number):
                    self.states[number][-1].last = copy.sequence
                elif number >= FIRST_INODE and (number in before or piece.strip(b"\0")):
                    before[number], added = piece, added + 1
                    state = State(copy.sequence, copy.sequence, parse_inode(piece, number))
                    self.states.setdefault(number, []).append(state)
        return added

    def at(self, number: int, sequence: int) -> State | None:
        """Return an inode's state in a transaction: the one before it that is known, else the first behind it."""
        states = self.states.get(number)
        if not states:
            return None
        index = bisect_right(states, sequence, key=lambda state: state.first) - 1
        return states[max(index, 0)]

    def generation(self, number: int, sequence: int) -> int | None:
        """Return whose inode it was in a transaction; None where no copy tells."""
        state = self.at(number, sequence)
        return None if state is None else state.inode.generation

    def gone(self) -> Iterator[State]:
        """Yield the newest live state with content of each generation of an inode that is not the live one now."""
        for number in sorted(self.states):
            now = self.current(number)
            done = {now.generation} if now is not None and now.live else set()
            for state in reversed(self.states[number]):
                old = state.inode
                if old.live and old.size and old.kind != "other" and old.generation not in done:
                    done.add(old.generation)
                    yield state

    def owners(self) -> Iterator[State]:
        """Yield every live state with content, those that map the same blocks as one: who owned what, and when."""
        for number in sorted(self.states):
            owner: State | None = None
            for state in self.states[number]:
                if owner is not None and _same_blocks(owner.inode, state.inode):
                    owner.last, owner.inode = state.last, state.inode
                    continue
                if owner is not None:
                    yield owner
                held = state.inode.live and state.inode.size and state.inode.kind != "other"
                owner = State(state.first, state.last, state.inode) if held else None
            if owner is not None:
                yield owner

    def goes_on(self, state: State) -> bool:
        """Tell whether transactions came after the one that ended a state; its inode's next state tells which did."""
        after = [one.first for one in self.states[state.inode.number] if one.first > state.last]
        return not after or min(after) < self._newest

    def current(self, number: int) -> ExtInode | None:
        """Return an inode as its table holds it now; None where it cannot be read."""
        try:
            return self._tables.inode(number)
        except UnreadableError:
            return None

    def stream(self, state: State) -> tuple[Stream, bool]:
        """Return what a state maps, and whether that is all.

        Raises:
            UnreadableError: what maps it is gone or damaged.
        """
        return mapped(state.inode, self._tables.layout, lambda number: self._block(number, state.last))

    def _block(self, number: int, sequence: int) -> bytes:
        """Return a block as it was in a transaction; as it is now where no later one wrote it; else nothing."""
        copies = self._journal.copies.get(number, [])
        for copy in copies:
            if copy.sequence <= sequence:
                return self._journal.read(copy)
        raw = self._tables.block(number)
        if copies and not raw.strip(b"\0"):
            raise ParseError(f"block {number} was cleared")
        return raw


def _same_blocks(one: ExtInode, other: ExtInode) -> bool:
    """Tell whether two states are of one owner, live in both, and map the same."""
    return other.live and (one.generation, one.size, one.raw[40:100]) == (
        other.generation,
        other.size,
        other.raw[40:100],
    )
