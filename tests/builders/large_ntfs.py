"""Builds a sparse NTFS volume of a tebibyte with millions of files in seconds: mkntfs makes it, numpy fills its table.

Folders hold 32 names each, which fit one index block, so every index is a sound tree of one leaf. The last file of each
folder is deleted: its record is freed and its name is gone from the index.

Source: Linux-NTFS project documentation, "FILE Record", "$FILE_NAME", "$INDEX_ROOT", "Index Record", "Data Runs".
"""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.access.ntfs_boot import load_boot
from pipeline.access.ntfs_faults import Faults
from pipeline.access.ntfs_mft import open_table
from pipeline.access.ntfs_record import fixed
from pipeline.access.raw import RawImage
from tests.builders.mft import CREATED, SIZE, attribute, file_name, record, runs, standard

__all__ = ["build_large", "record_count"]

FANOUT: Final = 32
CLUSTER: Final = 4096
FIRST: Final = 64  # records below are the file system's own
TABLE: Final = 1 << 20  # first clusters of the table, its bitmap, the indexes and the contents
BITS: Final = 3 << 20
INDEXES: Final = 4 << 20
CONTENTS: Final = 16 << 20
CHUNK: Final = 1 << 15
NAME: Final = "name-0000000.dat"
BLOCK_HEAD: Final = 64


