"""Rows from The Sleuth Kit's files: streams, runs, times, certainty. A row is built once, with everything in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytsk3

from pipeline.access.allocation import Blocks
from pipeline.access.tsk_medium import data_name
from pipeline.access.tsk_mft import MftRecord
from pipeline.address import join
from pipeline.records import Certainty, FileEntry, Origin, Run, Volume, identify

__all__ = ["INDIRECT", "NTFS_DATA", "Name", "RowMaker", "StreamError"]

NTFS_DATA: Final = 128
INDIRECT: Final = "$Indirect"  # blocks that hold an ext file's block numbers or extents; no stream of its own
_EXT_INDIRECT: Final = (int(pytsk3.TSK_FS_ATTR_TYPE_UNIX_INDIR), int(pytsk3.TSK_FS_ATTR_TYPE_UNIX_EXTENT))
_NTFS_INDEX_ALLOCATION: Final = 160
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_RUNS: Final = 4_000_000
_MAX_SECONDS: Final = 253_402_300_799  # 9999-12-31T23:59:59Z
_KINDS: Final = {
    int(pytsk3.TSK_FS_META_TYPE_REG): "file", int(pytsk3.TSK_FS_META_TYPE_DIR): "directory",
    int(pytsk3.TSK_FS_META_TYPE_LNK): "link", int(pytsk3.TSK_FS_META_TYPE_VIRT): "virtual",
    int(pytsk3.TSK_FS_META_TYPE_VIRT_DIR): "virtual",
}  # fmt: skip
_NTFS_FIRST: Final = 24  # lower records are the file system's own: Linux-NTFS documentation, "Files"
_EXT_FIRST: Final = 11  # lower inodes are the file system's own: kernel documentation, ext4, "Special inodes"
_FAST_LINK: Final = 60  # a shorter target lies in the inode: kernel documentation, ext4, "Symbolic Links"
_PACKED: Final = ((int(pytsk3.TSK_FS_ATTR_COMP), "compressed"), (int(pytsk3.TSK_FS_ATTR_ENC), "encrypted"))
_ATTR_NONRES: Final = int(pytsk3.TSK_FS_ATTR_NONRES)
_HOLE: Final = int(pytsk3.TSK_FS_ATTR_RUN_FLAG_FILLER) | int(pytsk3.TSK_FS_ATTR_RUN_FLAG_SPARSE)
_META_FLAG_ALLOC: Final = int(pytsk3.TSK_FS_META_FLAG_ALLOC)
_TIMES: Final = (("created", "crtime"), ("modified", "mtime"), ("accessed", "atime"), ("changed", "ctime"))
_NO_RECORD: Final = MftRecord()


@dataclass(frozen=True, slots=True)
class Name:
    """A path, whether the directory says it is live, and the directory's inode."""

    path: str
    allocated: bool
    parent: int


class StreamError(Exception):
    """The list of a file's streams broke off; what was listed before it stands."""


@dataclass(frozen=True, slots=True)
class _Stream:
    """One stream as it will stand in its row."""

    name: str = ""
    size: int = 0
    initialised: int = 0
    runs: tuple[Run, ...] = ()
    reader: str = "file-system"
    certainty: str = Certainty.INTACT
    flags: tuple[str, ...] = ()


