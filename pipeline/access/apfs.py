"""Akashi's own reader of APFS volumes and snapshots, over the bytes of their container.

Source: *Apple File System Reference* ("File-System Objects", "Data Streams", "Extended Fields"; ``j_inode_val_t``,
``j_drec_hashed_key_t``, ``j_file_extent_val_t``, ``j_xattr_val_t``).
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pyfsapfs  # type: ignore[import-untyped,import-not-found,unused-ignore]

from pipeline.access.apfs_container import Container, VolumeFacts, open_container
from pipeline.access.apfs_tree import ObjectMap, leaf_records
from pipeline.access.found import META, Found, OwnFileSystem, Part, Stream, moment, read_stream
from pipeline.access.hfs_catalog import packed_size
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.layers import FileLike
from pipeline.address import steps_of
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import FileEntry, Origin, Severity, Volume

__all__ = ["ApfsFileSystem", "open_apfs"]

_ROOT: Final = 2
_INODE, _XATTR, _EXTENT, _NAME = 3, 4, 8, 9
_ID: Final = (1 << 60) - 1
_DSTREAM: Final = 8  # extended field of an inode
_LINK: Final = "com.apple.fs.symlink"
_PACKED: Final = "com.apple.decmpfs"
_COMPRESSED: Final = 0x20  # BSD flag UF_COMPRESSED
_KINDS: Final = {0x4000: "directory", 0x8000: "file", 0xA000: "link"}
_FAILURES: Final = (OSError, ValueError, OverflowError, MemoryError)
_MAX_LINK: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class _Inode:
    parent: int
    stream: int
    mode: int
    size: int
    packed: bool
    times: tuple[int, int, int, int]

    @property
    def kind(self) -> str:
        return _KINDS.get(self.mode & 0xF000, "other")


@dataclass(slots=True)
class _Records:
    """A file-system tree's records, by object."""

    inodes: dict[int, _Inode] = field(default_factory=dict)
    names: dict[int, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    extents: dict[int, list[tuple[int, int, int]]] = field(default_factory=lambda: defaultdict(list))
    attributes: dict[int, list[tuple[str, int, int, bytes]]] = field(default_factory=lambda: defaultdict(list))


def open_apfs(data: Readable, volume: Volume, options: FileSystemOptions) -> ApfsFileSystem:
    """Return the reader of a volume or a snapshot; ``data`` are the container's bytes.

    Raises:
        ParseError: the container, or the volume in it, cannot be read.
    """
    del options
    return ApfsFileSystem(data, volume)


class ApfsFileSystem(OwnFileSystem):
    """One APFS volume, or a snapshot of one; ``meta`` of its entries is the inode's number."""

    code = "apfs-damage"

    def __init__(self, data: Readable, volume: Volume) -> None:
        super().__init__(data, volume)
        self._container: Container = open_container(data)
        steps = [(kind, value) for kind, value in steps_of(volume.address) if kind in {"volume", "snapshot"}]
        self._number = int(steps[0][1]) if steps and steps[0][1].isdigit() else 0
        live = dict(self._container.volumes())
        if self._number not in live:
            raise ParseError(f"the container has no volume {self._number}")
        self._facts: VolumeFacts = live[self._number]
        self.comparable = steps[-1][0] == "volume"  # libfsapfs lists no snapshots
        self._omap = ObjectMap(self._container.blocks, self._facts.omap, self.losses, "volume")
        if not self.comparable:
            self._facts = self._of_snapshot(steps[-1][1])
        self._loaded: _Records | None = None
        self._library: Any = None

    def _of_snapshot(self, number: str) -> VolumeFacts:
        """Return the volume as of a snapshot: its own super block, the live volume's object map."""
        snapshots = self._container.snapshots(self._facts)
        if not number.isdigit() or not 0 < int(number) <= len(snapshots):
            raise ParseError(f"the volume has no snapshot {number}")
        snapshot = snapshots[int(number) - 1]
        return self._container.volume_at(snapshot.block, snapshot.xid)

    def describe(self) -> dict[str, str | int]:
        """Return label, serial and block size."""
        facts = self._facts
        return {"label": facts.name, "serial": facts.uuid, "block_size": self._container.blocks.size}

    # -- records -------------------------------------------------------------------------------------------------

    def _records(self) -> _Records:
        if self._loaded is None:
            self._loaded = _Records()
            facts = self._facts
            resolve = None if facts.physical_root else self._at
            try:
                root = facts.root if resolve is None else resolve(facts.root)
                self._load(root, resolve, self._loaded)
            except UnreadableError as error:
                self.losses.add(f"the file-system tree cannot be read ({error})", severity=Severity.LOSS)
        return self._loaded

    def _load(self, root: int, resolve: Callable[[int], int] | None, into: _Records) -> None:
        for key, value in leaf_records(self._container.blocks, root, resolve, self.losses, "file-system tree"):
            if len(key) >= 8:
                self._take(key, value, into)

    def _at(self, oid: int) -> int:
        return self._omap.place(oid, self._facts.xid)

    def _take(self, key: bytes, value: bytes, into: _Records) -> None:
        (packed,) = struct.unpack_from("<Q", key)
        kind, number = packed >> 60, packed & _ID
        try:
            if kind == _INODE:
                into.inodes[number] = _inode(value)
            elif kind == _NAME:
                raw = key[12:] if self._facts.hashed_names else key[10:]
                text = raw.rstrip(b"\0").decode("utf-8", "backslashreplace").replace("/", "\u2215")
                into.names[number].append((text, struct.unpack_from("<Q", value)[0]))
            elif kind == _EXTENT:
                (first,), (length, block) = struct.unpack_from("<Q", key, 8), struct.unpack_from("<QQ", value)
                into.extents[number].append((first, length & ((1 << 56) - 1), block))
            elif kind == _XATTR:
                flags, length = struct.unpack_from("<HH", value)
                name = key[10:].rstrip(b"\0").decode("utf-8", "backslashreplace")
                into.attributes[number].append((name, flags, length, value[4 : 4 + length]))
        except struct.error:
            self.losses.add("a record of the file-system tree is cut off", severity=Severity.LOSS)

    def _stream(self, number: int, size: int) -> Stream:
        """Return a data stream's bytes by its extents; a hole where none lies."""
        runs: list[tuple[int, int]] = []
        end, block = 0, self._container.blocks.size
        limit = self._container.count
        for first, length, place in sorted(self._records().extents.get(number, [])):
            if first < end or not length:
                raise ParseError("a stream's extents overlap")
            if place and place + -(-length // block) > limit:
                raise ParseError("a stream's extent lies outside the container")
            if first > end:
                runs.append((-1, first - end))
            runs.append((place * block if place else -1, length))
            end = first + length
        if end < size:
            runs.append((-1, size - end))
        return Stream(size, tuple(runs))

    def _attribute(self, flags: int, raw: bytes) -> Stream:
        if not flags & 1:
            return Stream(len(raw), (), raw)
        number, size = struct.unpack_from("<QQ", raw)
        return self._stream(number, size)

    # -- names ---------------------------------------------------------------------------------------------------

    def found(self) -> Iterator[Found]:
        """Yield names by a walk from the root, then inodes that no name leads to."""
        self._loaded = None
        records = self._records()
        self.losses.merge(self._container.losses)
        seen: set[int] = set()
        pending = [("", _ROOT, 1)]
        while pending:
            path, number, parent = pending.pop()
            inode = records.inodes.get(number)
            if inode is None:
                self.losses.add("a name leads to no inode", severity=Severity.LOSS)
                yield Found(path=path or "/", stream=Stream(0), meta=number, parent=parent)
                continue
            yield from self._rows(inode, number, path or "/", parent, Origin.ALLOCATED)
            if number not in seen and inode.kind == "directory":
                children = sorted(records.names.get(number, []), reverse=True)
                pending += [(f"{path}/{name}", child, number) for name, child in children]
            seen.add(number)
        for number in sorted(set(records.inodes) - seen):
            inode = records.inodes[number]
            if inode.kind != "directory":
                yield from self._rows(inode, number, f"/$OrphanFiles/inode-{number}", inode.parent, Origin.ORPHAN)

    def _rows(self, inode: _Inode, number: int, path: str, parent: int, origin: str) -> Iterator[Found]:
        created, modified, changed, accessed = (moment(*divmod(value, 1_000_000_000)) for value in inode.times)
        times = {"created": created, "modified": modified, "changed": changed, "accessed": accessed}
        common: dict[str, Any] = {"path": path, "times": times, "meta": number, "parent": parent, "origin": origin}
        streams = {name: self._named(number, name) for name, *_ in self._records().attributes.get(number, [])}
        size = self._packed_size(inode, streams)
        main = self._main(inode, number) if size is None else Stream(size)
        flags = "" if size is None else "compressed"
        yield Found(**common, kind=inode.kind, stream=main, packed=size is not None, flags=flags)
        for name, stream in sorted(streams.items()):
            if name != _LINK and not (size is not None and name == _PACKED):
                yield Found(**common, name=name, stream=stream)

    def _packed_size(self, inode: _Inode, streams: dict[str, Stream]) -> int | None:
        if not inode.packed or _PACKED not in streams:
            return None
        try:
            return packed_size(read_stream(self.data, streams[_PACKED], 0, 16))
        except UnreadableError:
            return None

    def _main(self, inode: _Inode, number: int) -> Stream:
        try:
            if inode.kind == "link":
                target = self._named(number, _LINK)
                raw = read_stream(self.data, target, 0, min(target.size, _MAX_LINK)).rstrip(b"\0")
                return Stream(len(raw), (), raw)
            return self._stream(inode.stream, inode.size) if inode.kind == "file" else Stream(0)
        except UnreadableError as error:
            self.losses.add(f"a file's extents cannot be read ({error})", severity=Severity.LOSS)
            return Stream(0)

    def _named(self, number: int, name: str) -> Stream:
        for mine, flags, _, raw in self._records().attributes.get(number, []):
            if mine == name:
                try:
                    return self._attribute(flags, raw)
                except (struct.error, ParseError) as error:
                    self.losses.add(f"an attribute cannot be read ({error})", severity=Severity.LOSS)
        return Stream(0)

    # -- space and bytes -----------------------------------------------------------------------------------------

    def parts(self) -> Iterator[Part]:
        """Yield the volume's own super block, maps and trees; free space is the container's to tell."""
        self._loaded = None
        self._records()
        size = self._container.blocks.size
        for number, name in sorted(self._container.blocks.seen.items()):
            yield number * size, size, META, name

    def stream_of(self, entry: FileEntry) -> Stream:
        """Return an entry's bytes by its inode."""
        inode = self._records().inodes.get(entry.meta)
        if inode is None:
            raise ParseError("its inode is gone")
        return self._named(entry.meta, entry.stream) if entry.stream else self._main(inode, entry.meta)

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry; a compressed one's by libfsapfs, which knows live volumes only.

        Raises:
            UnreadableError: they cannot be read.
        """
        if entry.stream or "compressed" not in entry.flags.split(","):
            return super().read(entry, start, length)
        if not self.comparable:
            raise UnreadableError(f"{entry.address}: compressed files of snapshots are not unpacked")
        try:
            if self._library is None:
                container = pyfsapfs.container()
                container.open_file_object(FileLike(self.data))
                self._library = container, container.get_volume(self._number - 1)
            handle = self._library[1].get_file_entry_by_identifier(entry.meta)
            handle.seek(start)
            raw: bytes = handle.read(min(length, max(entry.size - start, 0)))
        except _FAILURES as error:
            raise UnreadableError(f"{entry.address}: its compressed bytes cannot be read ({error})") from error
        return raw


def _inode(value: bytes) -> _Inode:
    """Return an inode; struct.error where it is cut off."""
    parent, stream, *times = struct.unpack_from("<QQqqqq", value)
    (bsd,), (mode,) = struct.unpack_from("<I", value, 68), struct.unpack_from("<H", value, 80)
    size = 0
    if len(value) > 96:
        (count,) = struct.unpack_from("<H", value, 92)
        at = 96 + 4 * count
        for index in range(min(count, 64)):
            kind, _, length = struct.unpack_from("<BBH", value, 96 + 4 * index)
            if kind == _DSTREAM and length >= 8:
                (size,) = struct.unpack_from("<Q", value, at)
            at += -(-length // 8) * 8
    return _Inode(parent, stream, mode, min(size, 1 << 62), bool(bsd & _COMPRESSED), tuple(times))
