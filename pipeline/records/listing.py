"""Rows of file entries, of the regions of a file system, and of the account of every byte."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipeline.records.kinds import Certainty
from pipeline.records.media import Run

__all__ = ["Extent", "FileEntry", "Region", "Remains"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One name of one stream, live, deleted, carved or inside another file.

    ``size`` is the logical size; bytes from ``initialised_size`` on read as zeros whatever the disk holds. ``runs`` are
    image offsets and cover the allocated length. ``reader`` tells how the bytes are read again: ``runs`` (the runs,
    cut to ``size``), ``file-system`` (through the file system's reader by ``meta`` and ``stream``: resident,
    compressed, layered volumes) or ``member`` (through its container). Times are UTC; the zone says how the medium
    had them (``UTC``, ``local Asia/Tokyo``, ``recorded +09:00``), the precision is in microseconds. ``name_…`` are the
    times that NTFS keeps beside the name ($FILE_NAME, UTC, to 1 us); programs that set the others rarely reach them.
    """

    id: str
    exhibit: str
    volume: str
    address: str
    path: str
    stream: str
    kind: str
    origin: str
    meta: int
    parent: str
    size: int
    initialised_size: int
    created: datetime | None = None
    created_zone: str = ""
    created_precision_us: int = 0
    modified: datetime | None = None
    modified_zone: str = ""
    modified_precision_us: int = 0
    accessed: datetime | None = None
    accessed_zone: str = ""
    accessed_precision_us: int = 0
    changed: datetime | None = None
    changed_zone: str = ""
    changed_precision_us: int = 0
    name_created: datetime | None = None
    name_modified: datetime | None = None
    name_changed: datetime | None = None
    name_accessed: datetime | None = None
    runs: tuple[Run, ...] = ()
    reader: str = "runs"
    certainty: str = Certainty.INTACT
    listed_by: str = ""
    short_name: str = ""
    flags: str = ""
    content: str | None = None
    type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What a file system says of its own space: a run of the volume in image offsets with its class.

    Only ``unallocated``, ``file-system-metadata`` and ``locked`` are stated here; the account derives the rest.
    """

    exhibit: str
    volume: str
    start: int
    length: int
    class_: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """A run of an image in exactly one class; ``owner`` is a file id where a file claims it.

    ``name`` is the structure it is, where a file system or a partition table names it (``FAT 2``, ``$LogFile``,
    ``inode table``). ``claimants`` are the file ids that claim the run where there are several (cross-linked, deleted
    over live, two deleted), the one that holds it first, at most eight; ``claimant_count`` is how many there are.
    """

    exhibit: str
    start: int
    length: int
    class_: str
    owner: str | None
    volume: str
    name: str = ""
    claimants: tuple[str, ...] = ()
    claimant_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What the whole account says of a deleted entry's bytes: whose they are now.

    ``own`` bytes nobody else claims, ``shared`` ones other deleted entries claim as well, ``lost`` ones lie in what is
    allocated now; ``unreadable`` ones no acquisition could read. ``certainty`` is that of the listing, lowered by this.
    """

    file: str
    exhibit: str
    own: int
    shared: int
    lost: int
    unreadable: int
    certainty: str
