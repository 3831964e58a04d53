"""Writes Windows registry hives: one hive bin of nk, vk, lf and sk cells.

SOURCE: Maxim Suhanov, "Windows registry file format specification"; Joachim Metz, "Windows NT Registry File (REGF)".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tests.builders.evtx import filetime

__all__ = [
    "BINARY", "DWORD", "FILETIME_PROPERTY", "MULTI_SZ", "SZ", "Key", "Value", "dirty", "hive", "new_log", "number",
    "old_log", "pages_between", "text", "tree", "without",
]  # fmt: skip

NONE: Final = 0xFFFFFFFF
SZ, BINARY, DWORD, MULTI_SZ = 1, 3, 4, 7
FILETIME_PROPERTY: Final = 0xFFFF0010
"""DEVPROP_TYPE_FILETIME (devpropdef.h) as Windows 8 and later store it under a device's Properties key."""
SECURITY_DESCRIPTOR: Final = struct.pack("<BBHIIII", 1, 0, 0x8000, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Value:
    """A value; an empty name is the default value."""

    name: str
    kind: int
    data: bytes


@dataclass(slots=True)
class Key:
    """A key with its last-written time."""

    name: str
    time: datetime
    values: list[Value] = field(default_factory=list)
    children: list[Key] = field(default_factory=list)

    def child(self, name: str, time: datetime, values: Sequence[Value] = ()) -> Key:
        """Append a subkey and return it."""
        key = Key(name, time, list(values))
        self.children.append(key)
        return key


def text(name: str, value: str) -> Value:
    """Return a REG_SZ value."""
    return Value(name, SZ, (value + "\0").encode("utf-16-le"))


def number(name: str, value: int) -> Value:
    """Return a REG_DWORD value."""
    return Value(name, DWORD, struct.pack("<I", value))


def tree(root: Key, path: str, time: datetime, values: Sequence[Value] = ()) -> Key:
    """Return the key at a backslash path below ``root``, making what is missing."""
    key = root
    for name in path.split("\\"):
        found = next((child for child in key.children if child.name.lower() == name.lower()), None)
        key = found or key.child(name, time)
    key.values.extend(values)
    return key


def hive(root: Key, *, name: str) -> bytes:
    """Return a clean hive (both sequence numbers equal)."""
    cells = _Cells()
    security = cells.add(b"sk" + struct.pack("<HIIII", 0, 32, 32, 1, len(SECURITY_DESCRIPTOR)) + SECURITY_DESCRIPTOR)
    top = cells.key(root, parent=NONE, security=security, flags=0x2C)
    size = (len(cells.data) + 4 + 4095) // 4096 * 4096
    rest = size - len(cells.data)
    cells.data += struct.pack("<i", rest).ljust(rest, b"\0")
    struct.pack_into("<4sIIQQI", cells.data, 0, b"hbin", 0, size, 0, filetime(root.time), 0)
    base = struct.pack("<4sIIQIIIIII", b"regf", 7, 7, filetime(root.time), 1, 5, 0, 1, top, size)
    base = (base + struct.pack("<I", 1) + name.encode("utf-16-le")[-62:]).ljust(508, b"\0")
    return _summed(base).ljust(4096, b"\0") + bytes(cells.data)


def _summed(base: bytes) -> bytes:
    checksum = 0
    for (word,) in struct.iter_unpack("<I", base[:508]):
        checksum ^= word
    return base[:508] + struct.pack("<I", checksum)


def dirty(data: bytes, first: int, second: int) -> bytes:
    """Return a hive that was not saved completely: its two sequence numbers differ."""
    return _summed(data[:4] + struct.pack("<II", first, second) + data[12:508]) + data[512:]


def without(data: bytes, parent: str, child: str) -> bytes:
    """Return a hive from which the only subkey of a key was deleted: its cell is free, its node stands in it."""
    hive = bytearray(data)
    above, below = _node_of(data, parent), _node_of(data, child)
    struct.pack_into("<I", hive, above + 20, 0)
    struct.pack_into("<I", hive, above + 28, NONE)
    struct.pack_into("<i", hive, below - 4, -struct.unpack_from("<i", data, below - 4)[0])
    return bytes(hive)


def _node_of(data: bytes, name: str) -> int:
    """Return where the node of the first key of a name stands."""
    stored, place = _name(name)[0], 4096
    while (place := data.find(b"nk", place + 1)) >= 0:
        length = int.from_bytes(data[place + 72 : place + 74], "little")
        if data[place + 76 : place + 76 + length] == stored:
            return place
    message = f"no key {name}"
    raise ValueError(message)


def pages_between(before: bytes, after: bytes, size: int = 4096) -> list[tuple[int, bytes]]:
    """Return the pages of the bins that a later state of a hive changed, by their offset in the bins."""
    old, new = before[4096:], after[4096:]
    return [(at, new[at : at + size]) for at in range(0, len(new), size) if old[at : at + size] != new[at : at + size]]


def _log_base(data: bytes, kind: int, sequence: int) -> bytes:
    """Return the base block of a log: the hive's own with another type and both sequences equal."""
    base = bytearray(data[:508])
    struct.pack_into("<II", base, 4, sequence, sequence)
    struct.pack_into("<I", base, 28, kind)
    return _summed(bytes(base))


def new_log(data: bytes, entries: Sequence[tuple[int, Sequence[tuple[int, bytes]]]]) -> bytes:
    """Return a log of Windows 8.1 and later for a state of a hive: numbered entries of pages."""
    bins = struct.unpack_from("<I", data, 40)[0]
    log = _log_base(data, 6, entries[0][0])
    for sequence, pages in entries:
        references = b"".join(struct.pack("<II", offset, len(page)) for offset, page in pages)
        body = references + b"".join(page for _, page in pages)
        size = (40 + len(body) + 511) // 512 * 512
        body = body.ljust(size - 40, b"\0")
        head = b"HvLE" + struct.pack("<5I", size, 0, sequence, bins, len(pages)) + _marvin(body)
        log += head + _marvin(head) + body
    return log


def old_log(before: bytes, after: bytes) -> bytes:
    """Return a log of Windows XP to 8: a bit per sector of the bins, then the changed sectors."""
    sectors = pages_between(before, after, 512)
    bits = bytearray((len(after) - 4096) // 4096)
    for offset, _ in sectors:
        bits[offset // 4096] |= 1 << (offset // 512 % 8)
    head = (_log_base(before, 1, 8) + b"DIRT" + bytes(bits)).ljust((512 + 4 + len(bits) + 511) // 512 * 512, b"\0")
    return head + b"".join(sector for _, sector in sectors)


def _marvin(data: bytes) -> bytes:
    """Return the eight bytes of the Marvin32 hash, each round written as the published steps."""
    state = [0x7A4E55C5, 0x82EF4D88]
    for word in (*struct.unpack(f"<{len(data) // 4}I", data), 0x80, 0):
        state[0] = (state[0] + word) % 2**32
        for turn, own in ((20, 9), (27, 19)):
            state[1] ^= state[0]
            state[0] = (_turned(state[0], turn) + state[1]) % 2**32
            state[1] = _turned(state[1], own)
    return struct.pack("<II", *state)


def _turned(word: int, by: int) -> int:
    return (word << by | word >> (32 - by)) % 2**32


def _name(name: str) -> tuple[bytes, bool]:
    """Return a name as it is stored, and whether one byte per character was enough."""
    try:
        return name.encode("latin-1"), True
    except UnicodeEncodeError:
        return name.encode("utf-16-le"), False


class _Cells:
    """Cells of one hive bin; offsets are relative to the first bin."""

    def __init__(self) -> None:
        self.data = bytearray(32)

    def add(self, content: bytes) -> int:
        """Append an allocated cell and return its offset."""
        offset = len(self.data)
        size = (len(content) + 4 + 7) // 8 * 8
        self.data += (struct.pack("<i", -size) + content).ljust(size, b"\0")
        return offset

    def key(self, key: Key, *, parent: int, security: int, flags: int = 0x20) -> int:
        """Append a key with everything below it; subkeys stand in the order of their upper-case names."""
        name, narrow = _name(key.name)
        flags = flags if narrow else flags & ~0x20
        offset = self.add(bytes(76) + name)
        ordered = sorted(key.children, key=lambda child: child.name.upper())
        below = [self.key(child, parent=offset, security=security) for child in ordered]
        values = self.add(b"".join(struct.pack("<I", self.value(item)) for item in key.values)) if key.values else NONE
        head = struct.pack(
            "<2sHQIIIIIIIIIIIIIIIHH", b"nk", flags, filetime(key.time), 0, parent, len(below), 0,
            self.subkeys(ordered, below), NONE, len(key.values), values, security, NONE,
            2 * max((len(child.name) for child in ordered), default=0), 0,
            2 * max((len(item.name) for item in key.values), default=0),
            max((len(item.data) for item in key.values), default=0), 0, len(name), 0,
        )  # fmt: skip
        self.data[offset + 4 : offset + 4 + len(head)] = head
        return offset

    def subkeys(self, keys: Sequence[Key], offsets: Sequence[int]) -> int:
        """Append the lf list of subkeys: offset and the first four letters of the name."""
        if not keys:
            return NONE
        pairs = zip(keys, offsets, strict=True)
        entries = b"".join(struct.pack("<I", offset) + _name(key.name)[0][:4].ljust(4, b"\0") for key, offset in pairs)
        return self.add(struct.pack("<2sH", b"lf", len(keys)) + entries)

    def value(self, value: Value) -> int:
        """Append a value; four bytes or fewer stand in the cell itself."""
        name, narrow = _name(value.name)
        if len(value.data) <= 4:
            size, place = len(value.data) | 0x80000000, int.from_bytes(value.data.ljust(4, b"\0"), "little")
        else:
            size, place = len(value.data), self.add(value.data)
        return self.add(
            struct.pack("<2sHIIIHH", b"vk", len(name), size, place, value.kind, bool(name) and narrow, 0) + name
        )
