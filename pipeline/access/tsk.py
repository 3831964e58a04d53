"""NTFS and ext through The Sleuth Kit: names from directories, every inode, runs, times, deleted entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytsk3

from pipeline.access.allocation import allocated_blocks, regions_of
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.tsk_mft import MftRecord, merge_records
from pipeline.address import join
from pipeline.errors import UnreadableError
from pipeline.records import Certainty, Diagnostic, FileEntry, Origin, Region, Run, Severity, Volume, diagnose, identify

__all__ = ["TskFileSystem", "describe_tsk", "open_tsk"]

_FAILURES: Final = (OSError, KeyError, AttributeError, ValueError, OverflowError)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_RUNS: Final = 4_000_000
_MAX_SECONDS: Final = 253_402_300_799  # 9999-12-31T23:59:59Z
_NTFS_DATA: Final = 128
_NTFS_INDEX_ROOT: Final = 144
_NAMES: Final = {
    int(pytsk3.TSK_FS_TYPE_NTFS): "NTFS", int(pytsk3.TSK_FS_TYPE_EXT2): "ext2", int(pytsk3.TSK_FS_TYPE_EXT3): "ext3",
    int(pytsk3.TSK_FS_TYPE_EXT4): "ext4", int(pytsk3.TSK_FS_TYPE_ISO9660): "ISO9660",
    int(pytsk3.TSK_FS_TYPE_FAT12): "FAT12", int(pytsk3.TSK_FS_TYPE_FAT16): "FAT16",
    int(pytsk3.TSK_FS_TYPE_FAT32): "FAT32", int(pytsk3.TSK_FS_TYPE_EXFAT): "exFAT",
}  # fmt: skip
_KINDS: Final = {
    int(pytsk3.TSK_FS_META_TYPE_REG): "file", int(pytsk3.TSK_FS_META_TYPE_DIR): "directory",
    int(pytsk3.TSK_FS_META_TYPE_LNK): "link", int(pytsk3.TSK_FS_META_TYPE_VIRT): "virtual",
    int(pytsk3.TSK_FS_META_TYPE_VIRT_DIR): "virtual",
}  # fmt: skip
_DIRECTORY: Final = int(pytsk3.TSK_FS_META_TYPE_DIR)
_EXT_FIRST: Final = 11  # lower inodes are the file system's own: kernel documentation, ext4, "Special inodes"
_ATTR_COMP: Final = int(pytsk3.TSK_FS_ATTR_COMP)
_ATTR_ENC: Final = int(pytsk3.TSK_FS_ATTR_ENC)
_ATTR_NONRES: Final = int(pytsk3.TSK_FS_ATTR_NONRES)
_ATTR_RUN_FLAG_FILLER: Final = int(pytsk3.TSK_FS_ATTR_RUN_FLAG_FILLER)
_ATTR_RUN_FLAG_SPARSE: Final = int(pytsk3.TSK_FS_ATTR_RUN_FLAG_SPARSE)
_META_FLAG_ALLOC: Final = int(pytsk3.TSK_FS_META_FLAG_ALLOC)
_META_FLAG_USED: Final = int(pytsk3.TSK_FS_META_FLAG_USED)
_NAME_FLAG_ALLOC: Final = int(pytsk3.TSK_FS_NAME_FLAG_ALLOC)
_MFT_PIECE: Final = 4 << 20
_NO_RECORD: Final = MftRecord()


class _Adapter(pytsk3.Img_Info):  # type: ignore[misc]
    """A readable as the image object that pytsk3 takes; errors inside become short reads, which TSK reports."""

    def __init__(self, data: Readable) -> None:
        self._data = data
        super().__init__(url="", type=pytsk3.TSK_IMG_TYPE_EXTERNAL)

    def close(self) -> None:
        """Nothing to close: the readable belongs to its opener."""

    def read(self, offset: int, size: int) -> bytes:
        return self._data.read(offset, size)

    def get_size(self) -> int:
        return self._data.size


def _open(data: Readable) -> tuple[Any, Any]:
    adapter = _Adapter(data)
    try:
        return adapter, pytsk3.FS_Info(adapter)
    except _FAILURES as error:
        raise UnreadableError(str(error).splitlines()[0][:200]) from error


def describe_tsk(data: Readable) -> dict[str, Any]:
    """Return file system, block size, label and serial of a volume.

    Raises:
        UnreadableError: The Sleuth Kit cannot open it.
    """
    _, fs = _open(data)
    name = _NAMES.get(int(fs.info.ftype), f"type {int(fs.info.ftype)}")
    serial, label = "", ""
    if name == "NTFS":
        serial = data.read(72, 8)[::-1].hex().upper()
        label = _ntfs_label(fs)
    elif name.startswith("ext"):
        block = data.read(1024, 264)
        serial = block[104:120].hex()
        label = block[120:136].split(b"\0")[0].decode("utf-8", "replace")
    return {"file_system": name, "block_size": int(fs.info.block_size), "label": label, "serial": serial}


def _ntfs_label(fs: Any) -> str:
    """Return $VOLUME_NAME (type 96) of $Volume, MFT entry 3."""
    try:
        for attribute in fs.open_meta(3):
            if int(attribute.info.type) == 96:
                size = min(int(attribute.info.size), 256)
                raw: bytes = fs.open_meta(3).read_random(0, size, attribute.info.type, attribute.info.id)
                return raw.decode("utf-16-le", "replace")
    except _FAILURES:
        return ""
    return ""


def open_tsk(data: Readable, volume: Volume, options: FileSystemOptions) -> TskFileSystem:
    """Open NTFS or ext; UnreadableError where TSK cannot."""
    del options
    return TskFileSystem(data, volume)


@dataclass(frozen=True, slots=True)
class _Name:
    path: str
    allocated: bool
    parent: int


class TskFileSystem:
    """One volume as The Sleuth Kit reads it."""

    def __init__(self, data: Readable, volume: Volume) -> None:
        self._data = data
        self._volume = volume
        self._adapter, self._fs = _open(data)
        self._block = int(self._fs.info.block_size)
        self._ntfs = int(self._fs.info.ftype) == int(pytsk3.TSK_FS_TYPE_NTFS)
        self._troubles: list[Diagnostic] = []
        self._used: dict[str, int] = {}
        self._records: dict[int, MftRecord] = {}
        self._folders: dict[int, str] = {}

    # -- names ---------------------------------------------------------------------------------------------------

    def entries(self) -> Iterator[FileEntry | Diagnostic]:
        """Yield every stream of every name, then the inodes that no name leads to."""
        self._allocated = allocated_blocks(self._data, self, self._volume)
        self._load_records()
        seen: set[int] = set()
        yield from self._root(seen)
        for name, file in self._walk():
            yield from self._entry(name, file, seen)
        yield from self._nameless(seen)
        yield from self._troubles

    def _root(self, seen: set[int]) -> Iterator[FileEntry]:
        """Yield the root folder, which no directory names; its blocks are its own."""
        root = int(self._fs.info.root_inum)
        try:
            file = self._fs.open_meta(root)
        except _FAILURES as error:
            self._trouble("/", "directory-damaged", error)
            return
        yield from self._entry(_Name("/", True, root), file, seen)

    def _walk(self) -> Iterator[tuple[_Name, Any]]:
        """Walk all directories, without recursion and without entering one twice."""
        root = int(self._fs.info.root_inum)
        stack: list[tuple[int, str]] = [(root, "")]
        visited: set[int] = set()
        while stack:
            inode, path = stack.pop()
            if inode in visited:
                continue
            visited.add(inode)
            self._folders[inode] = path
            for name, file, child in self._directory(inode, path):
                if child is not None and child not in visited:
                    stack.append((child, name.path))
                yield name, file

    def _directory(self, inode: int, path: str) -> Iterator[tuple[_Name, Any, int | None]]:
        try:
            directory = iter(self._fs.open_dir(inode=inode))
        except _FAILURES as error:
            self._trouble(path or "/", "directory-damaged", error)
            return
        while True:
            try:
                file = next(directory)
            except StopIteration:
                return
            except _FAILURES as error:
                self._trouble(path or "/", "directory-damaged", error)
                return
            info = file.info.name
            if info is None or info.name in {b".", b".."}:
                continue
            text = info.name.decode("utf-8", "backslashreplace").replace("/", "\u2215")
            allocated = bool(int(info.flags) & _NAME_FLAG_ALLOC)
            name = _Name(f"{path}/{text}", allocated, inode)
            yield name, file, self._child(file, allocated)

    def _child(self, file: Any, allocated: bool) -> int | None:
        """Return the inode to descend into: of a directory whose name and inode belong together."""
        meta = file.info.meta
        if meta is None or int(meta.type) != _DIRECTORY:
            return None
        if not allocated and int(meta.flags) & _META_FLAG_ALLOC:
            return None
        return int(meta.addr)

    def _nameless(self, seen: set[int]) -> Iterator[FileEntry]:
        """Yield inodes that hold something and that no directory names."""
        first, last = int(self._fs.info.first_inum), int(self._fs.info.last_inum)
        for inode in range(first, last):
            if inode in seen:
                continue
            try:
                file = self._fs.open_meta(inode)
            except _FAILURES:
                continue
            meta = file.info.meta
            if meta is None or not int(meta.flags) & _META_FLAG_USED:
                continue
            if int(meta.flags) & _META_FLAG_ALLOC:
                if not int(meta.size):
                    continue
            elif not int(meta.size) and not self._record(inode).name:
                continue
            yield from self._entry(self._stored(inode), file, seen)

    def _load_records(self) -> None:
        """Read the MFT's own records, piece by piece; without them sizes and names are TSK's alone."""
        if not self._ntfs:
            return
        code = self._data.read(64, 1)[0]
        size = 1 << (256 - code) if code > 128 else code * self._block
        if size not in {512, 1024, 2048, 4096}:
            return
        try:
            mft = self._fs.open_meta(0)
            for at in range(0, min(int(mft.info.meta.size), self._data.size), _MFT_PIECE):
                merge_records(mft.read_random(at, _MFT_PIECE), at // size, size, self._records)
        except _FAILURES as error:
            self._trouble("/$MFT", "mft-damaged", error)

    def _stored(self, inode: int) -> _Name:
        """Return the path an inode itself stores: under its folder where that is known, else as an orphan."""
        record = self._records.get(inode)
        if record is None or not record.name:
            return _Name(f"/$OrphanFiles/inode-{inode}", False, -1)
        text = record.name.replace("/", "\u2215")
        folder = self._records.get(record.parent)
        if folder is not None and record.parent in self._folders and folder.sequence == record.parent_sequence:
            return _Name(f"{self._folders[record.parent]}/{text}", False, record.parent)
        return _Name(f"/$OrphanFiles/{text}", False, -1)

    # -- rows ----------------------------------------------------------------------------------------------------

    def _entry(self, name: _Name, file: Any, seen: set[int]) -> Iterator[FileEntry]:
        """Yield the rows of one name: its default stream and the named ones."""
        meta = file.info.meta
        address = int(file.info.name.meta_addr) if file.info.name is not None else int(meta.addr)
        if meta is None and not name.allocated:
            file, meta = self._rebound(file, address)
        owner = self._origin(name, meta)
        row = self._plain(name, meta, address, owner)
        if meta is None or row.kind == "virtual":
            if row.kind != "virtual":
                yield self._placed(replace(row, certainty=Certainty.NO_CONTENT))
            return
        seen.add(address)
        streams = list(self._streams(file, row))
        yield from (self._placed(stream) for stream in streams or [row])

    def _rebound(self, file: Any, address: int) -> tuple[Any, Any]:
        """Return the inode of a deleted NTFS name: the same record, its sequence one higher than the name's.

        Deleting a file increments the record's sequence number ([MS-FSCC] 2.4.13.1; Carrier, ch. 13).
        """
        try:
            found = self._fs.open_meta(address)
        except _FAILURES:
            return file, None
        meta = found.info.meta
        name_seq, flags = int(file.info.name.meta_seq), int(meta.flags)
        freed = not flags & _META_FLAG_ALLOC
        return (found, meta) if freed and int(meta.seq) == name_seq + 1 else (file, None)

    def _origin(self, name: _Name, meta: Any) -> str:
        if name.path.startswith("/$OrphanFiles/"):
            return Origin.ORPHAN
        live = meta is not None and bool(int(meta.flags) & _META_FLAG_ALLOC)
        return Origin.ALLOCATED if name.allocated and live else Origin.DELETED

    def _plain(self, name: _Name, meta: Any, address: int, origin: str) -> FileEntry:
        """Return a row with everything but streams."""
        kind = "file" if meta is None else _KINDS.get(int(meta.type), "other")
        if self._ntfs and address < 24 and name.path.startswith("/$") and kind == "file":
            kind = "metadata"
        if not self._ntfs and address < _EXT_FIRST and name.path.startswith("/$OrphanFiles/"):
            kind = "metadata"
        size = 0 if meta is None else int(meta.size)
        row = FileEntry(
            id="", exhibit=self._volume.exhibit, volume=self._volume.address, address="", path=name.path, stream="",
            kind=kind, origin=origin, meta=address, parent=str(name.parent), size=size, initialised_size=size,
            reader="file-system", listed_by="tsk", flags=self._record(address).flags,
            short_name=self._record(address).short_name,
        )  # fmt: skip
        return row if meta is None else replace(row, **self._times(meta))

    def _times(self, meta: Any) -> dict[str, Any]:
        precision = 1_000_000 if _NAMES.get(int(self._fs.info.ftype)) in {"ext2", "ext3"} else 1
        times: dict[str, Any] = {}
        for ours, theirs in (("created", "crtime"), ("modified", "mtime"), ("accessed", "atime"), ("changed", "ctime")):
            moment = _moment(getattr(meta, theirs), getattr(meta, f"{theirs}_nano"))
            if moment is not None:
                times |= {ours: moment, f"{ours}_zone": "UTC", f"{ours}_precision_us": precision}
        return times

    def _streams(self, file: Any, row: FileEntry) -> Iterator[FileEntry]:
        """Yield a row per data stream; a directory's index is not one, but its named data streams are."""
        if row.kind == "directory":
            yield self._with_runs(row, file, None)
        try:
            for attribute in file:
                kind = int(attribute.info.type)
                if self._ntfs and kind != _NTFS_DATA:
                    continue
                if not self._ntfs and row.kind == "directory":
                    continue
                text = attribute.info.name.decode("utf-8", "backslashreplace") if attribute.info.name else ""
                text = "" if text in {"N/A", "$Data"} else text
                if row.kind == "directory" and not text:
                    continue
                sized = replace(row, stream=text, size=int(attribute.info.size), kind=_stream_kind(row.kind, text))
                yield self._with_runs(sized, file, attribute)
        except _FAILURES as error:
            self._trouble(row.path, "streams-damaged", error)

    def _with_runs(self, row: FileEntry, file: Any, attribute: Any) -> FileEntry:
        """Add image offsets where the stream lies on the medium as it is."""
        chosen = attribute if attribute is not None else self._index(file)
        if chosen is None:
            return row
        flags = int(chosen.info.flags)
        resident = not flags & _ATTR_NONRES
        packed = flags & (_ATTR_COMP | _ATTR_ENC)
        runs = () if resident else self._runs(chosen)
        initialised = (
            row.size if resident else min(self._record(row.meta).initialised.get(row.stream, row.size), row.size)
        )
        usable = bool(runs) and not packed and self._volume.direct
        notes = row.flags.split(",") if row.flags else []
        notes += ["compressed"] if flags & _ATTR_COMP else []
        notes += ["encrypted"] if flags & _ATTR_ENC else []
        certainty = row.certainty if row.origin == Origin.ALLOCATED else self._certainty(runs, resident, row.size)
        return replace(
            row, runs=runs if self._volume.direct else (), reader="runs" if usable else "file-system",
            initialised_size=initialised if self._ntfs else row.size, flags=",".join(dict.fromkeys(notes)),
            certainty=certainty,
        )  # fmt: skip

    def _record(self, inode: int) -> MftRecord:
        return self._records.get(inode, _NO_RECORD)

    def _index(self, file: Any) -> Any:
        """Return the attribute that holds a directory's own blocks."""
        try:
            for attribute in file:
                if not self._ntfs or int(attribute.info.type) == 160:
                    return attribute
        except _FAILURES:
            return None
        return None

    def _runs(self, attribute: Any) -> tuple[Run, ...]:
        runs: list[Run] = []
        sparse = _ATTR_RUN_FLAG_SPARSE | _ATTR_RUN_FLAG_FILLER
        for run in attribute:
            if len(runs) >= _MAX_RUNS:
                break
            hole = bool(int(run.flags) & sparse)
            start = -1 if hole else self._volume.start + int(run.addr) * self._block
            runs.append(Run(start=start, length=int(run.len) * self._block))
        return tuple(runs)

    def _certainty(self, runs: tuple[Run, ...], resident: bool, size: int) -> str:
        """Say whether a deleted entry's blocks are still free."""
        if not size:
            return Certainty.NO_CONTENT
        if resident or not self._volume.direct:
            return Certainty.INTACT
        placed = [run for run in runs if run.start >= 0]
        if not placed:
            return Certainty.NO_CONTENT
        taken = sum(self._allocated.overlap(run.start - self._volume.start, run.length) for run in placed)
        total = sum(run.length for run in placed)
        if not taken:
            return Certainty.INTACT
        return Certainty.OVERWRITTEN if taken >= total else Certainty.PARTLY_OVERWRITTEN

    def _placed(self, row: FileEntry) -> FileEntry:
        """Give a row its address and id; what shares a path with another gets its metadata number too."""
        place = join(self._volume.address, "fs", row.path)
        if row.stream:
            place = join(place, "stream", row.stream)
        if row.origin != Origin.ALLOCATED:
            place = join(place, "entry", str(row.meta))
        count = self._used.get(place, 0)
        self._used[place] = count + 1
        if count:
            place = join(place, "entry", f"{row.meta}.{count}")
        return replace(row, address=place, id=identify("file", place))

    def _trouble(self, path: str, code: str, error: Exception) -> None:
        place = join(self._volume.address, "fs", path)
        text = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        message = f"{place}: {code.replace('-', ' ')} ({text}); what it names may be missing from the listing"
        self._troubles.append(diagnose("entries", place, code, message, Severity.LOSS))

    # -- space and bytes -----------------------------------------------------------------------------------------

    def regions(self) -> Iterator[Region | Diagnostic]:
        """Yield unallocated space and the file system's own structures, in image offsets."""
        if self._volume.direct:
            yield from regions_of(self._data, self, self._volume)

    def whole(self, inode: int, limit: int) -> bytes:
        """Return the default stream of an inode, at most ``limit`` bytes; UnreadableError where it cannot be read."""
        try:
            file = self._fs.open_meta(inode)
            size = min(int(file.info.meta.size), limit)
            data: bytes = file.read_random(0, size) if size else b""
        except _FAILURES as error:
            raise UnreadableError(f"{self._volume.address}: inode {inode} cannot be read ({error})") from error
        return data

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry through The Sleuth Kit: resident, compressed, layered ones."""
        length = min(length, max(entry.size - start, 0))
        if not length:
            return b""
        try:
            file = self._fs.open_meta(entry.meta)
            kind, number = self._attribute(file, entry.stream)
            data: bytes = file.read_random(start, length, kind, number) if kind else file.read_random(start, length)
        except _FAILURES as error:
            text = str(error).splitlines()[0][:160]
            raise UnreadableError(f"{entry.address}: byte {start} cannot be read ({text})") from error
        return data

    def _attribute(self, file: Any, stream: str) -> tuple[Any, int]:
        if not self._ntfs:
            return None, 0
        for attribute in file:
            name = attribute.info.name.decode("utf-8", "backslashreplace") if attribute.info.name else ""
            if int(attribute.info.type) == _NTFS_DATA and ("" if name in {"N/A", "$Data"} else name) == stream:
                return attribute.info.type, int(attribute.info.id)
        raise UnreadableError(f"{self._volume.address}: stream {stream!r} is not there any more")


def _stream_kind(kind: str, stream: str) -> str:
    return "file" if stream and kind == "directory" else kind


def _moment(seconds: int, nanoseconds: int) -> datetime | None:
    if not 0 < int(seconds) <= _MAX_SECONDS:
        return None
    return _EPOCH + timedelta(seconds=int(seconds), microseconds=int(nanoseconds) // 1000)
