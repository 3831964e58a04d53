"""LVM2's own text metadata: the logical volumes, and where they lie on the physical volume.

Sources: libvslvm, "Logical Volume Manager (LVM) format"; lvm2, ``lib/format_text/layout.h`` (label, physical volume and
metadata headers, the metadata area as a ring).
"""

from __future__ import annotations

import re
import struct
from typing import Any, Final

from pipeline.access.interfaces import Readable
from pipeline.access.mapping import merged
from pipeline.errors import ParseError
from pipeline.records import Run

__all__ = ["Section", "logical_names", "logical_size", "read_metadata", "stretches"]

_SECTOR: Final = 512
_LABEL_SECTORS: Final = 4
_AREA_MAGIC: Final = b"\x20LVM2\x20x[5A%r0N*>"
_AREA_HEADER: Final = 512
_MAX_TEXT: Final = 16 << 20
_MAX_DEPTH: Final = 16
_ITEM: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,"]+')
_STATEMENT: Final = re.compile(
    r"""\s+|\#[^\n]*|(?P<close>\})|(?P<open>[\w.+-]+)\s*\{"""
    r"""|(?P<key>[\w.+/-]+)\s*=\s*(?P<value>\[[^\]]*\]|"(?:[^"\\]|\\.)*"|[^\s\#\["]+)"""
    r"""|\[[^\]]*+|"(?:[^"\\]|\\.)*+"?|[\w.+/-]++"""  # what is no statement is passed whole, never tried again
)

Section = dict[str, Any]


def logical_names(group: Section) -> list[str]:
    """Return the logical volumes that are meant to be seen, by name; internal ones (legs, pools) are left out."""
    volumes = group.get("logical_volumes")
    if not isinstance(volumes, dict):
        return []
    return sorted(name for name, row in volumes.items() if isinstance(row, dict) and _visible(row.get("status")))


def _visible(status: object) -> bool:
    return isinstance(status, list) and "VISIBLE" in status


def stretches(group: Section, logical: str) -> tuple[Run, ...] | None:
    """Return a logical volume's bytes, in order, as runs of the physical volume.

    None where it is more than that: on several physical volumes, striped, mirrored, thin, a snapshot.
    """
    try:
        ((name, physical),) = group["physical_volumes"].items()
        volume, unit = group["logical_volumes"][logical], group["extent_size"] * _SECTOR
        found: list[Run] = []
        position = 0
        for number in range(1, volume["segment_count"] + 1):
            segment = volume[f"segment{number}"]
            simple = segment["type"] == "striped" and segment["stripe_count"] == 1 and segment["stripes"][0] == name
            if not simple or segment["start_extent"] != position:
                return None
            position += segment["extent_count"]
            start = physical["pe_start"] * _SECTOR + segment["stripes"][1] * unit
            found.append(Run(start=start, length=segment["extent_count"] * unit))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return None
    return merged(found) or None


def logical_size(group: Section, logical: str) -> int:
    """Return the bytes of a logical volume of any kind; 0 where its segments do not say."""
    try:
        volume, unit = group["logical_volumes"][logical], group["extent_size"] * _SECTOR
        count = min(volume["segment_count"], len(volume))
        return max(0, int(sum(volume[f"segment{number}"]["extent_count"] for number in range(1, count + 1)) * unit))
    except (KeyError, TypeError):
        return 0


def read_metadata(data: Readable) -> Section:
    """Return the volume group that a physical volume describes, as nested sections, its name under ``name``.

    Raises:
        ParseError: the label, the metadata area or its text is damaged.
    """
    at, size = _area(data)
    header = data.read(at, _AREA_HEADER)
    if header[4:20] != _AREA_MAGIC:
        raise ParseError("LVM: no metadata area")
    offset, length = struct.unpack_from("<QQ", header, 40)
    if not _AREA_HEADER <= offset < size <= data.size or not 0 < length <= min(size, _MAX_TEXT):
        raise ParseError("LVM: impossible place of the metadata text")
    first = data.read(at + offset, min(length, size - offset))
    text = first + data.read(at + _AREA_HEADER, length - len(first))
    parsed = _parse(text.decode("utf-8", "replace"))
    named = [{**value, "name": key} for key, value in parsed.items() if isinstance(value, dict)]
    if len(named) != 1 or not isinstance(named[0].get("physical_volumes"), dict):
        raise ParseError("LVM: the metadata describes no volume group")
    return named[0]


def _area(data: Readable) -> tuple[int, int]:
    """Return (start, length) of the first metadata area, from the label and the physical volume header."""
    for sector in range(_LABEL_SECTORS):
        raw = data.read(sector * _SECTOR, _SECTOR)
        if len(raw) == _SECTOR and raw[:8] == b"LABELONE" and raw[24:32] == b"LVM2 001":
            (header,) = struct.unpack_from("<I", raw, 20)
            _, position = _places(raw, header + 40)  # data areas come first, then metadata areas
            areas, _ = _places(raw, position)
            if areas:
                return areas[0]
    raise ParseError("LVM: no label, or a label without a metadata area")


def _places(raw: bytes, position: int) -> tuple[list[tuple[int, int]], int]:
    """Return the (start, length) pairs of a list that a zero pair ends, and the position behind it."""
    found: list[tuple[int, int]] = []
    while position + 16 <= len(raw):
        start, length = struct.unpack_from("<QQ", raw, position)
        position += 16
        if not start:
            break
        found.append((start, length))
    return found, position


def _parse(text: str) -> Section:
    root: Section = {}
    stack = [root]
    for match in _STATEMENT.finditer(text):
        if match["open"] is not None:
            if len(stack) > _MAX_DEPTH:
                raise ParseError("LVM: sections lie too deep")
            stack[-1][match["open"]] = section = Section()
            stack.append(section)
        elif match["close"] is not None and len(stack) > 1:
            stack.pop()
        elif match["key"] is not None:
            stack[-1][match["key"]] = _value(match["value"])
    return root


def _value(token: str) -> Any:
    if token.startswith("["):
        return [_value(item) for item in _ITEM.findall(token[1:-1])]
    if token.startswith('"'):
        return token[1:-1]
    return int(token) if token.isdigit() and len(token) < 20 else token
