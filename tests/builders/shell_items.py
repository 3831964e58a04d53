"""Writes lists of shell items as the registry holds them.

SOURCE: Joachim Metz, "Windows Shell Item format": root folder, volume, file entry with extension block 0xbeef0004 of
version 9, network location.
"""

from __future__ import annotations

import struct
import uuid
from datetime import datetime
from typing import Final

__all__ = ["PC", "folder", "root", "share", "shell_list", "volume"]

PC: Final = "20d04fe0-3aea-1069-a2d8-08002b30309d"


def _item(body: bytes) -> bytes:
    return struct.pack("<H", len(body) + 2) + body


def root(identifier: str) -> bytes:
    """Return the item of a folder of the shell."""
    return _item(b"\x1f\x50" + uuid.UUID(identifier).bytes_le)


def volume(letter: str) -> bytes:
    """Return the item of a drive letter."""
    return _item(b"\x2f" + f"{letter}:\\".encode("ascii").ljust(22, b"\0"))


def share(path: str) -> bytes:
    """Return the item of a share."""
    return _item(b"\xc3\x01\x81" + path.encode("ascii") + b"\0Microsoft Network\0\0\0")


def folder(
    name: str, time: datetime, *, file: bool = False, record: int = 0, sequence: int = 0, size: int = 0
) -> bytes:
    """Return the item of a folder or file on a disk, with its place in an NTFS volume."""
    short = name.encode("ascii", "replace")[:8] + b"\0"
    short += b"\0" * (len(short) % 2)
    head = struct.pack("<BBIIH", 0x32 if file else 0x31, 0, size, _fat(time), 0x20 if file else 0x10) + short
    long = name.encode("utf-16-le") + b"\0\0"
    block = struct.pack(
        "<HIIIHHQQHII", 9, 0xBEEF0004, _fat(time), _fat(time), 46, 0, record | sequence << 48, 0, 0, 0, 0
    )
    block = struct.pack("<H", len(block) + len(long) + 4) + block + long + struct.pack("<H", len(head) + 2)
    return _item(head + block)


def shell_list(*items: bytes) -> bytes:
    """Return the list of items with its end."""
    return b"".join(items) + b"\0\0"


def _fat(time: datetime) -> int:
    date = (time.year - 1980) << 9 | time.month << 5 | time.day
    return (time.hour << 11 | time.minute << 5 | time.second // 2) << 16 | date