@dataclass(slots=True)
class RowMaker:
    """Makes the rows of one volume; ``records`` are the MFT's own (NTFS), ``allocated`` is what the bitmaps say."""

    volume: Volume
    block: int
    ntfs: bool
    precision_us: int
    allocated: Blocks
    records: dict[int, MftRecord]
    used: dict[str, int]

    def rows(self, name: Name, file: Any, meta: Any, address: int) -> Iterator[FileEntry]:
        """Yield the rows of one name: its default stream and the named ones.

        Raises:
            StreamError: after the rows of the streams that could be listed.
        """
        origin, kind = self._origin(name, meta), self._kind(name, meta, address)
        common = self._common(name, meta, address, origin)
        if meta is None or kind == "virtual":
            if kind != "virtual":
                yield self._row(common, kind, _Stream(certainty=Certainty.NO_CONTENT))
            return
        listed = False
        for stream in self._streams(file, meta, kind, origin):
            listed = True
            yield self._row(common, _stream_kind(kind, stream.name), stream)
        if not listed:
            yield self._row(common, kind, _Stream(size=int(meta.size), initialised=int(meta.size)))

    def _origin(self, name: Name, meta: Any) -> str:
        if name.path.startswith("/$OrphanFiles/"):
            return Origin.ORPHAN
        live = meta is not None and bool(int(meta.flags) & _META_FLAG_ALLOC)
        return Origin.ALLOCATED if name.allocated and live else Origin.DELETED

    def _kind(self, name: Name, meta: Any, address: int) -> str:
        kind = "file" if meta is None else _KINDS.get(int(meta.type), "other")
        if self.ntfs and address < _NTFS_FIRST and name.path.startswith("/$") and kind == "file":
            return "metadata"
        if not self.ntfs and address < _EXT_FIRST and name.path.startswith("/$OrphanFiles/"):
            return "metadata"
        return kind

    def _common(self, name: Name, meta: Any, address: int, origin: str) -> dict[str, Any]:
        """Return the columns that all streams of a name share."""
        common: dict[str, Any] = {
            "exhibit": self.volume.exhibit, "volume": self.volume.address, "path": name.path, "origin": origin,
            "meta": address, "parent": str(name.parent), "listed_by": "tsk",
            "short_name": self._record(address).short_name,
        }  # fmt: skip
        for ours, theirs in _TIMES if meta is not None else ():
            moment = _moment(getattr(meta, theirs), getattr(meta, f"{theirs}_nano"))
            if moment is not None:
                common[ours] = moment
                common[f"{ours}_zone"] = "UTC"
                common[f"{ours}_precision_us"] = self.precision_us
        return common

    def _row(self, common: dict[str, Any], kind: str, stream: _Stream) -> FileEntry:
        place = self._place(common, stream.name)
        words = [word for word in self._record(common["meta"]).flags.split(",") if word]
        return FileEntry(
            id=identify("file", place), address=place, stream=stream.name, kind=kind, size=stream.size,
            initialised_size=stream.initialised, runs=stream.runs, reader=stream.reader, certainty=stream.certainty,
            flags=",".join(dict.fromkeys([*words, *stream.flags])), **common,
        )  # fmt: skip

    def _place(self, common: dict[str, Any], stream: str) -> str:
        """Return a row's address; what shares a path with another gets its metadata number too."""
        place = join(self.volume.address, "fs", common["path"])
        if stream:
            place = join(place, "stream", stream)
        if common["origin"] != Origin.ALLOCATED:
            place = join(place, "entry", str(common["meta"]))
        count = self.used.get(place, 0)
        self.used[place] = count + 1
        return join(place, "entry", f"{common['meta']}.{count}") if count else place

    def _record(self, inode: int) -> MftRecord:
        return self.records.get(inode, _NO_RECORD)

    # -- streams -------------------------------------------------------------------------------------------------

    def _streams(self, file: Any, meta: Any, kind: str, origin: str) -> Iterator[_Stream]:
        """Yield the data streams; of a directory its index, then its named data streams."""
        if kind == "directory":
            yield self._stream("", int(meta.size), meta, self._index(file), origin)
        try:
            for attribute in file:
                if (self.ntfs and int(attribute.info.type) != NTFS_DATA) or (not self.ntfs and kind == "directory"):
                    continue
                name = INDIRECT if int(attribute.info.type) in _EXT_INDIRECT else data_name(attribute)
                if name or kind != "directory":
                    yield self._stream(name, int(attribute.info.size), meta, attribute, origin)
        except (OSError, KeyError, AttributeError, ValueError, OverflowError) as error:
            raise StreamError(str(error)) from error

    def _index(self, file: Any) -> Any:
        """Return the attribute that holds a directory's own blocks."""
        try:
            for attribute in file:
                if not self.ntfs or int(attribute.info.type) == _NTFS_INDEX_ALLOCATION:
                    return attribute
        except (OSError, KeyError, AttributeError, ValueError, OverflowError) as error:
            raise StreamError(str(error)) from error
        return None

    def _stream(self, name: str, size: int, meta: Any, attribute: Any, origin: str) -> _Stream:
        if attribute is None:
            return _Stream(name=name, size=size, initialised=size)
        flags = int(attribute.info.flags)
        inside = not flags & _ATTR_NONRES or self._fast_link(meta, size)
        runs = () if inside else self._runs(attribute, size)
        initialised = size
        if self.ntfs and not inside:
            initialised = min(self._record(int(meta.addr)).initialised.get(name, size), size)
        words = tuple(word for bit, word in _PACKED if flags & bit)
        usable = bool(runs) and not words and self.volume.direct
        certainty = Certainty.INTACT if origin == Origin.ALLOCATED else self._certainty(runs, inside, size)
        return _Stream(
            name=name, size=size, initialised=initialised, runs=runs if self.volume.direct else (),
            reader="runs" if usable else "file-system", certainty=certainty, flags=words,
        )  # fmt: skip

    def _fast_link(self, meta: Any, size: int) -> bool:
        return not self.ntfs and size < _FAST_LINK and _KINDS.get(int(meta.type)) == "link"

    def _runs(self, attribute: Any, size: int) -> tuple[Run, ...]:
        """Return the runs in image offsets; a hole behind the end of the stream is none of it."""
        runs: list[Run] = []
        position = 0
        for run in attribute:
            if len(runs) >= _MAX_RUNS:
                break
            hole, length = bool(int(run.flags) & _HOLE), int(run.len) * self.block
            if hole and position >= size:
                continue
            runs.append(Run(start=-1 if hole else self.volume.start + int(run.addr) * self.block, length=length))
            position += length
        return tuple(runs)

    def _certainty(self, runs: tuple[Run, ...], inside: bool, size: int) -> str:
        """Say whether a deleted entry's blocks are still free."""
        if not size:
            return Certainty.NO_CONTENT
        if inside or not self.volume.direct:
            return Certainty.INTACT
        placed = [run for run in runs if run.start >= 0]
        if not placed:
            return Certainty.NO_CONTENT
        taken = sum(self.allocated.overlap(run.start - self.volume.start, run.length) for run in placed)
        total = sum(run.length for run in placed)
        if not taken:
            return Certainty.INTACT
        return Certainty.OVERWRITTEN if taken >= total else Certainty.PARTLY_OVERWRITTEN


def _stream_kind(kind: str, stream: str) -> str:
    if stream == INDIRECT:
        return "metadata"
    return "file" if stream and kind == "directory" else kind


def _moment(seconds: int, nanoseconds: int) -> datetime | None:
    if not 0 < int(seconds) <= _MAX_SECONDS:
        return None
    return _EPOCH + timedelta(seconds=int(seconds), microseconds=int(nanoseconds) // 1000)
