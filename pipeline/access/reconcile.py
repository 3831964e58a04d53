"""Two independent listings of one volume, and what only one of them knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from pipeline.access.backends import open_backend
from pipeline.access.ext import JOURNAL
from pipeline.access.filesystems import open_file_system
from pipeline.access.interfaces import FileSystemOptions, Image
from pipeline.access.mapped import carried_over
from pipeline.access.mapping import by_itself, place_of
from pipeline.access.own import OWN, SECOND
from pipeline.access.tsk import open_tsk
from pipeline.access.tsk_rows import INDIRECT
from pipeline.access.volumes import open_volume
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, FileEntry, Origin, Severity, Volume, diagnose

__all__ = ["list_volume"]

_NAMED: Final = 200
_SECOND: Final = {"tsk": "dfvfs", "dfvfs": "", "layer": ""}
_LABEL: Final = "(Volume Label Entry)"
_VIRTUAL: Final = ("/$OrphanFiles", "/$MBR", "/$FAT1", "/$FAT2", "/$ALLOC_BITMAP", "/$UPCASE_TABLE", "/$VOLUME_GUID")


def list_volume(image: Image, volume: Volume, options: FileSystemOptions) -> Iterator[FileEntry | Diagnostic]:
    """Yield the entries of a volume with ``listed_by`` naming the readers that list each one.

    Where the second reader fails, that is a diagnostic,
    and the first one's listing stands.

    Raises:
        UnreadableError: the first reader cannot open the volume.
    """
    first = open_file_system(image, volume, options)
    entries: list[FileEntry] = []
    for row in first.entries():
        if isinstance(row, FileEntry):
            entries.append(row)
        else:
            yield row
    second = SECOND.get(volume.file_system, "tsk") if volume.reader == "own" else _SECOND[volume.reader]
    if not second or not place_of(volume) or not getattr(first, "comparable", True):
        yield from (_listed(row, volume.reader) for row in entries)
        return
    try:
        others, troubles = _others(image, volume, options, second)
    except UnreadableError as error:
        yield _alone(volume, second, error)
        yield from (_listed(row, volume.reader) for row in entries)
        return
    yield from _troubled(volume, second, troubles)
    yield from _joined(entries, others, volume, second)


def _alone(volume: Volume, second: str, error: UnreadableError) -> Diagnostic:
    message = f"{volume.address}: the second reader ({second}) cannot list it ({error}); one listing stands alone"
    return diagnose("entries", volume.address, "second-listing", message, Severity.NOTE)


def _listed(row: FileEntry, by: str) -> FileEntry:
    return row if row.listed_by in {by, JOURNAL} else replace(row, listed_by=by)


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
    listing = open_tsk(data, own, options).named() if second == "tsk" else open_backend(data, own, options).entries()
    rows = list(carried_over(volume, listing))
    troubles = [row for row in rows if isinstance(row, Diagnostic)]
    kept = [row for row in rows if isinstance(row, FileEntry) and row.origin == Origin.ALLOCATED and _comparable(row)]
    if volume.file_system.startswith(("FAT", "exFAT")):
        kept = [_timeless(row) for row in kept if not row.path.endswith(_LABEL)]
    return kept, troubles


def _comparable(row: FileEntry) -> bool:
    return not row.path.startswith(_VIRTUAL) and row.kind != "virtual" and row.path != "/" and row.stream != INDIRECT


def _timeless(row: FileEntry) -> FileEntry:
    """Drop the times of a FAT or exFAT entry that only The Sleuth Kit lists: it reads local times as UTC."""
    return replace(row, created=None, modified=None, accessed=None, changed=None)


def _keys(row: FileEntry) -> Iterator[tuple[object, ...]]:
    """Yield what identifies an entry to another reader: its path, and where its first byte lies."""
    yield "path", row.path.lower(), row.stream
    if row.runs and row.runs[0].start >= 0:
        yield "run", row.runs[0].start, row.size if row.kind == "file" else row.kind


def _joined(
    entries: Iterable[FileEntry], others: Iterable[FileEntry], volume: Volume, second: str
) -> Iterator[FileEntry | Diagnostic]:
    unmatched: dict[tuple[object, ...], list[FileEntry]] = defaultdict(list)
    rest = {row.id: row for row in others}
    for row in rest.values():
        for key in _keys(row):
            unmatched[key].append(row)
    alone = 0
    for entry in entries:
        if entry.origin != Origin.ALLOCATED:
            yield _listed(entry, volume.reader)
            continue
        match = next((row for key in _keys(entry) for row in unmatched.get(key, ()) if row.id in rest), None)
        if match is None:
            alone += 1
            yield _listed(entry, volume.reader)
            own_alone = bool(entry.stream) and volume.file_system in OWN  # named streams are not what it lists
            if alone <= _NAMED and entry.kind != "metadata" and entry.path != "/" and not own_alone:
                yield _one_sided(entry, volume.reader, second)
            continue
        rest.pop(match.id)
        yield _listed(entry, f"{volume.reader}+{second}")
        if match.size != entry.size and entry.kind == "file":
            yield _differing(entry, volume.reader, match, second)
    for row in rest.values():
        if row.kind not in {"metadata", "virtual"}:
            yield _listed(row, second)
            yield _one_sided(row, second, volume.reader)


def _differing(entry: FileEntry, lister: str, match: FileEntry, other: str) -> Diagnostic:
    message = f"{entry.address}: {entry.size} bytes by {lister}, {match.size} by {other}; the first is used"
    return diagnose("entries", entry.address, "listings-differ", message, Severity.WARNING)


def _one_sided(entry: FileEntry, lister: str, other: str) -> Diagnostic:
    message = f"{entry.address}: listed by {lister} only, not by {other}; it is kept and examined"
    return diagnose("entries", entry.address, "listed-by-one", message, Severity.NOTE)
