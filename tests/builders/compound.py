"""Compound files of version 3, byte for byte from [MS-CFB]: one storage with streams, small ones in the mini stream."""

from __future__ import annotations

import struct
from collections.abc import Mapping

__all__ = ["compound"]

SECTOR, MINI, CUTOFF = 512, 64, 4096
END, FREE, FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def compound(streams: Mapping[str, bytes]) -> bytes:
    """Return a compound file that holds the streams in its root (at most a few megabytes: no DIFAT sectors)."""
    names = sorted(streams, key=lambda name: (len(name), name.upper()))
    mini, mini_fat, small = b"", [], {}
    for name in names:
        if len(streams[name]) < CUTOFF:
            count = -(-len(streams[name]) // MINI)
            small[name] = len(mini_fat) if count else END
            mini_fat += [*range(len(mini_fat) + 1, len(mini_fat) + count), *([END] if count else [])]
            mini += streams[name].ljust(count * MINI, b"\0")
    chains: list[bytes] = [streams[name] for name in names if len(streams[name]) >= CUTOFF]
    table = struct.pack(f"<{len(mini_fat)}I", *mini_fat)
    bodies = [bytes(128 * (len(names) + 1)), table, mini, *chains]
    fat: list[int] = []
    starts = []
    for body in bodies:
        count = -(-len(body) // SECTOR)
        starts.append(len(fat) if count else END)
        fat += [*range(len(fat) + 1, len(fat) + count), *([END] if count else [])]
    large = dict(zip([name for name in names if name not in small], starts[3:], strict=True))
    bodies[0] = _directory(names, streams, {**small, **large}, starts[2], len(mini))
    tables = 1
    while tables * 128 < len(fat) + tables:
        tables += 1
    places = [len(fat) + number for number in range(tables)]
    fat += [FAT] * tables
    fat += [FREE] * (tables * 128 - len(fat))
    data = b"".join(_fill(body, b"\0") for body in bodies)
    if table:
        at = starts[1] * SECTOR
        data = data[:at] + _fill(table, b"\xff") + data[at + len(_fill(table, b"\xff")) :]
    return (
        _header(starts, places, bool(table), len(_fill(table, b"\0")) // SECTOR)
        + data
        + struct.pack(f"<{len(fat)}I", *fat)
    )


def _fill(body: bytes, filler: bytes) -> bytes:
    return body + filler * (-len(body) % SECTOR)


def _header(starts: list[int], places: list[int], has_mini: bool, mini_sectors: int) -> bytes:
    head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack(
        "<9I", 0, len(places), starts[0], 0, CUTOFF, starts[1] if has_mini else END, mini_sectors, END, 0
    )
    return head + struct.pack("<109I", *places, *[FREE] * (109 - len(places)))


def _directory(
    names: list[str], streams: Mapping[str, bytes], starts: Mapping[str, int], mini_at: int, mini_size: int
) -> bytes:
    """Return the root and the streams, each the right sibling of the one before."""
    entries = [_entry("Root Entry", 5, FREE, 1 if names else FREE, mini_at, mini_size)]
    for number, name in enumerate(names, 1):
        right = number + 1 if number < len(names) else FREE
        entries.append(_entry(name, 2, right, FREE, starts[name], len(streams[name])))
    unused = struct.pack("<64sHBBIII36xIQ", b"", 0, 0, 0, FREE, FREE, FREE, 0, 0)
    while len(entries) % 4:
        entries.append(unused)
    return b"".join(entries)


def _entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
    text = (name + "\0").encode("utf-16-le")
    return struct.pack("<64sHBBIII36xIQ", text, len(text), kind, 1, FREE, right, child, start, size)
