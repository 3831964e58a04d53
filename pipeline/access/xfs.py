"""Akashi's own reader of XFS, versions 4 and 5: live files, unlinked and freed inodes, names in freed entries."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Final

from pipeline.access.allocation import Blocks
from pipeline.access.fat_losses import Losses
from pipeline.access.found import FREE, META, Found, OwnFileSystem, Part, Stream, used_of
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.xfs_inode import Inode, extents_of, freed_stream, parse_inode, stream_of_fork
from pipeline.access.xfs_layout import Chunk, Group, Layout, groups_of, read_layout, walk
from pipeline.access.xfs_names import LEAF_SPACE, Name, block_names, short_names
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import FileEntry, Origin, Severity, Volume

__all__ = ["XfsFileSystem", "open_xfs"]

ATTRIBUTES: Final = "$Attributes"
MAP: Final = "$Indirect"
_ORPHANS: Final = "/$OrphanFiles"
_MAX_FOLDER: Final = 1 << 30
_PER_CHUNK: Final = 64


def open_xfs(data: Readable, volume: Volume, options: FileSystemOptions) -> XfsFileSystem:
    """Return the reader of an XFS volume; ParseError where its super block is none."""
    del options
    return XfsFileSystem(data, volume)


class XfsFileSystem(OwnFileSystem):
    """One XFS volume."""

    code = "xfs-damage"

    def __init__(self, data: Readable, volume: Volume) -> None:
        super().__init__(data, volume)
        self.layout: Layout = read_layout(data)

    def describe(self) -> dict[str, str | int]:
        """Return label, serial and block size."""
        return {"label": self.layout.label, "serial": self.layout.uuid, "block_size": self.layout.block}

    # -- space ---------------------------------------------------------------------------------------------------

    @cached_property
    def _groups(self) -> list[Group]:
        return list(groups_of(self.data, self.layout, self.losses))

    def parts(self) -> Iterator[Part]:
        """Yield headers, trees, inode chunks, the log, and free space: by the tree, and set aside for trees."""
        layout, block = self.layout, self.layout.block
        for number in range(layout.groups):
            yield layout.group_start(number), max(block, layout.sector * 4), META, "super block and group headers"
        for group in groups_of(self.data, layout, self.losses):
            base = layout.group_start(group.number)
            for tree in group.trees:
                for number, _ in walk(self.data, layout, group.number, tree, self.losses):
                    yield base + number * block, block, META, f"tree of {tree.name}"
            for number in group.spare:
                yield base + number * block, block, FREE, "free list"
            for start, length in self._free(group, self.losses):
                yield start, length, FREE, "free"
            for chunk in self._chunks(group, self.losses):
                yield from self._chunk_parts(chunk)
        start, count = layout.log
        if start:
            yield layout.place(start), count * block, META, "log"
        tail = layout.blocks * block
        yield tail, self.data.size - tail, FREE, "tail"

    def _free(self, group: Group, losses: Losses) -> Iterator[tuple[int, int]]:
        layout, base = self.layout, self.layout.group_start(group.number)
        for _, records in walk(self.data, layout, group.number, group.trees[0], losses):
            for record in records:
                start, count = int.from_bytes(record[:4], "big"), int.from_bytes(record[4:], "big")
                if start + count > layout.group_length(group.number):
                    losses.add("free space outside its allocation group")
                    continue
                yield base + start * layout.block, count * layout.block

    def _chunks(self, group: Group, losses: Losses) -> Iterator[Chunk]:
        per_block = self.layout.block // self.layout.inode
        for _, records in walk(self.data, self.layout, group.number, group.trees[1], losses):
            for record in records:
                first, mask = int.from_bytes(record[:4], "big"), int.from_bytes(record[4:6], "big")
                holes = sum(0xF << 4 * bit for bit in range(16) if mask >> bit & 1) if self.layout.sparse else 0
                if first + _PER_CHUNK > self.layout.group_length(group.number) * per_block:
                    losses.add("inodes outside their allocation group", severity=Severity.LOSS)
                    continue
                number = (group.number << self.layout.shift) * per_block + first
                yield Chunk(number, int.from_bytes(record[8:], "big"), holes)

    def _chunk_parts(self, chunk: Chunk) -> Iterator[Part]:
        size, start = self.layout.inode, self.layout.inode_place(chunk.first)
        for at in range(0, _PER_CHUNK, 4):
            if not chunk.holes >> at & 1:
                yield start + at * size, 4 * size, META, "inodes"

    def allocated(self) -> Blocks:
        """Return allocated space by the trees of free space."""
        quiet = Losses()
        spare = (
            (self.layout.group_start(group.number) + number * self.layout.block, self.layout.block)
            for group in self._groups
            for number in group.spare
        )
        free = (run for group in self._groups for run in self._free(group, quiet))
        return used_of([*free, *spare], self.layout.blocks * self.layout.block)

    # -- names ---------------------------------------------------------------------------------------------------

    def found(self) -> Iterator[Found]:
        """Yield live names by a walk, unlinked and hidden inodes, then what freed inodes and names still tell."""
        self.__dict__.pop("_groups", None)
        seen: set[int] = set()
        lost: list[tuple[str, Name, int]] = []
        yield from self._live(seen, lost)
        names: dict[int, tuple[str, Name, int]] = {}
        for item in lost:
            names.setdefault(item[1].inode, item)
        for group in self._groups:
            for chunk in self._chunks(group, Losses()):
                yield from self._rest(chunk, seen, names)
        for path, name, parent in names.values():
            yield Found(
                path=f"{path}/{name.text}", stream=Stream(0), meta=name.inode, parent=parent, origin=Origin.DELETED
            )

    def _live(self, seen: set[int], lost: list[tuple[str, Name, int]]) -> Iterator[Found]:
        pending = [(self.layout.root, "", 0)]
        folders: set[int] = set()
        while pending:
            number, path, parent = pending.pop()
            inode = self._inode(number)
            if inode is None:
                continue
            seen.add(number)
            yield from self._streams(inode, path or "/", parent)
            if inode.kind != "directory" or number in folders:
                continue
            folders.add(number)
            names = list(self._names(inode))
            lost += [(path, name, number) for name in names if name.freed]
            live = sorted({(name.text, name.inode) for name in names if not name.freed}, reverse=True)
            pending += [(child, f"{path}/{text}", number) for text, child in live]

    def _inode(self, number: int, *, quiet: bool = False) -> Inode | None:
        try:
            return parse_inode(self.data.read(self.layout.inode_place(number), self.layout.inode), number)
        except UnreadableError as error:
            if not quiet:
                self.losses.add(f"an inode cannot be read ({_kind_of(error)})", severity=Severity.LOSS)
            return None

    def _streams(self, inode: Inode, path: str, parent: int, origin: str = Origin.ALLOCATED) -> Iterator[Found]:
        common = {"path": path, "times": inode.times, "meta": inode.number, "parent": parent, "origin": origin}
        hidden = inode.number in self.layout.hidden
        try:
            kind = "metadata" if hidden else inode.kind
            stream = Stream(0) if kind == "other" else self._stream(inode, "")
            yield Found(**common, kind=kind, stream=stream)  # type: ignore[arg-type]
            for name, what in ((MAP, "metadata"), (ATTRIBUTES, "file")):
                extra = self._stream(inode, name)
                if extra.runs:
                    yield Found(**common, kind=what, name=name, stream=extra)  # type: ignore[arg-type]
        except UnreadableError as error:
            place = (self.layout.inode_place(inode.number), self.layout.inode)
            self.losses.add(f"a file's extents cannot be read ({_kind_of(error)})", place, severity=Severity.LOSS)
            yield Found(**common, kind=inode.kind, name="$Unread", stream=Stream(0))  # type: ignore[arg-type]

    def _stream(self, inode: Inode, name: str) -> Stream:
        """Return a stream of an inode: its data, the blocks of its extent tree, its attributes where they have any."""
        data, layout, block = self.data, self.layout, self.layout.block
        if name == MAP:
            extents, blocks = extents_of(data, layout, inode.data)
            runs = [(layout.place(n), block) for n in blocks]
            if inode.kind == "link":  # its target is given as it reads, not by its blocks
                runs += [(layout.place(start), count * block) for _, start, count, _ in extents]
            return Stream(sum(length for _, length in runs), tuple(runs))
        if name == ATTRIBUTES:
            if inode.attributes is None or inode.attributes.format not in {2, 3}:
                return Stream(0)
            extents, blocks = extents_of(data, layout, inode.attributes)
            runs = [(layout.place(start), count * block) for _, start, count, _ in extents]
            runs += [(layout.place(n), block) for n in blocks]
            return Stream(sum(length for _, length in runs), tuple(runs))
        return stream_of_fork(data, layout, inode, inode.data, inode.size)

    def _names(self, inode: Inode) -> Iterator[Name]:
        """Yield a directory's names; a damaged block costs what follows in it."""
        try:
            stream = stream_of_fork(self.data, self.layout, inode, inode.data, inode.size)
            if stream.inside is not None:
                yield from short_names(stream.inside, self.layout)
                return
            for start in self._folder_blocks(stream):
                yield from self._block(start)
        except UnreadableError as error:
            self.losses.add(f"a directory cannot be read ({_kind_of(error)})", severity=Severity.LOSS)

    def _folder_blocks(self, stream: Stream) -> Iterator[list[tuple[int, int]]]:
        """Yield the pieces of every directory block that holds names."""
        size, block, at = self.layout.folder_block, self.layout.block, 0
        held: list[tuple[int, int]] = []
        for start, length in stream.runs:
            for inside in range(0, length if start >= 0 else 0, block):
                if at + inside >= min(LEAF_SPACE, _MAX_FOLDER, stream.size):
                    return
                held.append((start + inside, block))
                if len(held) * block == size:
                    yield held
                    held = []
            at += length

    def _block(self, pieces: list[tuple[int, int]]) -> Iterator[Name]:
        try:
            yield from block_names(b"".join(self.data.read(*piece) for piece in pieces), self.layout)
        except UnreadableError as error:
            self.losses.add(f"a directory block is lost ({_kind_of(error)})", pieces[0], severity=Severity.LOSS)

    def _rest(self, chunk: Chunk, seen: set[int], names: dict[int, tuple[str, Name, int]]) -> Iterator[Found]:
        """Yield the inodes of a chunk that no live name leads to."""
        size = self.layout.inode
        try:
            raw = self.data.read(self.layout.inode_place(chunk.first), _PER_CHUNK * size)
        except UnreadableError:
            self.losses.add("inodes cannot be read", severity=Severity.LOSS)
            return
        for index in range(_PER_CHUNK):
            number, record = chunk.first + index, raw[index * size : (index + 1) * size]
            if chunk.holes >> index & 1 or number in seen or record[:2] != b"IN":
                continue
            if chunk.free >> index & 1:
                yield from self._freed(number, record, names)
            else:
                yield from self._nameless(number)

    def _nameless(self, number: int) -> Iterator[Found]:
        """Yield an inode in use without a name: one of the file system's own, or unlinked while still open."""
        inode = self._inode(number)
        if inode is not None and inode.mode:
            origin = Origin.ALLOCATED if number in self.layout.hidden else Origin.ORPHAN
            yield from self._streams(inode, f"{_ORPHANS}/inode-{number}", -1, origin)

    def _freed(self, number: int, record: bytes, names: dict[int, tuple[str, Name, int]]) -> Iterator[Found]:
        try:
            inode = parse_inode(record, number)
        except ParseError:
            return
        stream = freed_stream(self.layout, record)
        if stream is None:
            return
        path, name, parent = names.pop(number & 0xFFFFFFFF, (_ORPHANS, Name(f"inode-{number}", number), -1))
        origin = Origin.ORPHAN if parent < 0 else Origin.DELETED
        yield Found(
            path=f"{path}/{name.text}", stream=stream, times=inode.times, meta=number, parent=parent, origin=origin,
            flags="size-by-blocks",
        )  # fmt: skip

    def stream_of(self, entry: FileEntry) -> Stream:
        """Return an entry's bytes by its inode."""
        raw = self.data.read(self.layout.inode_place(entry.meta), self.layout.inode)
        inode = parse_inode(raw, entry.meta)
        if not inode.mode:
            return freed_stream(self.layout, raw) or Stream(0)
        return self._stream(inode, entry.stream)


def _kind_of(error: UnreadableError) -> str:
    return str(error) if isinstance(error, ParseError) else "unreadable"
