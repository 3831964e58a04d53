"""Opening what a listing names: by its runs, or through the file system it belongs to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Final

from pipeline.access.filesystems import open_file_system
from pipeline.access.interfaces import FileSystem, FileSystemOptions, Image, Readable
from pipeline.errors import UnreadableError
from pipeline.records import FileEntry, Volume

__all__ = ["Opener", "RunReadable"]

_ZEROS: Final = bytes(1 << 20)
_MOST_HOLES: Final = 64 << 30
"""Bytes of holes that are read as zeros, for a digest; a size beyond any medium would be read for ever."""


class RunReadable:
    """A stream by its runs: sparse runs and what lies behind the initialised size read as zeros.

    ``size`` is what the runs hold of the entry's size; ``missing`` is the rest, in bytes: a deleted chain that broke
    off, an attribute list that is lost. What is missing is not made up.
    """

    def __init__(self, image: Readable, entry: FileEntry) -> None:
        self._image = image
        self._runs = entry.runs
        self._starts = (0, *accumulate(run.length for run in entry.runs))
        self._initialised = entry.initialised_size
        self.size = min(max(entry.size, 0), self._starts[-1])
        self.missing = max(entry.size, 0) - self.size

    def read(self, start: int, length: int) -> bytes:
        """Return bytes; fewer at the end, or where the runs end before the size does."""
        end = min(start + max(length, 0), self.size)
        pieces: list[bytes] = []
        while start < end:
            index = bisect_right(self._starts, start) - 1
            stop = min(end, self._starts[index + 1])
            pieces += self._stretch(index, start, stop)
            start = stop
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def stored(self) -> Iterator[tuple[int, int]]:
        """Yield (start, length) of the stretches that have bytes on the medium, joined where they touch."""
        start, end = 0, 0
        for at, run in zip(self._starts, self._runs, strict=False):
            stop = min(at + run.length, self.size, self._initialised)
            if run.start < 0 or at >= stop:
                continue
            if at != end:
                if end > start:
                    yield start, end - start
                start = at
            end = stop
        if end > start:
            yield start, end - start

    def _stretch(self, index: int, start: int, stop: int) -> list[bytes]:
        """Return the bytes of one run, from and to stream offsets."""
        run = self._runs[index]
        real = max(min(stop, self._initialised), start) if run.start >= 0 else start
        pieces = []
        if real > start:
            pieces.append(self._image.read(run.start + start - self._starts[index], real - start))
            if len(pieces[0]) < real - start:
                raise UnreadableError(f"a run at image byte {run.start} ends outside the image")
        zeros = stop - real
        while zeros:
            pieces.append(_ZEROS[: min(zeros, len(_ZEROS))])
            zeros -= len(pieces[-1])
        return pieces


class _ThroughFileSystem:
    """A stream that only its file system can put together."""

    missing = 0

    def __init__(self, fs: FileSystem, entry: FileEntry) -> None:
        self._fs = fs
        self._entry = entry
        self.size = entry.size

    def read(self, start: int, length: int) -> bytes:
        """Return bytes."""
        return self._fs.read(self._entry, start, length)


class Opener:
    """Opens entries of one exhibit; a volume's file system is opened once.

    ``clear`` is the image with its unlocked volumes in clear, for objects carved from them.
    """

    def __init__(
        self, image: Image, volumes: Mapping[str, Volume], options: FileSystemOptions, *, clear: Readable | None = None
    ) -> None:
        self._image = image
        self._clear = image if clear is None else clear
        self._volumes = volumes
        self._options = options
        self._open: dict[str, FileSystem] = {}

    def open(self, entry: FileEntry) -> Readable:
        """Open an entry's bytes.

        Raises:
            UnreadableError: its volume cannot be opened, or it is a member and lies in a container.
        """
        readable = self._readable(entry)
        if readable.size > self._image.size + _MOST_HOLES:
            message = f"{entry.address}: states {readable.size} bytes, more than the medium and {_MOST_HOLES} of holes"
            raise UnreadableError(f"{message}; what lies on the medium is scanned raw, the rest is nothing")
        return readable

    def _readable(self, entry: FileEntry) -> Readable:
        if entry.reader == "runs":
            return RunReadable(self._image, entry)
        if entry.reader == "clear":
            return RunReadable(self._clear, entry)
        if entry.reader != "file-system":
            raise UnreadableError(f"{entry.address}: lies inside a container and is read through it")
        return _ThroughFileSystem(self._file_system(entry), entry)

    def _file_system(self, entry: FileEntry) -> FileSystem:
        if entry.volume not in self._open:
            volume = self._volumes.get(entry.volume)
            if volume is None:
                raise UnreadableError(f"{entry.address}: its volume is not in the table of volumes")
            self._open[entry.volume] = open_file_system(self._image, volume, self._options)
        return self._open[entry.volume]
