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

__all__ = ["BINARY", "DWORD", "FILETIME_PROPERTY", "MULTI_SZ", "SZ", "Key", "Value", "hive", "text", "tree"]

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
    checksum = 0
    for (word,) in struct.iter_unpack("<I", base):
        checksum ^= word
    return (base + struct.pack("<I", checksum)).ljust(4096, b"\0") + bytes(cells.data)


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
        name = key.name.encode("latin-1")
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
        entries = b"".join(
            struct.pack("<I", offset) + key.name.encode("latin-1")[:4].ljust(4, b"\0") for key, offset in pairs
        )
        return self.add(struct.pack("<2sH", b"lf", len(keys)) + entries)

    def value(self, value: Value) -> int:
        """Append a value; four bytes or fewer stand in the cell itself."""
        name = value.name.encode("latin-1")
        if len(value.data) <= 4:
            size, place = len(value.data) | 0x80000000, int.from_bytes(value.data.ljust(4, b"\0"), "little")
        else:
            size, place = len(value.data), self.add(value.data)
        return self.add(struct.pack("<2sHIIIHH", b"vk", len(name), size, place, value.kind, bool(name), 0) + name)
