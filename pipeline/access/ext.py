"""ext through The Sleuth Kit, and what only its journal still knows of deleted files; what is not read is said."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from pipeline.access.ext_features import ENCRYPTED, Features, feature_remarks, read_features, unread_names
from pipeline.access.ext_inode import InodeTables
from pipeline.access.ext_older import JOURNAL, OlderCopies
from pipeline.access.fat_losses import Losses
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.tsk import TskFileSystem, describe_tsk, open_tsk
from pipeline.errors import UnreadableError
from pipeline.records import Certainty, Diagnostic, FileEntry, Origin, Region, Run, Severity, Volume, identify

__all__ = ["JOURNAL", "ExtFileSystem", "describe_ext", "open_ext"]

OUTSIDE: Final = "outside"
"""The flag of an entry whose blocks lie outside the volume."""
_INLINE: Final = "DATA"
"""What The Sleuth Kit calls the content that lies in an inode (``inline_data``): the file's own, not a stream of it."""
_DAMAGE: Final = (UnreadableError, struct.error, ValueError, IndexError)


def open_ext(data: Readable, volume: Volume, options: FileSystemOptions) -> ExtFileSystem:
    """Open an ext volume; UnreadableError where The Sleuth Kit cannot."""
    return ExtFileSystem(data, volume, options)


def describe_ext(data: Readable) -> dict[str, Any]:
    """Return what :func:`describe_tsk` does; UnreadableError, with the features that may be why, where TSK cannot."""
    try:
        return describe_tsk(data)
    except UnreadableError as error:
        names = unread_names(data)
        raise UnreadableError(f"{error}; it has {names}" if names else str(error)) from error


class ExtFileSystem:
    """One ext volume: The Sleuth Kit's listing, then the journal's; each entry is read by who listed it."""

    def __init__(self, data: Readable, volume: Volume, options: FileSystemOptions) -> None:
        self._tsk: TskFileSystem = open_tsk(data, volume, options)
        self._data, self._volume = data, volume
        self._features: Features = read_features(data)
        self._tables: InodeTables | None = None
        self._old: OlderCopies | None = None
        self._why = ""

    def _older(self) -> OlderCopies | None:
        """Return what the journal knows; None where there is none, or for the reason that is kept."""
        if self._old is None and not self._why and self._features.has_journal:
            try:
                self._old = OlderCopies(self._inodes(), self._volume, self._tsk, self._features.journal_inode)
            except _DAMAGE as error:
                self._why = str(error) or type(error).__name__
        return self._old

    def _inodes(self) -> InodeTables:
        if self._tables is None:
            self._tables = InodeTables(self._data)
        return self._tables

    def entries(self) -> Iterator[FileEntry | Diagnostic]:
        """Yield every name, then deleted files by older copies of their inodes and directories, then what is unread."""
        older, losses = self._older(), Losses()
        for listed in self._tsk.entries():
            row = self._checked(listed, losses) if isinstance(listed, FileEntry) else listed
            if older is not None and isinstance(row, FileEntry):
                older.note(row)
            yield row
        if older is not None:
            yield from self._from_journal(older)
        yield from losses.rows(self._volume, "ext-damage")
        yield from feature_remarks(self._features, self._volume, self._why)

    def _from_journal(self, older: OlderCopies) -> Iterator[FileEntry | Diagnostic]:
        try:
            yield from older.entries()
        except _DAMAGE as error:
            self._why = str(error) or type(error).__name__

    # -- what The Sleuth Kit's rows do not say -----------------------------------------------------------------------

    def _checked(self, row: FileEntry, losses: Losses) -> FileEntry:
        """Return a row as it can be trusted: its blocks in the volume, its content called what it is."""
        if row.stream == _INLINE and row.reader == "file-system":
            place = row.address.replace(f"!stream:{_INLINE}", "", 1)
            row = replace(row, stream="", address=place, id=identify("file", place))
        if any(self._outside(run) for run in row.runs):
            return _without_runs(row, losses)
        return self._sealed(row, losses) if row.size and row.kind in {"file", "link"} else row

    def _outside(self, run: Run) -> bool:
        base = self._volume.start if self._volume.direct else 0
        return run.start >= 0 and not base <= run.start <= run.start + run.length <= base + self._data.size

    def _sealed(self, row: FileEntry, losses: Losses) -> FileEntry:
        """Mark content that is stored enciphered or compressed; a few bytes of it would not be told from text."""
        try:
            flags = self._inodes().flags(row.meta) & self._features.per_file
        except _DAMAGE:
            losses.add("inodes cannot be read: which files are enciphered is not known", severity=Severity.LOSS)
            return row
        if not flags:
            return row
        word = "encrypted" if flags & ENCRYPTED else "compressed"
        text = f"a file is {word} by the file system and is read as it is stored"
        losses.add(text, severity=Severity.LOSS if row.origin == Origin.ALLOCATED else Severity.NOTE)
        return replace(row, flags=",".join(filter(None, [row.flags, word])))

    # -- space and bytes ---------------------------------------------------------------------------------------------

    def regions(self) -> Iterator[Region | Diagnostic]:
        """Yield unallocated space, structures, and the journal."""
        yield from self._tsk.regions()
        older = self._older()
        if older is not None:
            yield from older.regions()

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry.

        Raises:
            UnreadableError: they cannot be read.
        """
        flags = entry.flags.split(",")
        if OUTSIDE in flags:
            raise UnreadableError(f"{entry.address}: its blocks lie outside the volume")
        if JOURNAL in flags:
            older = self._older()
            if older is None:
                raise UnreadableError(f"{entry.address}: the journal cannot be read any more")
            return older.read(entry, start, length)
        return self._tsk.read(entry, start, length)


def _without_runs(row: FileEntry, losses: Losses) -> FileEntry:
    """Return a row whose blocks lie outside the volume: none of them is trusted, and reading it says why."""
    live = row.origin == Origin.ALLOCATED
    text = f"blocks of a {'' if live else 'deleted '}file lie outside the volume; it is not read"
    losses.add(text, severity=Severity.LOSS if live else Severity.WARNING)
    flags = ",".join(filter(None, [row.flags, OUTSIDE]))
    certainty = row.certainty if live else Certainty.NO_CONTENT
    return replace(row, runs=(), reader="file-system" if live else "runs", certainty=certainty, flags=flags)
