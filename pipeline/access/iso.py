"""Akashi's own reader of ISO 9660: Rock Ridge, Joliet, sessions, what earlier sessions still hold, a UDF bridge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from pipeline.access.found import FREE, META, Found, OwnFileSystem, Part, Stream, gaps
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.iso_layout import SECTOR, Session, Tree, decoder, find_sessions
from pipeline.access.iso_record import Record, both, records, short_time
from pipeline.access.udf import UdfFileSystem, open_udf
from pipeline.access.udf_volume import read_block
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Certainty, FileEntry, Origin, Severity, Volume

__all__ = ["IsoFileSystem", "open_iso"]

_MAX_FOLDER: Final = 1 << 26
_MAX_UNITS: Final = 1 << 20
"""Units of interleaved files that are kept: a record of a few bytes may ask for every other block of the disc."""
ZISOFS: Final = b"\x37\xe4\x53\x96\xc9\xdb\xd6\x07"
"""How a file begins that is stored packed (zisofs_format.txt of zisofs-tools); such content is unpacked when opened."""
_RANK: Final = {"rock-ridge": 0, "joliet": 1, "iso": 2}
_UDF_MARKS: Final = (b"NSR02", b"NSR03")
_UDF: Final = 1 << 62
"""Added to the metadata numbers of what only the UDF tree of a bridge lists."""


def open_iso(data: Readable, volume: Volume, options: FileSystemOptions) -> IsoFileSystem:
    """Return the reader of an ISO 9660 volume; ParseError where no descriptor leads to a root directory."""
    return IsoFileSystem(data, volume, options)


class IsoFileSystem(OwnFileSystem):
    """One ISO 9660 volume; ``meta`` of its entries is the volume byte of their first directory record."""

    code = "iso-damage"

    def __init__(self, data: Readable, volume: Volume, options: FileSystemOptions) -> None:
        super().__init__(data, volume)
        self._options = options
        self._sessions, self._heads = find_sessions(data, options.code_page)
        self._last = self._sessions[-1]
        self.comparable = len(self._sessions) == 1  # The Sleuth Kit lists the first session as if it were the last
        self._surveyed: tuple[dict[int, Stream], dict[int, int], list[tuple[int, int]]] | None = None
        self._folders: dict[int, int] = {}
        self._units: dict[int, bool] = {}
        self._room = _MAX_UNITS

    def describe(self) -> dict[str, str | int]:
        """Return label, the time of creation as the serial, and block size."""
        return {"label": self._last.label, "serial": self._last.serial, "block_size": self._last.block}

    # -- names ---------------------------------------------------------------------------------------------------

    def found(self) -> Iterator[Found]:
        """Yield the last session's names, then those of its other trees and of UDF, then what is hidden since."""
        known: set[object] = set()
        folders: set[int] = set()
        for number, session in enumerate(reversed(self._sessions)):
            trees = sorted(session.trees, key=lambda tree: _RANK[tree.form])
            for rank, tree in enumerate(trees):
                items = self._tree(session, tree, folders)
                yield from _new(items, known) if number or rank else _all(items, known)
            if not number:
                yield from self._bridge(known)
        yield from self._lost(known, folders)

    def _tree(self, session: Session, tree: Tree, folders: set[int]) -> Iterator[Found]:
        """Yield what a tree names, live where it is the last session's."""
        live = session is self._last
        root = Stream(tree.size, ((tree.block * session.block, _rounded(tree.size)),))
        if live:
            times = {"modified": short_time(read_block(self.data, tree.block * session.block, 34)[18:25])}
            yield Found(path="/", kind="directory", stream=root, times=times, meta=tree.block * session.block)
        yield from self._walk(session, tree, ("", root, tree.block * session.block), folders, live=live)

    def _walk(
        self, session: Session, tree: Tree, root: tuple[str, Stream, int], folders: set[int], *, live: bool
    ) -> Iterator[Found]:
        pending = [root]
        origin = Origin.ALLOCATED if live else Origin.ORPHAN if root[0] else Origin.DELETED
        while pending:
            path, stream, place = pending.pop()
            start = stream.runs[0][0]
            if start in folders:
                continue
            folders.add(start)
            if origin != Origin.ORPHAN:
                self._folders[start] = stream.runs[0][1]
            for group in self._groups(session, tree, stream):
                item = self._item(session, group, path, place, origin)
                yield item
                if item.kind == "directory" and not group[0].moved and item.stream.runs:
                    pending.append((item.path, item.stream, item.meta))

    def _groups(self, session: Session, tree: Tree, stream: Stream) -> Iterator[list[Record]]:
        """Yield a directory's records, the extents of one file together."""
        (start, length), held = stream.runs[0], []
        raw = read_block(self.data, start, min(stream.size, length, _MAX_FOLDER))
        if not raw:
            self.losses.add("a directory cannot be read", (start, length), severity=Severity.LOSS)

        def load(block: int, count: int) -> bytes:
            return read_block(self.data, block * session.block, count)

        for record in records(raw, start, decoder(tree.form, self._options.code_page), load, tree.skip):
            self.losses.add("a field's two byte orders differ; the little-endian one is used", count=record.unequal)
            held.append(record)
            if not record.goes_on:
                yield held
                held = []
        if held:
            yield held

    def _item(self, session: Session, group: list[Record], path: str, parent: int, origin: str) -> Found:
        first = group[0]
        kind = "link" if first.link is not None else "other" if first.special else "file"
        stream = self._content(session, group)
        self._unpackable(first, stream)
        return Found(
            path=f"{path}/{first.name}", kind="directory" if first.folder else kind,
            name="rsrc" if first.flags & 4 else "", stream=stream, times=first.times,
            meta=first.place, parent=parent, origin=origin,
            certainty=None if origin == Origin.ALLOCATED else Certainty.INTACT,
            flags="compressed" if first.packed else "", packed=bool(stream.size and not stream.runs),
        )  # fmt: skip

    def _unpackable(self, record: Record, stream: Stream) -> None:
        """Say where content that is stored packed does not begin as such content does, and will not be unpacked."""
        head = read_block(self.data, stream.runs[0][0], 8) if record.packed and stream.runs else ZISOFS
        lost = head != ZISOFS
        text = "a compressed file without a zisofs header is read as it is stored"
        self.losses.add(text, (record.place, 34), count=lost, severity=Severity.LOSS)

    def _content(self, session: Session, group: list[Record]) -> Stream:
        first = group[0]
        if first.link is not None:
            raw = first.link.encode("utf-8", "surrogateescape")
            return Stream(len(raw), (), raw)
        if first.child:
            head = read_block(self.data, first.child * session.block, 34)
            size = both(head, 10)[0] if len(head) == 34 else 0
            return Stream(size, ((first.child * session.block, _rounded(size)),))
        runs: list[tuple[int, int]] = []
        for record in group:
            own = self._runs(session, record)
            if record.size and not own:
                break
            spare = -record.size % session.block
            if spare and record is not group[-1]:
                self.losses.add("an extent inside a file is no multiple of a block", severity=Severity.WARNING)
                own[-1] = (own[-1][0], own[-1][1] - spare)
            runs += own
        return Stream(sum(record.size for record in group), tuple(runs))

    def _runs(self, session: Session, record: Record) -> list[tuple[int, int]]:
        """Return where an extent lies: at once, or in units with gaps between them (ECMA-119, 6.4.3)."""
        block, size = session.block, record.size
        if not (record.unit or record.gap):
            return [(record.block * block, _rounded(size, block))] if size else []
        step, unit = (record.unit + record.gap) * block, record.unit * block
        fits = unit > 0 and not record.extended and record.block * block + size <= self.data.size
        if not fits or not self._kept(record.place, -(-size // unit)):
            text = "an interleaved file whose units do not fit is not put together; its blocks are scanned raw"
            self.losses.add(text, (record.place, 34), severity=Severity.LOSS)
            return []
        places = range(-(-size // unit))
        return [(record.block * block + n * step, min(unit, _rounded(size - n * unit, block))) for n in places]

    def _kept(self, place: int, units: int) -> bool:
        """Tell whether there is room for the units of a record; what was said of it once holds."""
        if place not in self._units:
            self._units[place] = units <= self._room
            self._room -= units * self._units[place]
        return self._units[place]

    def _bridge(self, known: set[object]) -> Iterator[Found]:
        """Yield what only the UDF tree of a bridge lists."""
        fs = self._udf()
        if fs is None:
            return
        extra = 0
        for item in _new(fs.found(), known):
            extra += item.origin == Origin.ALLOCATED and item.kind != "directory"
            yield replace(item, meta=item.meta | _UDF, listed_by="own")
        self.losses.merge(fs.losses)
        self.losses.add("an entry is in the UDF tree of this bridge disc only", count=extra)

    def _udf(self) -> UdfFileSystem | None:
        marks = {read_block(self.data, at, 6)[1:] for at in range(0x8000, 0x8000 + 32 * SECTOR, SECTOR)}
        if not marks & set(_UDF_MARKS):
            return None
        try:
            return open_udf(self.data, self.volume, self._options)
        except UnreadableError:
            self.losses.add("the UDF tree of this bridge disc cannot be opened", severity=Severity.LOSS)
            return None

    def _lost(self, known: set[object], folders: set[int]) -> Iterator[Found]:
        """Yield what directories name to which no session leads: of sessions whose descriptors were written over."""
        session = self._last
        for start in sorted(set(self._heads) - folders):
            if start in folders:
                continue
            stream = Stream(self._heads[start], ((start, _rounded(self._heads[start])),))
            for tree in session.trees[:1]:
                root = (f"/$OrphanFiles/folder-{start // SECTOR}", stream, start)
                yield from _new(self._walk(session, tree, root, folders, live=False), known)

    def stream_of(self, entry: FileEntry) -> Stream:
        """Return an entry's bytes by its record."""
        if entry.meta & _UDF and entry.meta > 0:
            fs = self._udf()
            if fs is None:
                raise ParseError("the UDF tree is gone")
            return fs.stream_of(replace(entry, meta=entry.meta ^ _UDF))
        stream = self._survey()[0].get(entry.meta)
        if stream is None:
            raise ParseError("the entry's record is gone")
        if stream.size and not stream.runs and stream.inside is None:
            raise ParseError("it is interleaved in units that do not fit")
        return stream

    def _survey(self) -> tuple[dict[int, Stream], dict[int, int], list[tuple[int, int]]]:
        """Return streams by their records, places and lengths of the sessions' directories, and what is live."""
        if self._surveyed is None:
            losses, self.losses, self._folders = self.losses, type(self.losses)(), {}
            streams: dict[int, Stream] = {}
            live: list[tuple[int, int]] = []
            for item in self.found():
                if not item.meta & _UDF:
                    streams[item.meta] = item.stream
                if item.origin == Origin.ALLOCATED:
                    live += item.stream.runs
            self.losses, self._surveyed = losses, (streams, self._folders, live)
        return self._surveyed

    # -- space ---------------------------------------------------------------------------------------------------

    def parts(self) -> Iterator[Part]:
        """Yield structures, and what no live name of any tree claims: a disc keeps no record of free space.

        What looks like a directory and belongs to no tree stays free space: it may be a deleted file's bytes.
        """
        structures = list(self._structures())
        yield from structures
        claims = [(start, length) for start, length, *_ in structures] + self._survey()[2]
        for start, length in gaps(claims, 0, self.data.size):
            yield start, length, FREE, "in no tree"

    def _structures(self) -> Iterator[Part]:
        yield 0, 16 * SECTOR, META, "system area"
        for session in self._sessions:
            for start, length, name in session.parts:
                yield start, length, META, name
        for start, length in sorted(self._survey()[1].items()):
            yield start, length, META, "directory"
        fs = self._udf()
        if fs is not None:
            yield from (part for part in fs.parts() if part[2] == META and part[3] != "system area")


def _rounded(size: int, block: int = SECTOR) -> int:
    return -(-size // block) * block


def _key(item: Found) -> object:
    """Return what two trees' rows of one file have in common: where its bytes lie, else its name."""
    if item.kind == "directory":
        return "directory", item.path.casefold()
    if item.stream.size and item.stream.runs:
        return item.stream.runs[0][0], item.stream.size
    return item.path.casefold(), item.name


def _all(items: Iterator[Found], known: set[object]) -> Iterator[Found]:
    for item in items:
        known.add(_key(item))
        yield item


def _new(items: Iterator[Found], known: set[object]) -> Iterator[Found]:
    """Yield what has not been listed yet."""
    for item in items:
        key = _key(item)
        if key not in known:
            known.add(key)
            yield item
