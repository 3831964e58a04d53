"""Volume shadow copies written into NTFS volumes: header, catalog, stores, block lists, bitmaps, copied blocks.

Source: libvshadow, "Volume Shadow Snapshot (VSS) format". libvshadow's own reader judges what is written: each store
must give the volume as it was. The stores lie, as on Windows, in files under ``System Volume Information``.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytsk3

from tests.builders import images
from tests.builders.evtx import filetime
from tests.builders.tree import Item, at

__all__ = ["BLOCK", "Era", "snapshot_volume"]

BLOCK = 0x4000
IDENTIFIER = uuid.UUID("3808876b-c176-4e48-b7ae-04046e6cc752")
FOLDER = "System Volume Information"
CATALOG = f"{FOLDER}/{{{IDENTIFIER}}}"
_HEADER_AT = 0x1E00
_LISTS = 4  # blocks in front of a store's data: header, block list, ranges, bitmap


@dataclass(frozen=True, slots=True)
class Era:
    """What happens to a volume between two snapshots: files written and paths removed."""

    write: Sequence[Item] = ()
    remove: Sequence[str] = ()


def snapshot_volume(folder: Path, size: int, eras: Sequence[Era], *, store: int = 1 << 20) -> tuple[bytes, list[bytes]]:
    """Return a volume with a snapshot taken at the end of every era but the last, and the volume as it was at each.

    What it was is told for all but the blocks of the snapshots' own files.
    """
    moment = at("2022-06-01 09:00:00")
    files = [Item(path=FOLDER, created=moment, modified=moment, accessed=moment, folder=True)]
    names = [f"{FOLDER}/{{{_guid(number)}}}{{{IDENTIFIER}}}" for number in range(len(eras) - 1)]
    files += [
        Item(path=path, data=bytes(length), created=moment, modified=moment, accessed=moment)
        for path, length in ((CATALOG, 2 * BLOCK), *((name, store) for name in names))
    ]
    volume = images.ntfs(folder, size, [*files, *eras[0].write], serial=0x5AFE0777, settled=moment)
    states = [volume]
    for era in eras[1:]:
        volume = images.ntfs_from(folder, volume, era.write, serial=0x5AFE0777, settled=moment, remove=era.remove)
        states.append(volume)
    places = [_place(states[-1], path) for path in (CATALOG, *names)]
    return _written(states, places), states[:-1]


def _guid(number: int) -> uuid.UUID:
    return uuid.UUID(int=0x5AFE << 112 | number + 1)


class _Memory(pytsk3.Img_Info):  # type: ignore[misc]
    def __init__(self, data: bytes) -> None:
        self._data = data
        super().__init__(url="", type=pytsk3.TSK_IMG_TYPE_EXTERNAL)

    def close(self) -> None:
        """Nothing to close."""

    def read(self, offset: int, size: int) -> bytes:
        return self._data[offset : offset + size]

    def get_size(self) -> int:
        return len(self._data)


def _place(volume: bytes, path: str) -> list[int]:
    """Return where a file's whole blocks lie, by The Sleuth Kit; those that are not aligned or not whole are left."""
    fs = pytsk3.FS_Info(_Memory(volume))
    file: Any = fs.open("/" + path)
    found: list[int] = []
    for attribute in file:
        if int(attribute.info.type) != int(pytsk3.TSK_FS_ATTR_TYPE_NTFS_DATA):
            continue
        for run in attribute:
            start, length = int(run.addr) * 4096, int(run.len) * 4096
            first = -(-start // BLOCK) * BLOCK
            found += range(first, (start + length) // BLOCK * BLOCK, BLOCK)
    return found


def _written(states: Sequence[bytes], places: Sequence[list[int]]) -> bytes:
    volume = bytearray(states[-1])
    own = {place for file in places for place in file}
    catalog, stores = places[0], places[1:]
    entries = b""
    for number, blocks in enumerate(stores):
        changed = [
            block for block in range(0, len(volume) // BLOCK * BLOCK, BLOCK)
            if block not in own and states[number][block : block + BLOCK] != states[number + 1][block : block + BLOCK]
        ]  # fmt: skip
        entries += _store(volume, states[number], number, blocks, changed)
    volume[catalog[0] : catalog[0] + BLOCK] = (_header(2, 0, catalog[0], 0) + entries).ljust(BLOCK, b"\0")
    head = struct.pack("<16sIIQQQQQ", IDENTIFIER.bytes_le, 1, 1, _HEADER_AT, _HEADER_AT, 0, catalog[0], 0)
    volume[_HEADER_AT : _HEADER_AT + 512] = head.ljust(512, b"\0")
    return bytes(volume)


def _header(kind: int, relative: int, place: int, following: int, information: int = 0) -> bytes:
    raw = struct.pack("<16sIIQQQQ", IDENTIFIER.bytes_le, 1, kind, relative, place, following, information)
    return raw.ljust(128, b"\0")


def _store(volume: bytearray, before: bytes, number: int, blocks: list[int], changed: list[int]) -> bytes:
    """Write one store, and return its two entries of the catalog."""
    header, block_list, ranges, bitmap = blocks[:_LISTS]
    kept = blocks[_LISTS : _LISTS + len(changed)]
    if len(kept) < len(changed) or len(changed) > (BLOCK - 128) // 32:
        raise ValueError(f"{len(changed)} changed blocks do not fit the store")
    rows = b""
    for original, place in zip(changed, kept, strict=True):
        volume[place : place + BLOCK] = before[original : original + BLOCK]
        rows += struct.pack("<QQQII", original, place - header, place, 0, 0)
    machine = "host".encode("utf-16-le")
    information = bytes(16) + _guid(100 + number).bytes_le + _guid(200 + number).bytes_le
    information += struct.pack("<IIII", 0x0D, 1, 0x0042_000D, 0) + 2 * (struct.pack("<H", len(machine)) + machine)
    contents = {
        header: _header(4, 0, header, 0, len(information)) + information,
        block_list: _header(3, block_list - header, block_list, 0) + rows,
        ranges: _header(5, ranges - header, ranges, 0) + struct.pack("<QQQ", header, 0, BLOCK * len(blocks)),
        bitmap: _header(6, bitmap - header, bitmap, 0),
    }
    for place, data in contents.items():
        volume[place : place + BLOCK] = data.ljust(BLOCK, b"\0")
    made = filetime(at(f"2022-06-{10 + number} 09:00:00"))
    guid = _guid(number).bytes_le
    first = struct.pack("<QQ16sQQQ", 2, len(volume), guid, number + 1, 0x40, made).ljust(128, b"\0")
    second = struct.pack("<QQ16sQQQQQQ", 3, block_list, guid, header, ranges, bitmap, 0, BLOCK * len(blocks), 0)
    return first + second.ljust(128, b"\0")
