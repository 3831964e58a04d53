"""Deleted files of ext3 and ext4 as the journal's copies of inode tables and directories describe them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from pipeline.access.allocation import Blocks, allocated_blocks
from pipeline.access.ext_inode import ExtInode, InodeTables, parse_inode, stream_of_inode
from pipeline.access.ext_journal import Journal, dir_names
from pipeline.access.ext_layout import ExtLayout
from pipeline.access.found import META, Found, OwnFileSystem, Part, Stream
from pipeline.access.tsk import TskFileSystem
from pipeline.address import join
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import FileEntry, Origin, Severity, Volume

__all__ = ["JOURNAL", "OlderCopies"]

JOURNAL: Final = "journal"
_FIRST_INODE: Final = 11
_MAX_GONE: Final = 1_000_000


class OlderCopies(OwnFileSystem):
    """Deleted files as the journal's copies of inode tables and directories describe them."""

    code = "ext-journal"

    def __init__(self, tables: InodeTables, volume: Volume, fs: TskFileSystem, journal: int) -> None:
        super().__init__(tables.data, volume)
        self._fs = fs
        self._tables = tables
        self._layout: ExtLayout = tables.layout
        self.stream = stream_of_inode(tables.inode(journal), self._layout, tables.block)
        self._journal = Journal(tables.data, self.stream, self._layout)
        self._known: dict[int, set[int]] = {}
        self._names: dict[int, str] = {}
        self._folders: dict[int, str] = {}
        self._by_key: dict[tuple[int, int], Stream] | None = None

    def describe(self) -> dict[str, str | int]:
        """Return nothing of its own."""
        return {"label": "", "serial": "", "block_size": self._layout.block}

    def _block(self, number: int) -> bytes:
        return self._tables.block(number)

    def _older_block(self, number: int) -> bytes:
        """Return the journal's newest copy of a block, else the block: deleting clears what mapped a file's blocks."""
        for copy in self._journal.copies.get(number, []):
            raw = self._journal.read(copy)
            if raw[:4].strip(b"\0") and raw[:4] != b"\x0a\xf3\x00\x00":
                return raw
        return self._block(number)

    def note(self, row: FileEntry) -> None:
        """Learn from a row that the other listing gives: names of deleted inodes, blocks of directories."""
        block, base = self._layout.block, self.base or 0
        if row.kind == "directory" and row.runs:
            for run in row.runs:
                for at in range(run.start, run.start + min(run.length, 1 << 24), block) if run.start >= 0 else ():
                    self._folders[(at - base) // block] = "" if row.path == "/" else row.path
        if row.origin == Origin.DELETED and row.meta >= _FIRST_INODE:
            self._names.setdefault(row.meta, row.path)
        if row.runs and row.origin != Origin.ALLOCATED and row.runs[0].start >= 0:
            self._known.setdefault(row.meta, set()).add(row.runs[0].start - base)

    def found(self) -> Iterator[Found]:
        """Yield the newest live copy of every inode that is not live, or is another file's, now."""
        self._learn_names()
        self._by_key = {}
        if self._journal.unread:
            text = "bytes of the journal cannot be read; deleted files that they know are missing"
            self.losses.add(text, count=self._journal.unread, severity=Severity.LOSS)
        for sequence, old in self._gone():
            try:
                stream = stream_of_inode(old, self._layout, self._older_block)
            except (UnreadableError, struct.error):
                self.losses.add("blocks of a deleted file that the journal knows are lost", severity=Severity.NOTE)
                stream = Stream(0)
            placed = {start for start, _ in stream.runs[:1]}
            if placed and placed & self._known.get(old.number, set()):
                continue
            self._by_key[old.number, sequence] = stream
            path = self._names.get(old.number, f"/$OrphanFiles/inode-{old.number}")
            yield Found(
                path=path, kind=old.kind, stream=stream, times=old.times, meta=old.number, parent=sequence,
                origin=Origin.ORPHAN if path.startswith("/$OrphanFiles/") else Origin.DELETED, listed_by=JOURNAL,
                flags=JOURNAL,
            )  # fmt: skip

    def _learn_names(self) -> None:
        """Take names from copies of directory blocks: those of live folders where the blocks lie."""
        for block, path in sorted(self._folders.items()):
            for raw in [self._quiet(block), *map(self._journal.read, self._journal.copies.get(block, []))]:
                for name, inode in dir_names(raw):
                    self._names.setdefault(inode, f"{path}/{name}")

    def _quiet(self, block: int) -> bytes:
        try:
            return self._block(block)
        except UnreadableError:
            return b""

    def _gone(self) -> Iterator[tuple[int, ExtInode]]:
        """Yield (transaction, inode) of what was live in a copy and is not now, each generation once."""
        layout, count = self._layout, 0
        per_block = layout.block // layout.inode_size
        for index, group in enumerate(self._tables.groups):
            for block in range(group.inodes, group.inodes + layout.inode_blocks):
                copies = self._journal.copies.get(block, [])
                if not copies:
                    continue
                first = index * layout.inodes_per_group + (block - group.inodes) * per_block + 1
                for row in self._older_inodes(block, first, per_block):
                    count += 1
                    if count > _MAX_GONE:
                        text = "the journal knows more deleted files than are listed"
                        self.losses.add(text, severity=Severity.LOSS)
                        return
                    yield row

    def _older_inodes(self, block: int, first: int, per_block: int) -> Iterator[tuple[int, ExtInode]]:
        size, now = self._layout.inode_size, self._quiet(block)
        done: set[tuple[int, int]] = set()
        for copy in self._journal.copies[block]:
            raw = self._journal.read(copy)
            for index in range(per_block if len(raw) == self._layout.block else 0):
                number = first + index
                old = parse_inode(raw[index * size : (index + 1) * size], number)
                key = (number, old.generation)
                if number < _FIRST_INODE or not old.live or not old.size or key in done or old.kind == "other":
                    continue
                current = parse_inode(now[index * size : (index + 1) * size].ljust(128, b"\0"), number)
                if current.live and current.generation == old.generation:
                    continue
                done.add(key)
                yield copy.sequence, old

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
            losses = self.losses
            for _ in self.found():
                pass
            self.losses = losses
        stream = (self._by_key or {}).get((entry.meta, int(entry.parent)))
        if stream is None:
            raise ParseError("the journal's copy of its inode is gone")
        return stream
