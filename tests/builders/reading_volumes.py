"""What tests of file systems ask of a reader: its listing, its account, its bytes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipeline.access.content import Opener
from pipeline.access.filesystems import open_file_system
from pipeline.access.image import open_image
from pipeline.access.interfaces import FileSystem, FileSystemOptions, Image
from pipeline.access.reconcile import list_volume
from pipeline.access.volumes import scan_volumes
from pipeline.records import Diagnostic, ExtentClass, FileEntry, Origin, Region, Volume
from pipeline.schemas import TABLES, rows_to_table
from pipeline.stages.extents_claims import GAP, Labels, claims_of, key_of
from pipeline.stages.extents_listing import Listing
from pipeline.stages.extents_rows import extent_batches
from pipeline.stages.extents_sweep import Listed as ListedClaims
from pipeline.stages.extents_sweep import Stated, joined, swept

OPTIONS = FileSystemOptions()


class Bent:
    """A file with some bytes changed: by each place, what its byte is combined with."""

    def __init__(self, path: Path, changes: dict[int, int]) -> None:
        self._path, self.changes = path, changes
        self.size = path.stat().st_size

    def read(self, start: int, length: int) -> bytes:
        """Return bytes, fewer at the end."""
        with self._path.open("rb") as file:
            file.seek(start)
            raw = bytearray(file.read(max(min(length, self.size - start), 0)))
        for at, value in self.changes.items():
            if start <= at < start + len(raw):
                raw[at - start] ^= value
        return bytes(raw)


class Listed:
    """Everything an image's open volumes list, and what is wrong with any of them."""

    def __init__(self, path: Path | Image) -> None:
        self.image = open_image(path) if isinstance(path, Path) else path
        rows = list(scan_volumes(self.image, "EX-01", OPTIONS))
        self.volumes = [row for row in rows if isinstance(row, Volume)]
        self.remarks = [row for row in rows if isinstance(row, Diagnostic)]
        self.entries: list[FileEntry] = []
        self.regions: list[Region] = []
        for volume in self.volumes:
            if volume.state == "open":
                self._take(list(list_volume(self.image, volume, OPTIONS)), self.entries)
                self._take(list(open_file_system(self.image, volume, OPTIONS).regions()), self.regions)

    def _take(self, rows: list[FileEntry | Diagnostic] | list[Region | Diagnostic], into: list) -> None:  # type: ignore[type-arg]
        for row in rows:
            (self.remarks if isinstance(row, Diagnostic) else into).append(row)

    def named(self, path: str, *, stream: str = "", origin: str = Origin.ALLOCATED) -> FileEntry:
        """Return the one entry of a path."""
        (entry,) = [row for row in self.entries if (row.path, row.stream, row.origin) == (path, stream, origin)]
        return entry

    def paths(self, origin: str = Origin.ALLOCATED) -> set[str]:
        """Return the paths of an origin, the root's aside."""
        return {row.path for row in self.entries if row.origin == origin and row.path != "/"}

    def read(self, entry: FileEntry) -> bytes:
        """Return an entry's content, as the stages read it."""
        opened = Opener(self.image, {row.address: row for row in self.volumes}, OPTIONS).open(entry)
        return opened.read(0, opened.size)

    def through(self, entry: FileEntry) -> bytes:
        """Return an entry's content through its file system."""
        volume = next(row for row in self.volumes if row.address == entry.volume)
        fs: FileSystem = open_file_system(self.image, volume, OPTIONS)
        return fs.read(entry, 0, entry.size)

    def bytes_of(self, class_: str, name: str = "") -> int:
        """Return how many bytes the regions of a class, or of a name, cover."""
        return sum(row.length for row in self.regions if row.class_ == class_ and name in row.name)

    def account(self) -> Counter[str]:
        """Return bytes by class; runs must be disjoint and sum to the image's size."""
        entries = rows_to_table(TABLES["entries"], self.entries)
        labels, listing = Labels(), Listing.read(entries.to_batches(), self.volumes)
        base = key_of(GAP, labels.number(ExtentClass.VOLUME_GAP, "", ""))
        others = claims_of(self.volumes, rows_to_table(TABLES["regions"], self.regions), [], labels)
        first = len(labels.known)
        found: Counter[str] = Counter()
        position = 0
        layers = Stated.of(others), ListedClaims(listing, first)
        for part in joined(window.account for window in swept(self.image.size, layers, base, first)):
            for row in (row for batch in extent_batches("EX-01", part, list(labels.known), listing)
                        for row in batch.to_pylist()):  # fmt: skip
                assert row["start"] == position
                position += row["length"]
                found[row["class"]] += row["length"]
        assert position == self.image.size
        return found
