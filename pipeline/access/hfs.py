"""Akashi's own reader of HFS+ and HFSX: both forks, attributes, hard links, leftovers of deleted records."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import pyfshfs  # type: ignore[import-untyped,import-not-found,unused-ignore]

from pipeline.access.allocation import Blocks
from pipeline.access.fat_losses import Losses
from pipeline.access.found import FREE, META, Found, OwnFileSystem, Part, Stream, free_of, read_stream, used_of
from pipeline.access.hfs_catalog import Item, attributes_of, hfs_time, leftovers, packed_size, parse_item, paths_of
from pipeline.access.hfs_tree import (
    ALLOCATION,
    ATTRIBUTES,
    BAD_BLOCKS,
    CATALOG,
    EXTENTS,
    STARTUP,
    Fork,
    Overflow,
    Tree,
    read_header,
)
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.layers import FileLike
from pipeline.access.udf_volume import read_block
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Certainty, FileEntry, Origin, Severity, Volume

__all__ = ["HfsFileSystem", "open_hfs"]

_ROOT: Final = 2
_NAMES: Final = {
    ALLOCATION: "$AllocationFile", EXTENTS: "$ExtentsFile", CATALOG: "$CatalogFile", ATTRIBUTES: "$AttributesFile",
    STARTUP: "$StartupFile", BAD_BLOCKS: "$BadBlockFile",
}  # fmt: skip
_RESOURCES: Final = "rsrc"
_PACKED: Final = "com.apple.decmpfs"
_MAX_JOURNAL: Final = 1 << 30
_MAX_DEPTH: Final = 10_000
_STEP: Final = 4 << 20
_FAILURES: Final = (OSError, ValueError, OverflowError, MemoryError)
_PRIVATE: Final = ("^^^^HFS+ Private Data", ".HFS+ Private Directory Data\r")


def open_hfs(data: Readable, volume: Volume, options: FileSystemOptions) -> HfsFileSystem:
    """Return the reader of an HFS+ volume; ParseError where its header or its catalogue is none."""
    del options
    return HfsFileSystem(data, volume)


class HfsFileSystem(OwnFileSystem):
    """One HFS+ or HFSX volume; ``meta`` of its entries is the catalogue node id."""

    code = "hfs-damage"

    def __init__(self, data: Readable, volume: Volume) -> None:
        super().__init__(data, volume)
        self.header = read_header(data)
        self._opening = opening = Losses()
        self._overflow = Overflow(data, self.header, opening)
        self._catalogue = Tree(data, self._overflow.stream(CATALOG, self.header.forks[CATALOG]), opening, "catalogue")
        self._items: dict[int, list[Item]] | None = None
        self._attributes: dict[int, dict[str, Stream]] = {}
        self._library: Any = None

    def describe(self) -> dict[str, str | int]:
        """Return the root's name as the label, serial and block size."""
        self._load()
        label = next((item.name for item in (self._items or {}).get(1, []) if item.number == _ROOT), "")
        return {"label": label, "serial": self.header.serial, "block_size": self.header.block}

    # -- trees ---------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        """Read catalogue and attributes once; what is wrong with them stays in ``_opening``."""
        if self._items is not None:
            return
        children: dict[int, list[Item]] = defaultdict(list)
        for _, key, raw in self._catalogue.leaves():
            item = parse_item(key, raw)
            if item is not None:
                children[item.parent].append(item)
        self._items = dict(children)
        fork = self.header.forks[ATTRIBUTES]
        if fork.size:
            try:
                stream = self._overflow.stream(ATTRIBUTES, fork)
                tree = Tree(self.data, stream, self._opening, "attributes")
                self._attributes = attributes_of(tree, self.header.block)
            except UnreadableError as error:
                self._opening.add(f"the attributes file cannot be read ({error})", severity=Severity.LOSS)

    # -- names ---------------------------------------------------------------------------------------------------

    def found(self) -> Iterator[Found]:
        """Yield live names by a walk, then items without a folder, then what unused bytes describe."""
        self._load()
        self.losses.merge(self._opening)
        items = self._items or {}
        seen: set[int] = set()
        nodes = self._private(items)
        for item in items.get(1, []):
            if item.number == _ROOT:
                yield from self._rows(item, "/", nodes)
        for kind, name in _NAMES.items():
            stream = self._special(kind)
            if stream.runs or kind == BAD_BLOCKS:
                when = {"modified": hfs_time(self.header.modified)}
                yield Found(path=f"/{name}", kind="metadata", stream=stream, times=when, meta=kind, parent=_ROOT)
        yield from self._walk(items, [("", _ROOT)], seen, nodes, Origin.ALLOCATED)
        for parent in sorted(set(items) - seen - {1}):
            if parent not in seen:
                yield from self._walk(items, [(f"/$OrphanFiles/folder-{parent}", parent)], seen, nodes, Origin.ORPHAN)
        yield from self._gone(items)

    def _walk(
        self, items: dict[int, list[Item]], pending: list[tuple[str, int]], seen: set[int], nodes: dict[int, Item],
        origin: Origin,
    ) -> Iterator[Found]:  # fmt: skip
        while pending:
            path, number = pending.pop()
            if number in seen or path.count("/") > _MAX_DEPTH:
                self.losses.add("a folder is reached twice")
                continue
            seen.add(number)
            for item in items.get(number, []):
                where = f"{path}/{item.name}"
                yield from self._rows(item, where, nodes, origin)
                if item.kind == "directory":
                    pending.append((where, item.number))

    def _private(self, items: dict[int, list[Item]]) -> dict[int, Item]:
        """Return the nodes that hard links lead to, by number (TN1150, "Hard Links": ``iNode`` and the number)."""
        nodes: dict[int, Item] = {}
        for folder in items.get(_ROOT, []):
            if folder.name in _PRIVATE:
                for item in items.get(folder.number, []):
                    prefix = "iNode" if folder.name == _PRIVATE[0] else "dir_"
                    if item.name.startswith(prefix) and item.name[len(prefix) :].isdigit():
                        nodes[int(item.name[len(prefix) :])] = item
        return nodes

    def _rows(self, item: Item, path: str, nodes: dict[int, Item], origin: str = Origin.ALLOCATED) -> Iterator[Found]:
        target = nodes.get(item.link, item) if item.link else item
        if item.link and target is item:
            self.losses.add("a hard link leads nowhere", severity=Severity.LOSS)
        kind = "link" if item.folder_link else target.kind
        common = {"path": path, "times": target.times, "meta": target.number, "parent": item.parent, "origin": origin}
        packed = target.packed and self._packed_size(target) is not None
        yield Found(**common, kind=kind, stream=self._main(target), packed=packed, flags="compressed" if packed else "")  # type: ignore[arg-type]
        resources = self._fork(target, 1)
        if resources.size:
            yield Found(**common, name=_RESOURCES, stream=resources)  # type: ignore[arg-type]
        for name, stream in sorted(self._attributes.get(target.number, {}).items()):
            if not (packed and name == _PACKED):
                yield Found(**common, name=name, stream=stream)  # type: ignore[arg-type]

    def _packed_size(self, item: Item) -> int | None:
        stream = self._attributes.get(item.number, {}).get(_PACKED)
        try:
            return packed_size(read_stream(self.data, stream, 0, 16)) if stream is not None else None
        except UnreadableError:
            return None

    def _main(self, item: Item) -> Stream:
        size = self._packed_size(item) if item.packed else None
        return self._fork(item, 0) if size is None else Stream(size)

    def _fork(self, item: Item, index: int) -> Stream:
        """Return the data fork (0) or the resource fork (1); what is damaged is counted and empty."""
        if item.forks is None:
            return Stream(0)
        try:
            return self._overflow.stream(item.number, item.forks[index], 0xFF if index else 0)
        except ParseError as error:
            self.losses.add(str(error), severity=Severity.LOSS)
            return Stream(0)

    def _gone(self, items: dict[int, list[Item]]) -> Iterator[Found]:
        """Yield files that only unused bytes of the catalogue, or the journal, still describe."""
        live = {item.number for children in items.values() for item in children}
        paths = paths_of(items, _ROOT)
        done: set[tuple[int, str]] = set()
        sources = [(raw, "") for raw in self._catalogue.unused()]
        for raw, flag in [*sources, *((raw, "journal") for raw in self._journal())]:
            for item in leftovers(raw, self.header.blocks, self.header.block):
                if item.number in live or (item.number, item.name) in done:
                    continue
                done.add((item.number, item.name))
                yield self._leftover(item, paths, flag)

    def _leftover(self, item: Item, paths: dict[int, str], flag: str) -> Found:
        extents = item.forks[0].extents if item.forks else ()
        block, size = self.header.block, item.forks[0].size if item.forks else 0
        runs = tuple((start * block, count * block) for start, count in extents)
        held = sum(length for _, length in runs)
        known = item.parent in paths
        return Found(
            path=f"{paths.get(item.parent, '/$OrphanFiles')}/{item.name}", kind=item.kind, stream=Stream(size, runs),
            times=item.times, meta=item.number, parent=item.parent, origin=Origin.DELETED if known else Origin.ORPHAN,
            certainty=Certainty.PARTLY_OVERWRITTEN if held < size else None, flags=flag,
        )  # fmt: skip

    # -- space ---------------------------------------------------------------------------------------------------

    def _special(self, kind: int) -> Stream:
        """Return one of the special files; of the bad blocks the overflow file alone tells."""
        try:
            return self._overflow.stream(kind, self.header.forks.get(kind, Fork(0, 1 << 32, ())))
        except UnreadableError as error:
            self.losses.add(f"{_NAMES[kind]} is damaged ({error})", severity=Severity.LOSS)
            return Stream(0)

    def _journal_at(self) -> tuple[int, int]:
        """Return where the journal lies (TN1150, "Journal Info Block"), no length where there is none."""
        if not self.header.journal:
            return 0, 0
        raw = read_block(self.data, self.header.journal * self.header.block, 52)
        if len(raw) < 52 or not int.from_bytes(raw[:4], "big") & 1:
            return 0, 0
        start, length = struct.unpack_from(">QQ", raw, 36)
        return (start, length) if start + length <= self.data.size else (0, 0)

    def _journal(self) -> Iterator[bytes]:
        start, length = self._journal_at()
        for at in range(start, start + min(length, _MAX_JOURNAL), _STEP):
            yield read_block(self.data, at, min(_STEP + 1024, start + length - at))

    def _free(self) -> list[tuple[int, int]]:
        fork = self.header.forks[ALLOCATION]
        try:
            raw = read_stream(self.data, self._overflow.stream(ALLOCATION, fork), 0, -(-self.header.blocks // 8))
        except UnreadableError as error:
            self.losses.add(f"the allocation file cannot be read ({error}); all space counts as allocated")
            return []
        return free_of(raw, self.header.blocks, self.header.block, order="big")

    def allocated(self) -> Blocks:
        """Return allocated space by the allocation file."""
        return used_of(self._free(), self.header.blocks * self.header.block)

    def parts(self) -> Iterator[Part]:
        """Yield boot area, headers, special files, journal, and free space by the allocation file."""
        block, size = self.header.block, self.header.blocks * self.header.block
        yield 0, 1024, META, "boot"
        yield 1024, max(512, block - 1024), META, "volume header"
        yield (size - 1024) // block * block, max(1024, block), META, "spare volume header"
        for kind, name in _NAMES.items():
            for start, length in self._special(kind).runs:
                yield start, length, META, name
        if self.header.journal:
            yield self.header.journal * block, block, META, "journal info block"
            yield *self._journal_at(), META, "journal"
        for start, length in self._free():
            yield start, length, FREE, "free"
        yield size, self.data.size - size, FREE, "tail"

    # -- bytes ---------------------------------------------------------------------------------------------------

    def stream_of(self, entry: FileEntry) -> Stream:
        """Return an entry's bytes by its number."""
        if entry.origin != Origin.ALLOCATED and entry.runs:
            return Stream(entry.size, tuple((run.start - (self.base or 0), run.length) for run in entry.runs))
        if entry.kind == "metadata" and entry.meta in _NAMES:
            return self._special(entry.meta)
        self._load()
        if entry.stream not in {"", _RESOURCES}:
            stream = self._attributes.get(entry.meta, {}).get(entry.stream)
            if stream is None:
                raise ParseError("the attribute is gone")
            return stream
        for children in (self._items or {}).values():
            for item in children:
                if item.number == entry.meta and not item.link:
                    return self._fork(item, 1 if entry.stream else 0)
        raise ParseError("its catalogue record is gone")

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry; a compressed one's by libfshfs.

        Raises:
            UnreadableError: they cannot be read.
        """
        if entry.stream or "compressed" not in entry.flags.split(","):
            return super().read(entry, start, length)
        try:
            if self._library is None:
                self._library = pyfshfs.volume()
                self._library.open_file_object(FileLike(self.data))
            handle = self._library.get_file_entry_by_identifier(entry.meta)
            handle.seek(start)
            raw: bytes = handle.read(min(length, max(entry.size - start, 0)))
        except _FAILURES as error:
            raise UnreadableError(f"{entry.address}: its compressed bytes cannot be read ({error})") from error
        return raw
