"""File systems through dfVFS's back ends: HFS+, APFS, XFS, ISO 9660; and the second listing of NTFS and ext."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dfvfs.lib import definitions
from dfvfs.path import factory
from dfvfs.resolver import context, resolver

from pipeline.access.apfs_unlock import open_key
from pipeline.access.dfvfs_bytes import bytes_spec
from pipeline.access.dfvfs_layers import FAILURES
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.address import join, steps_of
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, FileEntry, Origin, Region, Run, Severity, Volume, diagnose, identify

__all__ = ["DfvfsFileSystem", "open_backend"]

_TYPES: Final = {
    "HFS+": definitions.TYPE_INDICATOR_HFS, "HFSX": definitions.TYPE_INDICATOR_HFS,
    "APFS": definitions.TYPE_INDICATOR_APFS, "XFS": definitions.TYPE_INDICATOR_XFS,
    "ISO9660": definitions.TYPE_INDICATOR_TSK, "NTFS": definitions.TYPE_INDICATOR_NTFS,
    "ext2": definitions.TYPE_INDICATOR_EXT, "ext3": definitions.TYPE_INDICATOR_EXT,
    "ext4": definitions.TYPE_INDICATOR_EXT,
}  # fmt: skip
_ROOTS: Final = {definitions.TYPE_INDICATOR_NTFS: "\\"}
_TIMES: Final = (
    ("created", "creation_time"), ("modified", "modification_time"), ("accessed", "access_time"),
    ("changed", "change_time"),
)  # fmt: skip
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PRECISIONS: Final = {
    "1ns": 1,
    "100ns": 1,
    "1us": 1,
    "10us": 10,
    "100us": 100,
    "1ms": 1_000,
    "10ms": 10_000,
    "100ms": 100_000,
}
"""In microseconds, of dfDateTime's precisions below a second; a microsecond is the finest that is kept."""
_MAX_ENTRIES: Final = 20_000_000
_STORAGE: Final = frozenset(_TYPES.values())


def open_backend(data: Readable, volume: Volume, options: FileSystemOptions) -> DfvfsFileSystem:
    """Open a volume with the back end of its file system; ``data`` is the volume's, of an APFS volume its container's.

    Raises:
        UnreadableError: there is none, or it cannot open the volume.
    """
    indicator = _TYPES.get(volume.file_system)
    if indicator is None:
        raise UnreadableError(f"{volume.address}: no back end for {volume.file_system or 'unknown content'}")
    spec = bytes_spec(data)
    if indicator == definitions.TYPE_INDICATOR_APFS:
        number = _number_of(volume)
        spec = factory.Factory.NewPathSpec(
            definitions.TYPE_INDICATOR_APFS_CONTAINER, location=f"/apfs{number}", volume_index=number - 1, parent=spec
        )
        _give_key(spec, data, number, volume, options)
    root = factory.Factory.NewPathSpec(indicator, location=_ROOTS.get(indicator, "/"), parent=spec)
    groups = _XfsGroups.read(data) if indicator == definitions.TYPE_INDICATOR_XFS else None
    try:
        fs = resolver.Resolver.OpenFileSystem(root, resolver_context=context.Context())
        return DfvfsFileSystem(fs, volume, groups)
    except FAILURES as error:
        raise UnreadableError(f"{volume.address}: the back end cannot open the volume ({error})") from error


def _give_key(spec: Any, data: Readable, number: int, volume: Volume, options: FileSystemOptions) -> None:
    """Tell dfVFS the key of an encrypted APFS volume."""
    if volume.opened_by:
        opened = open_key(data, number, options.keys.for_volume(volume.address, (volume.serial,)))
        if opened is not None:
            key, how = opened
            name = "password" if how == "password" else "recovery_password"
            resolver.Resolver.key_chain.SetCredential(spec, name, key.text)


def _number_of(volume: Volume) -> int:
    """Return which volume of its container a row is, from 1."""
    kind, value = steps_of(volume.address)[-1]
    if kind != "volume" or not value.isdigit():
        raise UnreadableError(f"{volume.address}: names no volume of its container")
    return int(value)


@dataclass(frozen=True, slots=True)
class _XfsGroups:
    """How XFS numbers blocks: ``agno << agblklog | agbno`` (XFS Algorithms & Data Structures, "Superblocks")."""

    block: int
    blocks: int
    shift: int

    @classmethod
    def read(cls, data: Readable) -> _XfsGroups:
        """Read sb_blocksize, sb_agblocks and sb_agblklog; UnreadableError where they are impossible."""
        raw = data.read(0, 512)
        block, blocks = int.from_bytes(raw[4:8], "big"), int.from_bytes(raw[84:88], "big")
        shift = raw[124] if len(raw) == 512 else 0
        if not 512 <= block <= 65536 or block & (block - 1) or not 0 < blocks <= 1 << shift <= 1 << 32:
            raise UnreadableError("impossible values in the XFS super block")
        return cls(block, blocks, shift)

    def offset(self, packed: int) -> int:
        """Return a byte's offset in the volume, of one whose block number still holds its group."""
        number, inside = divmod(packed, self.block)
        group, position = number >> self.shift, number & ((1 << self.shift) - 1)
        return (group * self.blocks + position) * self.block + inside


