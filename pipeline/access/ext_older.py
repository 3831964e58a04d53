"""Deleted files of ext3 and ext4 as the journal's copies of inode tables and directories describe them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from pipeline.access.allocation import Blocks, allocated_blocks
from pipeline.access.ext_history import History, State
from pipeline.access.ext_inode import InodeTables, stream_of_inode
from pipeline.access.ext_journal import Journal
from pipeline.access.ext_names import Folders, Named, Names
from pipeline.access.found import META, Found, OwnFileSystem, Part, Stream, read_stream
from pipeline.access.tsk import TskFileSystem
from pipeline.address import join
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Certainty, FileEntry, Origin, Severity, Volume

__all__ = ["ASSUMED", "JOURNAL", "LATER", "OlderCopies"]

JOURNAL: Final = "journal"
ASSUMED: Final = "name-assumed"
"""The flag of an entry whose name was no longer in use where it was found: it may be of an earlier owner."""
LATER: Final = "later-transactions"
"""The flag of an entry whose blocks were free while further transactions ran: what one of them used and freed within
itself, the journal does not show."""
_LONGEST: Final = 1 << 24


class OlderCopies(OwnFileSystem):
    """Deleted files as the journal's copies of inode tables and directories describe them."""

    code = "ext-journal"

    def __init__(self, tables: InodeTables, volume: Volume, fs: TskFileSystem, journal: int) -> None:
        super().__init__(tables.data, volume)
        self._fs, self._tables = fs, tables
        self.stream = stream_of_inode(tables.inode(journal), tables.layout, tables.block)
        self._journal = Journal(tables.data, self.stream, tables.layout)
        self._history = History(tables, self._journal)
        self._known: dict[int, set[int]] = {}
        self._paths: dict[int, str] = {}
        self._folders: dict[int, int] = {}
        self._by_key: dict[tuple[int, int], Stream] | None = None

    def describe(self) -> dict[str, str | int]:
        """Return nothing of its own."""
        return {"label": "", "serial": "", "block_size": self._tables.layout.block}

    def note(self, row: FileEntry) -> None:
        """Learn from a row that the other listing gives: live folders and their blocks, what it knows itself."""
        block, base = self._tables.layout.block, self.base or 0
        if row.kind == "directory" and row.origin == Origin.ALLOCATED:
            self._paths[row.meta] = "" if row.path == "/" else row.path
            for run in row.runs:
                for at in range(run.start, run.start + min(run.length, _LONGEST), block) if run.start >= 0 else ():
                    self._folders[(at - base) // block] = row.meta
        if row.runs and row.origin != Origin.ALLOCATED and row.runs[0].start >= 0:
            self._known.setdefault(row.meta, set()).add(row.runs[0].start - base)

    def found(self) -> Iterator[Found]:
        """Yield the newest live copy of every inode that is not live, or is another file's, now."""
        names = Names(self._tables, self._journal, self._history, Folders(self._paths, self._folders))
        self._incomplete(names)
        for state, stream, certainty in self._judged():
            placed = {start for start, _ in stream.runs[:1]}
            if placed and placed & self._known.get(state.inode.number, set()):
                continue
            named = names.of(state)
            yield Found(
                path=named.path, kind=state.inode.kind, stream=stream, times=state.inode.times,
                meta=state.inode.number, parent=state.last, certainty=certainty, listed_by=JOURNAL,
                origin=Origin.ORPHAN if named.path.startswith("/$OrphanFiles/") else Origin.DELETED,
                flags=",".join([JOURNAL, *self._doubts(state, named)]),
            )  # fmt: skip

    def _doubts(self, state: State, named: Named) -> Iterator[str]:
        if not named.sure:
            yield ASSUMED
        if self._history.goes_on(state):
            yield LATER

    def _incomplete(self, names: Names) -> None:
        """Say what of the journal could not be looked at."""
        text = "bytes of the journal cannot be read; deleted files that they know are missing"
        self.losses.add(text, count=self._journal.unread, severity=Severity.LOSS)
        full = not (self._history.complete and names.complete)
        text = "the journal knows more deleted files than are listed, or more names"
        self.losses.add(text, count=full, severity=Severity.LOSS)

    # -- what is left of them ----------------------------------------------------------------------------------------

    def _judged(self) -> Iterator[tuple[State, Stream, str | None]]:
        """Yield deleted files, the last to go first, with what is known of their blocks.

        Blocks that are free now may have been another file's in between: such a file went later, or is a folder's or a
        map's block that a later transaction wrote, or left bytes behind this one's end, where a driver writes zeros.
        What one transaction gave and took within itself may have done none of it. Where transactions behind it are
        gone, a file is contested. None leaves it to the bitmaps.
        """
        gone = {(state.inode.number, state.last) for state in self._history.gone()}
        known = sorted(self._history.owners(), key=lambda state: (-state.last, state.inode.number))
        later, metadata = _Taken(), sorted(self._journal.copies)
        for _, states in groupby(known, key=lambda state: state.last):
            streams = [(state, *self._stream(state)) for state in states]
            for state, stream, complete in streams:
                if (state.inode.number, state.last) not in gone:
                    continue
                taken = sum(later.overlap(*run) for run in stream.runs if run[0] >= 0)
                written = state.inode.kind != "directory" and (
                    self._rewritten(metadata, state, stream) or self._refilled(stream)
                )
                whole = sum(length for start, length in stream.runs if start >= 0)
                bad = Certainty.OVERWRITTEN if whole and taken >= whole else Certainty.PARTLY_OVERWRITTEN
                lost = state.inode.size > 0 and not stream.size
                self.losses.add("blocks of a deleted file are not known any more", count=lost, severity=Severity.NOTE)
                held = bool(stream.size) and bool(taken or written or not complete)
                broken = bool(stream.size) and stream.inside is None and self._journal.broken_after(state.last)
                yield state, stream, bad if held else Certainty.CONTESTED if broken else None
            for _, stream, _ in streams:
                for start, length in stream.runs:
                    later.add(start, length)

    def _stream(self, state: State) -> tuple[Stream, bool]:
        try:
            return self._history.stream(state)
        except (UnreadableError, ValueError):
            return Stream(0), True

    def _rewritten(self, metadata: list[int], state: State, stream: Stream) -> bool:
        """Tell whether a later transaction wrote one of a file's blocks as a folder's, or as one that maps others."""
        size = self._tables.layout.block
        for start, length in stream.runs:
            first, last = bisect_left(metadata, start // size), bisect_left(metadata, (start + length) // size)
            blocks = metadata[first:last] if start >= 0 else []
            if any(self._journal.copies[block][0].sequence > state.last for block in blocks):
                return True
        return False

    def _refilled(self, stream: Stream) -> bool:
        """Tell whether there are bytes behind the end of a file in its last block."""
        spare = -stream.size % self._tables.layout.block
        if stream.inside is not None or not spare or not stream.runs:
            return False
        whole = Stream(stream.size + spare, stream.runs)
        try:
            return bool(read_stream(self.data, whole, stream.size, spare).strip(b"\0"))
        except UnreadableError:
            return True

    def _place(self, item: Found) -> str:
        """Return an address: the inode and the transaction of the copy, which is kept as the parent."""
        return join(join(self.volume.address, "fs", item.path), "entry", f"{item.meta}.{item.parent}")

    def allocated(self) -> Blocks | None:
        """Return allocated space by the bitmaps."""
        return allocated_blocks(self.data, self._fs, self.volume)

    def parts(self) -> Iterator[Part]:
        """Yield the journal."""
        for start, length in self.stream.runs:
            if start >= 0:
                yield start, length, META, "journal"

    def stream_of(self, entry: FileEntry) -> Stream:
        """Return an entry's bytes by its inode and the transaction of the copy."""
        if self._by_key is None:
            states = self._history.gone()
            self._by_key = {(state.inode.number, state.last): self._stream(state)[0] for state in states}
        stream = self._by_key.get((entry.meta, int(entry.parent)))
        if stream is None:
            raise ParseError("the journal's copy of its inode is gone")
        return stream


class _Taken:
    """Space that is taken: stretches in order, none touching another."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start: int, length: int) -> None:
        """Take a stretch; nothing where it is a hole."""
        if start < 0 or length <= 0:
            return
        first, last = bisect_left(self._ends, start), bisect_right(self._starts, start + length)
        low = min([start, *self._starts[first : min(first + 1, last)]])
        high = max([start + length, *self._ends[max(first, last - 1) : last]])
        self._starts[first:last], self._ends[first:last] = [low], [high]

    def overlap(self, start: int, length: int) -> int:
        """Return how many bytes of a stretch are taken."""
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, start + length)
        held = zip(self._starts[first:last], self._ends[first:last], strict=True)
        return sum(min(end, start + length) - max(low, start) for low, end in held)
