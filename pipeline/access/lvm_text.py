"""LVM2's own text metadata: where a logical volume lies, where that is one stretch of the physical volume.

Sources: libvslvm, "Logical Volume Manager (LVM) format"; lvm2, ``lib/format_text/layout.h`` (label, physical volume and
metadata headers, the metadata area as a ring).
"""

from __future__ import annotations

import re
import struct
from typing import Any, Final

from pipeline.access.interfaces import Readable
from pipeline.errors import ParseError

__all__ = ["linear_start", "read_metadata"]

_SECTOR: Final = 512
_LABEL_SECTORS: Final = 4
_AREA_MAGIC: Final = b"\x20LVM2\x20x[5A%r0N*>"
_AREA_HEADER: Final = 512
_MAX_TEXT: Final = 16 << 20
_MAX_DEPTH: Final = 16
_ITEM: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,"]+')
_STATEMENT: Final = re.compile(
    r"""\s+|\#[^\n]*|(?P<close>\})|(?P<open>[\w.+-]+)\s*\{"""
    r"""|(?P<key>[\w.+/-]+)\s*=\s*(?P<value>\[[^\]]*\]|"(?:[^"\\]|\\.)*"|[^\s\#]+)"""
)

_Section = dict[str, Any]


def linear_start(group: _Section, logical: str) -> int | None:
    """Return the byte of the physical volume at which a logical volume begins; None where it is not one stretch of it.

    One stretch: a single ``striped`` segment with one stripe, in a group of a single physical volume.
    """
    try:
        ((_, physical),) = group["physical_volumes"].items()
        volume = group["logical_volumes"][logical]
        segment = volume["segment1"]
        single = (volume["segment_count"], segment["type"], segment["stripe_count"]) == (1, "striped", 1)
        first = physical["pe_start"] + segment["stripes"][1] * group["extent_size"]
        plain = segment["stripes"][0] in group["physical_volumes"] and segment["start_extent"] == 0
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return None
    return int(first) * _SECTOR if single and plain else None


def read_metadata(data: Readable) -> _Section:
    """Return the volume group that a physical volume describes, as nested sections.

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
    sections = [value for value in _parse(text.decode("utf-8", "replace")).values() if isinstance(value, dict)]
    if len(sections) != 1:
        raise ParseError("LVM: the metadata names no volume group")
    return sections[0]


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


def _parse(text: str) -> _Section:
    root: _Section = {}
    stack = [root]
    for match in _STATEMENT.finditer(text):
        if match["open"] is not None:
            if len(stack) > _MAX_DEPTH:
                raise ParseError("LVM: sections lie too deep")
            stack[-1][match["open"]] = section = _Section()
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
