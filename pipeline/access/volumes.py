"""What volumes an image holds: every partition of its table, whatever is in it, and the volumes inside those."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from pipeline import address as addresses
from pipeline.access.interfaces import FileSystemOptions, Image, Readable
from pipeline.access.layers import (
    LIBYAL_FAILURES,
    Slice,
    apfs_container,
    logical_volumes,
    repaired,
    shadow_copies,
)
from pipeline.access.partitions import Partition, PartitionTable, read_partitions
from pipeline.access.signatures import Signature, looks_like_fat, recognise
from pipeline.errors import UnreadableError
from pipeline.records import Diagnostic, ExtentClass, Region, Severity, Volume, VolumeState, diagnose

__all__ = ["scan_volumes", "volume_regions"]

_STAGE: Final = "volumes"
_READERS: Final = {
    "NTFS": "tsk", "ext": "tsk", "FAT": "own", "exFAT": "own", "ISO9660": "tsk", "HFS+": "libyal", "HFSX": "libyal",
    "XFS": "libyal", "APFS": "libyal",
}  # fmt: skip
_DEPTH: Final = 4


def scan_volumes(image: Image, exhibit: str, options: FileSystemOptions) -> Iterator[Volume | Diagnostic]:
    """Yield every volume of an image, and a diagnostic for each that cannot be read; none spoils another.

    An image without a partition table is one volume, whose address is the exhibit's label.
    """
    table = _table(image)
    if table is None:
        whole = Partition(name="", start=0, length=image.size, type="")
        yield from _volume(image, _row(exhibit, exhibit, whole, "none"), options, _DEPTH)
        return
    for remark in table.remarks:
        yield diagnose(_STAGE, exhibit, remark.code, f"{exhibit}: {remark.message}; check the acquisition")
    for partition in table.partitions:
        address = addresses.join(exhibit, "part", partition.name)
        yield from _volume(image, _row(exhibit, address, partition, table.scheme), options, _DEPTH)


def volume_regions(image: Image, exhibit: str, volumes: Sequence[Volume]) -> Iterator[Region]:
    """Yield the bytes of the partition tables; ``volumes`` keep their own bytes where a table claims them."""
    table = _table(image)
    for start, length, name in sorted(table.metadata if table else ()):
        inside = any(volume.start <= start < volume.start + volume.length for volume in volumes if volume.direct)
        length = min(length, image.size - start)
        if length > 0 and not inside:
            yield Region(
                exhibit=exhibit, volume="", start=start, length=length, class_=ExtentClass.VOLUME_METADATA, name=name
            )


def _table(image: Image) -> PartitionTable | None:
    """Return the table, unless the first sector is a file system's own boot sector."""
    found = recognise(Slice(image, 0, min(image.size, 512)))
    if looks_like_fat(image) or (found is not None and found.name in {"NTFS", "exFAT", "BitLocker"}):
        return None
    return read_partitions(image)


def _row(exhibit: str, address: str, partition: Partition, scheme: str) -> Volume:
    return Volume(
        address=address, exhibit=exhibit, start=partition.start, length=partition.length, direct=True, scheme=scheme,
        part_type=partition.type, file_system="", label=partition.label, serial="", block_size=0, encryption="",
        state=VolumeState.UNSUPPORTED, reader="",
    )  # fmt: skip


def _volume(image: Image, row: Volume, options: FileSystemOptions, depth: int) -> Iterator[Volume | Diagnostic]:
    try:
        data: Readable = Slice(image, row.start, row.length)
        yield from _inside(data, row, options, depth)
    except (UnreadableError, *LIBYAL_FAILURES) as error:
        yield row
        message = f"{row.address}: volume cannot be read ({error}); it is searched as raw bytes only"
        yield diagnose(_STAGE, row.address, "volume-unreadable", message, Severity.LOSS)


def _inside(data: Readable, row: Volume, options: FileSystemOptions, depth: int) -> Iterator[Volume | Diagnostic]:
    data, backup = repaired(data)
    if backup:
        message = f"{row.address}: the boot sector is lost; its copy ({backup}) is used in its place"
        yield diagnose(_STAGE, row.address, "boot-sector-backup", message)
    found = recognise(data)
    if found is None and looks_like_fat(data):
        found = Signature("FAT", 0, b"", "file-system")
    if found is None:
        yield from _unknown(row)
    elif found.role == "encryption":
        yield from _locked(row, found.name)
    elif found.role == "unsupported":
        yield from _unsupported(row, found.name)
    elif found.role == "manager":
        yield from _logical(data, row, options, depth)
    elif found.role == "container":
        yield from _apfs(data, row, options)
    else:
        yield _described(data, row, found.name)
        if found.name == "NTFS" and row.direct:
            yield from _snapshots(data, row)


