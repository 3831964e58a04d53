"""Akashi's own reader of UDF 1.02 to 2.60: discs and sticks, write-once media by their table, metadata partitions."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from pipeline.access.allocation import Blocks
from pipeline.access.found import FREE, META, Found, OwnFileSystem, Part, Stream, gaps, read_stream, used_of
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.udf_file import (
    FILE_SET,
    FileRecord,
    Identifier,
    extents,
    identifiers,
    parse_record,
)
from pipeline.access.udf_maps import load_maps
from pipeline.access.udf_space import entry_heads, free_runs, has_bitmap
from pipeline.access.udf_volume import Partition, find_descriptors, tag_of
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import FileEntry, Origin, Severity, Volume

__all__ = ["UdfFileSystem", "open_udf"]

_MAX_FOLDER: Final = 1 << 28
_MAX_ORPHANS: Final = 100_000
_STREAMS: Final = "$Streams"


def open_udf(data: Readable, volume: Volume, options: FileSystemOptions) -> UdfFileSystem:
    """Return the reader of a UDF volume; ParseError where no anchor leads to one."""
    return UdfFileSystem(data, volume, options)


class UdfFileSystem(OwnFileSystem):
    """One UDF volume; ``meta`` of its entries is the partition reference in the upper 32 bits, the block below."""

    code = "udf-damage"

    def __init__(self, data: Readable, volume: Volume, options: FileSystemOptions) -> None:
        super().__init__(data, volume)
        self._zone = options.timezone
        self._facts = find_descriptors(data)
        self.block = self._facts.block
        self._parts: list[Partition] = load_maps(data, self._facts, options.timezone)
        self._root = self._file_set()

    def describe(self) -> dict[str, str | int]:
        """Return label, serial and block size."""
        return {"label": self._facts.label, "serial": self._facts.serial, "block_size": self.block}

    # -- reading -------------------------------------------------------------------------------------------------

    def _load(self, reference: int, block: int) -> bytes:
        return self.data.read(self._at(reference, block), self.block)

    def _at(self, reference: int, block: int) -> int:
        if reference >= len(self._parts):
            raise ParseError(f"no partition {reference}")
        return self._parts[reference].place(block)

    def _file_set(self) -> tuple[int, int]:
        """Return the root's file entry, by the last file set descriptor (ECMA-167 4/14.1)."""
        block, reference = struct.unpack_from("<IH", self._facts.root, 4)
        raw = self._load(reference, block)
        if tag_of(raw, block) != FILE_SET:
            raise ParseError("the file set descriptor is damaged")
        self._sets = [(reference, block)]
        root, where = struct.unpack_from("<IH", raw, 404)
        return where, root

    def _record(self, reference: int, block: int) -> FileRecord:
        return parse_record(self._load(reference, block), reference, block, self._zone)

    def _stream(self, record: FileRecord) -> tuple[Stream, list[tuple[int, int]]]:
        """Return a file's bytes, and where further descriptors of its extents lie."""
        if record.form == 3:
            return Stream(min(record.size, len(record.descriptors)), (), record.descriptors[: record.size]), []
        runs: list[tuple[int, int]] = []
        blocks: list[tuple[int, int]] = []
        for (kind, reference, block, length), further in extents(record, self._load):
            if further:
                blocks.append((self._at(reference, block), min(length, self.block)))
            elif kind == 0:
                if reference >= len(self._parts):
                    raise ParseError(f"no partition {reference}")
                runs += self._parts[reference].run(block, -(-length // self.block) * self.block)
            else:
                runs.append((-1, length))
        return Stream(record.size, _joined(runs)), blocks

    def stream_of(self, entry: FileEntry) -> Stream:
        """Return an entry's bytes by its file entry."""
        return self._stream(self._record(entry.meta >> 32, entry.meta & 0xFFFFFFFF))[0]

    # -- names ---------------------------------------------------------------------------------------------------

    def found(self) -> Iterator[Found]:
        """Yield live names by a walk, then names whose deleted bit is set, then file entries in free space."""
        seen: set[tuple[int, int]] = set()
        gone: list[tuple[str, Identifier, int]] = []
        pending = [("", self._root, -1, "")]
        while pending:
            path, key, parent, stream = pending.pop()
            record = self._known(key)
            if record is None:
                continue
            first = key not in seen
            seen.add(key)
            yield from self._rows(record, path or "/", key, parent, stream)
            if record.kind != "directory" or not first:
                yield from self._named_streams(record, path, key, seen)
                continue
            names = list(self._names(record))
            gone += [(path, name, _meta(key)) for name in names if name.deleted]
            live = [name for name in names if not name.deleted and not name.parent]
            live.sort(key=lambda name: (name.name, name.block), reverse=True)
            pending += [(f"{path}/{name.name}", (name.reference, name.block), _meta(key), "") for name in live]
        yield from self._deleted(gone, seen)
        yield from self._orphans(seen)

    def _known(self, key: tuple[int, int]) -> FileRecord | None:
        try:
            return self._record(*key)
        except UnreadableError as error:
            self.losses.add(f"a file entry cannot be read ({_why(error)})", severity=Severity.LOSS)
            return None

    def _rows(self, record: FileRecord, path: str, key: tuple[int, int], parent: int, stream: str) -> Iterator[Found]:
        try:
            content, _ = self._stream(record)
        except UnreadableError as error:
            self.losses.add(f"a file's extents cannot be read ({_why(error)})", severity=Severity.LOSS)
            content = Stream(0)
        yield Found(
            path=path, name=stream, kind=record.kind, stream=content, times=record.times, meta=_meta(key),
            parent=parent,
        )  # fmt: skip

    def _named_streams(
        self, record: FileRecord, path: str, key: tuple[int, int], seen: set[tuple[int, int]]
    ) -> Iterator[Found]:
        """Yield a file's named streams (UDF 3.3.5): their directory belongs to no path."""
        if not record.streams.strip(b"\0"):
            return
        block, reference = struct.unpack_from("<IH", record.streams, 4)
        folder = self._known((reference, block))
        if folder is None or (reference, block) in seen:
            return
        seen.add((reference, block))
        yield from self._rows(folder, path, (reference, block), _meta(key), _STREAMS)
        for name in self._names(folder):
            child = None if name.parent or name.deleted else self._known((name.reference, name.block))
            if child is not None:
                seen.add((name.reference, name.block))
                yield from self._rows(child, path, (name.reference, name.block), _meta(key), name.name)

    def _names(self, record: FileRecord) -> Iterator[Identifier]:
        try:
            content, _ = self._stream(record)
            if content.size > _MAX_FOLDER:
                raise ParseError("a directory of impossible size")
            raw = read_stream(self.data, content, 0, content.size)
        except UnreadableError as error:
            self.losses.add(f"a directory cannot be read ({_why(error)})", severity=Severity.LOSS)
            return
        for name in identifiers(raw):
            if name is None:
                self.losses.add("part of a directory is damaged", severity=Severity.LOSS)
            else:
                yield name

    def _deleted(self, gone: list[tuple[str, Identifier, int]], seen: set[tuple[int, int]]) -> Iterator[Found]:
        """Yield deleted names; what their file entry is used for now is not theirs."""
        for path, name, parent in gone:
            key = (name.reference, name.block)
            where = f"{path}/{name.name}"
            record = None
            if name.length and key not in seen:
                try:
                    record = self._record(*key)
                except UnreadableError:
                    record = None
            if record is None:
                yield Found(path=where, stream=Stream(0), meta=-1, parent=parent, origin=Origin.DELETED)
                continue
            seen.add(key)
            yield self._lost(record, where, key, parent, Origin.DELETED)

    def _lost(self, record: FileRecord, path: str, key: tuple[int, int], parent: int, origin: Origin) -> Found:
        try:
            content, _ = self._stream(record)
        except UnreadableError:
            content = Stream(0)
        return Found(
            path=path, kind=record.kind, stream=content, times=record.times, meta=_meta(key), parent=parent,
            origin=origin,
        )  # fmt: skip

    def _orphans(self, seen: set[tuple[int, int]]) -> Iterator[Found]:
        """Yield file entries in free blocks: a deleted name may not lead to its own any more."""
        count = 0
        for reference, part in enumerate(self._parts):
            if part.kind != "physical":
                continue
            for start, length in free_runs(self.data, part, self.losses):
                for number in entry_heads(self.data, part, start, length):
                    key = (reference, number)
                    record = None if key in seen or count >= _MAX_ORPHANS else self._quiet(key)
                    if record is not None:
                        count += 1
                        yield self._lost(record, f"/$OrphanFiles/entry-{number}", key, -1, Origin.ORPHAN)

    def _quiet(self, key: tuple[int, int]) -> FileRecord | None:
        try:
            return self._record(*key)
        except UnreadableError:
            return None

    # -- space ---------------------------------------------------------------------------------------------------

    def allocated(self) -> Blocks:
        """Return allocated space by the space bitmaps."""
        parts = [part for part in self._parts if part.kind == "physical"]
        return used_of((run for part in parts for run in free_runs(self.data, part, self.losses)), self.data.size)

    def parts(self) -> Iterator[Part]:
        """Yield structures, and free space: by the bitmap, else what of a partition no live file claims."""
        live: list[tuple[int, int]] = []
        structures = [*self._structures(), *self._entries_at(live)]
        yield from structures
        claims = live + [(start, length) for start, length, *_ in structures]
        for part in self._parts:
            if has_bitmap(part):
                for start, count in free_runs(self.data, part, self.losses):
                    yield start, count, FREE, "free"
            elif part.kind != "metadata" and not any(map(has_bitmap, self._parts)):
                first = part.start * self.block
                for start, count in gaps(claims, first, min(first + part.length * self.block, self.data.size)):
                    yield start, count, FREE, "in no tree"

    def _structures(self) -> Iterator[Part]:
        yield 0, 32768, META, "system area"
        yield 32768, 6 * 2048, META, "recognition sequence"
        for start, length, name in self._facts.seen:
            yield start, length, META, name
        yield *self._facts.integrity, META, "integrity sequence"
        for reference, block in self._sets:
            yield self._at(reference, block), self.block, META, "file set descriptor"
        for part in self._parts:
            if has_bitmap(part):
                length, block = struct.unpack_from("<II", part.space, 8)
                yield (part.start + block) * self.block, length & 0x3FFFFFFF, META, "space bitmap"
            for start, length in part.pieces:
                yield start, length, META, "metadata file"

    def _entries_at(self, live: list[tuple[int, int]]) -> Iterator[Part]:
        """Yield the file entries of everything live; ``live`` learns the files' own runs."""
        losses, self.losses = self.losses, type(self.losses)()
        done: set[int] = set()
        for item in self.found():
            if item.origin != Origin.ALLOCATED or item.meta in done:
                continue
            done.add(item.meta)
            live += item.stream.runs
            key = item.meta >> 32, item.meta & 0xFFFFFFFF
            yield self._at(*key), self.block, META, "file entry"
            try:
                for start, length in self._stream(self._record(*key))[1]:
                    yield start, length, META, "allocation descriptors"
            except UnreadableError:
                continue
        self.losses = losses


def _meta(key: tuple[int, int]) -> int:
    return key[0] << 32 | key[1]


def _why(error: UnreadableError) -> str:
    return str(error) if isinstance(error, ParseError) else "unreadable"


def _joined(pieces: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return pieces with those that follow each other joined."""
    runs: list[tuple[int, int]] = []
    for start, length in pieces:
        if runs and start >= 0 and runs[-1][0] >= 0 and sum(runs[-1]) == start:
            runs[-1] = (runs[-1][0], runs[-1][1] + length)
        else:
            runs.append((start, length))
    return tuple(runs)
