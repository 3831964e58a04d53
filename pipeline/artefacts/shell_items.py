"""The path that a list of shell items spells: where a link has no other target (phones, folders of the shell).

SOURCE: Joachim Metz, "Windows Shell Item format": §2 (list), §3.3 (volume), §3.4 (file entry: FAT time at 8, short
name at 14), §3.5 (network location), §4.5 (extension block 0xbeef0004: version at 2; the long name behind 20 bytes in
version 3, 38 in 7, 42 in 8, 46 in 9).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["path_of"]

_MOST_ITEMS: Final = 256
_EXTENSION: Final = b"\x04\x00\xef\xbe"
_LONG_NAME: Final = {3: 20, 7: 38, 8: 42, 9: 46}
_CODE_PAGE: Final = "cp932"


def path_of(data: bytes) -> str:
    """Return the names of the items, joined; items that are no place in a file system are left out."""
    path = ""
    for item in _items(data):
        name = _name(item)
        if name:
            path = f"{path}\\{name}" if path and not path.endswith("\\") else path + name
    return path


def _items(data: bytes) -> Iterator[bytes]:
    at = 0
    for _ in range(_MOST_ITEMS):
        size = int.from_bytes(data[at : at + 2], "little")
        if size < 3 or at + size > len(data):
            return
        yield data[at : at + size]
        at += size


def _name(item: bytes) -> str:
    kind = item[2] & 0x70
    if kind == 0x20 and item[2] != 0x2E:
        return _text(item, 3)
    if kind == 0x30:
        return _long_name(item) or (_wide(item, 14) if item[2] & 4 else _text(item, 14))
    return _text(item, 5) if kind == 0x40 else ""


def _long_name(item: bytes) -> str:
    place = item.rfind(_EXTENSION)
    start = place - 4
    if start < 14 or len(item) < start + 4:
        return ""
    version = int.from_bytes(item[start + 2 : start + 4], "little")
    return _wide(item, start + _LONG_NAME[version]) if version in _LONG_NAME else ""


def _text(item: bytes, at: int) -> str:
    return item[at:].split(b"\0", 1)[0].decode(_CODE_PAGE, "replace")


def _wide(item: bytes, at: int) -> str:
    return item[at:].decode("utf-16-le", "replace").split("\0", 1)[0]
