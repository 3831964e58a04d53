"""Volumes of an image: partitions, logical volumes, APFS volumes, snapshots; one bad one never spoils the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.access.exfat import open_exfat, recognise_exfat
from pipeline.access.fat import open_fat, recognise_fat
from pipeline.access.interfaces import FileSystemOptions, Image, Readable
from pipeline.access.layers import LayerReadable, layered_volumes
from pipeline.access.partitions import Partition, read_partitions
from pipeline.access.signatures import Signature, recognise
from pipeline.access.tsk import describe_tsk
from pipeline.address import join
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, ExtentClass, Region, Severity, Volume, VolumeState, diagnose

__all__ = ["Slice", "open_volume", "scan_volumes", "volume_regions"]

STAGE: Final = "volumes"
_SAMPLE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch of an image as bytes of its own."""

    image: Readable
    start: int
    size: int

    def read(self, start: int, length: int) -> bytes:
        """Return bytes, cut at the end of the stretch."""
        if start >= self.size or length <= 0:
            return b""
        return self.image.read(self.start + start, min(length, self.size - start))


def scan_volumes(image: Image, exhibit: str, options: FileSystemOptions) -> Iterator[Volume | Diagnostic]:
    """Yield a row per partition, logical volume, APFS volume and snapshot, and what is wrong with any of them.

    An image without a partition table is one volume whose address is the exhibit's label.
    """
    whole = Slice(image, 0, image.size)
    table = None if _is_volume(whole) else read_partitions(image)
    if table is None:
        part = Partition(name="", start=0, length=image.size, type="", label="")
        yield from _described(image, exhibit, exhibit, part, "none", options)
        return
    for remark in table.remarks:
        yield diagnose(STAGE, exhibit, remark.code, f"{exhibit}: {remark.message}")
    for part in table.partitions:
        address = join(exhibit, "part", part.name)
        yield from _described(image, exhibit, address, part, table.scheme, options)


def _is_volume(data: Readable) -> bool:
    """Tell whether a medium begins with a file system rather than a partition table."""
    if data.read(512, 8) == b"EFI PART":
        return False
    known = recognise(data)
    return recognise_fat(data.read(0, 512)) or (known is not None and known.offset < 1088)


def _described(
    image: Image, exhibit: str, address: str, part: Partition, scheme: str, options: FileSystemOptions
) -> Iterator[Volume | Diagnostic]:
    """Yield the rows of one partition and of what lies inside it."""
    data = Slice(image, part.start, part.length)
    try:
        volume, remarks = _volume(data, exhibit, address, part, scheme, options)
    except UnreadableError as error:
        yield _row(exhibit, address, part, scheme, state=VolumeState.UNSUPPORTED, file_system="unreadable")
        message = f"{address}: the start of the volume cannot be read ({error})"
        yield diagnose(STAGE, address, "volume-unreadable", message, Severity.LOSS)
        return
    yield volume
    yield from remarks
    yield from layered_volumes(data, volume, options)


def _volume(
    data: Slice, exhibit: str, address: str, part: Partition, scheme: str, options: FileSystemOptions
) -> tuple[Volume, list[Diagnostic]]:
    boot = data.read(0, 512)
    known = recognise(data)
    if known is None or known.name == "exFAT":
        if recognise_exfat(boot) or recognise_fat(boot):
            return _own(data, _row(exhibit, address, part, scheme, reader="own"), options)
        return _unknown(data, exhibit, address, part, scheme)
    if known.role == "encryption":
        return _locked(known, exhibit, address, part, scheme)
    if known.role == "file-system":
        return _file_system(data, known, exhibit, address, part, scheme)
    return _other(known, exhibit, address, part, scheme)


def _own(data: Slice, row: Volume, options: FileSystemOptions) -> tuple[Volume, list[Diagnostic]]:
    """Describe a FAT or exFAT volume by the own readers."""
    opener = open_exfat if recognise_exfat(data.read(0, 512)) else open_fat
    try:
        facts = opener(data, row, options).describe()
    except UnreadableError as error:
        message = f"{row.address}: the file system cannot be opened ({error}); its bytes are scanned raw"
        damaged = diagnose(STAGE, row.address, "file-system-damaged", message, Severity.LOSS)
        return replace(row, state=VolumeState.UNSUPPORTED, reader="", file_system="FAT"), [damaged]
    named = replace(
        row, file_system=str(facts["file_system"]), label=str(facts["label"]) or row.label,
        serial=str(facts["serial"]), block_size=int(facts["block_size"]),
    )  # fmt: skip
    return named, []


