"""Volumes inside volumes: what carries others together, and APFS volumes and volume shadow copies through libyal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pyvshadow

from pipeline.access.apfs_volumes import apfs_volumes
from pipeline.access.interfaces import FileSystemOptions, Readable
from pipeline.access.libyal import FileLike
from pipeline.access.lvm import assemble_lvm
from pipeline.access.md import assemble_md
from pipeline.access.overlay import Forgiving
from pipeline.access.partitions import read_partitions
from pipeline.access.pool import MAX_VOLUMES, Found, Pool, linear, unknown_inside
from pipeline.access.vss import SnapshotPlaces, read_places
from pipeline.address import join
from pipeline.errors import ParseError, UnreadableError
from pipeline.records import Diagnostic, ExtentClass, Region, Volume, VolumeState, diagnose

__all__ = [
    "PARTITIONED",
    "FileLike",
    "LayerReadable",
    "SnapshotBytes",
    "assembled",
    "carries",
    "layered_volumes",
    "oldest_first",
]

PARTITIONED: Final = "partition table"
"""What stands for the file system of a volume that holds a whole disk with its partitions."""

_FAILURES: Final = (OSError, ValueError, OverflowError, MemoryError, IndexError)


_ASSEMBLERS: Final[dict[str, Callable[[Sequence[Found]], Iterator[Found | Diagnostic | Region]]]] = {
    "md RAID": assemble_md,
    "LVM": assemble_lvm,
}
"""What puts volumes together from those that carry them, by the carriers' file system; what comes first is put
together first, as it may carry the others.
"""


def carries(volume: Volume) -> bool:
    """Tell whether a volume is one of those that carry others together: a physical volume, a member."""
    return volume.file_system in _ASSEMBLERS and volume.reader == "layer"


def assembled(carriers: list[Found]) -> Iterator[Found | Diagnostic | Region]:
    """Yield what the first kind among the carriers holds, taking those carriers from the list."""
    kind = next(name for name in _ASSEMBLERS if any(item.row.file_system == name for item in carriers))
    chosen = [item for item in carriers if item.row.file_system == kind]
    carriers[:] = [item for item in carriers if item.row.file_system != kind]
    yield from _ASSEMBLERS[kind](chosen)


def layered_volumes(
    data: Readable, volume: Volume, options: FileSystemOptions
) -> Iterator[Found | Diagnostic | Region]:
    """Yield the volumes inside one volume alone; a layer that cannot be opened is a diagnostic."""
    try:
        if volume.file_system == "NTFS" and volume.state == VolumeState.OPEN:
            yield from _snapshots(data, volume)
        elif volume.file_system == PARTITIONED:
            yield from _partitions(data, volume)
        elif volume.file_system == "APFS":
            yield from apfs_volumes(data, volume, options)
    except (*_FAILURES, UnreadableError) as error:
        kind = "snapshot" if volume.file_system == "NTFS" else "volume"
        yield from unknown_inside(volume, kind, str(error), scheme=kind)


def _partitions(data: Readable, volume: Volume) -> Iterator[Found | Diagnostic | Region]:
    """Yield the partitions of a volume that holds a whole disk, and where its partition tables lie."""
    table, pool = read_partitions(Forgiving(data)), Pool([Found(volume, data)])
    if table is None:
        return
    for remark in table.remarks:
        yield diagnose("volumes", volume.address, remark.code, f"{volume.address}: {remark.message}")
    for start, length, name in table.metadata:
        yield from pool.regions(0, start, length, ExtentClass.VOLUME_METADATA, name)
    for part in table.partitions:
        yield pool.inner(
            "part", part.name, [linear(part.start, part.length)], scheme=table.scheme, part_type=part.type,
            label=part.label,
        )  # fmt: skip


def _snapshots(data: Readable, volume: Volume) -> Iterator[Found | Diagnostic]:
    if not pyvshadow.check_volume_signature_file_object(FileLike(data)):
        return
    handle = pyvshadow.volume()
    handle.open_file_object(FileLike(data))
    for number, index in enumerate(_oldest_first(handle), start=1):
        store = handle.get_store(index)
        row = replace(
            volume, address=join(volume.address, "snapshot", str(number)), direct=False, runs=(), scheme="vss",
            label=f"{store.get_creation_time():%Y-%m-%dT%H:%M:%SZ}",
        )  # fmt: skip
        yield Found(row, SnapshotBytes(handle, store, int(store.volume_size), data, volume, number))


def _oldest_first(handle: Any) -> list[int]:
    """Return the stores' indices by their time of creation; their order on the medium is not that."""
    count = min(handle.get_number_of_stores(), MAX_VOLUMES)
    return oldest_first([int(handle.get_store(index).get_creation_time_as_integer()) for index in range(count)])


def oldest_first(created: Sequence[int]) -> list[int]:
    """Return indices in the order of their times; equal times keep their order."""
    return sorted(range(len(created)), key=lambda index: (created[index], index))


@dataclass(slots=True)
class LayerReadable:
    """A volume's bytes as libyal gives them; ``keeper`` holds what must stay open."""

    keeper: Any
    handle: Any
    size: int

    def read(self, start: int, length: int) -> bytes:
        """Return bytes; UnreadableError where the layer cannot give them."""
        if start >= self.size or length <= 0:
            return b""
        try:
            self.handle.seek(start)
            data: bytes = self.handle.read(min(length, self.size - start))
        except _FAILURES as error:
            raise UnreadableError(f"byte {start} of the layered volume cannot be read ({error})") from error
        return data


@dataclass(slots=True)
class SnapshotBytes(LayerReadable):
    """A snapshot's bytes; ``below`` are those of the volume that ``carrier`` describes, ``number`` counts from 1."""

    below: Readable
    carrier: Volume
    number: int

    def places(self) -> SnapshotPlaces | None:
        """Return where the snapshot's blocks lie in its volume; None where the catalog read again does not agree."""
        try:
            found = read_places(self.below)
        except (ParseError, UnreadableError):
            return None
        stores = [self.keeper.get_store(index) for index in _oldest_first(self.keeper)]
        told = [int(store.get_creation_time_as_integer()) for store in stores]
        return found[self.number - 1][1] if [moment for moment, _ in found] == told == sorted(set(told)) else None
