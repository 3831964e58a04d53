"""What the doors to bytes promise each other and the stages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pipeline.records import Diagnostic, FileEntry, Region
from pipeline.volume_keys import VolumeKeys

__all__ = ["FileSystem", "FileSystemOptions", "Image", "Readable", "Sparse", "stored_ranges"]


class Readable(Protocol):
    """Bytes with random access."""

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def read(self, start: int, length: int) -> bytes:
        """Return ``length`` bytes from ``start``, fewer only at the end.

        Raises:
            UnreadableError: the bytes exist but cannot be read.
        """
        ...


@runtime_checkable
class Sparse(Protocol):
    """A readable that knows which of its bytes are stored; the others read as zeros."""

    def stored(self) -> Iterator[tuple[int, int]]:
        """Yield (start, length) of the stretches that have bytes, in order."""
        ...


def stored_ranges(content: Readable) -> Iterator[tuple[int, int]]:
    """Yield (start, length) of what a content stores; all of it where it does not say."""
    if isinstance(content, Sparse):
        yield from content.stored()
    elif content.size:
        yield 0, content.size


class Image(Readable, Protocol):
    """A medium as acquired: its decoded bytes, whatever container holds them. One handle per thread."""

    @property
    def format(self) -> str:
        """Container format: ``raw``, ``ewf``, ``vmdk`` and so on."""
        ...

    @property
    def segments(self) -> tuple[str, ...]:
        """Paths of the container's files, in order."""
        ...

    @property
    def stored(self) -> Mapping[str, str]:
        """Hashes of the medium that the container itself carries, by algorithm (``md5``, ``sha1``), lower-case hex."""
        ...

    @property
    def unreadable(self) -> tuple[tuple[int, int], ...]:
        """(start, length) of ranges that the acquisition could not read, in bytes."""
        ...

    def close(self) -> None:
        """Release the handle."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSystemOptions:
    """What a reader must be told because the medium does not say it."""

    timezone: str = "Asia/Tokyo"
    code_page: str = "cp932"
    keys: VolumeKeys = field(default_factory=VolumeKeys)


class FileSystem(Protocol):
    """A mounted-for-reading view of one volume."""

    def entries(self) -> Iterator[FileEntry | Diagnostic]:
        """Yield every name of every stream, live, deleted and orphaned."""
        ...

    def regions(self) -> Iterator[Region | Diagnostic]:
        """Yield the volume's own metadata and its unallocated space, in image offsets."""
        ...

    def read(self, entry: FileEntry, start: int, length: int) -> bytes:
        """Return bytes of an entry whose ``reader`` is ``file-system``.

        Raises:
            UnreadableError: they cannot be read.
        """
        ...
