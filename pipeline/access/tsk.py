"""NTFS and ext through The Sleuth Kit: names from directories, every inode, runs, times, deleted entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytsk3

from pipeline.access.allocation import Blocks, allocated_blocks, regions_of
from pipeline.access.ext_layout import has_nanoseconds
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.tsk_bytes import TskBytes
from pipeline.access.tsk_medium import FAILURES, FILE_SYSTEMS, describe_tsk, open_medium
from pipeline.access.tsk_mft import MftRecord, merge_records
from pipeline.access.tsk_rows import Name, RowMaker, StreamError
from pipeline.address import join
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, FileEntry, Region, Severity, Volume, diagnose

__all__ = ["DOTS", "TskFileSystem", "describe_tsk", "open_tsk"]

_DIRECTORY: Final = int(pytsk3.TSK_FS_META_TYPE_DIR)
_META_FLAG_ALLOC: Final = int(pytsk3.TSK_FS_META_FLAG_ALLOC)
_META_FLAG_USED: Final = int(pytsk3.TSK_FS_META_FLAG_USED)
_NAME_FLAG_ALLOC: Final = int(pytsk3.TSK_FS_NAME_FLAG_ALLOC)
_MFT_PIECE: Final = 4 << 20
_MAX_NAMED_RANGES: Final = 50
DOTS: Final = (b".", b"..")


def open_tsk(data: Readable, volume: Volume, options: FileSystemOptions) -> TskFileSystem:
    """Open NTFS or ext; UnreadableError where TSK cannot."""
    del options
    return TskFileSystem(data, volume)


class TskFileSystem:
    """One volume as The Sleuth Kit reads it."""

    def __init__(self, data: Readable, volume: Volume) -> None:
        self._data = data
        self._volume = volume
        self._medium, self._fs = open_medium(data)
        self._block = int(self._fs.info.block_size)
        self._type = FILE_SYSTEMS.get(int(self._fs.info.ftype), "")
        self._ntfs = self._type == "NTFS"
        self._bytes = TskBytes(self._medium, self._fs, volume.address, ntfs=self._ntfs)
        self._troubles: list[Diagnostic] = []
        self._records: dict[int, MftRecord] = {}
        self._folders: dict[int, str] = {}
        self._seen: set[int] = set()

    # -- names ---------------------------------------------------------------------------------------------------

    def entries(self) -> Iterator[FileEntry | Diagnostic]:
        """Yield every stream of every name, then the inodes that no name leads to, then what could not be read."""
        maker = self._begin()
        yield from self._named(maker)
        for name, file in self._nameless():
            yield from self._entry(maker, name, file)
        yield from self.troubles()

    def named(self) -> Iterator[FileEntry | Diagnostic]:
        """Yield what directories name, and what could not be read: the listing to compare another reader's with."""
        yield from self._named(self._begin())
        yield from self.troubles()

    def troubles(self) -> Iterator[Diagnostic]:
        """Yield what could not be read so far."""
        yield from self._troubles
        yield from self._unread()

    def _begin(self) -> RowMaker:
        self._troubles, self._folders, self._seen = [], {}, set()
        return self.maker(None, allocated_blocks(self._data, self, self._volume))

    def maker(self, wanted: frozenset[int] | None, allocated: Blocks) -> RowMaker:
        """Return what makes rows, with the MFT's own records of the inodes that are wanted; None: of all."""
        self._records = {}
        if wanted is None or wanted:
            self._load_records(wanted)
        return RowMaker(
            volume=self._volume, block=self._block, ntfs=self._ntfs, used={}, records=self._records,
            precision_us=1 if self._ntfs or (self._type == "ext4" and has_nanoseconds(self._data)) else 1_000_000,
            allocated=allocated,
        )  # fmt: skip

    def _named(self, maker: RowMaker) -> Iterator[FileEntry]:
        for name, file in self._root():
            yield from self._entry(maker, name, file)
        for name, file in self._walk():
            yield from self._entry(maker, name, file)

    def _root(self) -> Iterator[tuple[Name, Any]]:
        """Yield the root folder, which no directory names; its blocks are its own."""
        root = int(self._fs.info.root_inum)
        try:
            file = self._fs.open_meta(root)
        except FAILURES as error:
            self.trouble("/", "directory-damaged", error)
            return
        yield Name("/", True, root), file

    def _walk(self) -> Iterator[tuple[Name, Any]]:
        """Walk all directories, without recursion and without entering one twice."""
        stack: list[tuple[int, str]] = [(int(self._fs.info.root_inum), "")]
        while stack:
            inode, path = stack.pop()
            if inode in self._folders:
                continue
            self._folders[inode] = path
            for name, file in self._directory(inode, path):
                child = self._child(name, file)
                if child is not None and child not in self._folders:
                    stack.append((child, name.path))
                yield name, file

    @property
    def root(self) -> int:
        """The root folder's inode."""
        return int(self._fs.info.root_inum)

    def opened(self, inode: int) -> Any:
        """Return an inode's file."""
        return self._fs.open_meta(inode)

    def directory(self, inode: int) -> Any:
        """Return what a directory names; going through it may raise one of ``FAILURES``."""
        return self._fs.open_dir(inode=inode)

    def _directory(self, inode: int, path: str) -> Iterator[tuple[Name, Any]]:
        try:
            for file in self.directory(inode):
                info = file.info.name
                if info is not None and info.name not in DOTS:
                    text = info.name.decode("utf-8", "backslashreplace").replace("/", "\u2215")
                    yield Name(f"{path}/{text}", bool(int(info.flags) & _NAME_FLAG_ALLOC), inode), file
        except FAILURES as error:
            self.trouble(path or "/", "directory-damaged", error)

    def _child(self, name: Name, file: Any) -> int | None:
        """Return the inode to descend into: of a directory whose name and inode belong together."""
        meta = file.info.meta
        if meta is None or int(meta.type) != _DIRECTORY:
            return None
        if not name.allocated and int(meta.flags) & _META_FLAG_ALLOC:
            return None
        return int(meta.addr)

    def _nameless(self) -> Iterator[tuple[Name, Any]]:
        """Yield inodes that hold something and that no directory names."""
        first, last = int(self._fs.info.first_inum), int(self._fs.info.last_inum)
        for inode in range(first, last):
            if inode in self._seen:
                continue
            try:
                file = self._fs.open_meta(inode)
            except FAILURES:
                continue  # never used, or not readable: the medium remembers the latter
            meta = file.info.meta
            if meta is None or not int(meta.flags) & _META_FLAG_USED:
                continue
            hidden = not int(meta.flags) & _META_FLAG_ALLOC and inode in self._records and self._records[inode].name
            if int(meta.size) or hidden:
                yield self._stored(inode), file

    def _stored(self, inode: int) -> Name:
        """Return the path an inode itself stores: under its folder where that is known, else as an orphan."""
        record = self._records.get(inode)
        if record is None or not record.name:
            return Name(f"/$OrphanFiles/inode-{inode}", False, -1)
        text = record.name.replace("/", "\u2215")
        folder = self._records.get(record.parent)
        if folder is not None and record.parent in self._folders and folder.sequence == record.parent_sequence:
            return Name(f"{self._folders[record.parent]}/{text}", False, record.parent)
        return Name(f"/$OrphanFiles/{text}", False, -1)

    def _entry(self, maker: RowMaker, name: Name, file: Any) -> Iterator[FileEntry]:
        """Yield the rows of one name; what its file does not tell is remembered as trouble."""
        meta = file.info.meta
        address = int(file.info.name.meta_addr) if file.info.name is not None else int(meta.addr)
        if meta is None and file.info.name is not None:
            file, meta = self._rebound(file, address)
        if meta is not None:
            self._seen.add(address)
        try:
            yield from maker.rows(name, file, meta, address)
        except StreamError as error:
            self.trouble(name.path, "streams-damaged", error)

    def _rebound(self, file: Any, address: int) -> tuple[Any, Any]:
        """Return the inode of a deleted NTFS name: the same record, its sequence one higher than the name's.

        Deleting a file increments the record's sequence number ([MS-FSCC] 2.4.13.1; Carrier, ch. 13).
        """
        try:
            found = self._fs.open_meta(address)
        except FAILURES:
            return file, None
        meta = found.info.meta
        freed = not int(meta.flags) & _META_FLAG_ALLOC
        return (found, meta) if freed and int(meta.seq) == int(file.info.name.meta_seq) + 1 else (file, None)

    def _load_records(self, wanted: frozenset[int] | None) -> None:
        """Read the MFT's own records, piece by piece; without them sizes and names are TSK's alone."""
        if not self._ntfs:
            return
        try:
            code = self._data.read(64, 1)[0]
            size = 1 << (256 - code) if code > 128 else code * self._block
            if size not in {512, 1024, 2048, 4096}:
                return
            mft = self._fs.open_meta(0)
            for at in range(0, min(int(mft.info.meta.size), self._data.size), _MFT_PIECE):
                merge_records(mft.read_random(at, _MFT_PIECE), at // size, size, self._records, wanted)
        except (*FAILURES, UnreadableError) as error:
            self.trouble("/$MFT", "mft-damaged", error)

    # -- what is lost ---------------------------------------------------------------------------------------------

    def trouble(self, path: str, code: str, error: Exception) -> None:
        """Remember what could not be read."""
        place = join(self._volume.address, "fs", path)
        text = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        message = f"{place}: {code.replace('-', ' ')} ({text}); what it names may be missing from the listing"
        self._troubles.append(diagnose("entries", place, code, message, Severity.LOSS))

    def _unread(self) -> Iterator[Diagnostic]:
        """Yield a diagnostic per range of the volume that the listing needed and could not read."""
        place = self._volume.address
        for number, (start, length, why) in enumerate(self._medium.lost_ranges()):
            if number >= _MAX_NAMED_RANGES:
                message = f"{place}: further ranges cannot be read; entries may be missing from the listing"
                yield diagnose("entries", place, "unreadable", message, Severity.LOSS)
                return
            message = (
                f"{place}: {length} bytes from volume byte {start} cannot be read ({why}); "
                "entries they describe may be missing from the listing"
            )
            yield diagnose("entries", place, "unreadable", message, Severity.LOSS)

    # -- space and bytes -----------------------------------------------------------------------------------------

    def regions(self) -> Iterator[Region | Diagnostic]:
        """Yield unallocated space and the file system's own structures, in image offsets."""
        if self._volume.direct:
            yield from regions_of(self._data, self, self._volume)

    def whole(self, inode: int, limit: int) -> bytes:
        """Return the default stream of an inode, at most ``limit`` bytes; UnreadableError where it cannot be read."""
        return self._bytes.whole(inode, limit)

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry through The Sleuth Kit: resident, compressed, layered ones.

        Raises:
            UnreadableError: they cannot be read, or lie on bytes of the image that cannot.
        """
        return self._bytes.read(entry, start, length)
