"""Two independent listings of one volume, and what only one of them knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pyarrow as pa

from pipeline.access.filesystems import open_file_system
from pipeline.access.interfaces import FileSystem, FileSystemOptions, Image
from pipeline.access.mapped import carried_over
from pipeline.access.mapped_pages import MappedPages
from pipeline.access.mapping import by_itself, place_of
from pipeline.access.ntfs import NtfsFileSystem
from pipeline.access.own import SECOND
from pipeline.access.pages import Addresses, entries_in, entry_batches
from pipeline.access.reconcile_columns import compared
from pipeline.access.reconcile_rows import Joiner, comparable, listed
from pipeline.access.tsk import open_tsk
from pipeline.access.tsk_names import TskNames
from pipeline.access.volumes import open_volume
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, FileEntry, Origin, Severity, Volume, diagnose

__all__ = ["list_batches", "list_volume"]

_SECOND: Final = {"tsk": "dfvfs", "dfvfs": "", "layer": ""}
_LABEL: Final = "(Volume Label Entry)"


def list_volume(image: Image, volume: Volume, options: FileSystemOptions) -> Iterator[FileEntry | Diagnostic]:
    """Yield the entries of :func:`list_batches` as rows."""
    return entries_in(list_batches(image, volume, options))


def list_batches(image: Image, volume: Volume, options: FileSystemOptions) -> Iterator[pa.RecordBatch | Diagnostic]:
    """Yield the entries of a volume with ``listed_by`` naming the readers that list each one.

    Where the second reader fails, that is a diagnostic, and the first one's listing stands.

    Raises:
        UnreadableError: the first reader cannot open the volume.
    """
    first = open_file_system(image, volume, options)
    second = SECOND.get(volume.file_system, "tsk") if volume.reader == "own" else _SECOND[volume.reader]
    if not second or not place_of(volume) or not getattr(first, "comparable", True):
        second = ""
    if isinstance(first, (NtfsFileSystem, MappedPages)):
        yield from _pages(first, image, volume, options, second)
    else:
        yield from entry_batches(_rows(first, image, volume, options, second))


def _pages(
    first: NtfsFileSystem | MappedPages, image: Image, volume: Volume, options: FileSystemOptions, second: str
) -> Iterator[pa.RecordBatch | Diagnostic]:
    """List an NTFS volume in columns, page by page."""
    addresses = Addresses()
    pages = first.pages(addresses)
    if second:
        own = by_itself(volume) if volume.runs else volume
        try:
            tsk = open_tsk(open_volume(image, volume, options), own, options)
            names = TskNames(tsk)
        except UnreadableError as error:
            yield _alone(volume, second, error)
        else:
            yield from compared(pages, names, volume, addresses)
            yield from _troubled(volume, second, list(tsk.troubles()))
            return
    yield from (page if isinstance(page, Diagnostic) else page.rows for page in pages)


def _rows(
    first: FileSystem, image: Image, volume: Volume, options: FileSystemOptions, second: str
) -> Iterator[FileEntry | Diagnostic]:
    """List a volume by readers that make rows."""
    entries: list[FileEntry] = []
    for row in first.entries():
        if not second and isinstance(row, FileEntry):
            yield listed(row, volume.reader)
        elif isinstance(row, FileEntry):
            entries.append(row)
        else:
            yield row
    if not second:
        return
    try:
        others, troubles = _others(image, volume, options, second)
    except UnreadableError as error:
        yield _alone(volume, second, error)
        yield from (listed(row, volume.reader) for row in entries)
        return
    yield from _troubled(volume, second, troubles)
    joiner = Joiner(volume, second)
    yield from joiner.joined(entries, others)
    yield from joiner.alone(joiner.rest.values())


def _alone(volume: Volume, second: str, error: UnreadableError) -> Diagnostic:
    message = f"{volume.address}: the second reader ({second}) cannot list it ({error}); one listing stands alone"
    return diagnose("entries", volume.address, "second-listing", message, Severity.NOTE)


def _troubled(volume: Volume, second: str, troubles: list[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield one remark on what the second reader could not read; losses of the first are its own rows."""
    if troubles:
        message = (
            f"{volume.address}: the second reader ({second}) had {len(troubles)} troubles of its own, the first: "
            f"{troubles[0].message}; names may be confirmed by one reader only"
        )
        yield diagnose("entries", volume.address, "second-listing", message, Severity.NOTE)


def _others(
    image: Image, volume: Volume, options: FileSystemOptions, second: str
) -> tuple[list[FileEntry], list[Diagnostic]]:
    """Return the second reader's live entries, and what it could not read."""
    data, own = open_volume(image, volume, options), by_itself(volume) if volume.runs else volume
    if second == "tsk":
        listing = open_tsk(data, own, options).named()
    else:
        from pipeline.access.backends import open_backend  # noqa: PLC0415 - 0.3 s of CPU to load; few volumes need it

        listing = open_backend(data, own, options).entries()
    rows = list(carried_over(volume, listing))
    troubles = [row for row in rows if isinstance(row, Diagnostic)]
    kept = [row for row in rows if isinstance(row, FileEntry) and row.origin == Origin.ALLOCATED and comparable(row)]
    if volume.file_system.startswith(("FAT", "exFAT")):
        kept = [_timeless(row) for row in kept if not row.path.endswith(_LABEL)]
    return kept, troubles


def _timeless(row: FileEntry) -> FileEntry:
    """Drop the times of a FAT or exFAT entry that only The Sleuth Kit lists: it reads local times as UTC."""
    return replace(row, created=None, modified=None, accessed=None, changed=None)
