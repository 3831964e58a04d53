"""Volumes of an image: partitions, logical volumes, APFS volumes, snapshots; one bad one never spoils the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from pipeline.access.boot_backup import find_backup, restored
from pipeline.access.exfat import open_exfat, recognise_exfat
from pipeline.access.ext import describe_ext
from pipeline.access.fat import open_fat, recognise_fat
from pipeline.access.interfaces import FileSystemOptions, Image, Readable
from pipeline.access.iso_layout import disc_length
from pipeline.access.layers import PARTITIONED, assembled, carries, layered_volumes
from pipeline.access.ldm import dynamic_volumes, is_dynamic, ldm_regions
from pipeline.access.mapping import MappedBytes, Mapping, place_of
from pipeline.access.md import carries_raid
from pipeline.access.noise import BLOCK as NOISE_BLOCK
from pipeline.access.noise import is_noise
from pipeline.access.ntfs import describe_ntfs
from pipeline.access.overlay import Forgiving, Overlay, Slice
from pipeline.access.own import OWN
from pipeline.access.partitions import Partition, read_partitions
from pipeline.access.pool import Found
from pipeline.access.signatures import Signature, recognise
from pipeline.access.stated import cut_short, stated_size
from pipeline.access.tsk import describe_tsk
from pipeline.access.unlock import describe_sealed, unlocked_volumes
from pipeline.address import join, steps_of
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, ExtentClass, Region, Run, Severity, Volume, VolumeState, diagnose

__all__ = ["layer_regions", "open_volume", "scan_volumes", "volume_regions"]

STAGE: Final = "volumes"
_SAMPLE: Final = 1 << 20
_UNIT: Final = 4096
POSSIBLY: Final = "possibly encrypted"
_MAX_DEPTH: Final = 8
_Described = tuple[Volume, list[Diagnostic]]
_Item = Found | Diagnostic | Region


def scan_volumes(image: Image, exhibit: str, options: FileSystemOptions) -> Iterator[Volume | Diagnostic]:
    """Yield a row per partition, logical volume, APFS volume and snapshot, and what is wrong with any of them.

    An image without a partition table is one volume whose address is the exhibit's label.
    """
    for item in _scan(image, exhibit, options):
        if not isinstance(item, Region):
            yield item.row if isinstance(item, Found) else item


def _scan(image: Image, exhibit: str, options: FileSystemOptions) -> Iterator[_Item]:
    """Yield the volumes with their bytes: those of the partition table, then what they carry together."""
    carriers: list[Found] = []
    for item in _partitions(image, exhibit, options):
        if isinstance(item, Found) and carries(item.row):
            carriers.append(item)
        yield item
    while carriers:
        for item in assembled(carriers):
            for inner in _looked_into(item, options):
                if isinstance(inner, Found) and carries(inner.row):
                    carriers.append(inner)
                yield inner


def _partitions(image: Image, exhibit: str, options: FileSystemOptions) -> Iterator[_Item]:
    view = Forgiving(image)
    table = None if _is_volume(view) else read_partitions(view)
    if table is None:
        yield from _described(image, _empty_row(exhibit, exhibit, image.size), options)
        return
    if view.lost:
        message = f"{exhibit}: {len(view.lost)} sectors of the partition table cannot be read; some may be missing"
        yield diagnose(STAGE, exhibit, "partition-table-unreadable", message, Severity.LOSS)
    for remark in table.remarks:
        yield diagnose(STAGE, exhibit, remark.code, f"{exhibit}: {remark.message}", remark.severity)
    known = recognise(view)
    if known is not None and known.name in {"ISO9660", "UDF"}:  # a disc that starts from sticks too carries a table
        yield from _described(image, _empty_row(exhibit, exhibit, disc_length(view)), options)
    dynamic = [part for part in table.partitions if is_dynamic(part.type)]
    held: list[Run] = []
    disk = Found(replace(_empty_row(exhibit, exhibit, image.size), file_system="Windows LDM"), image)
    for item in dynamic_volumes(disk, table) if dynamic else ():
        held += place_of(item.row) if isinstance(item, Found) else ()
        yield from _looked_into(item, options)
    for part in table.partitions:
        row = _partition_row(exhibit, part, table.scheme)
        whole = Slice(image, row.start, row.length)
        if part not in dynamic or (stated_size(Forgiving(whole)) and row.start not in {run.start for run in held}):
            yield from _described(whole, row, options)


def _is_volume(data: Readable) -> bool:
    """Tell whether a medium begins with a file system rather than a partition table."""
    if data.read(512, 8) == b"EFI PART":
        return False
    known = recognise(data)
    return recognise_fat(data.read(0, 512)) or (known is not None and known.offset < 1088)


def _empty_row(exhibit: str, address: str, length: int) -> Volume:
    return Volume(
        address=address, exhibit=exhibit, start=0, length=length, direct=True, scheme="none", part_type="",
        file_system="", label="", serial="", block_size=0, encryption="", state=VolumeState.OPEN, reader="",
    )  # fmt: skip


def _partition_row(exhibit: str, part: Partition, scheme: str) -> Volume:
    row = _empty_row(exhibit, join(exhibit, "part", part.name), part.length)
    return replace(row, start=part.start, scheme=scheme, part_type=part.type, label=part.label)


def _described(whole: Readable, row: Volume, options: FileSystemOptions) -> Iterator[_Item]:
    """Yield one partition or layered volume, and what lies inside it."""
    try:
        backup = find_backup(whole)
        data: Readable = whole if backup is None else Overlay(whole, backup.patches)
        volume, remarks = _volume(data, row, options)
    except UnreadableError as error:
        yield Found(replace(row, state=VolumeState.UNSUPPORTED, file_system="unreadable"))
        message = f"{row.address}: the start of the volume cannot be read ({error})"
        yield diagnose(STAGE, row.address, "volume-unreadable", message, Severity.LOSS)
        return
    yield Found(volume, data)
    if backup is not None:
        message = (
            f"{row.address}: the beginning of the volume is wiped or damaged; it is opened by its copy of "
            f"{backup.file_system} at volume byte {backup.at}"
        )
        yield diagnose(STAGE, row.address, "backup-boot-sector", message, Severity.WARNING)
    yield from chain(remarks, cut_short(Forgiving(data), volume))
    for inner in chain(unlocked_volumes(data, volume, options), layered_volumes(data, volume, options)):
        yield from _looked_into(inner, options)


def _looked_into(item: _Item, options: FileSystemOptions) -> Iterator[_Item]:
    """Yield a layered volume as it is, or described as a partition is where that is still to be done."""
    if not isinstance(item, Found) or item.row.reader or item.data is None or item.row.state != VolumeState.OPEN:
        yield item
    elif len(steps_of(item.row.address)) > _MAX_DEPTH:
        yield Found(replace(item.row, state=VolumeState.UNSUPPORTED))
        yield _too_deep(item.row)
    else:
        yield from _described(item.data, item.row, options)


def _too_deep(row: Volume) -> Diagnostic:
    message = f"{row.address}: volumes lie more than {_MAX_DEPTH} deep in each other; it is not looked into"
    return diagnose(STAGE, row.address, "unsupported", message, Severity.LOSS)


def _volume(data: Readable, row: Volume, options: FileSystemOptions) -> _Described:
    view = Forgiving(data)
    boot, known = view.read(0, 512), recognise(view)
    if carries_raid(view):
        return replace(row, file_system="md RAID", reader="layer"), []
    if known is None or known.name == "exFAT":
        if recognise_exfat(boot) or recognise_fat(boot):
            return _own(data, replace(row, reader="own"), options)
        if view.lost:
            raise UnreadableError(f"{len(view.lost)} of its first sectors are lost")
        return _unknown(data, row)
    if known.role == "encryption":
        return describe_sealed(data, known.name, row, options)
    if known.role == "file-system":
        return _file_system(data, known, row, options)
    return _other(known, row)


def _own(data: Readable, row: Volume, options: FileSystemOptions) -> _Described:
    """Describe a FAT or exFAT volume by the own readers."""
    opener = open_exfat if recognise_exfat(data.read(0, 512)) else open_fat
    try:
        facts = opener(data, row, options).describe()
    except UnreadableError as error:
        damaged = _damaged(row, "the file system", error)
        return replace(row, state=VolumeState.UNSUPPORTED, reader="", file_system="FAT"), [damaged]
    named = replace(
        row, file_system=str(facts["file_system"]), label=str(facts["label"]) or row.label,
        serial=str(facts["serial"]), block_size=int(facts["block_size"]),
    )  # fmt: skip
    return named, []


def _file_system(data: Readable, known: Signature, row: Volume, options: FileSystemOptions) -> _Described:
    if known.name in OWN:
        return _by_own(data, replace(row, reader="own", file_system=known.name), options)
    if known.name not in {"NTFS", "ext"}:
        return replace(row, reader="dfvfs", file_system=known.name), []
    try:
        reader, facts = _described_by(data, known.name)
    except UnreadableError as error:
        damaged = _damaged(row, known.name, error)
        return replace(row, state=VolumeState.UNSUPPORTED, file_system=known.name), [damaged]
    facts["label"] = facts["label"] or row.label
    return replace(row, reader=reader, **facts), []


def _by_own(data: Readable, row: Volume, options: FileSystemOptions) -> _Described:
    """Describe a volume by its own reader."""
    try:
        facts = OWN[row.file_system](data, row, options).describe()
    except UnreadableError as error:
        damaged = _damaged(row, row.file_system, error)
        return replace(row, state=VolumeState.UNSUPPORTED, reader=""), [damaged]
    label, serial = str(facts["label"]) or row.label, str(facts["serial"])
    return replace(row, label=label, serial=serial, block_size=int(facts["block_size"])), []


def _described_by(data: Readable, name: str) -> tuple[str, dict[str, Any]]:
    """Return the first reader of an NTFS or ext volume and what it says of it."""
    if name == "NTFS":
        try:
            return "own", describe_ntfs(data)
        except UnreadableError:
            return "tsk", describe_tsk(data)
    return "tsk", describe_ext(data)


def _damaged(row: Volume, what: str, error: UnreadableError) -> Diagnostic:
    message = f"{row.address}: {what} cannot be opened ({error}); its bytes are scanned raw"
    return diagnose(STAGE, row.address, "file-system-damaged", message, Severity.LOSS)


def _other(known: Signature, row: Volume) -> _Described:
    if known.role in {"container", "manager"}:
        return replace(row, file_system=known.name, reader="layer"), []
    message = f"{row.address}: {known.name} is not supported; its bytes are scanned raw, its files are not listed"
    unsupported = replace(row, state=VolumeState.UNSUPPORTED, file_system=known.name)
    return unsupported, [diagnose(STAGE, row.address, "unsupported", message, Severity.LOSS)]


def _unknown(data: Readable, row: Volume) -> _Described:
    """Name a volume without a known beginning: empty, or unknown; never the examiner's own file system."""
    if not row.direct and read_partitions(Forgiving(data)) is not None:  # a virtual machine's disk, a RAID of disks
        return replace(row, file_system=PARTITIONED, reader="layer"), []
    unsupported = replace(row, state=VolumeState.UNSUPPORTED)
    sample = data.read(0, _SAMPLE) + data.read(max(data.size // 2, 0), _SAMPLE)
    if not sample.strip(b"\0"):
        message = f"{row.address}: no file system; the sampled bytes are zeros; the volume is scanned raw"
        return unsupported, [diagnose(STAGE, row.address, "no-file-system", message, Severity.NOTE)]
    if _begins_with_noise(data):
        message = (
            f"{row.address}: no known file system, and its beginning cannot be told from random bytes: possibly "
            "encrypted (VeraCrypt, plain dm-crypt), or wiped with random bytes; what it holds is not examined"
        )
        sealed = replace(unsupported, encryption=POSSIBLY)
        return sealed, [diagnose(STAGE, row.address, "possibly-encrypted", message, Severity.LOSS)]
    message = f"{row.address}: no known file system (wiped, or encrypted?); its bytes are scanned raw"
    return unsupported, [diagnose(STAGE, row.address, "no-file-system", message, Severity.LOSS)]


def _begins_with_noise(data: Readable) -> bool:
    """Tell whether what is written of the first MiB is noise; plain dm-crypt leaves unwritten blocks as they were."""
    blocks = (data.read(at, _UNIT) for at in range(0, min(_SAMPLE, data.size), _UNIT))
    written = b"".join(block for block in blocks if block.strip(b"\0"))
    return len(written) >= NOISE_BLOCK and is_noise(written)


def open_volume(image: Image, volume: Volume, options: FileSystemOptions) -> Readable:
    """Return a volume's bytes, from 0, with a wiped beginning put back from its copy; of APFS its container's.

    What the image's own bytes do not give (snapshots, what lies in an unlocked volume) is found by another scan.

    Raises:
        UnreadableError: its layer cannot be opened.
    """
    if volume.direct:
        return restored(Slice(image, volume.start, volume.length))
    if volume.runs and not volume.encryption:
        return restored(MappedBytes(image, Mapping(volume.runs)))
    for item in _scan(image, volume.exhibit, options):
        if isinstance(item, Found) and item.row.address == volume.address and item.data is not None:
            return item.data
    raise UnreadableError(f"{volume.address}: the layer cannot be opened")


def layer_regions(image: Image, volume: Volume, options: FileSystemOptions) -> Iterator[Region]:
    """Yield what is a layer's own on a volume that carries others: its metadata and what it holds free."""
    for item in _scan(image, volume.exhibit, options):
        if isinstance(item, Region) and item.volume == volume.address:
            yield item


def volume_regions(image: Image, exhibit: str, volumes: Sequence[Volume]) -> Iterator[Region]:
    """Yield where the partition tables themselves lie."""
    if any(volume.address == exhibit for volume in volumes):
        return
    table = read_partitions(Forgiving(image))
    yield from ldm_regions(Forgiving(image), exhibit, table)
    for start, length, name in table.metadata if table is not None else ():
        yield Region(
            exhibit=exhibit, volume="", start=start, length=min(length, image.size - start),
            class_=ExtentClass.VOLUME_METADATA, name=name,
        )  # fmt: skip