def _levels(files: int) -> list[int]:
    """Return how many folders each level has, from those in the root down to those that hold files."""
    levels = [-(-files // FANOUT)]
    while levels[0] > 4:
        levels.insert(0, -(-levels[0] // FANOUT))
    return levels


def record_count(files: int) -> int:
    """Return how many records the table has."""
    return FIRST + sum(_levels(files)) + files


def build_large(path: Path, files: int, *, size: int = 1 << 40) -> Path:
    """Write a sparse volume with ``files`` files, every 32nd deleted, and return its path."""
    with path.open("wb") as handle:
        handle.truncate(size)
    subprocess.run(["mkntfs", "-F", "-Q", "-c", str(CLUSTER), str(path)], check=True, capture_output=True)
    image = RawImage([path])
    geometry = load_boot(image)
    mft = open_table(image, geometry, Faults())
    old = [mft.raw(number, 1) for number in range(FIRST)]
    bitmap = next(one for one in mft.attributes(mft.record(6)) if one.kind == 0x80)  # type: ignore[arg-type]
    place = int.from_bytes(bitmap.content[1 + (bitmap.content[0] & 15) :][: bitmap.content[0] >> 4], "little")
    root_block = _root_index(image, old[5])
    image.close()
    records = record_count(files)
    descriptor = os.open(path, os.O_WRONLY)
    try:
        head = _own_record(old[0], records)
        table = [head, *(raw if raw[:4] == b"FILE" else record(flags=0) for raw in old[1:])]
        os.pwrite(descriptor, b"".join(table), TABLE * CLUSTER)
        for at in (geometry.mft, geometry.mirror):
            os.pwrite(descriptor, head, at)
        os.pwrite(descriptor, b"\xff" * -(-records // 8), BITS * CLUSTER)
        _fill(descriptor, files, *root_block)
        indexes = sum(_levels(files))
        for first, count in ((TABLE, records // 4 + 1), (BITS, 128), (INDEXES, indexes), (CONTENTS, files)):
            os.pwrite(descriptor, b"\xff" * -(-count // 8), place * CLUSTER + first // 8)
    finally:
        os.close(descriptor)
    return path


def _own_record(old: bytes, records: int) -> bytes:
    """Return record 0 with the table and its bitmap in their new places."""
    kept = [raw for kind, raw in _attributes(old) if kind not in {0x80, 0xB0}]
    whole = -(-records * SIZE // CLUSTER)
    data = runs(_run(TABLE, whole), records * SIZE)
    bits = bytearray(runs(_run(BITS, 128), -(-records // 8)))
    bits[0] = 0xB0
    return record(*kept, data, bytes(bits), number=0)


def _run(first: int, count: int) -> bytes:
    return b"\x44" + struct.pack("<ii", count, first) + b"\0"


def _attributes(raw: bytes) -> Iterator[tuple[int, bytes]]:
    data, _ = fixed(raw)
    at = int.from_bytes(data[20:22], "little")
    while (kind := int.from_bytes(data[at : at + 4], "little")) != 0xFFFFFFFF:
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        yield kind, bytes(data[at : at + length])
        at += length


def _root_index(image: RawImage, raw: bytes) -> tuple[int, bytearray]:
    """Return place and content of the root folder's only index block, its sector ends put back."""
    packed = next(data for kind, data in _attributes(raw) if kind == 0xA0)
    start = int.from_bytes(packed[32:34], "little")
    low, high = packed[start] & 15, packed[start] >> 4
    place = int.from_bytes(packed[start + 1 + low : start + 1 + low + high], "little") * CLUSTER
    return place, fixed(image.read(place, CLUSTER))[0]


def _fill(descriptor: int, files: int, root_place: int, root: bytearray) -> None:
    """Write folders and files, their records and indexes, level by level."""
    levels = _levels(files)
    starts = np.cumsum([FIRST, *levels]).tolist()
    above, above_count = 5, 1
    for depth, count in enumerate(levels):
        below = (starts[depth + 1], levels[depth + 1] if depth + 1 < len(levels) else files)
        leaf = depth + 1 == len(levels)
        _folders(descriptor, (starts[depth], count), (above, above_count), below, leaf=leaf)
        above, above_count = starts[depth], count
    _files(descriptor, starts[-1], files, above)
    entries = b"".join(_entry(FIRST + n, 5, 5, _name(FIRST + n), folder=True) for n in range(levels[0]))
    used = struct.unpack_from("<I", root, 28)[0]
    end = 24 + used - 16
    while root[end + 12] != 2:  # entries are followed by the one that ends them
        end -= 8
    tail = bytes(root[end : 24 + used])
    root[end : end + len(entries) + len(tail)] = entries + tail
    struct.pack_into("<I", root, 28, used + len(entries))
    os.pwrite(descriptor, _sealed(np.frombuffer(root, np.uint8).reshape(1, -1).copy()).tobytes(), root_place)


def _name(number: int) -> str:
    return f"name-{number:07}.dat"


def _entry(number: int, parent: int, sequence: int, name: str, *, folder: bool) -> bytes:
    """Return an index entry."""
    content = bytearray(file_name(name, parent, sequence)[24:][: 66 + 2 * len(name)])
    content[8:40] = struct.pack("<4Q", *(CREATED,) * 4)
    content[56:60] = struct.pack("<I", 0x10000000 if folder else 0x20)
    length = 16 + len(content) + 7 & ~7
    return (struct.pack("<QHHHH", number | 1 << 48, length, len(content), 0, 0) + content).ljust(length, b"\0")


def _digits(rows: NDArray[np.uint8], at: int, numbers: NDArray[np.int64]) -> None:
    """Write the seven digits of names, UTF-16, at a place of every row."""
    for digit in range(7):
        rows[:, at + 2 * digit] = 0x30 + numbers // 10 ** (6 - digit) % 10


def _numbers(rows: NDArray[np.uint8], at: int, numbers: Any, width: int) -> None:
    for byte in range(width):
        rows[:, at + byte] = np.asarray(numbers) >> 8 * byte & 0xFF


def _records(template: bytes, numbers: NDArray[np.int64], parents: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return records like a template, each with its number, its parent and its name."""
    rows = np.tile(np.frombuffer(template, np.uint8), (len(numbers), 1))
    name = template.index(NAME.encode("utf-16-le"))
    _numbers(rows, 44, numbers, 4)
    _numbers(rows, name - 66, parents, 4)
    rows[:, name - 60] = np.where(parents == 5, 5, 1)
    _digits(rows, name + 10, numbers)
    return rows


def _folders(
    descriptor: int, own: tuple[int, int], above: tuple[int, int], below: tuple[int, int], *, leaf: bool
) -> None:
    """Write the folders of one level with their index blocks; ``own``, ``above``, ``below`` are (first, count)."""
    root = attribute(0x90, struct.pack("<IIIBxxxIIIBxxx", 0x30, 1, CLUSTER, 1, 16, 40, 40, 1)
                     + struct.pack("<QHHHHQ", 0, 24, 0, 3, 0, 0), name="$I30")  # fmt: skip
    index = bytearray(runs(_run(0x11223344, 1), CLUSTER, name="$I30"))
    index[0] = 0xA0
    template = record(standard(), file_name(NAME, 0), root, bytes(index), flags=3, sequence=1)
    place = template.index(struct.pack("<i", 0x11223344))
    live = FANOUT - 1 if leaf else FANOUT
    for start in range(0, own[1], CHUNK):
        at = np.arange(start, min(start + CHUNK, own[1]))
        numbers = own[0] + at
        rows = _records(template, numbers, np.full(len(at), 5) if above[0] == 5 else above[0] + at // FANOUT)
        _numbers(rows, place, INDEXES + numbers - FIRST, 4)
        os.pwrite(descriptor, rows.tobytes(), TABLE * CLUSTER + int(numbers[0]) * SIZE)
        blocks = _blocks(numbers, below[0] + at * FANOUT, np.clip(below[1] - at * FANOUT, 0, live), folder=not leaf)
        os.pwrite(descriptor, blocks.tobytes(), (INDEXES + int(numbers[0]) - FIRST) * CLUSTER)


def _blocks(
    parents: NDArray[np.int64], first: NDArray[np.int64], counts: NDArray[np.int64], *, folder: bool
) -> NDArray[np.uint8]:
    """Return an index block for each folder: ``counts`` names from the record ``first`` on, then the end."""
    entry = np.frombuffer(_entry(0, 0, 1, NAME, folder=folder), np.uint8)
    name = bytes(entry).index(NAME.encode("utf-16-le"))
    rows = np.zeros((len(parents), CLUSTER), np.uint8)
    rows[:, :40] = np.frombuffer(struct.pack("<4sHHQQIIIB3x", b"INDX", 40, 9, 0, 0, 40, 0, CLUSTER - 24, 0), np.uint8)
    _numbers(rows, 28, 40 + counts * len(entry) + 16, 4)
    for number in range(FANOUT):
        held = np.flatnonzero(counts > number)
        piece = np.tile(entry, (len(held), 1))
        _numbers(piece, 0, first[held] + number, 4)
        _numbers(piece, 16, parents[held], 4)
        _digits(piece, name + 10, first[held] + number)
        rows[held, BLOCK_HEAD + number * len(entry) : BLOCK_HEAD + (number + 1) * len(entry)] = piece
    ends = BLOCK_HEAD + counts * len(entry)
    rows[np.arange(len(rows)), ends + 8], rows[np.arange(len(rows)), ends + 12] = 16, 2
    return _sealed(rows)


def _sealed(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Apply the fixups of index blocks: the update number is 7."""
    at = int(rows[0, 4]) | int(rows[0, 5]) << 8
    rows[:, at : at + 2] = (7, 0)
    for sector in range(1, CLUSTER // 512 + 1):
        end = sector * 512
        rows[:, at + 2 * sector : at + 2 * sector + 2] = rows[:, end - 2 : end]
        rows[:, end - 2 : end] = (7, 0)
    return rows


def _files(descriptor: int, first: int, files: int, above: int) -> None:
    """Write the records of files, one cluster of content each; the last of each folder is freed."""
    template = record(standard(), file_name(NAME, 0), runs(_run(0x11223344, 1), 3000), sequence=1)
    place = template.index(struct.pack("<i", 0x11223344))
    for start in range(0, files, CHUNK):
        at = np.arange(start, min(start + CHUNK, files))
        rows = _records(template, first + at, above + at // FANOUT)
        _numbers(rows, place, CONTENTS + at, 4)
        gone = at % FANOUT == FANOUT - 1
        rows[gone, 22], rows[gone, 16] = 0, 2
        os.pwrite(descriptor, rows.tobytes(), TABLE * CLUSTER + (first + start) * SIZE)
