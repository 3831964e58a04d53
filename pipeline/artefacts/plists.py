"""Property lists, keyed archives and bookmarks of macOS, as hostile input.

SOURCE: plist(5) and CFBinaryPList.c by ``plistlib``; Foundation's NSKeyedArchiver (``$objects``, ``$top``, UIDs); the
bookmark format as published by M. Bombich and A. Houghton (mac_alias): header ``book``, data offset at 12, a table of
contents of 12-byte entries, items with length and type (0x0101 text, 0x0400 date, 0x0601 array of offsets).
"""

from __future__ import annotations

import plistlib
import struct
from datetime import datetime
from typing import Any, Final
from xml.parsers.expat import ExpatError

from pipeline.access.interfaces import Readable
from pipeline.artefacts.times import from_cocoa

__all__ = ["PLIST_FAULTS", "bookmark_of", "plist_of", "unarchived"]

PLIST_FAULTS: Final = (
    plistlib.InvalidFileException, ExpatError, ValueError, TypeError, IndexError, KeyError, OverflowError,
    RecursionError, AttributeError, struct.error, MemoryError,
)  # fmt: skip
"""What ``plistlib`` and the readers below raise at bytes that are no list."""
_LARGEST: Final = 32 << 20
_DEEPEST: Final = 32
_MOST_OBJECTS: Final = 200_000
_MOST_ITEMS: Final = 20_000


def plist_of(content: Readable) -> Any:
    """Return a property list; raises one of ``PLIST_FAULTS``."""
    if content.size > _LARGEST or not content.size:
        message = "no property list of such a size"
        raise ValueError(message)
    data = content.read(0, content.size)
    if b"<!ENTITY" in data[:4096]:
        message = "it declares entities"
        raise ValueError(message)
    return plistlib.loads(data)


def unarchived(tree: Any) -> Any:
    """Return the root of a keyed archive as lists and dicts; raises one of ``PLIST_FAULTS``."""
    objects, top = tree["$objects"], tree["$top"]
    if len(objects) > _MOST_OBJECTS:
        message = "very many objects"
        raise ValueError(message)
    root = top.get("root", next(iter(top.values())))
    return _resolved(root, objects, 0, [_MOST_OBJECTS])


def _resolved(value: Any, objects: list[Any], depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if depth > _DEEPEST or left[0] < 0:
        return None
    if isinstance(value, plistlib.UID):
        return _resolved(objects[value.data], objects, depth + 1, left) if value.data else None
    if isinstance(value, dict) and "NS.keys" in value:
        keys = [_resolved(key, objects, depth + 1, left) for key in value["NS.keys"][:_MOST_ITEMS]]
        values = [_resolved(item, objects, depth + 1, left) for item in value["NS.objects"][:_MOST_ITEMS]]
        return {str(key): item for key, item in zip(keys, values, strict=False)}
    if isinstance(value, dict) and "NS.objects" in value:
        return [_resolved(item, objects, depth + 1, left) for item in value["NS.objects"][:_MOST_ITEMS]]
    if isinstance(value, dict):
        return next((value[key] for key in ("NS.string", "NS.data", "NS.time") if key in value), value)
    return value


_PATH, _VOLUME, _VOLUME_NAME, _VOLUME_ID, _VOLUME_MADE = 0x1004, 0x2002, 0x2010, 0x2011, 0x2013
_NAMES: Final = {
    _VOLUME: "volume",
    _VOLUME_NAME: "volume_label",
    _VOLUME_ID: "volume_id",
    _VOLUME_MADE: "volume_created",
}


def bookmark_of(data: bytes) -> dict[str, str]:
    """Return ``path`` and what is known of its volume, from a bookmark; raises one of ``PLIST_FAULTS``."""
    if data[:4] != b"book":
        message = "no bookmark"
        raise ValueError(message)
    (start,) = struct.unpack_from("<I", data, 12)
    body = data[start:]
    (toc,) = struct.unpack_from("<I", body, 0)
    (count,) = struct.unpack_from("<I", body, toc + 16)
    found: dict[str, str] = {}
    for number in range(min(count, 200)):
        key, at = struct.unpack_from("<II", body, toc + 20 + 12 * number)
        value = _item(body, at)
        if key == _PATH and isinstance(value, list):
            found["path"] = "/" + "/".join(str(part) for part in value)
        elif key in _NAMES and value is not None:
            found[_NAMES[key]] = value.isoformat() if isinstance(value, datetime) else str(value)
    return found


def _item(body: bytes, at: int, depth: int = 0) -> Any:
    length, kind = struct.unpack_from("<II", body, at)
    data = body[at + 8 : at + 8 + min(length, 1 << 16)]
    if kind == 0x0101:
        return data.decode("utf-8", "replace")
    if kind == 0x0400:
        return from_cocoa(struct.unpack(">d", data[:8])[0])
    if kind == 0x0601 and depth < 2:
        return [_item(body, place, depth + 1) for (place,) in struct.iter_unpack("<I", data[: len(data) // 4 * 4])][
            :500
        ]
    return None