def _file_system(
    data: Slice, known: Signature, exhibit: str, address: str, part: Partition, scheme: str
) -> tuple[Volume, list[Diagnostic]]:
    if known.name in {"NTFS", "ext"}:
        try:
            return _row(exhibit, address, part, scheme, reader="tsk", **describe_tsk(data)), []
        except UnreadableError as error:
            row = _row(exhibit, address, part, scheme, state=VolumeState.UNSUPPORTED, file_system=known.name)
            message = f"{address}: {known.name} cannot be opened ({error}); its bytes are scanned raw"
            return row, [diagnose(STAGE, address, "file-system-damaged", message, Severity.LOSS)]
    return _row(exhibit, address, part, scheme, reader="dfvfs", file_system=known.name), []


def _locked(
    known: Signature, exhibit: str, address: str, part: Partition, scheme: str
) -> tuple[Volume, list[Diagnostic]]:
    row = _row(exhibit, address, part, scheme, state=VolumeState.LOCKED, encryption=known.name)
    message = (
        f"{address}: volume is locked ({known.name}); this version does not unlock volumes, give it an unlocked image"
    )
    return row, [diagnose(STAGE, address, "locked", message, Severity.LOSS)]


def _other(
    known: Signature, exhibit: str, address: str, part: Partition, scheme: str
) -> tuple[Volume, list[Diagnostic]]:
    if known.role in {"container", "manager"}:
        return _row(exhibit, address, part, scheme, state=VolumeState.OPEN, file_system=known.name, reader="layer"), []
    row = _row(exhibit, address, part, scheme, state=VolumeState.UNSUPPORTED, file_system=known.name)
    message = f"{address}: {known.name} is not supported; its bytes are scanned raw, its files are not listed"
    return row, [diagnose(STAGE, address, "unsupported", message, Severity.LOSS)]


def _unknown(data: Slice, exhibit: str, address: str, part: Partition, scheme: str) -> tuple[Volume, list[Diagnostic]]:
    """Name a volume without a known beginning: empty, or unknown; never the examiner's own file system."""
    row = _row(exhibit, address, part, scheme, state=VolumeState.UNSUPPORTED, file_system="")
    sample = data.read(0, _SAMPLE) + data.read(max(data.size // 2, 0), _SAMPLE)
    if not sample.strip(b"\0"):
        message = f"{address}: no file system; the sampled bytes are zeros; the volume is scanned raw"
        return row, [diagnose(STAGE, address, "no-file-system", message, Severity.NOTE)]
    message = f"{address}: no known file system (wiped boot sector, or encrypted?); its bytes are scanned raw"
    return row, [diagnose(STAGE, address, "no-file-system", message, Severity.LOSS)]


def _row(
    exhibit: str, address: str, part: Partition, scheme: str, *, file_system: str = "", label: str = "",
    serial: str = "", block_size: int = 0, encryption: str = "", state: str = VolumeState.OPEN, reader: str = "",
) -> Volume:  # fmt: skip
    return Volume(
        address=address, exhibit=exhibit, start=part.start, length=part.length, direct=True, scheme=scheme,
        part_type=part.type, file_system=file_system, label=label or part.label, serial=serial,
        block_size=block_size, encryption=encryption, state=state, reader=reader,
    )  # fmt: skip


def open_volume(image: Image, volume: Volume, options: FileSystemOptions) -> Readable:
    """Return a volume's bytes, from 0.

    Raises:
        UnreadableError: its layer cannot be opened.
    """
    if volume.direct:
        return Slice(image, volume.start, volume.length)
    del options
    return LayerReadable.open(Slice(image, volume.start, volume.length), volume)


def volume_regions(image: Image, exhibit: str, volumes: Sequence[Volume]) -> Iterator[Region]:
    """Yield where the partition tables themselves lie."""
    if any(volume.address == exhibit for volume in volumes):
        return
    table = read_partitions(image)
    for start, length, name in table.metadata if table is not None else ():
        yield Region(
            exhibit=exhibit, volume="", start=start, length=min(length, image.size - start),
            class_=ExtentClass.VOLUME_METADATA, name=name,
        )  # fmt: skip