class DfvfsFileSystem:
    """One volume as a dfVFS back end lists it: live entries only."""

    def __init__(self, fs: Any, volume: Volume, groups: _XfsGroups | None = None) -> None:
        self._fs = fs
        self._volume = volume
        self._groups = groups
        if fs.type_indicator not in _STORAGE:
            raise UnreadableError(f"{volume.address}: dfVFS offers {fs.type_indicator}, not a storage medium")

    def entries(self) -> Iterator[FileEntry | Diagnostic]:
        """Yield live entries; a part that the back end cannot read is a diagnostic."""
        root = self._fs.GetRootFileEntry()
        stack: list[tuple[Any, str]] = [(root, "")] if root is not None else []
        visited: set[str] = set()
        for _ in range(_MAX_ENTRIES):
            if not stack:
                return
            entry, path = stack.pop()
            try:
                children = sorted(entry.sub_file_entries, key=lambda child: str(child.name))
            except FAILURES as error:
                yield self._trouble(path, error)
                continue
            for child in children:
                where = f"{path}/{_clean(child.name)}"
                yield from self._rows(child, where)
                if child.IsDirectory() and where not in visited and not child.IsLink():
                    visited.add(where)
                    stack.append((child, where))

    def _rows(self, entry: Any, path: str) -> Iterator[FileEntry | Diagnostic]:
        try:
            common, kind, size = self._common(entry, path), _kind(entry), int(entry.size or 0)
            runs = self._runs(entry)
            streams = sorted(str(stream.name) for stream in entry.data_streams if stream.name)
            sizes = [int(entry.GetFileObject(data_stream_name=name).get_size()) for name in streams]
        except FAILURES as error:
            yield self._trouble(path, error)
            return
        yield self._row(common, kind, "", size, runs)
        for name, length in zip(streams, sizes, strict=True):
            yield self._row(common, "file", _clean(name), length, ())

    def _common(self, entry: Any, path: str) -> dict[str, Any]:
        """Return the columns that all streams of an entry share."""
        common: dict[str, Any] = {
            "exhibit": self._volume.exhibit, "volume": self._volume.address, "path": path,
            "origin": Origin.ALLOCATED, "meta": _number(entry), "parent": "", "reader": "file-system",
            "listed_by": "dfvfs",
        }  # fmt: skip
        for ours, theirs in _TIMES:
            moment = _moment(getattr(entry, theirs, None))
            if moment is not None:
                common |= {ours: moment[0], f"{ours}_zone": "UTC", f"{ours}_precision_us": moment[1]}
        return common

    def _row(self, common: dict[str, Any], kind: str, stream: str, size: int, runs: tuple[Run, ...]) -> FileEntry:
        place = join(self._volume.address, "fs", common["path"])
        place = join(place, "stream", stream) if stream else place
        return FileEntry(
            id=identify("file", place), address=place, kind=kind, stream=stream, size=size, initialised_size=size,
            runs=runs, **common,
        )  # fmt: skip

    def _runs(self, entry: Any) -> tuple[Run, ...]:
        if not self._volume.direct:
            return ()
        sparse = definitions.EXTENT_TYPE_SPARSE
        return tuple(
            Run(start=-1 if extent.extent_type == sparse else self._place(extent.offset), length=extent.size)
            for extent in entry.GetExtents()
        )

    def _place(self, offset: int) -> int:
        """Return an image offset; XFS's extents come with the allocation group in their upper bits."""
        if self._groups is not None:
            offset = self._groups.offset(offset)
        return self._volume.start + offset

    def _trouble(self, path: str, error: Exception) -> Diagnostic:
        place = join(self._volume.address, "fs", path or "/")
        message = f"{place}: the back end cannot read it ({error}); what lies below may be missing"
        return diagnose("entries", place, "entry-damaged", message, Severity.LOSS)

    def regions(self) -> Iterator[Region | Diagnostic]:
        """Yield nothing: these back ends tell of no free space, so all of it counts as allocated."""
        yield from ()

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry through the back end."""
        try:
            spec = self._fs.GetRootFileEntry().path_spec
            location = entry.path.replace("/", "\\") if self._fs.type_indicator in _ROOTS else entry.path
            target = factory.Factory.NewPathSpec(self._fs.type_indicator, location=location, parent=spec.parent)
            found = self._fs.GetFileEntryByPathSpec(target)
            handle = found.GetFileObject(data_stream_name=entry.stream)
            handle.seek(start)
            data: bytes = handle.read(min(length, max(entry.size - start, 0)))
        except FAILURES as error:
            raise UnreadableError(f"{entry.address}: byte {start} cannot be read ({error})") from error
        return data


def _kind(entry: Any) -> str:
    if entry.IsLink():
        return "link"
    if entry.IsDirectory():
        return "directory"
    return "file" if entry.IsFile() else "other"


def _clean(name: object) -> str:
    return str(name).replace("/", "\u2215")


def _number(entry: Any) -> int:
    spec = entry.path_spec
    for attribute in ("mft_entry", "inode", "identifier"):
        value = getattr(spec, attribute, None)
        if value is not None:
            return int(value)
    return -1


def _moment(value: Any) -> tuple[datetime, int] | None:
    """Return a time and its precision in microseconds; None where it is unset or no date of the calendar."""
    if value is None:
        return None
    normal = value.CopyToPosixTimestampWithFractionOfSecond()
    seconds, fraction = normal if normal is not None else (None, None)
    if seconds is None or not 0 < seconds <= 253_402_300_799:
        return None
    precision = _PRECISIONS.get(value.precision, 1_000_000)
    microseconds = int((fraction or 0) * 1_000_000) if precision < 1_000_000 else 0
    return _EPOCH + timedelta(seconds=int(seconds), microseconds=min(max(microseconds, 0), 999_999)), precision