def _unknown(row: Volume) -> Iterator[Volume | Diagnostic]:
    yield row
    message = (
        f"{row.address}: no known file system; it is searched as raw bytes only; if it is encrypted, decrypt it first"
    )
    yield diagnose(_STAGE, row.address, "no-file-system", message, Severity.LOSS)


def _unsupported(row: Volume, name: str) -> Iterator[Volume | Diagnostic]:
    yield _with(row, file_system=name)
    message = f"{row.address}: {name} cannot be listed; it is searched as raw bytes only; list it with another tool"
    yield diagnose(_STAGE, row.address, "unsupported", message, Severity.LOSS)


def _locked(row: Volume, method: str) -> Iterator[Volume | Diagnostic]:
    yield _with(row, encryption=method, state=VolumeState.LOCKED)
    message = f"{row.address}: volume is locked ({method}); acquire it decrypted and register that image as an exhibit"
    yield diagnose(_STAGE, row.address, "locked", message, Severity.LOSS)


def _logical(data: Readable, row: Volume, options: FileSystemOptions, depth: int) -> Iterator[Volume | Diagnostic]:
    volumes = logical_volumes(data)
    yield _with(row, file_system="LVM")
    if depth <= 0:
        return
    for name, layer in volumes:
        address = addresses.join(row.address, "lv", name)
        child = _with(row, address=address, length=layer.size, direct=False, scheme="lvm", label="")
        try:
            yield from _inside(layer, child, options, depth - 1)
        except (UnreadableError, *LIBYAL_FAILURES) as error:
            yield child
            message = f"{address}: logical volume cannot be read ({error}); all disks of its group may be needed"
            yield diagnose(_STAGE, address, "volume-unreadable", message, Severity.LOSS)


def _apfs(data: Readable, row: Volume, options: FileSystemOptions) -> Iterator[Volume | Diagnostic]:
    volumes = apfs_container(data, options.keys)
    yield _with(row, file_system="APFS container", block_size=int.from_bytes(data.read(36, 4), "little"))
    for number, volume in enumerate(volumes, 1):
        address = addresses.join(row.address, "volume", str(number))
        child = _with(row, address=address, direct=False, scheme="apfs", file_system="APFS", label=volume.name or "")
        if volume.is_locked():
            yield from _locked(child, "APFS")
        else:
            yield _with(child, state=VolumeState.OPEN, reader="libyal")


def _snapshots(data: Readable, row: Volume) -> Iterator[Volume | Diagnostic]:
    try:
        layers = shadow_copies(data)
    except UnreadableError as error:
        yield diagnose(_STAGE, row.address, "shadow-copies", f"{row.address}: {error}", Severity.LOSS)
        return
    for number, layer in enumerate(layers, 1):
        address = addresses.join(row.address, "snapshot", str(number))
        child = _with(row, address=address, length=layer.size, direct=False, scheme="vss")
        yield _described(layer, child, "NTFS")


def _described(data: Readable, row: Volume, name: str) -> Volume:
    """Return an open volume's row. SOURCE: the boot sectors and superblocks of the formats named."""
    head = data.read(0, 4096).ljust(4096, b"\0")
    block, serial, label = 0, "", row.label
    if name == "NTFS":
        per_cluster = head[13] if head[13] <= 128 else 1 << (256 - head[13])
        block, serial = int.from_bytes(head[11:13], "little") * per_cluster, head[72:80][::-1].hex().upper()
    elif name == "ext":
        block, serial = 1024 << min(head[1048], 6), head[1128:1144].hex()
        label = head[1144:1160].split(b"\0")[0].decode("utf-8", "replace") or label
        name = _ext_name(head)
    elif name == "FAT":
        block = int.from_bytes(head[11:13], "little") * head[13]
        serial = (head[67:71] if head[22:24] == b"\0\0" else head[39:43])[::-1].hex().upper()
    elif name == "exFAT":
        block, serial = 1 << min(head[108] + head[109], 25), head[100:104][::-1].hex().upper()
    reader = _READERS["ext" if name.startswith("ext") else name]
    return _with(
        row, file_system=name, block_size=block, serial=serial, label=label, state=VolumeState.OPEN, reader=reader
    )


def _ext_name(head: bytes) -> str:
    """Name the ext by its features. SOURCE: Linux kernel documentation, ext4, "The Super Block"."""
    compatible, incompatible = (int.from_bytes(head[at : at + 4], "little") for at in (1116, 1120))
    if incompatible & 0x2C0:  # extents, 64bit, flex_bg
        return "ext4"
    return "ext3" if compatible & 4 else "ext2"


def _with(row: Volume, **changes: object) -> Volume:
    return replace(row, **changes)  # type: ignore[arg-type]
