"""Windows prefetch files (Joachim Metz, "Windows Prefetch File (PF) format"), plain and compressed ([MS-XCA])."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

from pipeline.access.interfaces import Readable
from pipeline.access.xpress import packed_length, unpack_huffman
from pipeline.carvers.base import Carved, Carver

__all__ = ["LARGEST", "Prefetch"]

LARGEST: Final = 16 << 20
"""Bytes of one file; Windows' own stay under a few megabytes."""
_HEAD: Final = 84
"""File header: version, signature, size at 12, name of the program at 16 (60 bytes), hash at 76 (§3)."""
_ENTRY: Final = {17: 20, 23: 32, 26: 32, 30: 32, 31: 32}
"""Bytes of an entry of the file metrics array, by version (§5)."""
_CHAIN: Final = {17: 12, 23: 12, 26: 12, 30: 8, 31: 8}
"""Bytes of an entry of the trace chains array, by version (§6)."""
_VOLUME: Final = {17: 40, 23: 104, 26: 104, 30: 96, 31: 96}
"""Bytes of an entry of the volumes information, by version (§8)."""
_NAME: Final = re.compile(r"[^\x00-\x1f/\\:*?\"<>|]{1,29}")


@dataclass(frozen=True)
class Prefetch(Carver):
    """Checks that the four sections lie one behind the other inside the stated size and that names and volumes fit."""

    name: str = "prefetch"
    version: int = 1
    headers: tuple[tuple[bytes, int], ...] = (
        *((bytes([version]) + b"\0\0\0SCCA", 0) for version in (17, 23, 26, 30, 31)),
        (b"MAM\x04", 0),
        (b"MAM\x84", 0),
    )

    def carve(self, view: Readable, start: int, limit: int) -> Carved | None:
        """Return the file; one that is cut off behind its section of names is partial."""
        head = view.read(start, min(12, limit))
        if head.startswith(b"MAM"):
            return _compressed(view, start, limit, head)
        if len(head) < 12 or limit < _HEAD:
            return None
        (stated,) = struct.unpack_from("<I", view.read(start + 12, 4))
        if not _HEAD < stated <= LARGEST:
            return None
        data = view.read(start, min(stated, limit))
        title, proved = _program(data, stated)
        if not title:
            return None
        if len(data) == stated and _volumes_fit(data):
            return Carved(start, stated, "prefetch", title=title)
        fault = f"cut off or overwritten: {stated} bytes stated"
        return Carved(start, min(proved, len(data)), "prefetch", complete=False, note=fault, title=title)


def _compressed(view: Readable, start: int, limit: int, head: bytes) -> Carved | None:
    """Return a compressed file: its unpacked size is stated, its end is where the codes for that size end."""
    body = 12 if head[3:4] == b"\x84" else 8
    size = int.from_bytes(head[4:8], "little")
    if len(head) < 12 or not _HEAD < size <= LARGEST:
        return None
    packed = view.read(start + body, max(min(size + (size >> 3) + 4096, limit - body), 0))
    data = unpack_huffman(packed, size)
    title = "" if data is None else _program(data, size)[0]
    if data is None or not title or int.from_bytes(data[12:16], "little") != size or not _volumes_fit(data):
        return None
    length = packed_length(packed, size)
    return Carved(start, body + length, "prefetch", title=title) if length and length <= len(packed) else None


def _program(data: bytes, size: int) -> tuple[str, int]:
    """Return the program's name and the end of what proves it: the file names, else the metrics that point there."""
    if len(data) < _HEAD + 36 or data[0] not in _ENTRY:
        return "", 0
    version = data[0]
    raw = data[16:76].decode("utf-16-le", "replace")
    title = raw.split("\0")[0]
    metrics, files, chains, links, names, length, volumes, count, _ = struct.unpack_from("<9I", data, _HEAD)
    ordered = (
        metrics > _HEAD
        and 0 < files <= 65536
        and metrics + files * _ENTRY[version] <= chains
        and chains + links * _CHAIN[version] <= names
        and names + length <= volumes <= size
    )
    if data[4:8] != b"SCCA" or not _NAME.fullmatch(title) or not ordered or not 0 < count <= 64:
        return "", 0
    listed = data[names : names + length].decode("utf-16-le", "replace").upper().split("\0")
    known = {name.rpartition("\\")[2][: len(title)] for name in listed if name.startswith("\\")}
    if title.upper() in known:
        return title, names + length
    return (title, chains) if _placed(data, metrics, files, version, length) else ("", 0)


def _placed(data: bytes, metrics: int, files: int, version: int, length: int) -> bool:
    """Tell whether every file metrics entry points into the section of names."""
    at, size = (8, 20) if version == 17 else (12, 32)
    end = min(metrics + files * size, len(data) - size)
    places = (struct.unpack_from("<II", data, entry + at) for entry in range(metrics, end, size))
    return all(place + 2 * characters <= length for place, characters in places)


def _volumes_fit(data: bytes) -> bool:
    """Tell whether each volume entry's device path (§8) lies inside the section and starts with a backslash."""
    volumes, count, length = struct.unpack_from("<3I", data, _HEAD + 24)
    if volumes + max(length, count * _VOLUME[data[0]]) > len(data):
        return False
    for number in range(count):
        path, characters = struct.unpack_from("<II", data, volumes + number * _VOLUME[data[0]])
        if path + 2 * characters > length or data[volumes + path : volumes + path + 2] != b"\\\0":
            return False
    return True
